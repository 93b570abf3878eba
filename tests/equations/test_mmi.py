"""MMI on a joint distribution that can be written down: by hand, by Bayes, and where the ranking turns."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.mmi import (
    first_words_log_prob,
    mmi_anti_lm,
    mmi_bidi,
    mmi_switch_point,
    pointwise_mutual_information,
)
from nlgnotes.randomness import generator


def joint(seed=0, sources=5, targets=7):
    p = torch.rand(sources, targets, generator=generator(seed, "joint"), dtype=torch.float64)
    return (p / p.sum()).log()


def test_its_mean_is_the_mutual_information():
    both = joint()
    source, target = both.logsumexp(1, keepdim=True), both.logsumexp(0, keepdim=True)
    pmi = pointwise_mutual_information(both, source, target)
    entropies = [-(p.exp() * p).sum() for p in (source, target, both)]
    torch.testing.assert_close((both.exp() * pmi).sum(), entropies[0] + entropies[1] - entropies[2])
    torch.testing.assert_close(pmi, mmi_anti_lm(both - source, target, 1))
    assert float(pmi.min()) < 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 3))
def test_by_bayes_the_two_are_one_score(seed, lam):
    both = joint(seed)
    source, target = both.logsumexp(1, keepdim=True), both.logsumexp(0, keepdim=True)
    one, other = (
        mmi_anti_lm(both - source, target, lam),
        mmi_bidi(both - source, both - target, lam),
    )
    torch.testing.assert_close(other - one, (lam * source).expand(5, 7))


@pytest.mark.parametrize("classes", [2, 5, 20])
def test_the_switch_of_the_dialogue(classes):
    given_s, alone = (
        torch.tensor([0.025, 0.5]).double().log(),
        torch.tensor([0.025 / classes, 0.5]).double().log(),
    )
    switch = float(mmi_switch_point(given_s[:1], alone[:1], given_s[1:], alone[1:]))
    assert switch == pytest.approx(math.log(20) / (math.log(20) + math.log(classes)))
    for lam, specific_wins in ((switch - 1e-6, False), (switch + 1e-6, True)):
        assert (mmi_anti_lm(given_s, alone, lam).argmax() == 0) == specific_wins


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-6, 0), min_size=4, max_size=4), st.integers(0, 8))
def test_the_switch_is_where_the_ranking_turns(numbers, step):
    t_given, t, g_given, g = (torch.tensor([float(x)], dtype=torch.float64) for x in numbers)
    switch, lam = float(mmi_switch_point(t_given, t, g_given, g)), step / 4
    ahead = float(mmi_anti_lm(t_given, t, lam) - mmi_anti_lm(g_given, g, lam))
    if lam > switch + 1e-9:
        assert ahead >= -1e-9
    if lam < switch - 1e-9 and float(g) >= float(t):
        assert ahead < 1e-9


def test_only_the_first_words_count():
    logs = torch.tensor([[-1.0, -2.0, -4.0], [-3.0, 0.0, 0.0]])
    assert first_words_log_prob(logs, 2).tolist() == [-3, -3]
    assert first_words_log_prob(logs, 9).tolist() == logs.sum(-1).tolist()


def test_errors():
    x = torch.zeros(2)
    for score in (mmi_anti_lm, mmi_bidi):
        with pytest.raises(ValueError, match=r"lam must lie in \[0, inf\); got -0.5"):
            score(x, x, -0.5)
    with pytest.raises(ValueError, match="gamma must be an integer of at least 1; got 0"):
        first_words_log_prob(x[None], 0)
