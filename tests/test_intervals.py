"""Intervals by hand, against scipy, and their coverage."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
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
    assert ends(mean_interval(x, 0.9)) == pytest.approx((want.low, want.high))
    assert mean_interval(x).n == 17


def test_paired_difference_agrees_with_scipy():
    a, b = np.random.default_rng(1).normal(size=(2, 12))
    want = stats.ttest_rel(a, b).confidence_interval()
    assert ends(paired_difference(a, b)) == pytest.approx((want.low, want.high))


def test_ratio_of_totals_by_hand_and_with_equal_denominators_is_the_mean():
    two = ratio_of_totals([2.0, 6.0], [1.0, 3.0])
    assert two.value == 2 and ends(two) == (2, 2)
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
    # Binomial tails, false alarm 1e-6 each; the percentile bootstrap of 30 values covers a little
    # less than it says.
    assert stats.binom.ppf(1e-6, 400, 0.9) <= hits[0] <= stats.binom.ppf(1 - 1e-6, 400, 0.9)
    assert hits[1] >= stats.binom.ppf(1e-6, 400, 0.86)


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
    assert f"{interval:.1f}" == "1.2 [-0.5, 3.0]"
    assert f"{interval}" == str(interval) == "1.25 [-0.5, 3]"


NAN, INF = math.nan, math.inf
WRONG_TYPE = (ValueError, TypeCheckError)


@pytest.mark.parametrize("ill", [NAN, INF, -INF])
def test_values_that_are_not_finite_are_refused_by_every_interval(ill):
    x, y = [1.0, ill, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0]
    for call in (
        lambda: mean_interval(x),
        lambda: paired_difference(x, y),
        lambda: paired_difference(y, x),
        lambda: ratio_of_totals(x, y),
        lambda: ratio_of_totals(y, x),
        lambda: bootstrap_interval(x, np.mean, generator(0)),
        lambda: bootstrap_interval([[v, 1.0] for v in x], np.mean, generator(0)),
    ):
        with pytest.raises(ValueError, match="must be finite; 1 of"):
            call()
    if not math.isnan(ill):
        with pytest.raises(ValueError, match="values must be finite; 1 of 4 are not"):
            bootstrap_means([[1.0, ill], [2.0, 3.0]], generator(0))


@pytest.mark.parametrize(
    "draws", [[NAN, 1, 2], [INF, 1, 2], [1, INF, -INF, 2], [1, NAN, NAN], [1, 1, INF, INF]]
)
def test_draws_without_a_finite_interval_are_refused(draws):
    with pytest.raises(ValueError, match="must"):
        percentile_interval(draws, n=3)


def test_missing_resamples_are_left_out():
    assert percentile_interval([2.0, 1.0, NAN, 2.0, 3.0], 7, 0.5) == Interval(2.0, 1.5, 2.5, 7)


def positive_mean(x):
    return x[x > 0].mean() if (x > 0).any() else NAN


@pytest.mark.parametrize(
    "statistic", [positive_mean, lambda x: NAN, lambda x: 1 / x.sum() if x.sum() else INF]
)
def test_a_statistic_that_is_undefined_in_some_resamples_is_refused(statistic):
    with pytest.raises(ValueError, match="statistic of the sample and of every resample must be"):
        bootstrap_interval([0.0, 0, 0, 1], statistic, generator(0))


@pytest.mark.parametrize(
    "statistic", [lambda x: x, lambda x: None, lambda x: "a", lambda x: [1, 2]]
)
def test_a_statistic_that_is_no_number_is_refused(statistic):
    with pytest.raises(ValueError, match="statistic must return one number; got"):
        bootstrap_interval([1.0, 2.0, 4.0], statistic, generator(0))


def test_a_statistic_outside_its_own_interval_is_refused():
    """Of 50 different values a resample holds about 50 (1 - 1/e) = 32 different ones."""
    with pytest.raises(ValueError, match=r"value must lie in its interval \[.*\]; got 50"):
        bootstrap_interval(np.arange(50.0), lambda x: len(np.unique(x)), generator(0))
    draws = np.array([1.0, *np.linspace(2, 3, 99)])
    for x in (draws, -draws):
        with pytest.raises(ValueError, match="value must lie in its interval"):
            percentile_interval(x, 10)


@pytest.mark.parametrize("n", [2, 3, 50, 1000])
@pytest.mark.parametrize("mean", [np.mean, lambda x: x.mean(), lambda x: float(x.sum() / len(x))])
def test_no_success_and_no_failure_have_the_exact_interval(n, mean):
    assert bootstrap_interval([0.0] * n, mean, generator(0)) == binomial_interval(0, n)
    assert bootstrap_interval(torch.ones(n), mean, generator(0)) == binomial_interval(n, n)
    assert bootstrap_interval(np.zeros(n, bool), mean, generator(0), confidence=0.5).high < 0.51


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


@pytest.mark.parametrize(
    "numbers",
    [
        (NAN, 0, 1),
        (0, NAN, 1),
        (0, 0, NAN),
        (INF, 0, INF),
        (0, -INF, 1),
        (2, 0, 1),
        (-1, 0, 1),
        (1, 2, 0),
        (0.5, 1, 0),
        (1 + 1e-6, 0, 1),
    ],
)
def test_an_interval_that_cannot_be_true_cannot_be_built(numbers):
    with pytest.raises(ValueError, match="must lie in"):
        Interval(*numbers, 5)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, NAN, None])
def test_an_interval_of_no_observation_cannot_be_built(n):
    with pytest.raises(WRONG_TYPE):
        Interval(0.5, 0, 1, n)
    with pytest.raises(WRONG_TYPE):
        percentile_interval([1, 1, 2], n=n)


@given(st.floats(-1e9, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_rounding_moves_an_end_to_the_estimate(value, below, above):
    """Three numbers that were written with ten digits, and ends that are off by one sum's order."""
    short = [float(f"{x:.10g}") for x in (value, value - below, value + above)]
    i = Interval(*short, 3)
    assert i.low <= i.value <= i.high
    i = Interval(value, value + abs(value) * 1e-12, value + above + abs(value) * 1e-12, 3)
    assert i.low <= i.value <= i.high
    constant = bootstrap_means([[value + 0.1]] * 7, generator(0), resamples=9)[:, 0]
    assert ends(percentile_interval(constant, 7)) == pytest.approx((value + 0.1,) * 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]) | st.floats(-5, 5), min_size=2, max_size=12))
def test_every_interval_of_a_mean_holds_it_or_is_refused(values):
    for make in (
        mean_interval,
        lambda x: bootstrap_interval(x, np.mean, generator(0), resamples=50),
    ):
        try:
            found = make(values)
        except ValueError as error:
            assert "must not all be equal" in str(error) or "its interval" in str(error)
            continue
        assert found.low <= found.value <= found.high
        if min(values) == max(values) and values[0] in (0, 1) and make is not mean_interval:
            assert found.low < found.high


def test_two_of_three_belong_to_the_binomial_interval():
    """Student's interval of 0 and 1 may leave [0, 1]; the exact one does not."""
    assert mean_interval([1.0, 0.0, 1.0]).high > 1
    exact = binomial_interval(2, 3)
    assert 0 <= exact.low < 2 / 3 < exact.high <= 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32, torch.bool])
def test_tensors_of_every_type_are_numbers(dtype):
    x = torch.tensor([1.0, 0.0, 1.0, 1.0]).to(dtype)
    assert mean_interval(x) == mean_interval([1.0, 0.0, 1.0, 1.0])
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    assert mean_interval(leaf) == mean_interval([1.0, 2.0])


@pytest.mark.parametrize(
    "bad", [["a", "b"], [1j, 2], torch.tensor([1j, 2]), [[1], [1, 2]], [None, {}]]
)
def test_what_is_no_number_is_refused(bad):
    for call in (
        lambda: mean_interval(bad),
        lambda: ratio_of_totals(bad, [1, 2]),
        lambda: bootstrap_interval(bad, np.mean, generator(0)),
        lambda: bootstrap_means(bad, generator(0)),
        lambda: percentile_interval(bad, 3),
    ):
        with pytest.raises(ValueError, match="must be real numbers; got"):
            call()


@pytest.mark.parametrize("scalar", [np.int64, np.uint8, np.array, torch.tensor])
def test_scalars_of_numpy_and_torch_are_numbers(scalar):
    hits = np.array([1, 0, 1, 1])
    assert binomial_interval(hits.sum(), scalar(4), np.float32(0.5)) == binomial_interval(3, 4, 0.5)
    assert percentile_interval([2, 1, 2, 3], scalar(9)).n == 9
    draws = bootstrap_means([[1.0], [2.0]], generator(0), resamples=scalar(3))
    assert draws.shape == (4, 1)
    found = Interval(np.float64(0.5), np.float32(0), scalar(1), scalar(7))
    assert [type(x) for x in (found.value, found.low, found.n)] == [float, float, int]
    assert found.scaled(np.float32(2)) == Interval(1.0, 0.0, 2, 7)
    for bad in (True, 2.0, np.float64(2), np.bool_(True), torch.tensor([3])):
        with pytest.raises(ValueError, match="successes must be an integer of at least 0; got"):
            inspect.unwrap(binomial_interval)(bad, 4)


@pytest.mark.parametrize("chance", [None, 0, np.random.default_rng(0), torch])
def test_resampling_wants_a_generator(chance):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
        inspect.unwrap(bootstrap_interval)([1.0, 2, 3], np.mean, chance)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
        inspect.unwrap(bootstrap_means)([[1.0], [2.0]], chance)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("confidence", [0, 1, -1, 2, NAN, INF, True, "0.9", None])
def test_an_ill_confidence_is_refused(confidence):
    for f, arguments in (
        (mean_interval, ([1.0, 2.0],)),
        (paired_difference, ([1.0, 2.0], [1.0, 3.0])),
        (ratio_of_totals, ([1.0, 2.0], [1.0, 3.0])),
        (binomial_interval, (1, 2)),
        (percentile_interval, ([2, 1, 2, 3], 3)),
    ):
        with pytest.raises(WRONG_TYPE):
            inspect.unwrap(f)(*arguments, confidence)
    for factor in (NAN, INF):
        with pytest.raises(ValueError, match="factor must lie in"):
            Interval(0.5, 0, 1, 3).scaled(factor)
