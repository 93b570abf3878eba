"""Intervals of means, paired differences and ratios: by hand, against scipy, and their coverage."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from interval_checks import ends, least
from jaxtyping import TypeCheckError
from scipy import stats

from nlgnotes.intervals import (
    binomial_interval,
    mean_interval,
    paired_difference,
    paired_proportions,
    ratio_of_totals,
)

NAN, INF = math.nan, math.inf


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
    # Residuals 1/3, -2/3, 1/3 about R = 2/3, as of 1, 0, 1 with their own standard deviation.
    found = ratio_of_totals([1.0, 0.0, 1.0], [1.0, 1.0, 1.0])
    half = stats.t.ppf(0.975, 2) * math.sqrt(1 / 3) / math.sqrt(3)
    assert ends(found) == pytest.approx((2 / 3 - half, 2 / 3 + half))
    x = np.random.default_rng(2).normal(size=9)
    assert ends(ratio_of_totals(x, np.ones(9))) == pytest.approx(ends(mean_interval(x)))


def test_mean_interval_covers_as_often_as_it_says():
    x = np.random.default_rng(3).normal(1.0, 2.0, (1500, 6))
    hits = sum(1.0 in mean_interval(row, 0.9) for row in x)
    assert least(1500, 0.9) <= hits <= 1500 - least(1500, 0.1)


@pytest.mark.parametrize(
    ("n", "share", "coverage"), [(10, 0.2, 0.87), (16, 0.2, 0.90), (97, 0.05, 0.93)]
)
def test_paired_differences_with_many_ties_are_covered(n, share, coverage):
    """Student's interval covers less in all three: .855, .867 and .865 (20,000 samples)."""
    rng = np.random.default_rng(4)
    b = rng.normal(size=(1500, n))
    apart = rng.normal(1, 1, size=b.shape) * (rng.random(b.shape) < share)
    found = [paired_difference(x + y, x) for x, y in zip(b, apart, strict=True) if y.any()]
    hits = sum(share in interval for interval in found)
    assert hits >= least(len(found), coverage)


def test_ratio_of_totals_covers_documents_of_unequal_length():
    rng, truth = np.random.default_rng(5), 2.0
    lengths = rng.integers(5, 60, (1000, 8))
    nats = truth * lengths + rng.normal(size=lengths.shape) * np.sqrt(lengths)
    hits = sum(truth in ratio_of_totals(a, b) for a, b in zip(nats, lengths, strict=True))
    assert hits >= least(1000, 0.93)


def test_ties_widen_the_interval_as_if_more_values_lay_on_both_sides():
    few, many = [0.0] * 9 + [2.0], [0.0] * 8 + [0.5, 1, 1, 1.5, 2.0]
    for x, more in ((few, 3), (many, 1)):
        seen = np.array([*x, *[2.0] * more, *[-2.0] * more])
        half = stats.t.ppf(0.975, len(x) - 1) * seen.std() / math.sqrt(len(seen))
        mean = sum(x) / len(x)
        assert ends(mean_interval(x)) == pytest.approx((mean - half, mean + half))
        # A shift of all values is a shift of the interval.
        moved = mean_interval(np.array(x) + 5)
        assert ends(moved) == pytest.approx((mean + 5 - half, mean + 5 + half))
    half_tied = [0.0] * 5 + [0.5, 1, 1.5, 2, 3]
    want = stats.ttest_1samp(half_tied, 0).confidence_interval()
    assert ends(mean_interval(half_tied)) == pytest.approx((want.low, want.high))


def test_ties_but_for_rounding_are_ties():
    b = np.full(10, 0.3)
    a = b + np.array([0.0] * 8 + [1, 2])
    almost = a.copy()
    almost[:4] = 0.1 + 0.2
    assert almost[0] != 0.3
    assert ends(paired_difference(almost, b)) == pytest.approx(ends(paired_difference(a, b)))


@pytest.mark.parametrize("values", [[0, 0, 0], [1, 1], [0, 1, 1, 0], torch.tensor([True, False])])
def test_zeros_and_ones_are_refused_by_the_mean(values):
    with pytest.raises(ValueError, match=r"not all be 0 or 1: take binomial_interval\(\d, \d\)"):
        mean_interval(values)


def test_pairs_of_zeros_and_ones_are_refused():
    with pytest.raises(ValueError, match="take paired_proportions"):
        paired_difference([0, 1, 1], [0, 0, 1])
    with pytest.raises(ValueError, match="take paired_proportions"):
        paired_difference([0, 1, 1], [0, 1, 1])
    assert paired_difference([2, 1, 3], [1, 1, 4]).value == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([0.5] * 4),
        lambda: mean_interval([0.1 + 0.2, 0.3]),
        lambda: paired_difference([1.0, 2.0, 3.0], [0.5, 1.5, 2.5]),
        lambda: paired_difference([0.1 + 0.2, 5.0], [0.3, 5.0]),
        lambda: ratio_of_totals([2.0, 6.0], [1.0, 3.0]),
        lambda: ratio_of_totals([0.0, 0.0], [1.0, 3.0]),
    ],
)
def test_equal_values_have_no_interval_without_bounds(call):
    with pytest.raises(ValueError, match="must not all be equal: their spread is unknown"):
        call()


def test_equal_values_with_bounds_are_as_uncertain_as_no_success():
    most = binomial_interval(0, 7).high
    assert ends(mean_interval([0.0] * 7, bounds=(0, 1))) == pytest.approx((0, most))
    assert ends(mean_interval([1.0] * 7, bounds=(0, 1))) == pytest.approx((1 - most, 1))
    found = mean_interval([3.0] * 7, bounds=(2, 7))
    assert ends(found) == pytest.approx((3 - most, 3 + 4 * most))
    # Both differ by .5 everywhere: elsewhere they could differ by -1 to 1.
    found = paired_difference([0.75] * 7, [0.25] * 7, bounds=(0, 1))
    assert ends(found) == pytest.approx((0.5 - 1.5 * most, 0.5 + 0.5 * most))
    # The longest unit weighs 3 / 2 of the mean one.
    found = ratio_of_totals([0.0] * 6, [1.0, 3.0] * 3, bounds=(0, 1))
    assert ends(found) == pytest.approx((0, 1.5 * binomial_interval(0, 6).high))


def test_shares_that_are_all_0_or_1_are_answers_where_the_bounds_say_so():
    assert mean_interval([0.0, 1, 1, 0, 1], bounds=(0, 1)) == binomial_interval(3, 5)
    assert mean_interval([-2.0, 6, 6], bounds=(-2, 6)).value == pytest.approx(10 / 3)
    found = mean_interval([-2.0, 6, 6], bounds=(-2, 6))
    assert found.high == pytest.approx(-2 + 8 * binomial_interval(2, 3).high)
    a, b = [0.0, 1, 1, 1], [0.0, 0, 1, 0]
    assert paired_difference(a, b, bounds=(0, 1)) == paired_proportions(a, b)
    assert mean_interval([0.0, 1, 0.5], bounds=(0, 1)) == mean_interval([0.0, 1, 0.5])


def test_numbers_that_happen_to_be_0_or_1_within_wider_bounds_are_numbers():
    most = binomial_interval(0, 6).high
    assert mean_interval([0.0] * 6, bounds=(-99, 99)).high == pytest.approx(99 * most)
    same = paired_difference([0.0] * 6, [0.0] * 6, bounds=(-99, 99))
    assert ends(same) == pytest.approx((-198 * most, 198 * most))
    x, y = np.array([0.0, 1, 1, 0, 0, 1]), np.zeros(6)
    assert ends(mean_interval(x, bounds=(0, 9))) == pytest.approx(
        ends(paired_difference(x + 5, y + 5, bounds=(0, 9)))
    )


def test_the_bound_of_equal_values_covers_the_worst_case():
    """Another value of probability q, at the far bound: none is seen with (1 - q)^n."""
    for q in (0.01, 0.1, 0.3, 0.5):
        for n in (2, 5, 20, 100):
            high = mean_interval([0.0] * n, bounds=(0, 1)).high
            assert q <= high or (1 - q) ** n <= 0.025 + 1e-12


@pytest.mark.parametrize("bounds", [(0, 0.5), (0.7, 1), (1, 0), (0, NAN), (0, None)])
def test_bounds_must_hold_all_values(bounds):
    with pytest.raises((ValueError, TypeCheckError), match="bounds"):
        mean_interval([0.6, 0.6], bounds=bounds)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: mean_interval([1.5]), "at least 2"),
        (lambda: mean_interval([1.0, math.nan]), "finite"),
        (lambda: mean_interval([1.0, 2.0], 1.0), r"confidence must lie in \(0, 1\); got 1.0"),
        (lambda: paired_difference([1.0, 2.0], [1.0, 2.0, 3.0]), "same length"),
        (lambda: ratio_of_totals([1.0, 2.0], [1.0, 2.0, 3.0]), "same length"),
        (lambda: ratio_of_totals([1.0, 2.0], [1.0, -1.0]), "add up to 0"),
    ],
)
def test_ill_arguments_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()


@pytest.mark.parametrize("ill", [NAN, INF, -INF])
def test_values_that_are_not_finite_are_refused(ill):
    x, y = [1.0, ill, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0]
    for call in (
        lambda: mean_interval(x),
        lambda: paired_difference(x, y),
        lambda: paired_difference(y, x),
        lambda: ratio_of_totals(x, y),
        lambda: ratio_of_totals(y, x),
    ):
        with pytest.raises(ValueError, match="must be finite; 1 of"):
            call()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]) | st.integers(-9, 9), min_size=2, max_size=12))
def test_every_interval_of_a_mean_holds_it_or_is_refused(values):
    try:
        found = mean_interval(values)
    except ValueError as error:
        assert "must not all be" in str(error)
        return
    assert found.low < found.value < found.high


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=30))
def test_pairs_are_proportions_or_differences_and_never_both(pairs):
    a, b = np.array(pairs).T
    assert paired_proportions(a, b).value == pytest.approx((a - b).mean())
    with pytest.raises(ValueError, match="paired_proportions"):
        paired_difference(a, b)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32])
def test_tensors_of_every_type_are_numbers(dtype):
    x = torch.tensor([1.0, 0.0, 2.0, 3.0]).to(dtype)
    assert mean_interval(x) == mean_interval([1.0, 0.0, 2.0, 3.0])
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    assert mean_interval(leaf) == mean_interval([1.0, 2.0])


@pytest.mark.parametrize(
    "bad", [["a", "b"], [1j, 2], torch.tensor([1j, 2]), [[1], [1, 2]], [None, {}]]
)
def test_what_is_no_number_is_refused(bad):
    for call in (lambda: mean_interval(bad), lambda: ratio_of_totals(bad, [1, 2])):
        with pytest.raises(ValueError, match="must be real numbers; got"):
            call()


@pytest.mark.parametrize("confidence", [0, 1, -1, 2, NAN, INF, True, "0.9", None])
def test_an_ill_confidence_is_refused(confidence):
    for f, arguments in (
        (mean_interval, ([1.0, 2.0],)),
        (paired_difference, ([1.0, 2.0], [1.0, 3.0])),
        (ratio_of_totals, ([1.0, 2.0], [1.0, 3.0])),
    ):
        with pytest.raises((ValueError, TypeCheckError)):
            inspect.unwrap(f)(*arguments, confidence)
