"""The page of a package, for a toy package in a book of one lecture."""

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

TOY = {
    "toy/__init__.py": '"""A toy."""\n',
    "toy/sums/__init__.py": '"""Sums."""\n\nfrom toy.sums.exact import total\n',
    "toy/sums/exact.py": '''\
"""Sums without rounding."""

from jaxtyping import Float
from torch import Tensor

__all__ = ["LIMIT", "Adder", "total"]

Rows = Float[Tensor, "*batch vocab"]
LIMIT = 3


class Adder:
    """Adds; see :meth:`add` and :data:`LIMIT`."""

    def __init__(self, start: "Rows"):
        self.start = start

    def add(self, x: Rows) -> "Adder":
        """Add once more, as :func:`total` does."""


def total(x: Rows, width: int = 2, *, by: str = "row") -> Rows:
    r"""The sum :math:`\\sum_i x_i`.

    Taught in: book/adding.ipynb.

    Args:
        x: what is summed.
        width: of the page.

    Raises:
        ValueError: ``x`` is empty.

    >>> total(1)
    1
    """
''',
    "toy/tools.py": '''\
"""Tools. See :mod:`~toy.sums.exact` and :class:`Adder`."""

from dataclasses import dataclass

from toy.sums import total

__all__ = ["Box", "double"]


@dataclass(frozen=True)
class Box:
    """A box."""

    size: int
    name: str = "x"

    def add(self):
        """Put one in."""


def double(box: Box) -> int:
    """Twice the :func:`total`; not :func:`the sum <total>` once."""


def _hidden():
    """Not shown."""
''',
    "book/api.rst": "Toy\n===\n\nA\n-\n\n.. api:: toy.sums\n\nB\n-\n\n.. api:: toy.tools\n",
}
CELLS = [
    "(adding)=\n# Adding",
    "from toy import tools as t\nfrom toy.sums import total",
    "## First steps\n\nWords.",
    "total(1)",
    "## Second steps",
    "%matplotlib inline\nt.double(t.Box(1)); total(2)",
    "# not code: t.double",
]


def make(folder: Path, files: dict[str, str], cells: list[str]) -> None:
    """Write files, and the lecture of these cells: text from ``#`` or ``(`` on, else code."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    of = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[of[each[0] in "#("](each) for each in cells])
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    nbformat.write(notebook, folder / "book" / "adding.ipynb")


@pytest.fixture(scope="module")
def toy(small_book, tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    make(folder, TOY, CELLS)
    pages, warnings = small_book(folder, "toy")
    assert warnings == ""
    return pages


def entry(page: BeautifulSoup, name: str):
    """The part of the page that is about one name."""
    return page.find(id=name).find_parent("dl")


def test_a_signature_shows_its_annotations_as_they_are_written(toy):
    shown = toy["api"].find(id="toy.sums.exact.total").text.strip()
    shape = 'Float[Tensor, "*batch vocab"]'
    assert shown.startswith(f'total(x: {shape}, width: int = 2, *, by: str = "row") → {shape}')


def test_a_class_shows_its_fields_and_a_method_links_to_its_class(toy):
    shown = toy["api"].find(id="toy.tools.Box").text.strip()
    assert shown.startswith('class Box(size: int, name: str = "x")')
    assert toy["api"].find(id="toy.sums.exact.Adder.add").a["href"] == "#toy.sums.exact.Adder"
    assert toy["api"].find(id="toy.tools.double").a["href"] == "#toy.tools.Box"


def test_the_first_sentence_stays_in_sight_and_the_rest_is_folded(toy):
    body = entry(toy["api"], "toy.sums.exact.total").dd
    assert [child.name for child in body.find_all(recursive=False)] == ["p", "p", "details"]
    assert body.summary.text == "Parameters, errors, example"
    assert "what is summed" in body.details.text and ">>> total(1)" in body.details.text
    assert entry(toy["api"], "toy.tools.double").details is None


def test_private_names_and_names_outside_all_are_left_out(toy):
    names = {each["id"] for each in toy["api"].select("dt.sig")}
    exact, tools = {"LIMIT", "Adder", "Adder.add", "total"}, {"Box", "Box.add", "double"}
    assert names == {f"toy.sums.exact.{n}" for n in exact} | {f"toy.tools.{n}" for n in tools}


def test_references_mean_the_module_s_own_name_then_an_import_then_the_only_one(toy):
    page, exact = toy["api"], "#toy.sums.exact"
    links = [link["href"] for link in entry(page, f"{exact[1:]}.Adder").dd.p.find_all("a")]
    assert links == [f"{exact}.Adder.add", f"{exact}.LIMIT"]
    links = entry(page, "toy.tools.double").dd.p.find_all("a")
    assert [link["href"] for link in links] == [f"{exact}.total", f"{exact}.total"]
    assert [link.text for link in links] == ["total", "the sum"]
    links = page.find(id="module-toy.tools").find_all("p")[1].find_all("a")
    assert [link["href"] for link in links] == ["#module-toy.sums.exact", f"{exact}.Adder"]


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (":func:`gone`", "it means none"),
        (":func:`tools.gone`", "it means none"),
        (":meth:`Box.open`", "it means none"),
        (":class:`Twice`", "it may mean toy.other.Twice, toy.sums.exact.Twice"),
    ],
)
def test_a_reference_to_nothing_or_to_two_is_a_warning_that_names_the_docstring(
    small_book, tmp_path, role, says
):
    twice = '"""A file."""\n\n__all__ = ["Twice"]\n\n\nclass Twice:\n    """One of two."""\n'
    files = {**TOY, "toy/sums/exact.py": twice, "toy/other.py": twice}
    files["toy/tools.py"] = (
        f'"""Tools."""\n\n__all__ = ["f"]\n\n\ndef f():\n    """See {role}."""\n'
    )
    make(tmp_path, files, ["# Adding"])
    _, warnings = small_book(tmp_path, "toy")
    assert warnings.count("\n") == 1 and says in warnings
    assert warnings.startswith("toy/tools.py:docstring of toy.tools.f:6: WARNING: ") is True
    assert role in warnings


def test_bad_markup_in_a_docstring_is_a_warning_that_names_it(small_book, tmp_path):
    text = TOY["toy/tools.py"].replace("A box.", "A *box.\n\n    Returns:\n        A ``box.")
    make(tmp_path, {**TOY, "toy/tools.py": text}, CELLS)
    _, warnings = small_book(tmp_path, "toy")
    where = "toy/tools.py:docstring of toy.tools.Box:11: WARNING: Inline"
    assert [line.startswith(where) for line in warnings.splitlines()] == [True, True]


def test_a_page_that_is_taught_in_and_missing_is_a_warning(small_book, tmp_path):
    text = TOY["toy/sums/exact.py"].replace("book/adding", "book/taking-away")
    make(tmp_path, {**TOY, "toy/sums/exact.py": text}, CELLS)
    pages, warnings = small_book(tmp_path, "toy")
    assert "toy.sums.exact.total: there is no lecture book/taking-away" in warnings
    assert "Taught in" not in pages["api"].text


def test_a_lecture_links_what_its_cells_use_by_folder(toy):
    block = toy["adding"].select_one("details.api-used")
    assert [p.text for p in block.find_all("p")] == ["sums total", "tools Box double"]
    links = [link["href"] for link in block.find_all("a")]
    names = ["sums.exact.total", "tools.Box", "tools.double"]
    assert links == [f"api.html#toy.{name}" for name in names]


def test_an_entry_links_the_section_that_uses_it_first(toy):
    lines = {
        name: entry(toy["api"], name).select_one("p.api-lectures")
        for name in ("toy.sums.exact.total", "toy.tools.double", "toy.sums.exact.Adder")
    }
    taught, used, none = lines.values()
    assert taught.text.strip() == "Taught in adding" and used.text.strip() == "Used in adding"
    assert taught.a["href"] == "adding.html#first-steps" and none is None
    assert used.a["href"] == "adding.html#second-steps"
    assert toy["adding"].select_one("section#second-steps h2").text.startswith("Second steps")


def test_both_directions_agree(toy, linked):
    there, back = linked(toy)
    assert there == back and len(there) == 3
