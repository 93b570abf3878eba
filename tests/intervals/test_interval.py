"""The interval of an estimate: its order, rounding, units and words."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from nlgnotes.intervals import Interval, bootstrap_means, percentile_interval
from nlgnotes.randomness import generator

NAN, INF = math.nan, math.inf


def test_interval_speaks_and_scales():
    x = Interval(1.0, 0.5, 2.0, 10)
    assert str(x) == "1 [0.5, 2]" and 0.5 in x and 2.1 not in x
    assert x.scaled(-2) == Interval(-2.0, -4.0, -1.0, 10)
    for factor in (NAN, INF):
        with pytest.raises(ValueError, match="factor must lie in"):
            x.scaled(factor)


def test_an_interval_formats_all_its_numbers_alike():
    interval = Interval(1.25, -0.5, 3.0, 4)
    assert f"{interval:.1f}" == "1.2 [-0.5, 3.0]"
    assert f"{interval}" == str(interval) == "1.25 [-0.5, 3]"


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
    with pytest.raises((ValueError, TypeCheckError)):
        Interval(0.5, 0, 1, n)


@given(st.floats(-1e9, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_rounding_moves_an_end_to_the_estimate(value, below, above):
    """Three numbers that were written with ten digits, and ends that are off by one sum's order."""
    short = [float(f"{x:.10g}") for x in (value, value - below, value + above)]
    i = Interval(*short, 3)
    assert i.low <= i.value <= i.high
    i = Interval(value, value + abs(value) * 1e-12, value + above + abs(value) * 1e-12, 3)
    assert i.low <= i.value <= i.high
    constant = bootstrap_means([[value + 0.1]] * 8, generator(0), resamples=9)[:, 0]
    i = percentile_interval(constant, 8)
    assert (i.low, i.high) == pytest.approx((value + 0.1,) * 2)


@pytest.mark.parametrize("scalar", [np.int64, np.uint8, np.array, torch.tensor])
def test_scalars_of_numpy_and_torch_are_numbers(scalar):
    found = Interval(np.float64(0.5), np.float32(0), scalar(1), scalar(7))
    assert [type(x) for x in (found.value, found.low, found.n)] == [float, float, int]
    assert found.scaled(np.float32(2)) == Interval(1.0, 0.0, 2, 7)
