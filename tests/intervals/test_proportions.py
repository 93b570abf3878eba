"""Intervals of proportions: by hand, and their exact coverage."""

import inspect
import math

import numpy as np
import pytest
import torch
from interval_checks import ends
from jaxtyping import TypeCheckError
from scipy import stats

from nlgnotes.intervals import binomial_interval, paired_proportions, wilson_interval


def test_binomial_interval_by_hand():
    # No success in n: the upper end solves (1 - p)^n = .025.
    assert ends(binomial_interval(0, 20)) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert ends(binomial_interval(20, 20)) == pytest.approx((0.025 ** (1 / 20), 1))
    exact = binomial_interval(2, 3)
    assert 0 <= exact.low < 2 / 3 < exact.high <= 1


def test_binomial_interval_is_never_too_narrow():
    """Its exact coverage, summed over all counts of 16."""
    found = [binomial_interval(k, 16) for k in range(17)]
    for p in np.linspace(0.01, 0.99, 33):
        weight = stats.binom.pmf(np.arange(17), 16, p)
        assert weight[[p in interval for interval in found]].sum() >= 0.95


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_wilson_interval_is_that_of_scipy(confidence):
    for n in (1, 5, 20, 1000):
        for k in range(0, n + 1, max(1, n // 10)):
            peer = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
            assert ends(wilson_interval(k, n, confidence)) == pytest.approx((peer.low, peer.high))


def test_wilson_interval_refuses_what_is_no_share():
    for wrong in ((-1, 3), (4, 3), (1, 0), (1, 3, 1.0)):
        with pytest.raises(ValueError, match=r"(successes|trials|confidence) must"):
            wilson_interval(*wrong)


def pairs(n, first, second):
    """n pairs, of which ``first`` are (1, 0), ``second`` (0, 1) and the others (1, 1)."""
    a, b = np.ones(n), np.ones(n)
    b[:first], a[first : first + second] = 0, 0
    return a, b


def test_paired_proportions_by_hand():
    # Of 10 pairs 3 and 1 differ: (4/12, 2/12), difference 2/12, variance (6/12 - 4/144) / 12.
    half = stats.t.ppf(0.975, 9) * math.sqrt((6 / 12 - 4 / 144) / 12)
    found = paired_proportions(*pairs(10, 3, 1))
    assert found.value == pytest.approx(0.2) and found.n == 10
    assert ends(found) == pytest.approx((2 / 12 - half, 2 / 12 + half))
    swapped = paired_proportions(*pairs(10, 3, 1)[::-1])
    assert ends(swapped) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("n", [2, 3, 10, 1000])
def test_pairs_that_all_agree_are_no_proof_and_all_that_differ_stay_in_range(n):
    same = paired_proportions(np.ones(n), np.ones(n))
    assert same.low < 0 < same.high and same.low == -same.high
    all_first = paired_proportions(*pairs(n, n, 0))
    assert all_first.value == all_first.high == 1 > all_first.low


@pytest.mark.parametrize(
    ("n", "least"), [(5, 0.93), (10, 0.94), (12, 0.94), (16, 0.94), (23, 0.94), (40, 0.94)]
)
def test_paired_proportions_cover_for_any_two_proportions(n, least):
    """The exact coverage, summed over all counts: no chance, so no false alarm."""
    counts = [(i, j) for i in range(n + 1) for j in range(n + 1 - i)]
    found = [paired_proportions(*pairs(n, i, j)) for i, j in counts]
    table = np.array([(i, j, n - i - j) for i, j in counts])

    def coverage(p, q):
        weight = stats.multinomial.pmf(table, n, [p, q, max(0.0, 1 - p - q)])
        return weight[[p - q in interval for interval in found]].sum()

    for p in (0.0, 0.01, 0.05, 0.2, 0.5):
        for q in (0.0, 0.01, 0.05, 0.2, 0.5):
            assert coverage(p, q) >= least
    for share in np.linspace(0.5, 1, 21):
        for differ in (0.1, 0.3, 0.6, 0.9):
            assert coverage(differ * share, differ * (1 - share)) >= 0.94
        assert coverage(share, 1 - share) >= 0.92  # where every pair differs


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: binomial_interval(3, 2), "must not exceed"),
        (lambda: binomial_interval(0, 0), "trials"),
        (lambda: paired_proportions([0, 1], [0, 2]), "0 or 1; of other numbers"),
        (lambda: paired_proportions([0, 1], [0, 1, 1]), "same length"),
        (lambda: paired_proportions([1], [0]), "at least 2"),
        (lambda: paired_proportions([0, math.nan], [0, 1]), "finite"),
    ],
)
def test_ill_arguments_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()


@pytest.mark.parametrize("confidence", [0, 1, -1, 2, math.nan, math.inf, True, "0.9", None])
def test_an_ill_confidence_is_refused(confidence):
    for f, arguments in ((binomial_interval, (1, 2)), (paired_proportions, ([0, 1], [0, 1]))):
        with pytest.raises((ValueError, TypeCheckError)):
            inspect.unwrap(f)(*arguments, confidence)


def test_booleans_are_answers():
    a, b = torch.tensor([True, False, True]), torch.tensor([False, False, True])
    assert paired_proportions(a, b) == paired_proportions([1, 0, 1], [0, 0, 1])


@pytest.mark.parametrize("scalar", [np.int64, np.uint8, np.array, torch.tensor])
def test_scalars_of_numpy_and_torch_are_numbers(scalar):
    hits = np.array([1, 0, 1, 1])
    assert binomial_interval(hits.sum(), scalar(4), np.float32(0.5)) == binomial_interval(3, 4, 0.5)
    for bad in (True, 2.0, np.float64(2), np.bool_(True), torch.tensor([3])):
        with pytest.raises(ValueError, match="successes must be an integer of at least 0; got"):
            inspect.unwrap(binomial_interval)(bad, 4)
