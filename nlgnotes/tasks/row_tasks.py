"""Tasks on short rows of letters or digits: eight clusters of three, each task with four names.

Taught in: book/instruction-tuning.ipynb.
"""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CLUSTERS", "DIGITS", "LETTERS", "TASKS", "Row", "Task"]

Row = tuple[str, ...]
LETTERS, DIGITS = tuple("abcdefgh"), tuple("0123456789")


@dataclass(frozen=True)
class Task:
    """A task: what it is called, and what it makes of a row.

    Args:
        name: of the task.
        cluster: tasks of one cluster are of one kind; they are held out together.
        symbols: of its rows, :data:`LETTERS` or :data:`DIGITS`.
        phrases: four ways to name it. Template i takes phrase i mod 4.
        solve: from a row to its answer.
        invertible: whether the answer tells the row, so that the task can be turned around.
    """

    name: str
    cluster: str
    symbols: Row
    phrases: Row
    solve: Callable[[Row], Row]
    invertible: bool = False


def _shifted(x: Row, by: int) -> Row:
    return tuple(LETTERS[(LETTERS.index(s) + by) % len(LETTERS)] for s in x)


def _number(n: int) -> Row:
    return tuple(str(n))


# cluster, symbols: name, phrases, solve, invertible
_TABLE = {
    ("copying", LETTERS): (
        ("copy", "copy / repeat / write again / say unchanged", lambda x: x, True),
        (
            "twice",
            "write twice / say two times / duplicate / chain with itself",
            lambda x: x + x,
            True,
        ),
        (
            "double",
            "double every letter / stutter / stretch by two / write each letter twice",
            lambda x: tuple(s for s in x for _ in range(2)),
            True,
        ),
    ),
    ("reordering", LETTERS): (
        (
            "reverse",
            "reverse / write backwards / turn around / read from the end",
            lambda x: x[::-1],
            True,
        ),
        (
            "rotate",
            "rotate / move first to end / put start behind / cycle left",
            lambda x: x[1:] + x[:1],
            True,
        ),
        (
            "swap ends",
            "swap both ends / exchange first with last / trade ends / switch outer",
            lambda x: x if len(x) < 2 else x[-1:] + x[1:-1] + x[:1],
            True,
        ),
    ),
    ("picking", LETTERS): (
        (
            "first",
            "give the first / pick the initial / find the opening / show the start",
            lambda x: x[:1],
            False,
        ),
        (
            "second",
            "give the second / pick number two / find what follows first / show the next",
            lambda x: x[1:2],
            False,
        ),
        (
            "last",
            "give the last / pick the final / find the closing / show the end",
            lambda x: x[-1:],
            False,
        ),
    ),
    ("shifting", LETTERS): (
        (
            "next",
            "advance every letter / step up / use later letters / move on by one",
            lambda x: _shifted(x, 1),
            True,
        ),
        (
            "previous",
            "lower every letter / step down / use earlier letters / move back by one",
            lambda x: _shifted(x, -1),
            True,
        ),
        (
            "mirror",
            "mirror every letter / use opposite letters / flip alphabet / invert",
            lambda x: tuple(LETTERS[-1 - LETTERS.index(s)] for s in x),
            True,
        ),
    ),
    ("counting", LETTERS): (
        (
            "vowels",
            "count vowels / measure vowels / give the vowels / tell how open",
            lambda x: _number(sum(s in "ae" for s in x)),
            False,
        ),
        (
            "different",
            "count different letters / tell how varied / give the variety / count kinds",
            lambda x: _number(len(set(x))),
            False,
        ),
        (
            "copies of first",
            "count the first / tell how often first / count initial / tally start",
            lambda x: _number(x.count(x[0])),
            False,
        ),
    ),
    ("sorting", DIGITS): (
        (
            "ascending",
            "sort / order rising / arrange upwards / put smallest before",
            lambda x: tuple(sorted(x)),
            False,
        ),
        (
            "descending",
            "sort down / order falling / arrange downwards / put largest before",
            lambda x: tuple(sorted(x, reverse=True)),
            False,
        ),
        (
            "even first",
            "put even before odd / move even forward / split by parity / group even",
            lambda x: tuple(sorted(x, key=lambda s: int(s) % 2)),
            False,
        ),
    ),
    ("comparing", DIGITS): (
        (
            "largest",
            "give the largest / find maximum / name the highest / tell the top",
            lambda x: (max(x),),
            False,
        ),
        (
            "smallest",
            "give the smallest / find minimum / name the lowest / tell the bottom",
            lambda x: (min(x),),
            False,
        ),
        (
            "first larger",
            "compare first with last / say if falling / check for decline / test if first wins",
            lambda x: ("yes" if x[0] > x[-1] else "no",),
            False,
        ),
    ),
    ("arithmetic", DIGITS): (
        (
            "add ends",
            "add both ends / total first with last / give the sum / compute plus",
            lambda x: _number(int(x[0]) + int(x[-1])),
            False,
        ),
        (
            "subtract ends",
            "subtract ends / give the difference / tell the gap / compute minus",
            lambda x: _number(abs(int(x[0]) - int(x[-1]))),
            False,
        ),
        (
            "double first",
            "double the first digit / multiply by two / give twice / compute times",
            lambda x: _number(2 * int(x[0])),
            False,
        ),
    ),
}

TASKS = tuple(
    Task(name, cluster, symbols, tuple(phrases.split(" / ")), solve, invertible)
    for (cluster, symbols), rows in _TABLE.items()
    for name, phrases, solve, invertible in rows
)
"""Twenty-four tasks, three in each cluster."""

CLUSTERS = tuple(dict.fromkeys(task.cluster for task in TASKS))
"""The eight kinds of task."""
