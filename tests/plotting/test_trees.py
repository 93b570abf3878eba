"""The tree of a search: a line to each state from its parent, frames by what became of it."""

import pytest
from matplotlib.colors import to_hex

from nlgnotes.plotting import BLUE, GREEN
from nlgnotes.plotting.trees import TreeNode, search_tree

LEVELS = [
    [TreeNode("a", 0, True, 1), TreeNode("b", 0, False), TreeNode("c", 0, True, 0)],
    [TreeNode("d", 1, None), TreeNode("e", 0, False, goal=True)],
]


def test_lines_run_from_the_parent_and_frames_tell_what_was_kept():
    ax = search_tree("root", LEVELS, titles=["input", "step 1", "step 2"])
    places = {text.get_text(): text.get_position() for text in ax.texts}
    lines = [tuple(map(tuple, line.get_xydata())) for line in ax.lines]
    heights = [(start[1], end[1]) for start, end in lines]
    # Rank 0 is c, rank 1 is a.
    by_hand = [("root", "a"), ("root", "b"), ("root", "c"), ("a", "d"), ("c", "e")]
    assert heights == [(places[one][1], places[other][1]) for one, other in by_hand]
    assert all(end[0] > start[0] for start, end in lines)
    frames = {t.get_text(): t.get_bbox_patch() for t in ax.texts if t.get_bbox_patch()}
    colours = {name: to_hex(frame.get_edgecolor()).upper() for name, frame in frames.items()}
    assert colours["a"] == colours["c"] == BLUE and colours["e"] == GREEN
    assert frames["b"].get_linestyle() == "--" and frames["a"].get_linestyle() == "-"
    assert len({colours["a"], colours["b"], colours["d"], colours["e"]}) == 4
    assert {"input", "step 1", "step 2"} < set(places)


def test_room_is_the_same_whatever_is_there():
    few = search_tree("root", LEVELS[:1], columns=3, rows=5)
    more = search_tree("root", LEVELS, columns=3, rows=5)
    assert few.get_xlim() == more.get_xlim() and few.get_ylim() == more.get_ylim()
    assert (few.figure.get_size_inches() == more.figure.get_size_inches()).all()


def test_a_parent_must_have_been_kept():
    with pytest.raises(ValueError, match="parent must be one of the kept"):
        search_tree("root", [[TreeNode("a", 0, False)], [TreeNode("b", 0)]])
    with pytest.raises(ValueError, match="rank must differ among the kept; got 0 twice"):
        search_tree("root", [[TreeNode("a", 0, True), TreeNode("b", 0, True)]])
