"""Which characters of the source a writer looks at: all its steps as a map, or one step as bars."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from nlgnotes.plotting import BLUE, ORANGE

__all__ = ["alignment_bars", "alignment_map"]


def alignment_map(weights, source: Sequence[str], written: Sequence[str], *, title: str = "", ax=None):
    """A soft alignment (Bahdanau et al. 2015, arXiv:1409.0473): each written token (row) over the source (columns), dark for much.

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
    table = _weights(weights, (len(written), len(source)))
    ax = plt.subplots(figsize=(7.2, 3.6))[1] if ax is None else ax
    image = ax.imshow(table, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="attention weight")
    ax.set_xticks(range(len(source)), source, rotation=90)
    ax.set_yticks(range(len(written)), written)
    ax.set(xlabel="read", ylabel="written", title=title)
    return ax


def alignment_bars(weights, source: Sequence[str], written: Sequence[str], step: int, *, title: str = "", ax=None):
    """One step of a writer: a bar over each token of the source, what is written so far, and what is written now.

    Args:
        weights: [source], at most 1 in all.
        source: one string per token.
        written: all that is written in the end, one string per token.
        step: which of them is written now, from 0; the title ends in what stands before it, and it in brackets.
        title: above the picture, before that.
        ax: where to draw; a new figure if None.

    Returns:
        The axes; the largest bar has another colour and a heavier edge.

    Raises:
        ValueError: the names do not fit the weights, a weight lies outside [0, 1], or there is no such step.
    """
    bars = _weights(weights, (len(source),))
    if not 0 <= step < len(written):
        raise ValueError(f"step must lie in [0, {len(written)}); got {step}")
    ax = plt.subplots(figsize=(7.2, 2.8))[1] if ax is None else ax
    most = int(bars.argmax())
    ax.bar(range(len(source)), bars, color=[ORANGE if i == most else BLUE for i in range(len(source))], edgecolor="black",
           linewidth=[1.5 if i == most else 0 for i in range(len(source))])  # fmt: skip
    ax.set_xticks(range(len(source)), source, rotation=90)
    ax.set(ylim=(0, 1), ylabel="attention weight", title=f"{title} {''.join(written[:step])}[{written[step]}]".strip())
    return ax


def _weights(weights, shape: tuple[int, ...]) -> np.ndarray:
    table = np.asarray(weights, dtype=float)
    if table.shape != shape:
        raise ValueError(f"weights must be of shape {shape}, one for each name; got {table.shape}")
    if not ((table >= 0) & (table <= 1 + 1e-4)).all():
        raise ValueError(f"weights must lie in [0, 1]; got {table.min():g} to {table.max():g}")
    return table
