"""Old addresses of parted lectures lead to where their sections stand now."""

import io
import json

import moved
import pytest
import solutions
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

PAGE = """
{title}
{line}

.. _fig-{name}-curve:

Section of {name}
-------------------------------

.. math:: a = b
   :label: eq-{name}-rule

.. container:: an-exercise
   :name: ex-{name}-1

   Why?
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A book of the pages that the real one was parted into: its pages, by name."""
    folder = tmp_path_factory.mktemp("moved")
    (folder / "book").mkdir()
    (folder / "index.rst").write_text("Book\n====\n\n.. toctree::\n   :glob:\n\n   book/*\n")
    for name in {part for parts in moved.PARTED.values() for part in parts}:
        title = f"On {name}"
        text = PAGE.format(title=title, line="=" * len(title), name=name)
        (folder / "book" / f"{name}.rst").write_text(text)
    asked = {"extensions": ["moved"], "html_theme": "basic", "exclude_patterns": ["out"]}
    with docutils_namespace(), pytest.MonkeyPatch.context() as patch:
        # Every toy page has one exercise.
        patch.setattr(moved, "EXERCISES", {"ex-architectures-9": "ex-positions-1"})
        out, warnings = folder / "out", io.StringIO()
        Sphinx(folder, None, out, out / "trees", "html", asked, None, warnings).build()
    assert warnings.getvalue() == ""
    texts = {page.stem: page.read_text("utf-8") for page in (out / "book").glob("*.html")}
    return {name: BeautifulSoup(text, "html.parser") for name, text in texts.items()}


def places(page):
    return json.loads(page.find(id="moved").string)


def test_a_page_that_is_gone_names_its_successors(site):
    links = [link["href"] for link in site["degeneration"].select("section li a")]
    assert links == ["repetition.html", "generic-replies.html"]
    assert site["degeneration"].select_one("section li a").text == "On repetition"


@pytest.mark.parametrize("old", moved.PARTED)
def test_old_anchors_lead_to_an_anchor_that_is_there(site, old):
    found = places(site[old])
    for part in moved.PARTED[old]:
        assert found[f"section-of-{part}"] == f"{part}.html#section-of-{part}"
    for address in found.values():
        page, anchor = address.split("#")
        assert site[page.removesuffix(".html")].find(id=anchor), address


def test_labels_had_the_name_of_the_old_page(site):
    found = places(site["architectures"])
    assert found["ex-architectures-9"] == "positions.html#ex-positions-1"
    assert found["fig-architectures-curve"].endswith("#fig-positions-curve")
    assert found["equation-eq-architectures-rule"] == "positions.html#equation-eq-positions-rule"


def test_a_page_that_was_not_parted_has_no_script(site):
    assert site["repetition"].find(id="moved") is None


def test_the_real_exercises_lead_to_exercises():
    text = {page: (solutions.ROOT / f"{page}.ipynb") for page in solutions.pages()}
    labels = "".join(f.read_text(encoding="utf-8") for f in text.values() if f.is_file())
    assert [now for now in moved.EXERCISES.values() if f":label: {now}\\n" not in labels] == []
