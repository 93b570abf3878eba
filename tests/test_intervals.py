"""Intervals by hand, against scipy, and their coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from nlgnotes.intervals import (
    Interval,
    binomial_interval,
    bootstrap_interval,
    bootstrap_means,
    mean_interval,
    paired_difference,
    percentile_interval,
    ratio_of_totals,
)
from nlgnotes.randomness import generator


def ends(interval):
    return interval.low, interval.high


def test_mean_interval_agrees_with_scipy():
    x = np.random.default_rng(0).normal(size=17)
    want = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    assert (
        ends(mean_interval(x, 0.9)) == pytest.approx((want.low, want.high))
        and mean_interval(x).n == 17
    )


def test_paired_difference_agrees_with_scipy():
    a, b = np.random.default_rng(1).normal(size=(2, 12))
    want = stats.ttest_rel(a, b).confidence_interval()
    assert ends(paired_difference(a, b)) == pytest.approx((want.low, want.high))


def test_ratio_of_totals_by_hand_and_with_equal_denominators_is_the_mean():
    assert ratio_of_totals([2.0, 6.0], [1.0, 3.0]).value == 2 and ends(
        ratio_of_totals([2.0, 6.0], [1.0, 3.0])
    ) == (2, 2)
    x = np.random.default_rng(2).normal(size=9)
    assert ends(ratio_of_totals(x, np.ones(9))) == pytest.approx(ends(mean_interval(x)))


def test_binomial_interval_by_hand():
    # No success in n: the upper end solves (1 - p)^n = .025.
    assert ends(binomial_interval(0, 20)) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert ends(binomial_interval(20, 20)) == pytest.approx((0.025 ** (1 / 20), 1))


def test_intervals_cover_as_often_as_they_say():
    rng, hits = np.random.default_rng(3), [0, 0]
    for i in range(400):
        x = rng.normal(1.0, 2.0, 30)
        hits[0] += 1.0 in mean_interval(x, 0.9)
        hits[1] += 1.0 in bootstrap_interval(
            x, np.mean, generator(i, "cover"), resamples=200, confidence=0.9
        )
    # Binomial tails, false alarm 1e-6 each; the percentile bootstrap of 30 values covers a little less than it says.
    assert stats.binom.ppf(1e-6, 400, 0.9) <= hits[0] <= stats.binom.ppf(1 - 1e-6, 400, 0.9)
    assert hits[1] >= stats.binom.ppf(1e-6, 400, 0.86)


def test_bootstrap_means_are_those_of_resampled_rows():
    x = np.random.default_rng(4).normal(size=(50, 2)) + [1.0, 3.0]
    x[:20, 1] = math.nan
    draws = bootstrap_means(x, generator(0, "rows"), resamples=400)
    assert draws.shape == (401, 2) and draws[0] == pytest.approx([x[:, 0].mean(), x[20:, 1].mean()])
    # The bootstrap's standard error is the usual one with divisor n; 400 resamples know it within 20 % (false alarm below 1e-6).
    assert draws[1:, 0].std() == pytest.approx(x[:, 0].std() / math.sqrt(50), rel=0.2)
    # Rows stay whole: the columns of equal values have equal draws.
    both = bootstrap_means(np.stack([x[:, 0], 2 * x[:, 0]], 1), generator(1), resamples=130)
    assert both.shape == (131, 2) and np.allclose(both[:, 1], 2 * both[:, 0])


def test_percentile_interval_agrees_with_the_bootstrap_interval():
    x = np.random.default_rng(5).normal(size=200)
    ours, other = (
        percentile_interval(bootstrap_means(x[:, None], generator(2), resamples=4000)[:, 0], 200),
        bootstrap_interval(x, np.mean, generator(3), resamples=4000),
    )
    assert ours.value == pytest.approx(other.value) and ours.n == 200
    assert ends(ours) == pytest.approx(
        ends(other), abs=0.05 * x.std()
    )  # an end's own error is .003


def test_interval_speaks_and_scales():
    x = Interval(1.0, 0.5, 2.0, 10)
    assert str(x) == "1 [0.5, 2]" and 0.5 in x and 2.1 not in x
    assert x.scaled(-2) == Interval(-2.0, -4.0, -1.0, 10)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: mean_interval([1.0]), "at least 2"),
        (lambda: mean_interval([1.0, math.nan]), "finite"),
        (lambda: mean_interval([1.0, 2.0], 1.0), r"confidence must lie in \(0, 1\); got 1.0"),
        (lambda: paired_difference([1.0, 2.0], [1.0, 2.0, 3.0]), "same length"),
        (lambda: ratio_of_totals([1.0, 2.0], [1.0, -1.0]), "add up to 0"),
        (lambda: binomial_interval(3, 2), "must not exceed"),
        (lambda: binomial_interval(0, 0), "trials"),
        (lambda: bootstrap_interval([1.0], np.mean, generator(0)), "at least 2 units"),
        (lambda: bootstrap_interval([1.0, 2.0], np.mean, generator(0), resamples=1), "resamples"),
        (lambda: bootstrap_means([1.0, 2.0], generator(0)), r"\[units, columns\]"),
        (lambda: bootstrap_means([[math.nan], [math.nan]], generator(0)), "number in every column"),
        (lambda: percentile_interval([1.0, 2.0], 2), "at least 2 more"),
    ],
)
def test_ill_arguments_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()


def test_an_interval_formats_all_its_numbers_alike():
    interval = Interval(1.25, -0.5, 3.0, 4)
    assert (
        f"{interval:.1f}" == "1.2 [-0.5, 3.0]"
        and f"{interval}" == str(interval) == "1.25 [-0.5, 3]"
    )
