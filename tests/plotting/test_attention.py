"""The map and the bars show the weights they are given, under the right characters."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nlgnotes.plotting.attention import alignment_bars, alignment_map

WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.0, 0.25, 0.75]])


def words(labels):
    return [label.get_text() for label in labels]


def test_the_map_has_a_row_per_written_token():
    ax = alignment_map(WEIGHTS, "abc", "xy", title="head 1")
    assert ax.images[0].get_array().tolist() == WEIGHTS.tolist() and ax.images[0].get_clim() == (
        0,
        1,
    )
    assert words(ax.get_xticklabels()) == ["a", "b", "c"] and words(ax.get_yticklabels()) == [
        "x",
        "y",
    ]
    assert ax.get_title() == "head 1"


@pytest.mark.parametrize(("step", "title", "most"), [(0, "now [x]", 0), (1, "now x[y]", 2)])
def test_the_bars_say_what_is_written_and_mark_the_largest(step, title, most):
    _, given = plt.subplots()
    ax = alignment_bars(WEIGHTS[step], "abc", "xy", step, title="now", ax=given)
    assert ax is given and [bar.get_height() for bar in ax.patches] == WEIGHTS[step].tolist()
    assert ax.get_title() == title
    colours, edges = (
        [bar.get_facecolor() for bar in ax.patches],
        [bar.get_linewidth() for bar in ax.patches],
    )
    assert (
        [i for i in range(3) if colours.count(colours[i]) == 1]
        == [most]
        == [i for i in range(3) if edges[i]]
    )


def test_errors_name_the_rule_and_the_value():
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*got \(2, 3\)"):
        alignment_map(WEIGHTS, "ab", "xy")
    with pytest.raises(ValueError, match=r"\[0, 1\]; got -1 to 1"):
        alignment_bars([1, -1], "ab", "xy", 0)
    with pytest.raises(ValueError, match=r"step must lie in \[0, 2\); got 2"):
        alignment_bars(WEIGHTS[0], "abc", "xy", 2)
    with pytest.raises(ValueError, match="got nan"):
        alignment_bars([np.nan, 1], "ab", "xy", 0)
