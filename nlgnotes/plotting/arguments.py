"""What figures are drawn from, checked: axes, colours, names, curves, shares."""

from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like

from nlgnotes.intervals.sample import check_finite, read_numbers
from nlgnotes.validation import check_kind, check_strings, shown

__all__ = ["check_axes", "check_color", "check_named", "read_curve", "read_point", "read_shares"]


def check_axes(name: str, axes: object) -> None:
    """Check that something is one axes of matplotlib, else raise ``ValueError``."""
    check_kind(name, axes, Axes)


def check_color(name: str, color: object) -> None:
    """Check that matplotlib knows a colour, else raise ``ValueError``."""
    if not is_color_like(color):
        raise ValueError(f"{name} must be a colour of matplotlib; got {shown(color)}")


def check_named(name: str, values: object) -> None:
    """Check that something maps strings to what is drawn, else raise ``ValueError``."""
    check_kind(name, values, Mapping)
    check_strings(name, values, least=0)


def read_point(name: str, at: object) -> tuple[float, float]:
    """A place on the axes as two floats from -1e6 to 1e6; else ``ValueError``."""
    numbers = read_numbers(name, at)
    # matplotlib cannot draw letters that are much farther away.
    if numbers.shape != (2,) or not (np.abs(numbers) <= 1e6).all():
        raise ValueError(f"{name} must be two numbers from -1e6 to 1e6; got {shown(at)}")
    return float(numbers[0]), float(numbers[1])


def read_curve(curve: object, of: str, name: str) -> list[np.ndarray]:
    """The two or four columns of a curve, equally long rows of finite numbers.

    Args:
        curve: (x, y), or (x, y, low, high); a number alone is a row of one.
        of: what its first two columns are called.
        name: of the curve, for messages.

    Raises:
        ValueError: it is something else, or empty.
    """
    check_kind(f"curves[{name!r}]", curve, Collection)
    columns = [np.atleast_1d(read_numbers("curves", column)) for column in curve]
    shapes = [column.shape for column in columns]
    if len(columns) not in (2, 4) or len(set(shapes)) > 1 or len(shapes[0]) > 1 or 0 in shapes[0]:
        raise ValueError(
            f"curves must hold ({of}[, low, high]) of one length; got {shapes} for {name}"
        )
    for column in columns:
        check_finite(f"curves[{name!r}]", column)
    return columns


def read_shares(name: str, values: object, shape: tuple[int, ...], rule: str) -> np.ndarray:
    """Numbers from 0 to 1 as an array of a shape, of which ``rule`` says what it is.

    Raises:
        ValueError: another shape, or a number outside; NaN lies outside. Rounding may leave 1e-4
            above 1.
    """
    table = read_numbers(name, values)
    if table.shape != shape:
        raise ValueError(f"{name} must be of shape {shape}, {rule}; got {table.shape}")
    if not ((table >= 0) & (table <= 1 + 1e-4)).all():
        raise ValueError(f"{name} must lie in [0, 1]; got {table.min():g} to {table.max():g}")
    return table
