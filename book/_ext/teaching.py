"""How long a lecture takes to teach, section by section, from what stands in it.

``python book/_ext/teaching.py NOTEBOOK ...`` writes the minutes into the line **Time** of each.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

FOLDED = {"hide-input", "remove-input", "remove-cell", "hide-cell"}
"""The tags of cells whose code the page does not show."""

UNTAUGHT = {"Exercises", "Sources"}
"""Sections that are left to the students."""

OPTIONAL = " (optional)"
"""How the heading of a section or subsection ends that a short course leaves out."""

HOUR = 50
"""Minutes of a lecture hour: what is not optional in a lecture fits into one."""

WORDS_A_MINUTE = 140  # of a lecture that is spoken, not read out
MINUTES = {"equation": 1.5, "figure": 1.5, "question": 1.0, "line": 0.1}
"""For each displayed equation, figure, question with answers, and visible line of code."""

_DEEPER = re.compile(r"^(:{3,})\{dropdown\}\s*Deeper.*?^\1\s*$", re.M | re.S)
_EQUATION = re.compile(r"\$\$.*?\$\$|^\\begin\{align.*?^\\end\{align", re.M | re.S)
_CODE = re.compile(r"^(`{3,}).*?^\1\s*$", re.M | re.S)
_TIME = re.compile(r"^\*\*Time\*\* .*$", re.M)


@dataclass(frozen=True)
class Part:
    """What stands under one heading, up to the next: its section, its own name, its minutes."""

    section: str
    name: str
    optional: bool
    minutes: float


def parts(notebook: NotebookNode) -> list[Part]:
    """A lecture's parts in their order, those that are left to the students not among them.

    What stands before the first section is under the lecture's own title. A part is optional when
    its heading says so, or that of its section. Deeper boxes are not taught.
    """
    found: list[Part] = []
    section, name, marks = "", "", [False, False]  # of the section, and of the part in it

    def add(minutes: float) -> None:
        last = found[-1] if found else None
        if last and (last.section, last.name) == (section, name):
            minutes += found.pop().minutes
        found.append(Part(section, name, any(marks), minutes))

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for text in re.split(r"^(?=#{1,3} )", cell.source, flags=re.M):
                if heading := re.match(r"(#{1,3}) (.*)", text):
                    name = heading[2].strip().removesuffix(OPTIONAL)
                    marked = heading[2].strip().endswith(OPTIONAL)
                    if len(heading[1]) < 3:
                        section, marks = name, [marked, False]
                    else:
                        marks[1] = marked
                    text = text.replace(heading[0], heading[0].replace(OPTIONAL, ""), 1)
                add(_prose(text))
        elif cell.cell_type == "code":
            add(_shown(cell))
    return [part for part in found if part.section and part.section not in UNTAUGHT]


def sections(notebook: NotebookNode) -> dict[str, float]:
    """Minutes by section: what stands under each heading of the second level, in order."""
    minutes: dict[str, float] = {}
    for part in parts(notebook):
        minutes[part.section] = minutes.get(part.section, 0.0) + part.minutes
    return minutes


def plan(notebook: NotebookNode) -> dict[str, tuple[int, int]]:
    """Whole minutes by section: all of them, and those of its core, 0 where all is optional."""
    core: dict[str, float] = {}
    for part in parts(notebook):
        if not part.optional:
            core[part.section] = core.get(part.section, 0.0) + part.minutes
    return {
        name: (whole(minutes), whole(core[name]) if name in core else 0)
        for name, minutes in sections(notebook).items()
    }


def whole(minutes: float) -> int:
    """Minutes as they are printed: nothing takes less than one."""
    return max(1, round(minutes))


def count_words(text: str) -> int:
    """The words of a text without displayed equations; code and formulas in it are none."""
    text = re.sub(r"`[^`]*`|\$[^$]*\$|\{[^}]*\}", " ", text)
    return len(re.findall(r"[A-Za-z\u4e00-\u9fff][\w'’-]*", text))


def _prose(text: str) -> float:
    text = _CODE.sub("", _DEEPER.sub("", text))
    equations = len(_EQUATION.findall(text))
    questions = len(re.findall(r"^:class:\s*predict\b", text, re.M))
    spoken = _EQUATION.sub(" ", text)
    words = count_words(spoken)
    asked = equations * MINUTES["equation"] + questions * MINUTES["question"]
    return words / WORDS_A_MINUTE + asked


def _shown(cell: NotebookNode) -> float:
    figure = MINUTES["figure"] if "figure" in cell.metadata.get("mystnb", {}) else 0.0
    if FOLDED & set(cell.metadata.get("tags", [])):
        return figure
    lines = [line for line in cell.source.splitlines() if line.strip()]
    return figure + len(lines) * MINUTES["line"]


def time_line(notebook: NotebookNode) -> str:
    """The line **Time** of a lecture.

    The total is that of the rounded sections, so that a reader can add them up.
    """
    minutes = plan(notebook).values()
    total, core = (sum(each[i] for each in minutes) for i in range(2))
    said = f"{total} minutes to teach" + (f", {core} of them core" if core < total else "")
    each = ", ".join(str(all_of_it) for all_of_it, _ in minutes)
    return f"**Time** {said} (by section: {each}); under a minute to run."


def stated(notebook: NotebookNode) -> str:
    """The line **Time** that stands in a lecture's first cell; empty if there is none."""
    found = _TIME.search(notebook.cells[0].source)
    return found[0] if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", type=Path, nargs="+")
    for file in parser.parse_args().notebooks:
        notebook = nbformat.read(file, as_version=4)
        if not (old := stated(notebook)):
            parser.error(f"{file} has no line **Time** in its first cell")
        new = time_line(notebook)
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        print(f"{file.stem}: {new}")


if __name__ == "__main__":
    main()
