"""Every question to predict has a name, so that any page can lead to it.

It is called after the figure that answers it: ``predict-decoder-heads`` asks about
``fig-decoder-heads``. Where no figure stands between the question and its answer, it is called
after its lecture and section: ``predict-sampling-order-of-composition``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils.nodes import make_id
from nbformat import NotebookNode
from sphinx.application import Sphinx

from teaching import OPTIONAL

_QUESTION = re.compile(r"^(?=:{3,}\{admonition\}[^\n]*\n:class: predict$)", re.M)
_EVENT = re.compile(
    r"^(?:#{2,3} (?P<section>.*)|:{3,}\{admonition\}[^\n]*\n(?P<question>:class: predict)"
    r"|:{3,}\{dropdown\} (?P<answer>Answer))$",
    re.M,
)


def names(notebook: NotebookNode, lecture: str) -> list[str]:
    """The names of a lecture's questions, in their order.

    Raises:
        ValueError: where two questions would have one name.
    """
    found: list[str] = []
    section, figure, waiting = "", "", False
    for kind, text in _events(notebook):
        if kind == "section":
            section = text.removesuffix(OPTIONAL)
        elif kind == "question":
            figure, waiting = "", True
        elif kind == "figure":
            figure = figure or text
        elif waiting:  # its answer
            own = f"{lecture}-{make_id(section)}"
            found.append(f"predict-{figure.removeprefix('fig-') or own}")
            waiting = False
    if twice := {name for name in found if found.count(name) > 1}:
        raise ValueError(f"{lecture} has two questions called {twice.pop()}")
    return found


def _events(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Headings, questions, answers and named figures, in their order."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for found in _EVENT.finditer(cell.source):
                yield found.lastgroup, found[found.lastgroup]
        elif name := cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
            yield "figure", name


def named(notebook: NotebookNode, lecture: str) -> NotebookNode:
    """The notebook with a target before each question."""
    copy, following = nbformat.from_dict(notebook), iter(names(notebook, lecture))
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = _QUESTION.sub(lambda _: f"({next(following)})=\n", cell.source)
    return copy


def add_names(app: Sphinx, page: str, source: list[str]) -> None:
    """Before a notebook is parsed; its code cells stay as they are."""
    file = Path(app.env.doc2path(page))
    if file.suffix == ".ipynb":
        notebook = nbformat.reads(source[0], as_version=4)
        source[0] = nbformat.writes(named(notebook, file.stem))


def setup(app: Sphinx) -> dict:
    app.connect("source-read", add_names)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
