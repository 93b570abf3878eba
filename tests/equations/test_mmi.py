"""MMI on a joint distribution that can be written down: by hand, by Bayes, and at its limits."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.mmi import (
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


def test_errors():
    x = torch.zeros(2)
    for score in (mmi_anti_lm, mmi_bidi):
        with pytest.raises(ValueError, match=r"lam must lie in \[0, inf\); got -0.5"):
            score(x, x, -0.5)
        for lam in (math.nan, math.inf, True, "1", None, 10**400):
            with pytest.raises(ValueError, match=r"lam must lie in \[0, inf\); got"):
                inspect.unwrap(score)(x, x, lam)


def t(*numbers):
    return torch.tensor(numbers)


INF = math.inf


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_term_of_weight_zero_is_left_out(dtype):
    three, never = t(-3.0).to(dtype), t(-INF).to(dtype)
    for zero in (0, 0.0, -0.0, np.float32(0), torch.tensor(0)):
        assert mmi_anti_lm(three, never, zero) == mmi_bidi(three, never, zero) == -3
    assert mmi_bidi(never, three, 1) == mmi_bidi(never, three, np.int64(1)) == -3
    assert mmi_anti_lm(t(-3.0), t(-1.0, -INF), 0).shape == (2,)


@pytest.mark.parametrize("lam", [0, 0.5, 1, 1.5])
def test_what_is_impossible_after_the_source_is_ranked_last(lam):
    assert mmi_anti_lm(t(-INF, -INF), t(-2.0, -INF), lam).tolist() == [-INF, -INF]
    assert mmi_bidi(t(-INF), t(-INF), lam) == -INF


def test_pairs_that_never_meet():
    found = pointwise_mutual_information(
        t(-INF, -INF, -2.0), t(-1.0, -INF, -1.0), t(-1.0, -1.0, -1.0)
    )
    assert found.tolist() == [-INF, -INF, 0]


def test_the_switch_where_something_is_impossible():
    # T impossible after S; G impossible after S; both; P(T) = 0 although T follows S.
    given, alone = t(-INF, -2.0, -INF, -2.0), t(-1.0, -2.0, -3.0, -INF)
    generic_given, generic = t(-1.0, -INF, -INF, -1.0), t(-0.5, -1.0, -1.0, -1.0)
    found = mmi_switch_point(given, alone, generic_given, generic)
    assert found.tolist() == [INF, 0, 0, 0]


def test_gradients_are_finite_at_probability_zero():
    x = t(-INF, -1.0).requires_grad_()
    for lam in (0, 0.3, 1, 2):
        for loss in (mmi_anti_lm(x, t(-2.0, -2.0), lam), mmi_bidi(x, t(-2.0, -2.0), lam)):
            if loss.requires_grad:
                assert torch.autograd.grad(loss[1], x)[0].isfinite().all()


@pytest.mark.parametrize("f", [mmi_anti_lm, mmi_bidi])
def test_what_is_no_log_probability_is_refused(f):
    good = t(-1.0, -2.0)
    for bad in (t(math.nan, -1.0), t(INF, -1.0), torch.tensor([1, 2]), torch.zeros(0), [0.0], None):
        for pair in ((bad, good), (good, bad)):
            with pytest.raises(ValueError, match=r"must (hold|be a floating-point)"):
                inspect.unwrap(f)(*pair, 0.5)
    with pytest.raises(ValueError, match="must have shapes that fit"):
        inspect.unwrap(f)(good, torch.zeros(3), 0.5)
    for g in (pointwise_mutual_information, mmi_switch_point):
        with pytest.raises(ValueError, match="no NaN or"):
            g(*[t(math.nan)] * (3 if g is pointwise_mutual_information else 4))


def test_above_one_what_is_impossible_is_not_ranked_first():
    assert mmi_bidi(t(-INF, -1.0), t(-2.0, -2.0), 1.5).tolist() == [-INF, -2.5]
    assert mmi_bidi(t(-1.0, -1.0), t(-INF, -2.0), 1.5).tolist() == [-INF, -2.5]
