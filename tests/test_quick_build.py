"""A quicker build gives the same pages, and reads each tree once for all numbered references."""

import gc
from pathlib import Path

import pytest
import quick_build
from sphinx.environment import BuildEnvironment
from sphinx.testing.util import SphinxTestApp

PAGES = {
    "index": "Start\n=====\n\n.. toctree::\n   :numbered:\n\n   other\n\n"
    ".. _one:\n\n.. figure:: a.png\n\n   First\n\n"
    + ":numref:`one`, :numref:`two` and :numref:`Section {number} <here>`\n\n"
    * 4,
    "other": ".. _here:\n\nOther\n=====\n\n.. _two:\n\n.. figure:: a.png\n\n   Second\n\n"
    + ":numref:`two`, :numref:`one`\n\n" * 4,
}


@pytest.fixture
def collector():
    """The search for garbage, which goes on afterwards."""
    yield
    gc.enable()


def built(folder: Path, extensions: list[str]) -> tuple[dict[str, str], str]:
    """The pages of a small book, and the warnings."""
    folder.mkdir()
    for page, text in PAGES.items():
        (folder / f"{page}.rst").write_text(text)
    (folder / "a.png").write_bytes(b"")
    (folder / "conf.py").write_text(f"extensions = {extensions!r}\nnumfig = True\n")
    app = SphinxTestApp("html", srcdir=folder)
    app.build()
    pages = {page: (Path(app.outdir) / f"{page}.html").read_text() for page in PAGES}
    warned = app.warning.getvalue()
    app.cleanup()
    return pages, warned


def test_the_pages_are_the_same_and_each_tree_is_read_once(tmp_path, monkeypatch, collector):
    read = []
    real = BuildEnvironment.get_doctree

    def counted(env, page):
        read.append(page)
        return real(env, page)

    monkeypatch.setattr(BuildEnvironment, "get_doctree", counted)
    plain, warned = built(tmp_path / "plain", [])
    often, read[:] = len(read), []
    quick, _ = built(tmp_path / "quick", ["quick_build"])
    assert quick == plain
    assert all(number in quick["index"] for number in ("Fig. 1", "Fig. 1.1", "Section 1"))
    assert warned.count("numref") == 0
    references = sum(text.count(":numref:") for text in PAGES.values())
    assert references == 20 and often - len(read) == references - len(PAGES)


def test_no_garbage_is_sought(tmp_path, collector):
    assert gc.isenabled()
    built(tmp_path / "quick", ["quick_build"])
    assert not gc.isenabled()


def test_what_is_not_a_tree_comes_from_the_environment():
    class Environment:
        config = "its config"

    assert quick_build.OnceRead(Environment()).config == "its config"
