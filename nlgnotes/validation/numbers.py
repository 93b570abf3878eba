"""Checks of one number, which return it as a plain one."""

import math
from numbers import Integral, Real

import numpy as np
from torch import Tensor

from nlgnotes.validation.words import shown

__all__ = [
    "check_count",
    "check_counts",
    "check_interval",
    "check_positive",
]


def check_count(name: str, value: object, low: int = 1, high: int | None = None) -> int:
    """Check that a value is an integer of at least ``low``, and return it as an int.

    Raises:
        ValueError: the value is no integer (2.0 is none), below ``low`` or above ``high``.

    >>> import torch
    >>> check_count("k", torch.tensor(3))
    3
    """
    number = _plain(value)
    if not isinstance(number, int) or number < low or (high is not None and number > high):
        rule = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be an integer {rule}; got {shown(value)}")
    return number


def check_counts(**counts: object) -> None:
    """Check that several arguments are integers of at least 1, else raise ``ValueError``."""
    for name, value in counts.items():
        check_count(name, value)


def check_positive(name: str, value: object) -> float | int:
    """Check that a value is a finite number above zero, and return it as an int or float.

    Raises:
        ValueError: the value is no number, not finite, or not above zero.
    """
    number = _plain(value)
    if number is None or not math.isfinite(number) or number <= 0:
        raise ValueError(f"{name} must be a finite number above 0; got {shown(value)}")
    return _small(number)


def check_interval(
    name: str, value: object, low: float | int, high: float | int, *, closed: str = "both"
) -> float | int:
    """Check that a value lies between ``low`` and ``high``, and return it as an int or float.

    ``closed`` says which ends belong to the interval: ``"both"``, ``"left"``, ``"right"`` or
    ``"neither"``.

    Raises:
        ValueError: the value is no number or lies outside; NaN lies outside.
    """
    left, right = closed in ("both", "left"), closed in ("both", "right")
    number = _plain(value)
    inside = (
        number is not None
        and (number >= low if left else number > low)
        and (number <= high if right else number < high)
    )
    if not inside:
        ends = f"{'[' if left else '('}{low:g}, {high:g}{']' if right else ')'}"
        raise ValueError(f"{name} must lie in {ends}; got {shown(value)}")
    return _small(number)


def _plain(value: object) -> float | int | None:
    """A number as Python's own int or float; None for what is no number, or no finite float."""
    if isinstance(value, Tensor | np.ndarray) and not value.ndim:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the floats would overflow in the next division
        return None
    return int(value) if isinstance(value, Integral) else number


def _small(number: float | int) -> float | int:
    """An integer beyond those of 64 bits, which torch cannot multiply with, as a float."""
    return number if abs(number) < 2**63 else float(number)
