"""A margin holds for whole intervals: fewer data never make it easier."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlgnotes.claims import Margin, above, below, within
from nlgnotes.intervals import Interval

numbers = st.floats(-10, 10)


def test_by_hand():
    wide, narrow = Interval(0.0, -0.2, 0.2, 9), Interval(0.0, -0.05, 0.05, 99)
    assert within(-0.1, 0.1).holds(narrow) and not within(-0.1, 0.1).holds(wide)
    assert above(-0.1).holds(narrow) and not above(-0.1).holds(wide)
    assert below(0.1).holds(narrow) and not below(0.1).holds(wide)
    assert above(0.1).holds(0.2) and not above(0.1).holds(0.1)
    assert not above(0.1).holds(math.nan)


@given(numbers, *[st.floats(0, 5)] * 4, numbers, st.floats(0.001, 5))
def test_a_wider_interval_never_helps(value, left, right, more_left, more_right, low, width):
    narrow = Interval(value, value - left, value + right, 99)
    wide = Interval(value, value - left - more_left, value + right + more_right, 9)
    for margin in (above(low), below(low), within(low, low + width)):
        assert margin.holds(narrow) or not margin.holds(wide)


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (-math.inf, math.inf), (math.nan, 1)])
def test_a_margin_can_fail(ends):
    with pytest.raises(ValueError, match="low"):
        Margin(*ends)


def test_words():
    words = [str(margin) for margin in (above(0.1), below(0.5), within(-1, 1))]
    assert words == ["above 0.1", "below 0.5", "−1 to 1"]
