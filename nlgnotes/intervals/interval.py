"""The interval of an estimate: its value, its two ends, and how many observations it rests on."""

import math
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

from nlgnotes.validation import check_count, check_interval

__all__ = ["Interval"]


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its confidence interval, from ``n`` observations.

    An end that rounding leaves on the wrong side of the estimate is moved to it.

    Raises:
        ValueError: not ``low <= value <= high``, a number that is not finite, or ``n`` below 1.
    """

    value: SupportsFloat
    low: SupportsFloat
    high: SupportsFloat
    n: SupportsIndex

    def __post_init__(self):
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        object.__setattr__(self, "n", check_count("n", self.n))
        value, low, high = self.value, self.low, self.high
        rounding = 1e-12 + 1e-9 * max(abs(value), abs(low), abs(high))
        if max(low - value, value - high, low - high) > rounding:
            raise ValueError(f"value must lie in its interval [{low:g}, {high:g}]; got {value:g}")
        object.__setattr__(self, "low", min(low, value))
        object.__setattr__(self, "high", max(high, value))

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __format__(self, spec: str) -> str:
        """All three numbers in one format.

        >>> f"{Interval(0.5, 0.25, 0.75, 10):.1f}"
        '0.5 [0.2, 0.8]'
        """
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]" if spec else str(self)

    def __contains__(self, number: float | int) -> bool:
        return bool(self.low <= number <= self.high)

    def scaled(self, factor: SupportsFloat) -> "Interval":
        """The interval of ``factor``, a finite number, times the quantity (a change of unit)."""
        by = _finite("factor", factor)
        return Interval(self.value * by, *sorted((self.low * by, self.high * by)), self.n)


def _finite(name: str, value: SupportsFloat) -> float | int:
    return check_interval(name, value, -math.inf, math.inf, closed="neither")
