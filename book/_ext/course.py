"""The lectures as a course: what each needs, its exercises, and plans whose hours they fit.

All is read from the notebooks: the order from ``_toc.yml``, the needs from the line **You need**
of a first cell, the minutes from ``teaching``, the exercises from their titles.
"""

import graphlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

import solutions
import teaching

_NEED = re.compile(r"^\*\*You need\*\* (.*?)$", re.M)
_LINK = re.compile(r"(more in )?\{doc\}`([\w-]+)`")
_EXERCISE = re.compile(
    r"^```\{exercise\} (?P<title>.*) \((?P<stars>★+), (?P<time>[^,()]*?)"
    r"(?:, (?P<points>\d+) points?)?\)\n:label: (?P<label>\S+)$",
    re.M,
)


@dataclass(frozen=True)
class Exercise:
    """An exercise as its title announces it; no ``minutes`` for a project of uncertain length."""

    label: str
    title: str
    stars: int
    minutes: int | None
    points: int | None


@dataclass(frozen=True)
class Hour:
    """An hour of a plan: a lecture, its sections in this hour with their minutes.

    ``core`` says whether they are all of the lecture's core, or some of what is optional.
    """

    lecture: str
    core: bool
    sections: tuple[tuple[str, int], ...]

    @property
    def minutes(self) -> int:
        """What its sections take together."""
        return sum(minutes for _, minutes in self.sections)


def lectures() -> dict[str, NotebookNode]:
    """Every lecture by its name, in the order of the table of contents."""
    return {file.stem: nbformat.read(file, as_version=4) for file in solutions.lectures()}


def needs(notebook: NotebookNode) -> list[str]:
    """The lectures that a lecture's line **You need** links, but for what it says *more* of."""
    found = _NEED.search(notebook.cells[0].source)
    links = _LINK.findall(found[1]) if found else []
    return list(dict.fromkeys(name for more, name in links if not more))


def prerequisites(notebooks: dict[str, NotebookNode]) -> dict[str, list[str]]:
    """For every lecture those that it needs.

    Raises:
        ValueError: for a need that is no lecture, or that stands later in the book.
    """
    found = {name: needs(notebook) for name, notebook in notebooks.items()}
    earlier: list[str] = []
    for name, needed in found.items():
        if wrong := [each for each in needed if each not in earlier]:
            raise ValueError(f"{name} needs {wrong[0]}, which is no lecture before it")
        earlier.append(name)
    return found


def direct(needed: dict[str, list[str]]) -> dict[str, list[str]]:
    """The needs without those that follow from the others.

    Raises:
        graphlib.CycleError: where lectures need each other.
    """
    behind: dict[str, set[str]] = {}
    for name in graphlib.TopologicalSorter(needed).static_order():
        behind[name] = set(needed[name]).union(*(behind[each] for each in needed[name]))
    return {
        name: [one for one in all_of_it if not any(one in behind[other] for other in all_of_it)]
        for name, all_of_it in needed.items()
    }


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a lecture in their order."""
    cells = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [
        Exercise(
            found["label"],
            found["title"],
            len(found["stars"]),
            int(found["time"][:-4]) if re.fullmatch(r"\d+ min", found["time"]) else None,
            int(found["points"]) if found["points"] else None,
        )
        for found in _EXERCISE.finditer("\n\n".join(cells))
    ]


def hour(written: str, notebooks: dict[str, NotebookNode]) -> Hour:
    """An hour of a plan, as it is written.

    Args:
        written: ``NAME`` for the core of a lecture, ``NAME: optional`` for all that is optional in
            it, ``NAME: TITLE; TITLE`` for some of that.
        notebooks: the lectures by name.

    Raises:
        ValueError: for an unknown lecture or section, or for more minutes than an hour has.
    """
    name, _, chosen = (part.strip() for part in written.partition(":"))
    if name not in notebooks:
        raise ValueError(f"no lecture is called {name!r}")
    if not chosen:
        minutes = teaching.plan(notebooks[name])
        found = {title: core for title, (_, core) in minutes.items() if core}
    else:
        found = optional(notebooks[name])
        if chosen != "optional":
            titles = [title.strip() for title in chosen.split(";")]
            if wrong := [title for title in titles if title not in found]:
                raise ValueError(f"{name} has no optional section {wrong[0]!r}")
            found = {title: found[title] for title in titles}
    planned = Hour(name, not chosen, tuple(found.items()))
    if planned.minutes > teaching.HOUR:
        raise ValueError(
            f"{written!r} takes {planned.minutes} minutes; an hour has {teaching.HOUR}"
        )
    return planned


def optional(notebook: NotebookNode) -> dict[str, int]:
    """Minutes of every optional section of a lecture, and of every optional part of another."""
    minutes: dict[str, float] = {}
    core = {part.section for part in teaching.parts(notebook) if not part.optional}
    for part in teaching.parts(notebook):
        if part.optional:
            title = part.name if part.section in core else part.section
            minutes[title] = minutes.get(title, 0.0) + part.minutes
    return {title: teaching.whole(time) for title, time in minutes.items()}


def plan(rows: Iterable[str], notebooks: dict[str, NotebookNode]) -> list[list[Hour]]:
    """A plan: rows of hours, as weeks or days, written with ``|`` between the hours.

    Raises:
        ValueError: as :func:`hour`, and where a lecture comes before one that it needs.
    """
    found, needed, taught = [], prerequisites(notebooks), set()
    for row in rows:
        found.append([hour(written, notebooks) for written in row.split("|")])
        for each in found[-1]:
            if lacking := [name for name in needed[each.lecture] if name not in taught]:
                raise ValueError(f"{each.lecture} comes before {lacking[0]}, which it needs")
            taught.add(each.lecture)
    return found


def fitting(notebook: NotebookNode, minutes: int) -> list[Exercise]:
    """The exercises that a class can do in so many minutes: the first ones, in their order."""
    chosen = []
    for exercise in exercises(notebook):
        if exercise.minutes is not None and exercise.minutes <= minutes:
            chosen.append(exercise)
            minutes -= exercise.minutes
    return chosen


def failing(notebook: NotebookNode) -> list[str]:
    """The claims of a lecture that fail in the verdicts that are kept with it."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    printed = "\n".join(output.get("text", "") for cell in code for output in cell.outputs)
    return re.findall(r"^[^.\s]+\.(\S+)  fails$", printed, re.M)
