"""Figures of attention: heat maps, and alignments of source and target."""

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from nlgnotes.intervals.sample import read_numbers
from nlgnotes.plotting.arguments import read_shares
from nlgnotes.plotting.style import BLUE, ORANGE, new_axes
from nlgnotes.validation import check_count, check_strings

__all__ = ["alignment_bars", "alignment_map", "attention_heatmap"]

NAMED = "one for each name"


def attention_heatmap(weights, tokens: Sequence[str], *, masked=None, title: str = "", ax=None):
    """How much each query (row) attends to each key (column); what is masked is hatched in grey.

    Args:
        weights: [queries, keys], each row a distribution; the last queries of the tokens if fewer
            than keys.
        tokens: one string per key.
        masked: [queries, keys], True where the query may not look. If None, all keys after the
            query, where every such weight is 0.
        title: above the picture.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: the tokens or the mask do not fit the weights, or a weight that is not masked
            lies outside [0, 1].
    """
    tokens, weights = check_strings("tokens", tokens), read_numbers("weights", weights)
    if weights.ndim != 2 or weights.shape[1] != len(tokens) or weights.shape[0] > len(tokens):
        raise ValueError(
            f"weights must be [queries, keys] with one token per key ({len(tokens)}); got "
            f"{weights.shape}"
        )
    if masked is None:
        later = np.triu(np.ones(weights.shape, bool), 1 + weights.shape[1] - weights.shape[0])
        masked = later & ~weights[later].any()
    masked = read_numbers("masked", masked).astype(bool)
    if masked.shape != weights.shape:
        raise ValueError(f"masked must be of shape {weights.shape}; got {masked.shape}")
    read_shares("weights", np.where(masked, 0, weights), weights.shape, "of the keys")
    ax = new_axes(ax)
    image = ax.imshow(
        np.ma.masked_array(weights, masked), vmin=0, vmax=1, cmap="Blues", aspect="auto"
    )
    bar = ax.figure.colorbar(image, ax=ax, label="attention weight")
    if masked.any():
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
        squares = np.argwhere(masked)[:, None, ::-1] + corners
        look = {"facecolor": "#d9d9d9", "edgecolor": "#8c8c8c", "linewidth": 0, "hatch": "//"}
        # One path of all squares: a collection would draw the hatch anew for each of them.
        ax.add_artist(PathPatch(Path.make_compound_path_from_polys(squares), **look))
        bar.ax.set_title("hatched:\nmasked", pad=12)  # clear of the highest number
    ax.set_xticks(range(len(tokens)), tokens, rotation=90)
    ax.set_yticks(range(len(weights)), tokens[len(tokens) - len(weights) :])
    ax.set(xlabel="key", ylabel="query", title=title)
    return ax


def alignment_map(
    weights, source: Sequence[str], written: Sequence[str], *, title: str = "", ax=None
):
    """A soft alignment: each written token (row) over the source (columns), deep blue for much.

    As in Bahdanau et al. 2015 (arXiv:1409.0473), figure 3.

    Args:
        weights: [written, source], each row at most 1 in all.
        source, written: one string per token; a row is named by what is written there.
        title: above the picture.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: the names do not fit the weights, or a weight lies outside [0, 1].
    """
    source, written = check_strings("source", source), check_strings("written", written)
    table = read_shares("weights", weights, (len(written), len(source)), NAMED)
    ax = new_axes(ax, (7.2, 3.6))
    image = ax.imshow(table, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="attention weight")
    ax.set_xticks(range(len(source)), source, rotation=90)
    ax.set_yticks(range(len(written)), written)
    ax.set(xlabel="read", ylabel="written", title=title)
    return ax


def alignment_bars(
    weights, source: Sequence[str], written: Sequence[str], step: int, *, title: str = "", ax=None
):
    """One step of an alignment: a bar over each token of the source, and what is written so far.

    Args:
        weights: [source], at most 1 in all.
        source: one string per token.
        written: all that is written in the end, one string per token.
        step: which of them is written now, from 0; the title ends in what stands before it, and it
            in brackets.
        title: above the picture, before that.
        ax: where to draw; a new figure if None.

    Returns:
        The axes; the largest bar has another colour and a heavier edge.

    Raises:
        ValueError: the names do not fit the weights, a weight lies outside [0, 1], or there is no
            such step.
    """
    source, written = check_strings("source", source), check_strings("written", written)
    step = check_count("step", step, 0)
    bars = read_shares("weights", weights, (len(source),), NAMED)
    if step >= len(written):
        raise ValueError(f"step must lie in [0, {len(written)}); got {step}")
    ax = new_axes(ax, (7.2, 2.8))
    most = int(bars.argmax())
    ax.bar(
        range(len(source)),
        bars,
        color=[ORANGE if i == most else BLUE for i in range(len(source))],
        edgecolor="black",
        linewidth=[1.5 if i == most else 0 for i in range(len(source))],
    )
    ax.set_xticks(range(len(source)), source, rotation=90)
    ax.set(
        ylim=(0, 1),
        ylabel="attention weight",
        title=f"{title} {''.join(written[:step])}[{written[step]}]".strip(),
    )
    return ax
