"""Margins: what a finding asks of an interval, so that fewer data never make it easier."""

import math
from dataclasses import dataclass
from typing import SupportsFloat

from nlgnotes.intervals import Interval
from nlgnotes.validation import check_interval, shown

__all__ = ["Margin", "above", "below", "within"]


@dataclass(frozen=True)
class Margin:
    """The open range in which the *whole* interval of a finding must lie.

    An interval that contains another passes only if that one does: fewer data can make a claim
    fail, never hold. So a claim of "no difference" is the range around 0 that is too small to
    matter (:func:`within`), and never an interval that holds 0.

    ``low`` and ``high`` are finite or infinite, ``low < high``.
    """

    low: SupportsFloat
    high: SupportsFloat

    def __post_init__(self):
        for name in ("low", "high"):
            number = check_interval(name, getattr(self, name), -math.inf, math.inf)
            object.__setattr__(self, name, float(number))
        if not self.low < self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise ValueError(
                f"low must be below high, one of them finite; got {self.low:g} and {self.high:g}"
            )

    def holds(self, ours: Interval | SupportsFloat) -> bool:
        """Whether the whole interval lies in the range; a plain number is its own interval.

        >>> within(-0.1, 0.1).holds(Interval(0.0, -0.2, 0.2, 9))
        False
        """
        if not isinstance(ours, Interval):
            try:
                number = float(ours)  # NaN is a number, and lies nowhere
            except (TypeError, ValueError, RuntimeError, OverflowError):
                raise ValueError(
                    f"ours must be an interval or a number; got {shown(ours)}"
                ) from None
            return self.low < number < self.high
        return self.low < ours.low and ours.high < self.high

    def __str__(self) -> str:
        low, high = (f"{end:g}".replace("-", "−") for end in (self.low, self.high))
        if math.isinf(self.high):
            return f"above {low}"
        return f"below {high}" if math.isinf(self.low) else f"{low} to {high}"


def above(low: SupportsFloat) -> Margin:
    """The whole interval above ``low``."""
    return Margin(low, math.inf)


def below(high: SupportsFloat) -> Margin:
    """The whole interval below ``high``."""
    return Margin(-math.inf, high)


def within(low: SupportsFloat, high: SupportsFloat) -> Margin:
    """The whole interval between ``low`` and ``high``: the margin of an equivalence."""
    return Margin(low, high)
