"""Figures of a search: the states of each level, from the left to the right, kept or discarded."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from nlgnotes.plotting.style import BLUE, GREEN, new_axes
from nlgnotes.validation import check_count, check_flag, check_kind, check_strings

__all__ = ["TreeNode", "search_tree"]

GREY = "0.45"


class TreeNode(NamedTuple):
    """One state of a level.

    Args:
        text: what stands in its box.
        parent: its place among the kept states of the level before, the best first.
        kept: whether the search goes on from it; None while that is not decided.
        rank: its place among the kept, the best 0; not looked at where it is not kept.
        goal: whether it is a solution.
    """

    text: str
    parent: int
    kept: bool | None = None
    rank: int = 0
    goal: bool = False


def search_tree(
    root: str,
    levels: Sequence[Sequence[TreeNode]],
    *,
    titles: Sequence[str] = (),
    columns: int | None = None,
    rows: int | None = None,
    ax=None,
):
    """A tree of states, one column a level: kept ones framed in blue, solutions in green.

    What is discarded has a grey, dashed frame; what is not yet decided a thin black one.

    Args:
        root: the text of the first state.
        levels: the states of each level, from the top.
        titles: of the columns, the root's first.
        columns, rows: for how many levels and states there is room; as many as are there if None.
        ax: where to draw; a new figure if None.

    Raises:
        ValueError: a parent that is no kept state of the level before, two kept states of one rank
            in a level, or a state that is none.
    """
    check_kind("levels", levels, Collection)
    for level in levels:
        check_kind("levels", level, Collection)
        for node in level:
            check_kind("levels", node, TreeNode)
    titles = check_strings("titles", titles, least=0)
    columns = len(levels) if columns is None else check_count("columns", columns)
    rows = max([1, *map(len, levels)]) if rows is None else check_count("rows", rows)
    ax = new_axes(ax, (2.3 * (columns + 1), 0.34 * rows + 0.5))
    ax.set(xlim=(-0.5, columns + 0.5), ylim=(rows - 0.4, -1.1))
    ax.axis("off")
    for column, title in enumerate(titles):
        ax.text(column, -0.8, title, ha="center", va="center", color=GREY)
    above = {0: _box(ax, 0.0, (rows - 1) / 2, root, True, False)}
    for column, level in enumerate(levels, 1):
        kept = {}
        for place, node in enumerate(level):
            keeps = None if node.kept is None else check_flag("kept", node.kept)
            if check_count("parent", node.parent, 0) not in above:
                raise ValueError(
                    f"parent must be one of the kept {sorted(above)} of the level before; "
                    f"got {node.parent}"
                )
            y = (rows - 1) / 2 + place - (len(level) - 1) / 2
            box = _box(ax, float(column), y, node.text, keeps, check_flag("goal", node.goal))
            line = {"color": BLUE if keeps else "0.75", "lw": 1.6 if keeps else 0.8}
            (x0, y0), (x1, y1) = above[node.parent], box
            ax.plot([x0 + 0.38, x1 - 0.38], [y0, y1], zorder=0, **line)
            if keeps:
                if check_count("rank", node.rank, 0) in kept:
                    raise ValueError(f"rank must differ among the kept; got {node.rank} twice")
                kept[node.rank] = box
        above = kept
    return ax


def _box(ax, x: float, y: float, text: str, kept: bool | None, goal: bool) -> tuple[float, float]:
    colour = GREEN if goal else {True: BLUE, False: GREY, None: "black"}[kept]
    frame = {
        "boxstyle": "round,pad=0.25",
        "facecolor": "white",
        "edgecolor": colour,
        "linewidth": 2.0 if kept or goal else 0.8,
        "linestyle": "--" if kept is False and not goal else "-",
    }
    style = {"ha": "center", "va": "center", "bbox": frame, "zorder": 3}
    ax.text(x, y, text, color=GREY if kept is False and not goal else "black", **style)
    return x, y
