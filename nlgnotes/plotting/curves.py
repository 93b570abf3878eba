"""Figures of curves and intervals: frontiers, forest plots, lines with bands."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from nlgnotes.intervals import Interval
from nlgnotes.plotting.arguments import check_named, read_curve
from nlgnotes.plotting.style import BLACK, legend_outside, looks, new_axes, readable
from nlgnotes.validation import check_interval, check_kind, check_strings

__all__ = ["forest", "frontier", "lines"]

MOST = 1e300  # beyond, matplotlib's margins overflow


def frontier(
    curves: Mapping[str, tuple],
    *,
    xlabel: str = "diversity",
    ylabel: str = "quality (nats per token)",
    colors: Mapping[str, str] | None = None,
    ax=None,
):
    """Quality against diversity, one curve per sampler, each with its own colour and marker.

    Args:
        curves: name -> (diversity, quality), or (diversity, quality, low, high) with the ends of
            the quality's interval.
        xlabel, ylabel: of the axes.
        colors: a curve's name to its colour; its marker goes with it.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a curve is not made of equally long sequences of finite numbers, or an interval
            does not hold its value.
    """
    check_named("curves", curves)
    where = "above" if ax is None else "right"
    ax, look = new_axes(ax), looks(curves, colors)
    for name, curve in curves.items():
        columns = read_curve(curve, "diversity, quality", name)
        x, y = columns[:2]
        error = None
        if len(columns) == 4:
            low, high = columns[2:]
            # Up to rounding.
            if not (((low <= y) | np.isclose(low, y)) & ((y <= high) | np.isclose(y, high))).all():
                raise ValueError(f"curves must hold low <= {ylabel} <= high; got others for {name}")
            error = np.abs(np.stack([y - low, high - y]))
        drawn = look[name] | {"capsize": 2, "markersize": 6, "linewidth": 1.5}
        ax.errorbar(x, y, yerr=error, label=name, **drawn)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend_outside(ax, where=where)
    return ax


def forest(
    rows: Sequence[str],
    groups: Mapping[str, Sequence[Interval]],
    *,
    band: float | None = None,
    xlabel: str = "",
    colors: Mapping[str, str] | None = None,
    ax=None,
):
    """Intervals side by side around zero: one line a row, one marker a group.

    Args:
        rows: names, from the top downwards.
        groups: a group's name -> one interval per row.
        band: a margin, shaded from -band to +band.
        xlabel: what is measured, with its unit.
        colors: a group's name to its colour; its marker goes with it.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a group does not hold one interval per row, or ``band`` is negative.
    """
    rows = check_strings("rows", rows)
    check_named("groups", groups)
    band = None if band is None else check_interval("band", band, 0, MOST)
    for name, intervals in groups.items():
        check_kind(f"groups[{name!r}]", intervals, Collection)
        for each in intervals:
            check_kind(f"groups[{name!r}]", each, Interval)
        if len(intervals) != len(rows):
            raise ValueError(
                f"groups must hold one interval per row ({len(rows)}); got {len(intervals)} for "
                f"{name}"
            )
    where = "above" if ax is None else "right"
    ax, look = new_axes(ax), looks(groups, colors)
    if band is not None:
        ax.axvspan(-band, band, color=BLACK, alpha=0.1, linewidth=0, label="margin")
    ax.axvline(0, color=BLACK, linewidth=1)
    for g, (name, intervals) in enumerate(groups.items()):
        place = np.arange(len(rows)) + (g - (len(groups) - 1) / 2) * 0.3
        value = np.array([i.value for i in intervals])
        error = np.abs(np.array([[i.value - i.low, i.high - i.value] for i in intervals]).T)
        ax.errorbar(
            value,
            place,
            xerr=error,
            linestyle="none",
            capsize=2,
            markersize=6,
            label=name,
            **look[name],
        )
    ax.set_yticks(range(len(rows)), rows)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel)
    legend_outside(ax, where=where)
    return ax


def lines(
    curves: Mapping[str, tuple],
    *,
    xlabel: str,
    ylabel: str,
    colors: Mapping[str, str] | None = None,
    ax=None,
):
    """Several curves, each with its own colour, dash and marker, its name at its right end.

    Args:
        curves: name -> (x, y), or (x, y, low, high) with a band.
        xlabel, ylabel: of the axes.
        colors: a curve's name to its colour; its marker goes with it.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a curve is not made of equally long sequences of finite numbers.
    """
    check_named("curves", curves)
    ax, ends, chosen = new_axes(ax), [], looks(curves, colors)
    for i, (name, curve) in enumerate(curves.items()):
        columns = read_curve(curve, "x, y", name)
        x, y = columns[:2]
        look = chosen[name] | {"linestyle": ("-", "--", "-.", ":")[i % 4]}
        ax.plot(x, y, label=name, markersize=5, markevery=max(1, len(x) // 12), **look)
        if len(columns) == 4:
            ax.fill_between(x, columns[2], columns[3], color=look["color"], alpha=0.2, linewidth=0)
        ends.append((x[-1], y[-1], name, look["color"]))
    ends.sort(key=lambda end: end[1])
    low, high = ax.get_ylim()
    for i, (x, y, name, colour) in enumerate(ends):
        # Two names whose curves end together are moved apart.
        near = [j for j in range(len(ends)) if j != i and abs(ends[j][1] - y) < 0.08 * (high - low)]
        shift = 8 * sum(1 if j < i else -1 for j in near)
        ax.annotate(
            name,
            (x, y),
            xytext=(6, shift),
            textcoords="offset points",
            va="center",
            color=readable(colour),
            annotation_clip=False,
        )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax
