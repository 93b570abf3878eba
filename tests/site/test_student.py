"""The edition for students holds nothing of any solution, and all the rest."""

import re
from pathlib import Path

import build
import nbformat
import notebooks
import pytest
import solutions
import student
import traces
from exercise_list import exercises

LECTURES = solutions.lectures()
ROOT = build.ROOT


@pytest.fixture(scope="module")
def edition() -> Path:
    """The edition; written here if missing or stale."""
    if not build.is_current(student.SITE):
        student.write()
    return student.SITE


@pytest.fixture(scope="module")
def wanted() -> dict[str, set[str]]:
    beside = [
        file
        for folder in ("book", "nlgnotes")
        for ending in ("*.md", "*.rst", "*.bib", "*.py")
        for file in (ROOT / folder).rglob(ending)
        if "_ext" not in file.parts
    ]
    return traces.solutions_alone(LECTURES, beside)


def test_solutions_are_taken_out_whole():
    text = "Do.\n\n````{solution} ex-a\n:class: dropdown\nSo:\n```python\nx\n```\n````\n\nOn.\n"
    assert student.without_solutions(text) == "Do.\n\nOn.\n"
    assert student.without_solutions(":::{solution} ex-a\nSo.\n:::\n") == ""
    with pytest.raises(ValueError, match="a solution must begin a line"):
        student.without_solutions("* ````{solution} ex-a\n  So.\n  ````")


def test_there_is_no_trace_of_a_solution(edition, wanted):
    assert traces.found_in(edition, wanted) == {}
    assert traces.found_in(student.NOTEBOOKS, wanted) == {}


def test_the_search_for_traces_finds_every_solution_where_it_is(edition, wanted):
    """In the whole book: most of each on the page, in the notebook, in the search."""
    for place in ("book", notebooks.FOLDER, "_static"):
        found = traces.found_in(build.SITE / place, wanted)
        share = {label: len(found.get(label, ())) / len(own) for label, own in wanted.items()}
        assert {label: here for label, here in share.items() if here < 0.5} == {}, place


def test_words_of_solutions_alone_are_not_in_the_search_index(edition):
    """Sphinx's index holds single words: those that only the whole book's has are of solutions."""
    index = [(site / "searchindex.js").read_text("utf-8") for site in (build.SITE, edition)]
    whole, here = (set(re.findall(r'"?(\w+)"?:', text)) for text in index)
    assert whole - here, "solutions have words of their own"
    assert here - whole == set()
    labels = re.findall(
        r":label: (so-[\w-]+)", "".join(file.read_text("utf-8") for file in LECTURES)
    )
    inventory = traces.readings(edition / "objects.inv")
    assert labels and [each for each in labels if each in f"{index[1]} {inventory}"] == []


def test_the_edition_has_every_exercise_with_its_hint(edition):
    for file in LECTURES:
        page = (edition / "book" / f"{file.stem}.html").read_text("utf-8")
        found = exercises(nbformat.read(file, as_version=4))
        assert [each.label for each in found if f'id="{each.label}"' not in page] == []
        assert page.count(">Hint<") == sum(bool(each.hint) for each in found)
        assert "details.solution" not in page and 'class="solution' not in page


def test_every_notebook_is_there_without_solutions(edition):
    for file in LECTURES:
        whole = nbformat.read(build.SITE / notebooks.FOLDER / file.name, as_version=4)
        plain = nbformat.read(student.NOTEBOOKS / file.name, as_version=4)
        code = [cell.source for cell in plain.cells if cell.cell_type == "code"]
        assert code == [cell.source for cell in whole.cells if cell.cell_type == "code"]
        text = "\n".join(cell.source for cell in plain.cells)
        assert "<b>Hint</b>" in text and "Solution to" not in text


def test_nothing_was_executed_anew(edition):
    """The figures are those of the book, byte by byte."""
    pictures = {file.name for file in (build.SITE / "_images").iterdir()}
    assert {file.name for file in (edition / "_images").iterdir()} == pictures
