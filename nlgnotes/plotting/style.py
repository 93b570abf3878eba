"""The look of the book's figures: palette, markers, labels."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.legend import Legend

from nlgnotes.plotting.arguments import check_axes, check_color, read_point
from nlgnotes.validation import check_interval, check_kind

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "MARKERS",
    "ORANGE",
    "PALETTE",
    "PURPLE",
    "RED",
    "SKY",
    "YELLOW",
    "legend_outside",
    "looks",
    "luminance",
    "new_axes",
    "readable",
    "style",
]

# Okabe and Ito (2008): told apart with any of the common colour deficiencies.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"


SKY, YELLOW, BLACK = "#56B4E9", "#F0E442", "#000000"


PALETTE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)  # yellow is too light for a line on white


MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def style() -> None:
    """Set the book's look for all later figures: palette, white ground, letters of 13 points."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "savefig.facecolor": "white",
            "savefig.transparent": False,
            "figure.figsize": (6.4, 4.0),
            "figure.dpi": 100,
            # On a slide of 1280 x 720 a figure of 6.4 x 4 inches then has letters of 24 pixels.
            "font.size": 13,
            "axes.labelsize": "medium",
            "axes.titlesize": "medium",
            "xtick.labelsize": "medium",
            "ytick.labelsize": "medium",
            "legend.fontsize": "medium",
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "lines.linewidth": 2,
            "figure.constrained_layout.use": True,
            "image.cmap": "Blues",  # 0 is the ground, in the light and, inverted, in the dark
        }
    )


def new_axes(ax: Axes | None, size: tuple | None = None) -> Axes:
    """The given axes, or, of None, those of a new figure of a size in inches.

    Raises:
        ValueError: ``ax`` is something else, or a side of ``size`` not above 0 or over 1000.
    """
    if ax is None:
        size = None if size is None else read_point("size", size)
        for side in size or ():
            check_interval("size", side, 0, 1000, closed="right")
        return plt.subplots(figsize=size)[1]
    check_axes("ax", ax)
    return ax


def looks(names: Iterable[str], colors: Mapping[str, str] | None = None) -> dict[str, dict]:
    """A colour and a marker for each curve: those given by name, then what is left of the palette.

    The marker goes with the colour, so that a curve keeps both in every panel. Where the palette's
    seven colours are used up they come again, with other markers.

    Args:
        names: of the curves.
        colors: a curve's name to its colour; names that are not drawn may stand in it.

    Returns:
        {name: {"color": ..., "marker": ...}}, for ``Axes.plot``.
    """
    check_kind("names", names, Iterable)
    check_kind("colors", {} if colors is None else colors, Mapping)
    names, given = list(names), dict(colors or {})
    for name in names:
        check_kind("names", name, Hashable)
    for colour in given.values():
        check_color("colors", colour)
    taken = set(map(to_rgba, given.values()))
    free = [colour for colour in PALETTE if to_rgba(colour) not in taken] or list(PALETTE)
    others = iter(free * len(names))
    drawn = {name: given[name] if name in given else next(others) for name in names}
    place = {to_rgba(colour): i for i, colour in enumerate(PALETTE)}
    used = Counter(to_rgba(colour) for name, colour in drawn.items() if name in given)
    found = {}
    for i, (name, colour) in enumerate(drawn.items()):
        known, again = to_rgba(colour), 0
        if name not in given:
            again = used[known]
            used[known] += 1
        marker = place[known] + len(PALETTE) * again if known in place else i
        found[name] = {"color": colour, "marker": MARKERS[marker % len(MARKERS)]}
    return found


def luminance(color) -> float:
    """WCAG's relative luminance of a colour of matplotlib, from 0 for black to 1 for white."""
    check_color("color", color)
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def readable(color: str) -> str:
    """The colour, darkened until letters in it have a contrast of 4.5 to 1 on white."""
    check_color("color", color)
    channels = np.array(to_rgb(color))
    while 1.05 / (luminance(to_hex(channels)) + 0.05) < 4.5:
        channels = 0.95 * channels
    return to_hex(channels)


def legend_outside(*axes: Axes, where: str = "right") -> Legend | None:
    """One legend for all the axes, outside the data; each label stands in it once.

    One axes has it as its own legend; several, which then lose theirs, as their figure's.

    Args:
        axes: of one figure.
        where: ``"right"`` or ``"above"``; above the axes there is then no place for a title.

    Returns:
        The legend, or None where nothing has a label.

    Raises:
        ValueError: ``where`` is neither of the two.
    """
    if where not in ("right", "above"):
        raise ValueError(f"where must be one of right, above; got {where!r}")
    entries = {}
    for ax in axes:
        check_axes("axes", ax)
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
        if len(axes) > 1 and ax.get_legend():
            ax.get_legend().remove()
    if not entries:
        return None
    columns = 1
    if where == "above":  # as many side by side as the figure's width has room for
        room = 9.5 * axes[0].figure.get_figwidth() * (0.8 if len(axes) == 1 else 1)
        columns = max(1, min(len(entries), int(room // (max(map(len, entries)) + 6))))
    given = {"handles": list(entries.values()), "labels": list(entries), "ncols": columns}
    if len(axes) > 1:
        place = "outside upper center" if where == "above" else "outside right upper"
        return axes[0].figure.legend(loc=place, **given)
    corner, at = ("lower left", (0, 1)) if where == "above" else ("upper left", (1, 1))
    return axes[0].legend(loc=corner, bbox_to_anchor=at, **given)
