"""Surprisal word by word: the numbers are there without the colours, and the colours leave the
letters legible.
"""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nlgnotes.plotting.style import luminance
from nlgnotes.plotting.surprisal import surprisal_by_word, surprisal_html


def test_html_has_numbers_and_underlines():
    page = surprisal_html(["<a>", "b"], [0.0, 20.0])
    assert "&lt;a&gt;" in page and "<a>" not in page and ">0.0<" in page and ">20.0<" in page
    assert re.findall(r"border-bottom:(\d)px", page) == ["1", "5"]


@pytest.mark.parametrize(
    "ground, letters",
    [
        ("#ffffff", "#1c2738"),
        ("#f5f7fb", "#1c2738"),
        ("#14181f", "#dfe4ec"),
        ("#1c222c", "#dfe4ec"),
    ],
)
def test_the_pages_letters_are_legible_on_every_tint(ground, letters):
    """The page's and an explorer's ground, light and dark (``book.css``)."""
    page = surprisal_html(["a", "b", "c"], [0.0, 4.0, 20.0])
    tints = re.findall(r"background:rgba\((\d+),(\d+),(\d+),([\d.]+)\)", page)
    assert len(tints) == 3 and "color:" not in page.replace("background-color:", "")
    alphas = [float(alpha) for *_, alpha in tints]
    assert alphas[0] == 0 and alphas[0] < alphas[1] < alphas[2]
    for *tint, alpha in tints:
        mixed = float(alpha) * np.array(tint, float) / 255
        mixed += (1 - float(alpha)) * np.array(to_rgb(ground))
        bright, dark = sorted([luminance(mixed), luminance(letters)], reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


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
