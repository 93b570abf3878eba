"""Schematics: boxes, arrows and grids of cells, as one draws them on a board."""

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text

from nlgnotes.plotting.arguments import check_axes, check_color, read_point
from nlgnotes.plotting.style import BLACK, new_axes, readable
from nlgnotes.validation import check_interval, check_kind, check_positive

__all__ = ["arrow", "blank", "box", "cells"]

MOST = 1e6  # of a square's side, and of an arrow's bend


def blank(width: float | int, height: float | int, *, figsize: tuple | None = None) -> Axes:
    """Empty axes of a new figure, from (0, 0) at the lower left to (width, height), without lines.

    Args:
        width, height: in units of your own; one of them is as long across as it is up.
        figsize: in inches; 0.8 inches a unit if None.

    Raises:
        ValueError: a width or height is not above 0, or the figure larger than 1000 inches.
    """
    width, height = check_positive("width", width), check_positive("height", height)
    size = (0.8 * width, 0.8 * height) if figsize is None else figsize
    ax = new_axes(None, size)
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
    return ax


def box(ax: Axes, at: tuple, text: str, *, color: str = BLACK, **style) -> Text:
    """A word in a rounded box with its centre at ``at``; :func:`arrow` joins two of them.

    Args:
        color: of the border; the word stays black.
        style: what ``Axes.text`` takes.

    Raises:
        ValueError: ``at`` is no place, or ``color`` no colour.
    """
    check_axes("ax", ax)
    check_color("color", color)
    edge = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": color, "linewidth": 1.5}
    centred = {"ha": "center", "va": "center", "bbox": edge, "zorder": 3}
    return ax.text(*read_point("at", at), text, **centred | style)


def arrow(
    ax: Axes,
    start: Text | tuple,
    end: Text | tuple,
    text: str = "",
    *,
    color: str = BLACK,
    line: str = "solid",
    bend: float | int = 0.0,
    beside: tuple = (0.0, 0.15),
) -> Annotation:
    """An arrow from ``start`` to ``end``, each a point or a :func:`box`, whose border it meets.

    Args:
        text: what is written at the middle of the straight way.
        color: of arrow and text, which is darkened until it is legible.
        line: ``"solid"`` or ``"dashed"``.
        bend: twice how far it leaves the straight way, as a part of its length; to the left if
            positive.
        beside: from the middle to the foot of the text, in the units of the axes.

    Raises:
        ValueError: ``line`` is neither of the two, an end no place, or ``color`` no colour.
    """
    check_axes("ax", ax)
    check_color("color", color)
    bend = check_interval("bend", bend, -MOST, MOST)
    if line not in ("solid", "dashed"):
        raise ValueError(f"line must be one of solid, dashed; got {line!r}")
    (from_, tail), (to, head) = _place("start", start), _place("end", end)
    properties = {
        "arrowstyle": "-|>",
        "color": color,
        "linestyle": line,
        "linewidth": 1.5,
        "connectionstyle": f"arc3,rad={-bend}",
        "patchA": tail,
        "patchB": head,
        "shrinkA": 1,
        "shrinkB": 1,
    }
    if text:
        beside = read_point("beside", beside)
        middle = [(a + b) / 2 + c for a, b, c in zip(from_, to, beside, strict=True)]
        ax.text(*middle, text, color=readable(color), ha="center", va="bottom")
    # After the boxes, whose borders are only then where they are drawn.
    return ax.annotate("", to, from_, arrowprops=properties, zorder=4)


def cells(
    ax: Axes,
    at: tuple,
    rows: Sequence[Sequence[str]],
    *,
    colors: Sequence[Sequence[str]] | None = None,
    side: float | int = 1.0,
) -> None:
    """Squares with a text in each, as of a mask, a cache or a sequence of tokens.

    Args:
        at: the upper left corner.
        rows: the texts, from the top; rows may differ in length.
        colors: of each square, as ``rows``; all white if None.
        side: of a square, in the units of the axes.

    Raises:
        ValueError: ``colors`` does not have the lengths of ``rows``, or holds no colours.
    """
    check_axes("ax", ax)
    at, lengths = read_point("at", at), _lengths("rows", rows)
    side = check_interval("side", side, 0, MOST, closed="right")
    filled = [["white"] * length for length in lengths] if colors is None else colors
    given = _lengths("colors", filled)
    if lengths != given:
        raise ValueError(f"colors must have the lengths of rows, {lengths}; got {given}")
    for i, (texts, shades) in enumerate(zip(rows, filled, strict=True)):
        for j, (word, shade) in enumerate(zip(texts, shades, strict=True)):
            check_color("colors", shade)
            corner = at[0] + j * side, at[1] - (i + 1) * side
            look = {"facecolor": shade, "edgecolor": "0.3", "linewidth": 1}
            ax.add_patch(Rectangle(corner, side, side, **look))
            centre = corner[0] + side / 2, corner[1] + side / 2
            ax.text(*centre, word, ha="center", va="center")


def _place(name: str, end: Text | tuple):
    """The point and, of a box, the border that an arrow stops at."""
    if isinstance(end, Text):
        return end.get_position(), end.get_bbox_patch()
    return read_point(name, end), None


def _lengths(name: str, rows: object) -> list[int]:
    """How many squares each row has."""
    check_kind(name, rows, Collection)
    for row in rows:
        check_kind(name, row, Collection)
    return [len(row) for row in rows]
