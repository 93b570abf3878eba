"""Figures of ratios and of costs: the artists hold the data, and ill data are refused."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from nlgnotes import plotting

ROWS = ["first", "second"]
SERIES = {"one thread": [(1.0, 2.0, 3.0), (0.4, 0.5, 0.6)], "2 threads": [None, (1.0, 1.0, 4.0)]}


def test_ratios_stand_on_a_logarithmic_axis_each_in_its_row():
    ax = plotting.speed_ratios(ROWS, SERIES, aims=[4, None])
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "times as fast as the peer"
    assert [each.get_text() for each in ax.get_yticklabels()] == ROWS
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # from the top downwards
    one, two = ax.containers
    assert np.allclose(one.lines[0].get_xydata(), [[2, -0.15], [0.5, 0.85]])
    assert np.allclose(two.lines[0].get_xydata(), [[1, 1.15]])
    ends = [segment[:, 0].tolist() for segment in one.lines[2][0].get_segments()]
    assert np.allclose(ends, [[1, 3], [0.4, 0.6]])
    assert one.lines[0].get_marker() != two.lines[0].get_marker()
    assert [1, 1] in [list(line.get_xdata()) for line in ax.lines]
    (aim,) = [c for c in ax.collections if c.get_label() == "aim"]
    assert np.allclose(aim.get_segments(), [[[4, -0.4], [4, 0.4]]])
    named = [each.get_text() for each in ax.get_legend().get_texts()]
    assert named == ["aim", "one thread", "2 threads"]
    ax.figure.canvas.draw()
    assert {"0.5", "1", "2"} <= {each.get_text() for each in ax.get_xticklabels()}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ((0.0, 1.0, 2.0), r"series\['one'\] must lie in \[1e-200, 1e200\]; got 0 to 2"),
        ((2.0, 1.0, 3.0), "0 < low <= ratio <= high; got others for one"),
        ((1.0, 3.0, 2.0), "0 < low <= ratio <= high; got others for one"),
    ],
)
def test_a_ratio_outside_its_spread_is_refused(bad, rule):
    with pytest.raises(ValueError, match=rule):
        plotting.speed_ratios(["row"], {"one": [bad]})
    with pytest.raises(ValueError, match=r"one entry per row \(2\); got 1 for one"):
        plotting.speed_ratios(ROWS, {"one": [(1.0, 1.0, 1.0)]})
    with pytest.raises(ValueError, match=r"one entry per row \(2\); got 1 for aims"):
        plotting.speed_ratios(ROWS, SERIES, aims=[4])


def test_costs_are_medians_from_the_fastest_to_the_slowest_round():
    rounds = [[1.0, 2.0, 4.0], [3.0, 4.0, 9.0], [2.0, 3.0, 5.0]]
    ax = plotting.cost_curves([1, 2, 4], {"a": rounds, "b": [[1.0, 1.0, 1.0]]}, xlabel="rows")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rows", "seconds")
    first, second = ax.containers
    assert first.lines[0].get_xydata().tolist() == [[1, 2], [2, 3], [4, 5]]
    ends = [segment[:, 1].tolist() for segment in first.lines[2][0].get_segments()]
    assert np.allclose(ends, [[1, 3], [2, 4], [4, 9]])
    assert first.lines[0].get_linestyle() != second.lines[0].get_linestyle()
    (guide,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert np.allclose(guide.get_ydata(), [1.25, 2.5, 5])
    assert [each.get_text() for each in ax.get_xticklabels()] == ["4", "2", "1"]
    many = plotting.cost_curves(range(1, 12), {"a": [range(1, 12)]}, xlabel="rows")
    assert [each.get_text() for each in many.get_xticklabels()] == ["11", "8", "5", "2"]
    with pytest.raises(ValueError, match=r"rounds of 3 times; got shape \(1, 2\) for a"):
        plotting.cost_curves([1, 2, 4], {"a": [[1.0, 2.0]]}, xlabel="rows")
