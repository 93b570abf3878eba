"""Surprisal word by word: the numbers are there without the colours, and the colours leave the
letters legible.
"""

import re

import numpy as np
import pytest

from nlgnotes.plotting.surprisal import surprisal_by_word, surprisal_html


def luminance(colour):
    """WCAG's relative luminance of ``#rrggbb``."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_html_has_numbers_underlines_and_contrast():
    page = surprisal_html(["<a>", "b"], [0.0, 20.0])
    assert "&lt;a&gt;" in page and "<a>" not in page and ">0.0<" in page and ">20.0<" in page
    assert re.findall(r"border-bottom:(\d)px", page) == ["1", "5"]
    tints = re.findall(r"background:(#\w{6});color:#000", page)
    assert len(tints) == 2 and all((luminance(tint) + 0.05) / 0.05 > 7 for tint in tints)


def test_by_word_marks_both_surprisals_of_every_word():
    ax = surprisal_by_word(["the", "storm", "."], [0.5, 3.0, 0.0], [0.6, 2.5, 0.1])
    exact, guessed = ax.lines
    assert exact.get_ydata().tolist() == [0.5, 3.0, 0.0] and guessed.get_ydata().tolist() == [
        0.6,
        2.5,
        0.1,
    ]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "storm", "."]
    assert exact.get_marker() != guessed.get_marker()


@pytest.mark.parametrize(
    "values, rule", [([-1.0], "negative or NaN"), ([1.0, 2.0], "one number per token")]
)
def test_bad_surprisals_are_named(values, rule):
    with pytest.raises(ValueError, match=rule):
        surprisal_html(["a"], values)
    with pytest.raises(ValueError, match=rule):
        surprisal_by_word(["a"], [1.0], values)
