"""Surprisal word by word: as coloured text, and as two curves."""

import html
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

from nlgnotes.intervals.sample import read_numbers
from nlgnotes.plotting.style import BLUE, ORANGE, RED, legend_outside, new_axes
from nlgnotes.validation import check_positive, check_strings

__all__ = ["surprisal_by_word", "surprisal_html"]


def surprisal_html(tokens: Sequence[str], surprisals, *, most: float = 8.0) -> str:
    """A text as HTML, each token with its surprisal as tint, underline and number.

    Args:
        tokens: one string per token.
        surprisals: -log p of each, in nats.
        most: the surprisal of the strongest tint.

    Returns:
        A string; give it to ``IPython.display.HTML``. The tint lies half transparent on the page's
        ground, and the letters have the page's colour, so that it reads in light and dark.

    Raises:
        ValueError: the lengths differ, or a surprisal is negative or NaN.
    """
    values = _surprisals(tokens, surprisals)
    most, spans = check_positive("most", most), []
    for token, value in zip(tokens, values, strict=True):
        share = min(value / most, 1.0)
        line = f"{1 + round(4 * share)}px solid"
        look = f"background:{_tint(share)};border-bottom:{line};padding:0 .15em"
        number = f'<span style="display:block;font-size:.7em;line-height:1.2">{value:.1f}</span>'
        word = html.escape(token).replace("\n", "↵")
        look = f"display:inline-block;text-align:center;white-space:pre;margin:.15em .1em;{look}"
        spans.append(f'<span style="{look}">{word or "∅"}{number}</span>')
    label = "tokens with their surprisal in nats"
    return f'<div role="group" aria-label="{label}" style="line-height:1.5">{"".join(spans)}</div>'


def surprisal_by_word(words: Sequence[str], language, model, *, ax=None):
    """The surprisal of each word of a text under the language and under a model, as two marks.

    Args:
        words: the text, one string per word.
        language, model: -log p of each word, in nats.
        ax: where to draw; a new wide figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: the lengths differ, or a surprisal is negative or NaN.
    """
    exact, guessed = _surprisals(words, language), _surprisals(words, model)
    ax = new_axes(ax, (10, 3.8))
    place = np.arange(len(words))
    ax.vlines(place, 0, exact, color="0.8", linewidth=6, zorder=1)
    ax.plot(place, exact, "o", color=BLUE, markersize=10, label="the language (exact)")
    ax.plot(
        place, guessed, "x", color=RED, markersize=9, markeredgewidth=2.5, label="a model of it"
    )
    ax.set_xticks(place, words, rotation=60, ha="right", rotation_mode="anchor")
    ax.set(ylabel="surprisal, nats", ylim=(0, None))
    legend_outside(ax, where="above")
    return ax


def _surprisals(tokens: Sequence[str], surprisals) -> np.ndarray:
    tokens = check_strings("tokens", tokens, least=0)
    values = read_numbers("surprisals", surprisals)
    if values.shape != (len(tokens),):
        raise ValueError(
            f"surprisals must hold one number per token ({len(tokens)}); got {values.shape}"
        )
    if not (values >= -1e-6).all():
        raise ValueError(f"surprisals must not be negative or NaN; got {values.min():g}")
    return np.maximum(values, 0)


def _tint(share: float) -> str:
    """The palette's orange, at most .45 of it: letters of the page keep a contrast of 4.5 to 1."""
    red, green, blue = (round(255 * channel) for channel in to_rgb(ORANGE))
    return f"rgba({red},{green},{blue},{0.45 * share:.3f})"
