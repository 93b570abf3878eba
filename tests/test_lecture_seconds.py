"""The table of the lectures' seconds on the page is what the executor measured."""

import json
import re
from pathlib import Path

import pytest
import timings
from sphinx.testing.util import SphinxTestApp

ROWS = [
    {"page": "slow", "processor": 41.2, "seconds": 45.0},
    {"page": "index", "processor": 2.6, "seconds": 3.4},
]
CELLS = [
    {"page": page, "cell": i, "line": "x", "seconds": 1.0, "processor": seconds}
    for i, (page, seconds) in enumerate([("slow", 9.0), ("slow", 32.2), ("index", 2.6)])
]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Builds the small book and gives its first page's text."""
    monkeypatch.setattr(timings, "FILE", tmp_path / "timings.json")
    text = "Start\n=====\n\n.. lecture-seconds::\n\n.. toctree::\n\n   slow\n"
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "index.rst").write_text(text)
    (folder / "slow.rst").write_text("A slow lecture\n==============\n")
    (folder / "conf.py").write_text("extensions = ['lecture_seconds']\n")

    def build() -> str:
        app = SphinxTestApp("html", srcdir=folder, freshenv=True)
        app.build(force_all=True)
        assert not app.warning.getvalue()
        html = (Path(app.outdir) / "index.html").read_text()
        app.cleanup()
        return html

    return build


def test_the_table_is_the_executors(page):
    measured = {"machine": "One machine", "pages": ROWS, "cells": CELLS}
    timings.FILE.write_text(json.dumps(measured))
    html = page()
    rows = [
        [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall("(?s)<td.*?</td>", row)]
        for row in re.findall("(?s)<tr.*?</tr>", html)
    ]
    assert rows[1:] == [["A slow lecture", "41", "45", "32"], ["Start", "3", "3", "3"]]
    assert 'href="slow.html"' in html
    assert "Together 44 seconds of one core. Measured on One machine." in html


def test_a_build_without_a_measurement_says_so(page):
    assert "This build has not measured them." in page()
