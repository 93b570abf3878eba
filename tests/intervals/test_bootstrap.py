"""Bootstrap intervals: against each other, their levels, their coverage, and what is refused."""

import inspect
import math

import numpy as np
import pytest
import torch
from interval_checks import ends
from jaxtyping import TypeCheckError
from scipy import stats

from nlgnotes.intervals import (
    bootstrap_interval,
    bootstrap_means,
    mean_interval,
    percentile_interval,
)
from nlgnotes.randomness import generator

NAN, INF = math.nan, math.inf


def test_bootstrap_means_are_those_of_resampled_rows():
    x = np.random.default_rng(4).normal(size=(50, 2)) + np.array([1.0, 3.0])
    x[:20, 1] = math.nan
    draws = bootstrap_means(x, generator(0, "rows"), resamples=400)
    assert draws.shape == (401, 2) and draws[0] == pytest.approx([x[:, 0].mean(), x[20:, 1].mean()])
    # The bootstrap's standard error is the usual one with divisor n; 400 resamples know it within
    # 20 % (false alarm below 1e-6).
    assert draws[1:, 0].std() == pytest.approx(x[:, 0].std() / math.sqrt(50), rel=0.2)
    # Rows stay whole: the columns of equal values have equal draws.
    both = bootstrap_means(np.stack([x[:, 0], 2 * x[:, 0]], 1), generator(1), resamples=130)
    assert both.shape == (131, 2) and np.allclose(both[:, 1], 2 * both[:, 0])


def test_percentile_interval_agrees_with_the_bootstrap_interval():
    x = np.random.default_rng(5).normal(size=200)
    draws = bootstrap_means(x[:, None], generator(2), resamples=4000)[:, 0]
    ours = percentile_interval(draws, 200)
    other = bootstrap_interval(x, np.mean, generator(3), resamples=4000)
    assert ours.value == pytest.approx(other.value) and ours.n == 200
    # An end's own error is .003.
    assert ends(ours) == pytest.approx(ends(other), abs=0.05 * x.std())


@pytest.mark.parametrize(
    "draws", [[NAN, 1, 2], [INF, 1, 2], [1, INF, -INF, 2], [1, NAN, NAN], [1, 1, INF, INF]]
)
def test_draws_without_a_finite_interval_are_refused(draws):
    with pytest.raises(ValueError, match="must"):
        percentile_interval(draws, n=30)


def test_missing_resamples_are_left_out():
    found = percentile_interval([2.0, 1.0, NAN, 2.0, 3.0], 10**9, 0.5)
    assert ends(found) == pytest.approx((1.5, 2.5))


def positive_mean(x):
    return x[x > 0].mean() if (x > 0).any() else NAN


@pytest.mark.parametrize(
    "statistic", [positive_mean, lambda x: NAN, lambda x: 1 / x.sum() if x.sum() else INF]
)
def test_a_statistic_that_is_undefined_in_some_resamples_is_refused(statistic):
    with pytest.raises(ValueError, match="statistic of the sample and of every resample must be"):
        bootstrap_interval([0.0] * 7 + [1.0], statistic, generator(0))


@pytest.mark.parametrize(
    "statistic", [lambda x: x, lambda x: None, lambda x: "a", lambda x: [1, 2]]
)
def test_a_statistic_that_is_no_number_is_refused(statistic):
    with pytest.raises(ValueError, match="statistic must return one number; got"):
        bootstrap_interval(np.arange(8.0), statistic, generator(0))


def test_a_statistic_outside_its_own_interval_is_refused():
    """Of 50 different values a resample holds about 50 (1 - 1/e) = 32 different ones."""
    with pytest.raises(ValueError, match=r"value must lie in its interval \[.*\]; got 50"):
        bootstrap_interval(np.arange(50.0), lambda x: len(np.unique(x)), generator(0))
    draws = np.array([1.0, *np.linspace(2, 3, 99)])
    for x in (draws, -draws):
        with pytest.raises(ValueError, match="value must lie in its interval"):
            percentile_interval(x, 10)


@pytest.mark.parametrize(
    ("values", "statistic"),
    [([3.0] * 9, np.mean), ([0.0] * 9, np.max), ([0.0] * 9, np.sum), ([[0.0]] * 9, np.mean)],
)
def test_other_samples_of_equal_units_are_refused(values, statistic):
    with pytest.raises(ValueError, match="values must not all be equal .*; got 9 equal units"):
        bootstrap_interval(values, statistic, generator(0))


@pytest.mark.parametrize("value", [0.0, 1.0, 3.0])
def test_equal_units_have_their_median_for_certain(value):
    """One other value among nine would not move it, as it would a mean."""
    assert ends(bootstrap_interval([value] * 9, np.median, generator(0))) == (value, value)


@pytest.mark.parametrize("chance", [None, 0, np.random.default_rng(0), torch])
def test_resampling_wants_a_generator(chance):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
        inspect.unwrap(bootstrap_interval)(np.arange(8.0), np.mean, chance)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
        inspect.unwrap(bootstrap_means)(np.ones((8, 1)), chance)
    assert torch.equal(before, torch.get_rng_state())


def test_the_levels_are_those_of_student_for_few_units():
    """Draws that are normal quantiles: the ends are the expanded z, exactly."""
    draws = np.append(0.0, stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    for n in (8, 20, 1000):
        z = math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)
        assert ends(percentile_interval(draws, n)) == pytest.approx((-z, z), rel=1e-3)
    assert ends(percentile_interval(draws, 10**7)) == pytest.approx((-1.96, 1.96), abs=1e-3)


def test_from_a_thousand_units_on_the_levels_are_nearly_those_that_were_asked_for():
    for n in (1000, 5000, 10**6):
        found = percentile_interval(np.append(0.5, np.linspace(0, 1, 10_001)), n)
        assert ends(found) == pytest.approx((0.025, 0.975), abs=2e-4)


def test_the_bootstrap_of_few_normal_units_covers():
    """Expanded 93.5 % of the time, unexpanded 88 % (n = 8); the bound is passed by chance 1e-6."""
    x = np.random.default_rng(3).normal(1.0, 2.0, (800, 8))
    hits = 0
    for i, row in enumerate(x):
        draws = bootstrap_means(row[:, None], generator(i, "cover"), resamples=300)[:, 0]
        hits += 1.0 in percentile_interval(draws, 8)
    assert stats.binom.ppf(1e-6, 800, 0.92) <= hits


def test_a_mean_has_about_student_s_interval():
    x = np.random.default_rng(6).normal(size=12)
    ours = bootstrap_interval(x, np.mean, generator(4), resamples=20_000)
    # An end at the level .011 is known within .02 standard errors' worth of itself.
    assert ends(ours) == pytest.approx(ends(mean_interval(x)), abs=0.15)


@pytest.mark.parametrize("values", [[0.0] * 9, [1.0] * 8, [0.0, 1.0] * 5, np.ones(9, bool)])
@pytest.mark.parametrize("mean", [np.mean, lambda x: x.mean(), lambda x: float(x.sum() / len(x))])
def test_the_mean_of_zeros_and_ones_is_refused(values, mean):
    with pytest.raises(ValueError, match=r"not all be 0 or 1: take binomial_interval\(\d, \d+\)"):
        bootstrap_interval(values, mean, generator(0))


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: bootstrap_interval(np.arange(7.0), np.mean, generator(0)), "at least 8 units"),
        (lambda: bootstrap_interval(np.arange(9.0), np.mean, generator(0), resamples=1), "resampl"),
        (lambda: bootstrap_means(np.arange(9.0), generator(0)), r"\[units, columns\]"),
        (lambda: bootstrap_means(np.ones((1, 1)), generator(0)), "2 units or more"),
        (lambda: bootstrap_means([[math.nan]] * 2, generator(0)), "number in every column"),
        (lambda: bootstrap_means([[INF]] + [[1.0]] * 8, generator(0)), "finite; 1 of 9 are not"),
        (lambda: bootstrap_interval([NAN] + [1.0] * 8, np.mean, generator(0)), "finite; 1 of"),
        (lambda: percentile_interval([1.0, 2.0], 20), "at least 2 more"),
        (lambda: percentile_interval([1.0, 2.0, 3.0], 7), "n must be an integer of at least 8"),
        (lambda: bootstrap_interval([["a"]] * 8, np.mean, generator(0)), "must be real numbers"),
        (lambda: percentile_interval([1j, 2, 3], 20), "must be real numbers"),
    ],
)
def test_ill_arguments_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()


@pytest.mark.parametrize("confidence", [0, 1, -1, 2, NAN, INF, True, "0.9", None])
def test_an_ill_confidence_is_refused(confidence):
    with pytest.raises((ValueError, TypeCheckError)):
        inspect.unwrap(percentile_interval)([2, 1, 2, 3], 30, confidence)


@pytest.mark.parametrize("scalar", [np.int64, np.uint8, np.array, torch.tensor])
def test_scalars_of_numpy_and_torch_are_numbers(scalar):
    assert percentile_interval([2, 1, 2, 3], scalar(9)).n == 9
    assert bootstrap_means(np.eye(8), generator(0), resamples=scalar(3)).shape == (4, 8)
