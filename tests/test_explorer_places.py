"""The room that a page keeps for an explorer fits its controls and its pictures."""

import json

import explorers
import matplotlib.pyplot as plt
import pytest
from ipywidgets.embed import dependency_state, embed_data

from nlgnotes.widgets import explorer


def text(**values):
    return str(values)


def tall(inches):
    return plt.figure(figsize=(4, inches))


WORDS = ["a long word", "a longer word", "the longest word", "a fourth word"]


@pytest.mark.parametrize(
    "draw, stops, play, style",
    [
        (text, {"a": [1, 2]}, False, "--rows-wide: 1; --rows-narrow: 1"),
        (text, {"a": [1, 2], "b": [1, 2]}, False, "--rows-wide: 1; --rows-narrow: 2"),
        (text, {"a": [1, 2]}, True, "--rows-wide: 1; --rows-narrow: 2"),
        (text, {"a": ["x", "y"], "b": [1, 2]}, False, "--rows-wide: 1; --rows-narrow: 2"),
        # Long buttons fill a row of a laptop, and two of a phone.
        (text, {"a": WORDS, "b": [1, 2]}, False, "--rows-wide: 2; --rows-narrow: 3"),
        # One slider at a time is shown of those that depend on the first.
        (
            text,
            {"a": ["x", "y"], "b": {"x": [1, 2], "y": [3, 4]}.get},
            False,
            "--rows-wide: 1; --rows-narrow: 2",
        ),
        (
            tall,
            {"inches": [1, 3, 2]},
            False,
            "--rows-wide: 1; --rows-narrow: 1; --wide: 400px; --ratio: 0.7500",
        ),
    ],
)
def test_the_room_fits(draw, stops, play, style):
    box = explorer(draw, stops, alt="a picture", play=play)
    state = embed_data(views=[box], state=dependency_state([box]))["manager_state"]["state"]
    view = f'<script type="{explorers.VIEW}">{json.dumps({"model_id": box.model_id})}</script>'
    assert explorers.reserved(view, state) == style
