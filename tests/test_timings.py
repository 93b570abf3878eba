"""Where the minutes go: the seconds of each cell are kept, survive, and are printed as they are."""

import json
import re

import execute
import nbformat
import pages
import pytest
import timings
from jupyter_cache import get_cache
from offline import loopback

CELLS = ("import toy\nimport time", "  \n", "# a wait\ntime.sleep(0.6)", "sum(range(15_000_000))")
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.fixture
def book(tmp_path):
    """A book of one page, its cells between Markdown, and a package `toy`."""
    new = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for cell in CELLS:
        new.cells += [nbformat.v4.new_markdown_cell("Prose."), nbformat.v4.new_code_cell(cell)]
    (tmp_path / "book").mkdir()
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text("")
    nbformat.write(new, tmp_path / "book" / "a.ipynb")
    return tmp_path


def measured(book) -> dict:
    """The table after an execution of what is not kept yet."""
    found = pages.with_code(["book/a"], book, {})
    execute.execute(found, book / "cache", book / "toy", [], 60, 1)
    return timings.table(found, get_cache(book / "cache"))


def test_the_seconds_of_each_cell_survive_when_nothing_is_executed_again(book, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", loopback.python_path(book))
    first = measured(book)
    assert "executing 1 of 1" in capsys.readouterr().out
    assert [(c["cell"], c["line"]) for c in first["cells"]] == [
        (2, "import toy"),
        (6, "# a wait"),
        (8, "sum(range(15_000_000))"),
    ]
    start, wait, work = first["cells"]
    assert wait["seconds"] >= 0.6 > 0.3 > wait["processor"], "who waits computes nothing"
    assert work["processor"] > 0.1 and work["seconds"] >= work["processor"] - 0.02
    assert start["processor"] > 0.1, "the first has the kernel's start"
    [page] = first["pages"]
    for name in ("seconds", "processor"):
        assert sum(cell[name] for cell in first["cells"]) <= page[name] + 0.01
    assert page["processor"] == pytest.approx(sum(c["processor"] for c in first["cells"]), abs=0.01)

    notebook = nbformat.read(book / "book" / "a.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("More prose."))
    nbformat.write(notebook, book / "book" / "a.ipynb")
    again = measured(book)
    assert "are as they were executed last" in capsys.readouterr().out
    moved = [{**cell, "cell": cell["cell"] + 1} for cell in first["cells"]]
    assert again == {**first, "cells": moved}, "prose moves cells and costs nothing"


def test_the_notebook_that_the_page_is_made_from_holds_no_seconds(book, monkeypatch):
    """They would change with every run, and myst-nb would write them into the site."""
    monkeypatch.setenv("PYTHONPATH", loopback.python_path(book))
    measured(book)
    [file] = (book / "cache").rglob("base.ipynb")
    kept = nbformat.read(file, as_version=4)
    assert all("execution" not in cell.metadata for cell in kept.cells)


def test_what_is_printed_is_the_table(tmp_path, monkeypatch, capsys):
    cells = [
        {"page": f"book/{'ab'[i % 2]}", "cell": i, "line": f"step({i})", "seconds": i + 1.0}
        | {"processor": float(i)}
        for i in range(1, 13)
    ]
    rows = [
        {"page": "book/b", "seconds": 42.0, "processor": 36.0},
        {"page": "book/a", "seconds": 48.0, "processor": 42.0},
    ]
    monkeypatch.setattr(timings, "FILE", tmp_path / "_build" / "timings.json")
    with pytest.raises(SystemExit, match="missing: .*timings.json; `make book` writes it"):
        timings.main()
    timings.write(timings.FILE, {"machine": "M", "pages": rows, "cells": cells})
    assert json.loads(timings.FILE.read_text())["cells"] == cells
    timings.main()
    lines = capsys.readouterr().out.splitlines()
    assert "   78.0    90.0  all 2 pages" in lines
    assert "the 10 dearest cells (96% of all seconds):" in lines  # 75 of 78
    dearest = [int(each[1]) for each in map(re.compile(r"step\((\d+)\)").search, lines) if each]
    assert dearest == list(range(12, 2, -1))


def test_the_machine_is_named_with_its_cores_and_python():
    assert re.fullmatch(r"\S.*, \d+ cores, Python 3\.\d+\.\d+", timings.machine())
