"""Figures of what a program costs: beside another one, and as its task grows."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import NullLocator, StrMethodFormatter

from nlgnotes.plotting.style import BLACK, legend_outside, looks, new_axes

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
    where = "above" if ax is None else "right"
    ax, look = new_axes(ax), looks(series)
    ax.axvline(1, color=BLACK, linewidth=1)
    every = {**series, "aims": [None] * len(rows) if aims is None else aims}
    for name, entries in every.items():
        if len(entries) != len(rows):
            raise ValueError(
                f"series must hold one entry per row ({len(rows)}); got {len(entries)} for {name}"
            )
    wanted = [(aim, row) for row, aim in enumerate(every["aims"]) if aim is not None]
    if wanted:
        at, row = np.array(wanted, dtype=float).T
        ax.vlines(at, row - 0.4, row + 0.4, color=BLACK, linestyle=":", linewidth=2, label="aim")
    for s, (name, entries) in enumerate(series.items()):
        there = [i for i, entry in enumerate(entries) if entry is not None]
        low, value, high = np.array([entries[i] for i in there], dtype=float).reshape(-1, 3).T
        if not ((low > 0) & (low <= value) & (value <= high)).all():
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
        ValueError: a curve whose rounds have not one time per size.
    """
    where = "above" if ax is None else "right"
    ax, look, x = new_axes(ax), looks(curves), np.asarray(sizes, dtype=float)
    for c, (name, rounds) in enumerate(curves.items()):
        y = np.asarray(rounds, dtype=float)
        if y.ndim != 2 or y.shape[1] != len(x):
            raise ValueError(
                f"curves must hold rounds of {len(x)} times; got shape {y.shape} for {name}"
            )
        middle = np.median(y, 0)
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
