"""How long a lecture takes to teach, section by section, from what stands in it.

``python book/_ext/teaching.py NOTEBOOK ...`` writes the minutes into the line **Time** of each.
"""

import argparse
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

FOLDED = {"hide-input", "remove-input", "remove-cell", "hide-cell"}
"""The tags of cells whose code the page does not show."""

UNTAUGHT = {"Exercises", "Sources"}
"""Sections that are left to the students."""

WORDS_A_MINUTE = 140  # of a lecture that is spoken, not read out
MINUTES = {"equation": 1.5, "figure": 1.5, "question": 1.0, "line": 0.1}
"""For each displayed equation, figure, question with answers, and visible line of code."""

_DEEPER = re.compile(r"^(:{3,})\{dropdown\}\s*Deeper.*?^\1\s*$", re.M | re.S)
_EQUATION = re.compile(r"\$\$.*?\$\$|^\\begin\{align.*?^\\end\{align", re.M | re.S)
_CODE = re.compile(r"^(`{3,}).*?^\1\s*$", re.M | re.S)
_TIME = re.compile(r"^\*\*Time\*\* .*$", re.M)


def sections(notebook: NotebookNode) -> dict[str, float]:
    """Minutes by section: what stands under each heading of the second level, in order.

    What stands before the first is under the lecture's own title. Deeper boxes are not taught.
    """
    minutes: dict[str, float] = {}
    here = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=##? )", cell.source, flags=re.M):
                if heading := re.match(r"##? (.*)", part):
                    here = heading[1].strip()
                minutes[here] = minutes.get(here, 0.0) + _prose(part)
        elif cell.cell_type == "code":
            minutes[here] = minutes.get(here, 0.0) + _shown(cell)
    return {name: time for name, time in minutes.items() if name and name not in UNTAUGHT}


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
    each = [max(1, round(time)) for time in sections(notebook).values()]
    parts = ", ".join(map(str, each))
    return f"**Time** {sum(each)} minutes to teach (by section: {parts}); under a minute to run."


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
