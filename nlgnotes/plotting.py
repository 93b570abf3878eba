"""The book's figures: arrays in, ``ax`` out. Nothing is computed here, and colour is never the only sign."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from nlgnotes.estimate import Interval

__all__ = [
    "BLACK", "BLUE", "GREEN", "MARKERS", "ORANGE", "PALETTE", "PURPLE", "RED", "SKY", "YELLOW", "attention_heatmap", "forest",
    "frontier", "lines", "log_rank", "next_token_bars", "probability_maps", "property_matrix", "simplex", "style",
]  # fmt: skip

# Okabe and Ito (2008): told apart with any of the common colour deficiencies.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
SKY, YELLOW, BLACK = "#56B4E9", "#F0E442", "#000000"
PALETTE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)  # yellow is too light for a line on white
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def style() -> None:
    """Set the book's look for every later figure: its palette, opaque white, 12-point labels."""
    mpl.rcParams.update({
        "axes.prop_cycle": mpl.cycler(color=PALETTE), "figure.facecolor": "white", "axes.facecolor": "white",
        "savefig.facecolor": "white", "savefig.transparent": False, "figure.figsize": (6.4, 4.0), "figure.dpi": 100,
        "font.size": 12, "axes.labelsize": 12, "axes.titlesize": 12, "xtick.labelsize": 11, "ytick.labelsize": 11,
        "legend.fontsize": 11, "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": False, "lines.linewidth": 2, "figure.constrained_layout.use": True, "image.cmap": "cividis",
    })  # fmt: skip


def attention_heatmap(weights, tokens: Sequence[str], *, title: str = "", ax=None):
    """How much each query (row) attends to each key (column).

    Args:
        weights: [queries, keys], each row a distribution; the last queries of the tokens if fewer than keys.
        tokens: one string per key.
        title: above the picture.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the tokens do not fit the weights.
    """
    weights = np.asarray(weights)
    if weights.ndim != 2 or weights.shape[1] != len(tokens) or weights.shape[0] > len(tokens):
        raise ValueError(f"weights must be [queries, keys] with one token per key ({len(tokens)}); got {weights.shape}")
    ax = _axes(ax)
    image = ax.imshow(weights, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="attention weight")
    ax.set_xticks(range(len(tokens)), tokens, rotation=90)
    ax.set_yticks(range(len(weights)), tokens[len(tokens) - len(weights) :])
    ax.set(xlabel="key", ylabel="query", title=title)
    return ax


def frontier(curves: Mapping[str, tuple], *, xlabel: str = "diversity", ylabel: str = "quality (nats per token)", ax=None):
    """Quality against diversity, one curve per sampler, each with its own colour and marker.

    Args:
        curves: name -> (diversity, quality), or (diversity, quality, low, high) with the ends of the quality's interval.
        xlabel, ylabel: of the axes.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a curve is not made of equally long sequences.
    """
    ax = _axes(ax)
    for i, (name, curve) in enumerate(curves.items()):
        columns = [np.atleast_1d(np.asarray(c, dtype=float)) for c in curve]
        if len(columns) not in (2, 4) or len({c.shape for c in columns}) > 1:
            shapes = [c.shape for c in columns]
            raise ValueError(f"curves must hold (diversity, quality[, low, high]) of one length; got {shapes} for {name}")
        x, y = columns[:2]
        error = None if len(columns) == 2 else np.abs(np.stack([y - columns[2], columns[3] - y]))
        look = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
        ax.errorbar(x, y, yerr=error, label=name, capsize=2, markersize=6, linewidth=1.5, **look)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax


def next_token_bars(tokens: Sequence[str], before, after, *, labels: tuple[str, str] = ("model", "after"), ax=None):
    """A next-token distribution before (outline) and after (filled) a transform; a dropped token is marked with a cross.

    Args:
        tokens: one string per bar.
        before, after: probabilities of these tokens.
        labels: what the two are called.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the three lengths differ.
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if not before.shape == after.shape == (len(tokens),):
        raise ValueError(f"before and after must hold one number per token ({len(tokens)}); got {before.shape} and {after.shape}")
    ax = _axes(ax)
    place = np.arange(len(tokens))
    ax.bar(place, after, color=BLUE, width=0.6, label=labels[1])
    ax.bar(place, before, facecolor="none", edgecolor=BLACK, width=0.85, linewidth=1.2, label=labels[0])
    dropped = place[(after == 0) & (before > 0)]
    if len(dropped):
        ax.plot(dropped, 0 * dropped, linestyle="none", marker="x", color=RED, clip_on=False, zorder=3, label="dropped")
    ax.set_xticks(place, tokens, rotation=60, ha="right")
    ax.set_ylabel("probability")
    ax.legend()
    return ax


def probability_maps(maps: Mapping[str, object], rows: Sequence[str], columns: Sequence[str], *, group: int | None = None, axes=None):
    """Tables of probabilities side by side, dark for much, all on one scale that starts at 0.

    Args:
        maps: a title -> [rows, columns].
        rows, columns: the names, drawn once (rows beside the first map only).
        group: draw a thin line after every ``group`` rows and columns.
        axes: where to draw, one per map; a new wide figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: a map does not fit the names.
    """
    tables = {title: np.asarray(table, dtype=float) for title, table in maps.items()}
    for title, table in tables.items():
        if table.shape != (len(rows), len(columns)):
            raise ValueError(f"maps must be [{len(rows)} rows, {len(columns)} columns]; got {table.shape} for {title}")
    if axes is None:
        axes = plt.subplots(1, len(tables), figsize=(2.5 * len(tables) + 1.3, 3.5), squeeze=False)[1][0]
    most = max(table.max() for table in tables.values())
    for i, (ax, (title, table)) in enumerate(zip(axes, tables.items(), strict=True)):
        image = ax.imshow(table, vmin=0, vmax=most, cmap="Blues")
        ax.set_title(title)
        ax.set_xticks(range(len(columns)), columns, rotation=90)
        ax.set_yticks(range(len(rows)), rows if i == 0 else [""] * len(rows))
        for edge in range(group or len(rows), len(rows), group or len(rows)):
            ax.axhline(edge - 0.5, color=BLACK, linewidth=0.7)
            ax.axvline(edge - 0.5, color=BLACK, linewidth=0.7)
    axes[0].figure.colorbar(image, ax=list(axes), label="probability", shrink=0.75)
    return axes


def property_matrix(shares, rows: Sequence[str], columns: Sequence[str], *, ax=None):
    """Which transform (row) has which property (column): a word in every cell, and the share of inputs on which it held.

    Args:
        shares: [rows, columns], in [0, 1]; 1 reads "holds", anything less "broken" with its percentage.
        rows, columns: the names.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the names do not fit, or a share lies outside [0, 1].
    """
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (len(rows), len(columns)):
        raise ValueError(f"shares must be [{len(rows)} rows, {len(columns)} columns]; got {shares.shape}")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"shares must lie in [0, 1]; got {shares.min():g} to {shares.max():g}")
    ax = _axes(ax)
    # Light blue and light orange: black words keep a contrast above 10 to 1 on both.
    ax.imshow(shares == 1, cmap=mpl.colors.ListedColormap(["#FBDDB5", "#CDE6F5"]), vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(shares.shape):
        # Rounded downwards: 99.99 % is not shown as 100.
        text = "✓ holds" if shares[i, j] == 1 else f"✗ broken\n(held {np.floor(shares[i, j] * 1000) / 10:g} %)"
        ax.text(j, i, text, ha="center", va="center", fontsize=10, color=BLACK)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    return ax


def log_rank(before, after, lights: Mapping[str, bool], *, floor: float = 1e-5, ax=None):
    """Probability against rank, both on log scales, before (grey line) and after (blue dots) a transform, with a light per property.

    Args:
        before: probabilities, sorted downwards.
        after: of the same tokens in the same order; a dropped one (0) is a cross on the ``floor``.
        lights: a property's name -> whether it held: a tick on blue, or a cross on orange.
        floor: the lowest probability shown.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the lengths differ, or ``before`` is not sorted.
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if before.ndim != 1 or before.shape != after.shape or (np.diff(before) > 0).any():
        raise ValueError(f"before and after must be one-dimensional, of one length, before sorted; got {before.shape} and {after.shape}")
    ax = _axes(ax)
    rank, kept = np.arange(1, len(before) + 1), after > 0
    ax.plot(rank, before, color="#777777", label="before")
    ax.plot(rank[kept], after[kept], color=BLUE, marker="o", markersize=4, linestyle="none", label="after")
    name = "_nolegend_" if kept.all() else "dropped"
    ax.plot(rank[~kept], np.full((~kept).sum(), floor), color=RED, marker="x", markersize=4, linestyle="none", label=name, clip_on=False)
    ax.set(xscale="log", yscale="log", xlim=(0.9, len(before) * 1.1), ylim=(floor, 1.3), xlabel="rank of the token", ylabel="probability")
    for i, (name, held) in enumerate(lights.items()):
        box = {"facecolor": "#CDE6F5" if held else "#FBDDB5", "edgecolor": "none", "pad": 4}
        place = ((i + 0.5) / len(lights), 1.03)
        ax.text(*place, f"{'✓' if held else '✗'} {name}", transform=ax.transAxes, ha="center", va="bottom", bbox=box, color=BLACK)
    ax.legend(loc="upper right")
    return ax


def forest(rows: Sequence[str], groups: Mapping[str, Sequence[Interval]], *, band: float | None = None, xlabel: str = "", ax=None):
    """Intervals side by side, one line of the picture per row and one marker per group, around zero.

    Args:
        rows: names, from the top downwards.
        groups: a group's name -> one interval per row.
        band: a margin, shaded from -band to +band.
        xlabel: what is measured, with its unit.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a group does not hold one interval per row.
    """
    for name, intervals in groups.items():
        if len(intervals) != len(rows):
            raise ValueError(f"groups must hold one interval per row ({len(rows)}); got {len(intervals)} for {name}")
    ax = _axes(ax)
    if band is not None:
        ax.axvspan(-band, band, color=BLACK, alpha=0.1, linewidth=0, label="margin")
    ax.axvline(0, color=BLACK, linewidth=1)
    for g, (name, intervals) in enumerate(groups.items()):
        place = np.arange(len(rows)) + (g - (len(groups) - 1) / 2) * 0.3
        value = np.array([i.value for i in intervals])
        error = np.abs(np.array([[i.value - i.low, i.high - i.value] for i in intervals]).T)
        ax.errorbar(value, place, xerr=error, linestyle="none", marker=MARKERS[g], color=PALETTE[g], capsize=2, markersize=6, label=name)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel)
    ax.legend()
    return ax


def lines(curves: Mapping[str, tuple], *, xlabel: str, ylabel: str, ax=None):
    """Several curves over one axis, each with its own colour, dash and marker, its name at its right end.

    ``curves`` is name -> (x, y), or (x, y, low, high) with a band; ``ax`` None makes a new figure.

    Raises:
        ValueError: a curve is not made of equally long sequences.
    """
    ax, ends = _axes(ax), []
    for i, (name, curve) in enumerate(curves.items()):
        columns = [np.atleast_1d(np.asarray(c, dtype=float)) for c in curve]
        if len(columns) not in (2, 4) or len({c.shape for c in columns}) > 1:
            raise ValueError(f"curves must hold (x, y[, low, high]) of one length; got {[c.shape for c in columns]} for {name}")
        x, y = columns[:2]
        look = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)], "linestyle": ("-", "--", "-.", ":")[i % 4]}
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
        ax.annotate(name, (x, y), xytext=(6, shift), textcoords="offset points", va="center", color=colour, annotation_clip=False)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def simplex(points, corners: Sequence[str], *, ax=None):
    """Distributions over three choices as points of a triangle, coloured and marked by their largest entry, counted at the corners.

    Args:
        points: [n, 3], each row a distribution.
        corners: the names of the three choices.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the points are no distributions over three choices, or there are not three names.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 3 or len(corners) != 3 or not np.allclose(points.sum(1), 1):
        raise ValueError(f"points must be [n, 3], each row adding up to 1, with 3 corners; got {points.shape} and {len(corners)} corners")
    ax = _axes(ax)
    place = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
    ax.plot(*np.vstack([place, place[:1]]).T, color=BLACK, linewidth=1)
    largest = points.argmax(1)
    for i, (name, shift) in enumerate(zip(corners, ((-18, -16), (18, -16), (0, 12)), strict=True)):
        own = points[largest == i] @ place
        ax.plot(*own.T, color=PALETTE[i], marker=MARKERS[i], markersize=5, alpha=0.6, linestyle="none", clip_on=False)
        ax.annotate(f"{name}: {len(own)}", place[i], xytext=shift, textcoords="offset points", ha="center", va="center", color=PALETTE[i])
    ax.set(xlim=(-0.12, 1.12), ylim=(-0.12, 1.0), aspect="equal")
    ax.axis("off")
    return ax


def _axes(ax):
    return plt.subplots()[1] if ax is None else ax
