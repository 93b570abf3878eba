"""The exercises of a lecture, read from its notebook: stars, minutes, points, hint, solution.

A lecture's exercises are worth 20 points together. They are shared out by difficulty: a ★★ counts
as two ★, a ★★★ as four. ``python book/_ext/exercise_list.py NOTEBOOK ...`` writes the points into
the titles, as in "(★★, 20 min, 4 points)".
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

TOTAL = 20
"""Points of a lecture: one is a twentieth of what its exercises ask."""

_BLOCK = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>exercise|solution)\} ?(?P<title>[^\n]*)\n"
    r"(?P<options>(?:^:\w+:[^\n]*\n)*)(?P<text>.*?)^(?P=fence)[ ]*$",
    re.M | re.S,
)
_TITLE = re.compile(r"^(.*) \((★{1,3}), (\d+) min(?:, (\d+) points?)?\)$")
_HINT = re.compile(r"^(:{3,})\{dropdown\} Hint\n(.*?)^\1[ ]*$\n?", re.M | re.S)


@dataclass(frozen=True)
class Exercise:
    """One exercise; ``text`` is without its hint, and ``points`` is 0 where none are written."""

    label: str
    name: str
    stars: int
    minutes: int
    points: int
    text: str
    hint: str
    solution: str


def exercises(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """The exercises of a lecture, in its order.

    Raises ``ValueError`` for a title that is not of the form "Name (★★, 20 min, 4 points)".
    """
    blocks = [
        block
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for block in _BLOCK.finditer(cell.source)
    ]
    solved = {b["title"].strip(): b["text"] for b in blocks if b["kind"] == "solution"}
    found = []
    for block in blocks:
        if block["kind"] == "solution":
            continue
        if not (title := _TITLE.match(block["title"])):
            raise ValueError(f"an exercise is named 'Name (★★, 20 min)'; got {block['title']!r}")
        label = re.search(r"^:label:\s*(\S+)", block["options"], re.M)[1]
        hint = _HINT.search(block["text"])
        found.append(
            Exercise(
                label=label,
                name=title[1],
                stars=len(title[2]),
                minutes=int(title[3]),
                points=int(title[4] or 0),
                text=_HINT.sub("", block["text"]).strip(),
                hint=hint[2].strip() if hint else "",
                solution=solved.get(label, "").strip(),
            )
        )
    return found


def shared_out(found: list[Exercise]) -> list[int]:
    """The points of each exercise: in the ratio of the weights 1, 2, 4, and ``TOTAL`` together.

    What rounding down leaves goes to the largest remainders, and of equal ones to the exercise
    with more minutes.
    """
    weights = [2 ** (each.stars - 1) for each in found]
    whole = sum(weights)
    points = [TOTAL * weight // whole for weight in weights]
    order = sorted(
        range(len(found)), key=lambda i: (-(TOTAL * weights[i] % whole), -found[i].minutes)
    )
    for i in order[: TOTAL - sum(points)]:
        points[i] += 1
    return points


def titled(text: str, found: list[Exercise]) -> str:
    """The text of a notebook with the points in the exercises' titles."""
    for each, points in zip(found, shared_out(found), strict=True):
        said = f"({'★' * each.stars}, {each.minutes} min"
        old = f"{each.name} {said}, {each.points} point{'s' * (each.points != 1)})"
        old = old if each.points else f"{each.name} {said})"
        new = f"{each.name} {said}, {points} point{'s' * (points != 1)})"
        text = text.replace(old.replace("\\", "\\\\"), new.replace("\\", "\\\\"))
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", type=Path, nargs="+")
    for file in parser.parse_args().notebooks:
        found = exercises(nbformat.read(file, as_version=4))
        text = file.read_text(encoding="utf-8")
        file.write_text(titled(text, found), encoding="utf-8")
        print(f"{file.stem}: {', '.join(map(str, shared_out(found)))} points")


if __name__ == "__main__":
    main()
