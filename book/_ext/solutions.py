"""Copy every lecture with its folded solutions as cells, so that one run executes both.

The copies are for the tests: ``python book/_ext/solutions.py FOLDER`` and then
``pytest --nbval-lax FOLDER``.
"""

import argparse
import re
import shutil
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
_OPENING = re.compile(r"^(`{3,}|:{3,})\{solution(?:-start)?\}\s*(\S+)\s*$")
# What `nlgnotes.widgets.drawings` reads, and a cell that calls it.
_DRAWING = re.compile(r"^drawing\(", re.MULTILINE)
_NOT_ON_THE_SITE = """# as a notebook shows it
import os

os.environ.pop("NLGNOTES_SITE", None)
"""
_PYTHON = re.compile(r"^(`{3,})(?:python|\{code-block\}\s*python)\s*$")


def lectures() -> list[Path]:
    """The notebooks of the table of contents, in its order."""
    return [file for page in pages() if (file := ROOT / f"{page}.ipynb").is_file()]


def pages() -> list[str]:
    """Every page of the table of contents, in its order, as a path without its ending."""

    def walk(node) -> list[str]:
        if isinstance(node, list):
            return [page for each in node for page in walk(each)]
        here = [node[name] for name in ("root", "file") if name in node]
        return here + [
            page for name in ("parts", "chapters", "sections") for page in walk(node.get(name, []))
        ]

    return walk(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))


def solutions(markdown: str) -> list[tuple[str, str]]:
    """The (label, code) of every ```python fence inside a ``{solution}`` directive."""
    found, lines, i = [], markdown.splitlines(), 0
    while i < len(lines):
        if opening := _OPENING.match(lines[i]):
            fence, label = opening.groups()
            i += 1
            while i < len(lines) and not _closes(lines[i], fence):
                if inner := _PYTHON.match(lines[i]):
                    code, i = [], i + 1
                    while i < len(lines) and not _closes(lines[i], inner[1]):
                        code.append(lines[i])
                        i += 1
                    found.append((label, "\n".join(code)))
                i += 1
        i += 1
    return found


def _closes(line: str, fence: str) -> bool:
    line = line.rstrip()
    return len(line) >= len(fence) and set(line) == {fence[0]}


def after(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Code cells that belong to a notebook and are not among its own, to be executed after them.

    One for the code of each solution, and one for each picture that the page draws itself: it is
    shown once more as every other notebook shows it.
    """
    extra = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for label, code in solutions(cell.source):
                extra.append(nbformat.v4.new_code_cell(f"# solution of {label}\n{code}"))
    for cell in notebook.cells:
        if cell.cell_type == "code" and _DRAWING.search(cell.source):
            extra.append(nbformat.v4.new_code_cell(f"{_NOT_ON_THE_SITE}\n{cell.source}"))
    return extra


def with_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook and what comes after it (see ``after``) as one."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [*notebook.cells, *after(notebook)]
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="made anew")
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in lectures():
        nbformat.write(with_solutions(nbformat.read(file, as_version=4)), folder / file.name)


if __name__ == "__main__":
    main()
