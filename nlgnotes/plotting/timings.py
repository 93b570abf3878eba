"""Figures of what a program costs: beside another one, and as its task grows."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.ticker import NullLocator, StrMethodFormatter

from nlgnotes.intervals.sample import read_numbers
from nlgnotes.plotting.arguments import check_named
from nlgnotes.plotting.style import BLACK, legend_outside, looks, new_axes
from nlgnotes.validation import check_kind, check_strings

__all__ = ["cost_curves", "speed_ratios"]


def speed_ratios(
    rows: Sequence[str],
    series: Mapping[str, Sequence[Sequence | None]],
    *,
    aims: Sequence | None = None,
    xlabel: str = "times as fast as the peer",
    ax=None,
):
    """How many times as fast, one line a row and one marker a series, on a logarithmic axis.

    Half and double have the same distance from 1, where a line stands.

    Args:
        rows: names, from the top downwards.
        series: a name -> for each row (low, ratio, high), or None where nothing was measured.
        aims: for each row the ratio that is wanted, a dotted mark across it, or None.
        xlabel: what the ratio says.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a series or ``aims`` has not one entry per row, or an entry is not
            0 < low <= ratio <= high.
    """
    rows = check_strings("rows", rows)
    check_named("series", series)
    every = {**series, "aims": [None] * len(rows) if aims is None else aims}
    for name, entries in every.items():
        check_kind(name if name == "aims" else f"series[{name!r}]", entries, Collection)
        if len(entries) != len(rows):
            raise ValueError(
                f"series must hold one entry per row ({len(rows)}); got {len(entries)} for {name}"
            )
    where = "above" if ax is None else "right"
    ax, look = new_axes(ax), looks(series)
    ax.axvline(1, color=BLACK, linewidth=1)
    row = np.array([i for i, aim in enumerate(every["aims"]) if aim is not None])
    if len(row):
        at = _positive("aims", [aim for aim in every["aims"] if aim is not None], row.shape)
        ax.vlines(at, row - 0.4, row + 0.4, color=BLACK, linestyle=":", linewidth=2, label="aim")
    for s, (name, entries) in enumerate(series.items()):
        there = [i for i, entry in enumerate(entries) if entry is not None]
        low, value, high = _positive(
            f"series[{name!r}]", [entries[i] for i in there], (len(there), 3)
        ).T
        if not ((low <= value) & (value <= high)).all():
            raise ValueError(f"series must hold 0 < low <= ratio <= high; got others for {name}")
        place = np.array(there) + (s - (len(series) - 1) / 2) * 0.3
        error = np.stack([value - low, high - value])
        drawn = look[name] | {"linestyle": "none", "capsize": 3, "markersize": 6}
        ax.errorbar(value, place, xerr=error, label=name, **drawn)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", linewidth=0.5, alpha=0.5)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel)
    legend_outside(ax, where=where)
    return ax


def cost_curves(
    sizes: Sequence,
    curves: Mapping[str, Sequence[Sequence]],
    *,
    xlabel: str,
    ylabel: str = "seconds",
    ax=None,
):
    """Seconds against the size of a task, both logarithmic: a power is a straight line.

    Marked is the median of the rounds, and the bar reaches from the fastest to the slowest one. A
    dotted line through the last median of the first curve shows what grows in proportion.

    Args:
        sizes: of the task.
        curves: a name -> rounds, each with one time per size.
        xlabel, ylabel: of the axes.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a curve whose rounds have not one time per size, or a number outside
            [1e-200, 1e200].
    """
    check_named("curves", curves)
    x = read_numbers("sizes", sizes)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"sizes must be a row of at least one number; got shape {x.shape}")
    x = _positive("sizes", x, x.shape)
    where = "above" if ax is None else "right"
    ax, look = new_axes(ax), looks(curves)
    for c, (name, rounds) in enumerate(curves.items()):
        y = read_numbers(f"curves[{name!r}]", rounds)
        if y.ndim != 2 or y.shape[1] != len(x) or not len(y):
            raise ValueError(
                f"curves must hold rounds of {len(x)} times; got shape {y.shape} for {name}"
            )
        middle = np.median(_positive(f"curves[{name!r}]", y, y.shape), 0)
        if not c:
            proportional = middle[-1] * x / x[-1]
            ax.plot(x, proportional, ":", color=BLACK, linewidth=1.2, label="in proportion")
        error = np.stack([middle - y.min(0), y.max(0) - middle])
        dash = ("-", "--", "-.")[c % 3]
        drawn = look[name] | {"linestyle": dash, "capsize": 2, "markersize": 5, "linewidth": 1.5}
        ax.errorbar(x, middle, yerr=error, label=name, **drawn)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    # From the largest on every size, or every second or third one: five have room.
    marked = x[:: -math.ceil(len(x) / 5)]
    ax.set_xticks(marked, [f"{size:g}" for size in marked])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend_outside(ax, where=where)
    return ax


def _positive(name: str, values: object, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that a logarithmic axis can show, from 1e-200 to 1e200, as an array of a shape."""
    x = read_numbers(name, values if len(values) else np.empty(shape))
    if x.shape != shape:
        raise ValueError(f"{name} must be of shape {shape}; got {x.shape}")
    if not ((x >= 1e-200) & (x <= 1e200)).all():
        raise ValueError(f"{name} must lie in [1e-200, 1e200]; got {x.min():g} to {x.max():g}")
    return x
