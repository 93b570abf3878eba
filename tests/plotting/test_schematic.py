"""Schematics stand where they are put."""

import io

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from nlgnotes.plotting.schematic import arrow, blank, box, cells


def test_a_blank_has_the_units_that_were_asked_for():
    ax = blank(8, 3)
    assert ax.get_xlim() == (0, 8) and ax.get_ylim() == (0, 3)
    assert not ax.axison
    width, height = ax.figure.get_size_inches()
    assert width / height == pytest.approx(8 / 3)
    assert blank(8, 3, figsize=(4, 2)).figure.get_size_inches().tolist() == [4, 2]


def test_an_arrow_meets_the_borders_of_its_boxes():
    ax = blank(6, 2)
    first, second = box(ax, (1, 1), "query"), box(ax, (5, 1), "key")
    drawn = arrow(ax, first, second, "scores")
    ax.figure.canvas.draw()
    way = drawn.arrow_patch.get_window_extent()
    left, right = (each.get_bbox_patch().get_window_extent() for each in (first, second))
    # To 8 of 400 pixels: it stands off by a point, and its own extent has a margin.
    assert way.x0 == pytest.approx(left.x1, abs=8) and way.x1 == pytest.approx(right.x0, abs=8)
    free = arrow(ax, (1, 1), (5, 1))
    ax.figure.canvas.draw()
    assert free.arrow_patch.get_window_extent().width > way.width + 40
    assert any(text.get_text() == "scores" for text in ax.texts)


def test_an_arrow_bends_to_its_left():
    ax = blank(6, 6)
    ways = [
        arrow(ax, (1, 3), (5, 3), bend=bend).arrow_patch.get_path().vertices for bend in (0.4, -0.4)
    ]
    ax.figure.canvas.draw()
    assert ways[0][:, 1].max() > ways[1][:, 1].max()
    with pytest.raises(ValueError, match="line must be one of solid, dashed; got 'dotted'"):
        arrow(ax, (1, 3), (5, 3), line="dotted")


def test_cells_are_a_grid_from_the_upper_left():
    ax = blank(4, 4)
    cells(ax, (1, 3), [["a"], ["b", "c"]], colors=[["red"], ["white", "blue"]])
    squares = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [patch.get_xy() for patch in squares] == [(1, 2), (1, 1), (2, 1)]
    assert squares[2].get_facecolor() == (0, 0, 1, 1)
    assert [(t.get_text(), t.get_position()) for t in ax.texts][2] == ("c", (2.5, 1.5))
    with pytest.raises(ValueError, match=r"colors must have the lengths of rows, \[1, 2\]; got"):
        cells(ax, (1, 3), [["a"], ["b", "c"]], colors=[["red"], ["white"]])


@pytest.mark.parametrize("tight", [None, "tight"])
def test_the_head_of_an_arrow_is_seen_at_the_border_in_the_first_drawing(tight):
    """In the column of pixels before a black box stands the red head that points at it."""
    ax = blank(8, 2)
    arrow(ax, box(ax, (1, 1), "a"), box(ax, (6, 1), "a wide box"), color="red")
    buffer = io.BytesIO()
    ax.figure.savefig(buffer, bbox_inches=tight)
    pixels = np.asarray(Image.open(buffer).convert("RGB")).astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1:] < 80).all(-1)
    black = (pixels < 80).all(-1)
    head = np.flatnonzero(red.any(0)).max()
    assert red[:, head - 8 : head].sum(0).max() >= 5, "the triangle, not the line alone"
    assert black[:, head + 1 : head + 8].sum(0).max() > 15, "the border of the box"
