"""A book of one lecture with one picture that the page draws itself, built as the site is."""

import io
import os
from pathlib import Path
from unittest import mock

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

SETTINGS = {
    "extensions": ["myst_nb", "drawings"],
    "nb_execution_mode": "force",
    "nb_execution_raise_on_error": True,
    "numfig": True,
    "html_theme": "basic",
}
TWIN = """import math

from matplotlib import pyplot as plt

from nlgnotes.widgets import drawing


def calibrated(p, p_null):
    x, y = p / p_null, (1 - p) / (1 - p_null)
    softmax = math.exp(x) / (math.exp(x) + math.exp(y))
    return {"softmax": softmax, "normalised": x / (x + y)}


def show(p, p_null):
    ax = plt.subplots(figsize=(4, 3))[1]
    ax.plot([0, 1], [0, 1], color="grey")
    ax.plot(p, calibrated(p, p_null)["softmax"], "o")
    return ax


_ = show(p=0.6, p_null=0.7)"""
DRAWING = """drawing(
    show,
    {"p": [0, 0.25, 0.5, 0.6, 0.75, 1], "p_null": [0.05, 0.3, 0.5, 0.7, 0.95]},
    picture="calibration",
    values=calibrated,
    ranges={"p": (0, 1, 0.01), "p_null": (0.05, 0.95, 0.01)},
    labels={"p": "p(Positive)", "p_null": "p_null(Positive)"},
    start={"p": 0.6, "p_null": 0.7},
    alt="q(Positive) over p(Positive) for the chosen p_null(Positive): three curves.",
)"""
CAPTION = "What calibration makes of $p$. Move $p$ and the null prediction."


def built(folder: Path, cell: str = DRAWING) -> tuple[Path, str]:
    """The book, built in a folder: where its site is, and what Sphinx warned of."""
    source, out, warnings = folder / "source", folder / "site", io.StringIO()
    source.mkdir()
    figure = {"figure": {"name": "fig-drawn", "caption": CAPTION}, "image": {"alt": "A curve."}}
    lecture = new_notebook(
        cells=[
            new_markdown_cell("# A picture that the page draws"),
            new_code_cell(TWIN, metadata={"mystnb": figure}),
            new_code_cell(cell, metadata={"tags": ["hide-input"]}),
            new_markdown_cell("The text goes on."),
        ],
        metadata={"kernelspec": {"display_name": "", "language": "python", "name": "python3"}},
    )
    nbformat.write(lecture, source / "index.ipynb")
    with mock.patch.dict(os.environ, {"NLGNOTES_SITE": "1"}), docutils_namespace():
        Sphinx(source, None, out, folder / "trees", "html", SETTINGS, None, warnings).build()
    return out, warnings.getvalue()
