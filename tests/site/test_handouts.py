"""The handouts: one sheet for each lecture, nothing cut off, with what the lecture's page says."""

import re

import build
import handouts
import nbformat
import pytest
import solutions
import yaml
from exercise_list import exercises

LECTURES = solutions.lectures()
MARGIN = 20  # points at the edges of the sheet
PAGE = """<article><h1>A <em>title</em><a class="headerlink">#</a></h1>
<p><strong>The question.</strong> Why <a href="x">so</a>?</p>
<figure id="fig-a-board"><img src="../_images/a.png" alt="A box.">
<figcaption><p>Fig. 1 A box.</p></figcaption></figure>
<div class="math" id="equation-eq-short-b"><span class="eqno">(7)</span>\\[x &lt; y\\]</div>
<table><tr id="row-c"><th>It rises.<br><small>c</small></th><td data-head="this run">holds</td>
<td data-head="ours">0.5 [0.4, 0.6]</td><td data-head="margin">above 0.1</td></tr></table>
<div class="exercise"><p class="admonition-title">Exercise 1 · By hand</p>
<section><p>Show it.</p><details><summary>Hint</summary>Think.</details></section></div>
<details class="solution">Secret.</details></article>"""


def test_a_sheet_has_the_parts_of_its_page_and_no_hint_or_solution():
    made = handouts.sheet("a", PAGE, {"equations": ["b"], "claims": ["c"]}, "site")
    for part in (
        "<h1>A <em>title</em></h1>",
        "<strong>The question.</strong> Why so?",
        '<img src="site/_images/a.png" alt="A box.">',
        "\\[x &lt; y\\]</span> <small>(7)</small>",
        '<p>It rises.</p><p class="ours">0.5 [0.4, 0.6]</p>',
        "<p>holds; margin: above 0.1</p>",
        "<h3>Exercise 1 · By hand</h3><p>Show it.</p>",
    ):
        assert part in made
    assert not re.search("Hint|Think|Secret|href=", made)


@pytest.mark.parametrize("missing", [{"equations": ["z"]}, {"claims": ["z"]}])
def test_a_choice_that_is_not_on_the_page_is_an_error(missing):
    with pytest.raises(handouts.HandoutError, match="a: its page has no .*-z"):
        handouts.sheet("a", PAGE, {"equations": ["b"], "claims": ["c"], **missing}, "site")


def test_every_lecture_has_three_results_and_an_equation():
    choices = yaml.safe_load(handouts.CHOICE.read_text("utf-8"))
    assert list(choices) == [file.stem for file in LECTURES]
    assert {
        name: len(each["claims"]) for name, each in choices.items() if len(each["claims"]) != 3
    } == {}
    assert [name for name, each in choices.items() if not each["equations"]] == []


@pytest.fixture(scope="module")
def sheets(browser, tmp_path_factory) -> dict[str, handouts.Handout]:
    if not build.is_current():
        build.build()
    found = handouts.printed(browser, LECTURES, tmp_path_factory.mktemp("handouts"))
    return {each.lecture: each for each in found}


@pytest.mark.parametrize("file", LECTURES, ids=lambda file: file.stem)
def test_a_handout_is_one_page_and_holds_every_exercise(sheets, file):
    pdfium = pytest.importorskip("pypdfium2")
    here = sheets[file.stem]
    assert here.points >= handouts.SMALLEST
    document = pdfium.PdfDocument(here.file)
    assert len(document) == 1
    (page,) = document
    assert [round(side) for side in page.get_size()] == [595, 842], "A4"
    text = page.get_textpage()
    # Pieces of braces that grow have boxes anywhere.
    letters = [
        i for i, each in enumerate(text.get_text_range()) if each.isascii() and each.isalnum()
    ]
    boxes = [text.get_charbox(i) for i in letters if i < text.count_chars()]
    assert min(box[0] for box in boxes) > MARGIN and min(box[1] for box in boxes) > MARGIN
    assert max(box[2] for box in boxes) < 595 - MARGIN
    assert max(box[3] for box in boxes) < 842 - MARGIN
    said = re.sub(r"\W+", "", text.get_text_range())
    for each in exercises(nbformat.read(file, as_version=4)):
        points = f"({'★' * each.stars}, {each.minutes} min, {each.points} point"
        assert re.sub(r"\W+", "", points) in said
        last = re.findall(r"[A-Za-z]{3,}", re.sub(r"\$[^$]*\$|\{.*?\}`.*?`", "", each.text))[-2:]
        assert all(word in said for word in last)


def test_a_sheet_that_does_not_fit_is_an_error(browser):
    page = browser.new_page(viewport={"width": 794, "height": 1123})
    style = handouts.STYLE.read_text("utf-8")

    def show(text: str) -> None:
        page.set_content(f"<style>{style}</style><div class='sheet'>{text}</div>")

    show("<p>A line.</p>" * 30)
    assert handouts._fitted(page, "short") == handouts.LARGEST
    show("<p>A line.</p>" * 400)
    with pytest.raises(handouts.HandoutError, match="long: its sheet does not fit"):
        handouts._fitted(page, "long")
    show("<p style='font-size: 8pt'>Small.</p>")
    with pytest.raises(handouts.HandoutError, match="small: its sheet does not fit"):
        handouts._fitted(page, "small")
    page.close()


def test_the_list_leads_to_every_sheet(sheets):
    folder = next(iter(sheets.values())).file.parent
    text = (folder / "index.html").read_text("utf-8")
    assert re.findall(r'href="(.*?)"', text) == [f"{file.stem}.pdf" for file in LECTURES]
    assert [file for file in folder.iterdir() if file.suffix == ".html"] == [folder / "index.html"]
