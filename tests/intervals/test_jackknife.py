"""Intervals by leaving units out: by hand, against Student's, and their coverage."""

import math

import numpy as np
import pytest
import torch
from interval_checks import ends, least
from scipy import stats

from nlgnotes.equations import metrics
from nlgnotes.intervals import (
    bootstrap_interval,
    jackknife_draws,
    jackknife_interval,
    mean_interval,
    ratio_of_totals,
    two_way_interval,
)
from nlgnotes.languages import Newswire
from nlgnotes.randomness import generator


def test_groups_are_left_out_one_after_the_other():
    seen = []
    draws = jackknife_draws(lambda kept: seen.append(kept.tolist()) or len(kept), 5, groups=2)
    assert seen == [[0, 1, 2, 3, 4], [1, 3], [0, 2, 4]] and draws.tolist() == [5, 2, 3]
    both = jackknife_draws(lambda kept: [len(kept), kept.sum()], 5, groups=9)
    assert both.shape == (6, 2) and both[:, 1].tolist() == [10, 10, 9, 8, 7, 6]


def test_the_jackknife_of_a_mean_is_student_s_interval():
    x = np.random.default_rng(0).normal(size=17)
    found = jackknife_interval(jackknife_draws(lambda kept: x[kept].mean(), 17), 17, 0.9)
    assert ends(found) == pytest.approx(ends(mean_interval(x, 0.9))) and found.n == 17


def test_the_jackknife_of_a_ratio_agrees_with_the_delta_method():
    rng = np.random.default_rng(1)
    b = rng.integers(20, 60, 400).astype(float)
    a = 2 * b + rng.normal(size=400)
    draws = jackknife_draws(lambda kept: a[kept].sum() / b[kept].sum(), 400, groups=400)
    other = ratio_of_totals(a, b)
    assert ends(jackknife_interval(draws, 400)) == pytest.approx(ends(other), abs=1e-4)


def test_a_measure_of_a_corpus_is_covered_and_its_bootstrap_is_not():
    """Distinct-3 of 40 headlines; the truth is the mean over all corpora of this size."""
    size, many = 40, 120
    texts = Newswire.standard().sample(size * many, generator(100, "corpora"), max_length=60)
    truth, hits, resampled = [], [], []
    for i in range(many):
        t, n = (x[i * size : (i + 1) * size] for x in (texts.tokens, texts.lengths))

        def distinct(kept, t=t, n=n):
            return metrics.distinct_n(t[kept], n[kept], 3)

        draws = jackknife_draws(distinct, size, groups=10)
        truth.append(draws[0])
        hits.append(jackknife_interval(draws, size))
        if i < 5:
            chosen = torch.randint(size, (25, size), generator=generator(i, "again"))
            resampled.append(np.quantile([distinct(rows) for rows in chosen], [0.025, 0.975]))
    mean = float(np.mean(truth))
    assert sum(mean in interval for interval in hits) >= least(many, 0.93)
    assert all(high < mean for _, high in resampled)


def test_two_ways_by_hand():
    # Row means 2, 3 and column means 1, 2.5, 4: variances 1/2 and 9/4, over 2 and 3.
    x = np.array([[1.0, 1.5, 3.5], [1.0, 3.5, 4.5]])
    parts = 0.25, 0.75
    freedom = 1 / (parts[0] ** 2 / 1 + parts[1] ** 2 / 2)
    half = stats.t.ppf(0.975, freedom)
    found = two_way_interval(x)
    assert ends(found) == pytest.approx((2.5 - half, 2.5 + half)) and found.n == 2
    assert ends(two_way_interval(x.T)) == pytest.approx(ends(found))


@pytest.mark.parametrize("spread", [(0.3, 0.1, 1), (0.1, 0.3, 1), (0.05, 0.5, 0.5), (0.0, 0.0, 1)])
def test_trainings_that_share_prompts_are_covered(spread):
    """Over trainings alone the interval covers about .7 in the third case."""
    rng, hits = np.random.default_rng(2), 0
    of_training, of_prompt, of_cell = spread
    for _ in range(600):
        x = of_training * rng.normal(size=(5, 1)) + of_prompt * rng.normal(size=(1, 40))
        hits += 0.0 in two_way_interval(x + of_cell * rng.normal(size=(5, 40)))
    assert hits >= least(600, 0.94)


def test_two_ways_take_any_statistic():
    x = np.random.default_rng(3).normal(5, 1, (5, 40, 2))
    found = two_way_interval(x, lambda v: v[..., 0].sum() / v[..., 1].sum())
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(x[..., 0].sum() / x[..., 1].sum())


def test_the_jackknife_agrees_with_the_bootstrap_where_both_are_right():
    x = np.random.default_rng(4).exponential(size=300)
    draws = jackknife_draws(lambda kept: math.log(x[kept].mean()), 300, groups=300)
    ours = jackknife_interval(draws, 300)
    other = bootstrap_interval(x, lambda v: math.log(v.mean()), generator(0), resamples=4000)
    # An end's own error is .003 standard deviations' worth; a tenth of the width is far above it.
    assert ends(ours) == pytest.approx(ends(other), abs=0.1 * (ours.high - ours.low))


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: jackknife_draws(len, 1), "n must be an integer of at least 2"),
        (lambda: jackknife_draws(len, 5, groups=1), "groups"),
        (lambda: jackknife_draws(lambda kept: math.nan, 5), "finite"),
        (lambda: jackknife_draws(lambda kept: "a", 5), "real numbers"),
        (lambda: jackknife_interval([1.0, 2.0], 5), "at least 2 more"),
        (lambda: jackknife_interval([1.0, 2.0, math.inf], 5), "finite"),
        (lambda: jackknife_interval([1.0, 2.0, 2.0], 5), "must not all be equal"),
        (lambda: two_way_interval([[1.0, 2.0]]), "2 or more"),
        (lambda: two_way_interval([1.0, 2.0]), "2 or more"),
        (lambda: two_way_interval([[1.0, 1.0], [1.0, 1.0]]), "no spread"),
        (lambda: two_way_interval([[1.0, math.nan], [1.0, 2.0]]), "finite"),
        (lambda: two_way_interval([[1.0, 3.0], [1.0, 2.0]], lambda v: v.sum(0)), "one number"),
    ],
)
def test_ill_arguments_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
