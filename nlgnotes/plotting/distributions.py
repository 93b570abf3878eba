"""Figures of distributions: bars, maps, log-rank plots, the simplex."""

from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from nlgnotes.intervals.sample import read_numbers
from nlgnotes.plotting.arguments import check_axes, check_named, read_shares
from nlgnotes.plotting.style import (
    BLACK,
    BLUE,
    MARKERS,
    PALETTE,
    RED,
    legend_outside,
    new_axes,
    readable,
)
from nlgnotes.validation import check_count, check_flag, check_interval, check_kind, check_strings

__all__ = ["log_rank", "next_token_bars", "probability_maps", "property_matrix", "simplex"]


def next_token_bars(
    tokens: Sequence[str], before, after, *, labels: tuple[str, str] = ("model", "after"), ax=None
):
    """A next-token distribution before (outline) and after (filled) a transform.

    A dropped token is marked with a cross.

    Args:
        tokens: one string per bar.
        before, after: probabilities of these tokens.
        labels: what the two are called.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the three lengths differ, or a probability lies outside [0, 1].
    """
    tokens, labels = check_strings("tokens", tokens), check_strings("labels", labels, least=2)
    before = read_shares("before", before, (len(tokens),), "one number per token")
    after = read_shares("after", after, (len(tokens),), "one number per token")
    ax = new_axes(ax)
    place = np.arange(len(tokens))
    ax.bar(place, after, color=BLUE, width=0.6, label=labels[1])
    ax.bar(
        place, before, facecolor="none", edgecolor=BLACK, width=0.85, linewidth=1.2, label=labels[0]
    )
    dropped = place[(after == 0) & (before > 0)]
    if len(dropped):
        ax.plot(
            dropped,
            0 * dropped,
            linestyle="none",
            marker="x",
            color=RED,
            clip_on=False,
            zorder=3,
            label="dropped",
        )
    ax.set_xticks(place, tokens, rotation=60, ha="right")
    ax.set_ylabel("probability")
    legend_outside(ax)
    return ax


def probability_maps(
    maps: Mapping[str, object],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    group: int | None = None,
    axes=None,
):
    """Tables of probabilities side by side, dark for much, all on one scale that starts at 0.

    Args:
        maps: a title -> [rows, columns].
        rows, columns: the names, drawn once (rows beside the first map only).
        group: draw a thin line after every ``group`` rows and columns.
        axes: where to draw, one per map; a new wide figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: a map does not fit the names, a probability lies outside [0, 1], or there is
            not one axes per map.
    """
    check_named("maps", maps)
    rows, columns = check_strings("rows", rows), check_strings("columns", columns)
    shape, group = (len(rows), len(columns)), None if group is None else check_count("group", group)
    if not maps:
        raise ValueError("maps must hold at least one map; got none")
    tables = {
        title: read_shares(f"maps[{title!r}]", table, shape, "[rows, columns]")
        for title, table in maps.items()
    }
    if axes is None:
        axes = plt.subplots(1, len(tables), figsize=(2.5 * len(tables) + 1.3, 3.5), squeeze=False)[
            1
        ][0]
    check_kind("axes", axes, Collection)
    for ax in axes:
        check_axes("axes", ax)
    if len(axes) != len(tables):
        raise ValueError(f"axes must be one per map ({len(tables)}); got {len(axes)}")
    most = max(table.max() for table in tables.values())
    for i, (ax, (title, table)) in enumerate(zip(axes, tables.items(), strict=True)):
        image = ax.imshow(table, vmin=0, vmax=most, cmap="Blues")
        ax.set_title(title)
        ax.set_xticks(range(len(columns)), columns, rotation=90)
        ax.set_yticks(range(len(rows)), rows if i == 0 else [""] * len(rows))
        for edge in range(group or max(shape), max(shape), group or 1):
            if edge < len(rows):
                ax.axhline(edge - 0.5, color=BLACK, linewidth=0.7)
            if edge < len(columns):
                ax.axvline(edge - 0.5, color=BLACK, linewidth=0.7)
    axes[0].figure.colorbar(image, ax=list(axes), label="probability", shrink=0.75)
    return axes


def property_matrix(shares, rows: Sequence[str], columns: Sequence[str], *, ax=None):
    """Which transform (row) has which property (column), with the share of inputs on which it held.

    Args:
        shares: [rows, columns], in [0, 1]; 1 reads "holds", anything less "broken" with its
            percentage.
        rows, columns: the names.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the names do not fit, or a share lies outside [0, 1].
    """
    rows, columns = check_strings("rows", rows), check_strings("columns", columns)
    shares = read_shares("shares", shares, (len(rows), len(columns)), "[rows, columns]")
    if shares.max() > 1:
        raise ValueError(f"shares must lie in [0, 1]; got {shares.max()}")
    ax = new_axes(ax)
    # Light blue and light orange: black words keep a contrast above 10 to 1 on both.
    ax.imshow(
        shares == 1,
        cmap=mpl.colors.ListedColormap(["#FBDDB5", "#CDE6F5"]),
        vmin=0,
        vmax=1,
        aspect="auto",
    )
    for i, j in np.ndindex(shares.shape):
        # Rounded downwards: 99.99 % is not shown as 100.
        text = (
            "✓ holds"
            if shares[i, j] == 1
            else f"✗ broken\n(held {np.floor(shares[i, j] * 1000) / 10:g} %)"
        )
        ax.text(j, i, text, ha="center", va="center", color=BLACK)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    return ax


def log_rank(before, after, properties: Mapping[str, bool], *, floor: float = 1e-5, ax=None):
    """Probability against rank, on log scales, before and after a transform, and what held.

    Before is a grey line, after are blue dots.

    Args:
        before: probabilities, sorted downwards.
        after: of the same tokens in the same order; a dropped one (0) is a cross on the ``floor``.
        properties: a property's name -> whether it held: a tick on blue, or a cross on orange.
        floor: the lowest probability shown.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the lengths differ, ``before`` is not sorted, a probability lies outside [0, 1],
            or ``floor`` outside [1e-300, 1].
    """
    before, after = read_numbers("before", before), read_numbers("after", after)
    one = before.ndim == 1 and before.size and before.shape == after.shape
    if not one or (np.diff(before) > 0).any():
        raise ValueError(
            "before and after must be one-dimensional, of one length, before sorted; got "
            f"{before.shape} and {after.shape}"
        )
    for name, values in (("before", before), ("after", after)):
        read_shares(name, values, before.shape, "one per token")
    check_named("properties", properties)
    floor = check_interval("floor", floor, 1e-300, 1)
    ax = new_axes(ax)
    rank, kept = np.arange(1, len(before) + 1), after > 0
    ax.plot(rank, before, color="#777777", label="before")
    ax.plot(
        rank[kept],
        after[kept],
        color=BLUE,
        marker="o",
        markersize=4,
        linestyle="none",
        label="after",
    )
    name = "_nolegend_" if kept.all() else "dropped"
    ax.plot(
        rank[~kept],
        np.full((~kept).sum(), floor),
        color=RED,
        marker="x",
        markersize=4,
        linestyle="none",
        label=name,
        clip_on=False,
    )
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(0.9, len(before) * 1.1),
        ylim=(floor, 1.3),
        xlabel="rank of the token",
        ylabel="probability",
    )
    for i, (name, held) in enumerate(properties.items()):
        held = check_flag(f"properties[{name!r}]", held)
        box = {"facecolor": "#CDE6F5" if held else "#FBDDB5", "edgecolor": "none", "pad": 2.5}
        place = ((i + 0.5) / len(properties), 1.03)
        ax.text(
            *place,
            f"{'✓' if held else '✗'} {name}",
            transform=ax.transAxes,
            ha="center",
            va="bottom",
            bbox=box,
            color=BLACK,
        )
    legend_outside(ax)
    return ax


def simplex(points, corners: Sequence[str], *, ax=None):
    """Distributions over three choices as points of a triangle, counted at the corners.

    Points are coloured and marked by their largest entry.

    Args:
        points: [n, 3], each row a distribution.
        corners: the names of the three choices.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the points are no distributions over three choices, or there are not three
            names.
    """
    points, corners = read_numbers("points", points), check_strings("corners", corners)
    if (
        points.ndim != 2
        or points.shape[1] != 3
        or len(corners) != 3
        or not np.allclose(points.sum(1), 1)
    ):
        raise ValueError(
            f"points must be [n, 3], each row adding up to 1, with 3 corners; got {points.shape} "
            f"and {len(corners)} corners"
        )
    read_shares("points", points, points.shape, "[n, 3]")
    ax = new_axes(ax)
    place = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
    ax.plot(*np.vstack([place, place[:1]]).T, color=BLACK, linewidth=1)
    largest = points.argmax(1)
    for i, (name, shift) in enumerate(zip(corners, ((-18, -16), (18, -16), (0, 12)), strict=True)):
        own = points[largest == i] @ place
        ax.plot(
            *own.T,
            color=PALETTE[i],
            marker=MARKERS[i],
            markersize=5,
            alpha=0.6,
            linestyle="none",
            clip_on=False,
        )
        ax.annotate(
            f"{name}: {len(own)}",
            place[i],
            xytext=shift,
            textcoords="offset points",
            ha="center",
            va="center",
            color=readable(PALETTE[i]),
        )
    ax.set(xlim=(-0.12, 1.12), ylim=(-0.12, 1.0), aspect="equal")
    ax.axis("off")
    return ax
