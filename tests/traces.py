"""What is left of a solution in a folder of files: runs of words that nothing else of the book has.

A file is read as its words: HTML without its tags but with their attributes (alternative texts),
JSON and JavaScript without the marks of their strings, and what is compressed is unpacked.
"""

import html
import re
import zlib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import exercise_list
import nbformat
from student import without_solutions

RUN = 8  # words in a row
PICTURES = {".png", ".jpg", ".gif", ".ico", ".woff", ".woff2", ".ttf", ".eot"}
_INSIDE = re.compile(r"</?(?:span|em|strong|a|code|sub|sup|b|i)\b[^>]*>")  # a word may go on
_MARK = re.compile(r"\\(.)", re.S)  # of a string in JSON or JavaScript


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def runs(text: str) -> set[str]:
    """Every ``RUN`` words in a row, but for those that are mostly numbers and single letters."""
    found = words(text)
    rows = (found[i : i + RUN] for i in range(len(found) - RUN + 1))
    return {" ".join(row) for row in rows if sum(len(w) > 2 and w.isalpha() for w in row) >= 4}


def solutions_alone(files: Iterable[Path], others: Iterable[Path]) -> dict[str, set[str]]:
    """Runs of each solution, by the label of its exercise, that stand nowhere else in the book.

    Args:
        files: the lectures.
        others: the book's other sources: they may say the same.
    """
    own, rest = {}, set()
    for file in files:
        notebook = nbformat.read(file, as_version=4)
        for each in exercise_list.exercises(notebook):
            own[each.label] = runs(each.solution)
        for cell in notebook.cells:
            is_prose = cell.cell_type == "markdown"
            rest |= runs(without_solutions(cell.source) if is_prose else cell.source)
    for file in others:
        rest |= runs(file.read_text(encoding="utf-8"))
    return {label: found - rest for label, found in own.items()}


def readings(file: Path) -> list[str]:
    """The text of a file, in each of the ways in which it may have to be read."""
    if file.suffix in PICTURES:
        return []
    data = file.read_bytes()
    if file.suffix == ".inv":  # Sphinx's list of anchors: four lines, and the rest compressed
        return [zlib.decompress(data.split(b"\n", 4)[4]).decode("utf-8")]
    text = data.decode("utf-8", errors="replace")
    if file.suffix in {".html", ".svg", ".xml"}:
        attributes = " ".join(re.findall(r'="([^"]*)"', text))
        bare = re.sub(r"<[^>]*>", " ", _INSIDE.sub("", text))
        return [html.unescape(bare), html.unescape(attributes)]
    if file.suffix in {".js", ".json", ".ipynb"}:
        once = _MARK.sub(_meant, text)
        return [text, once, _MARK.sub(_meant, once)]  # JSON inside a script's string
    return [text]


def _meant(match: re.Match) -> str:
    return " " if match[1] in "nrt" else match[1]


def found_in(folder: Path, wanted: dict[str, set[str]]) -> dict[str, set[str]]:
    """The wanted runs that stand in any file of a folder, by label.

    One in twenty may be there by chance: two pieces of the page that follow each other elsewhere.
    """
    every = set().union(*wanted.values())
    starts = {tuple(run.split()[:2]) for run in every}  # most places need no closer look
    found: set[str] = set()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            for said in map(words, readings(file)):
                places = (i for i, pair in enumerate(pairwise(said)) if pair in starts)
                found |= {" ".join(said[i : i + RUN]) for i in places} & every
    return {
        label: here for label, own in wanted.items() if len(here := own & found) > len(own) / 20
    }
