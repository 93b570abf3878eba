"""Every page printed: nothing cut off, folds open, explorers replaced, solutions at the end."""

import re

import pytest
import solutions

PAGES = solutions.pages()
LECTURES = [f"book/{file.stem}" for file in solutions.lectures()]
INCH = 96
PAPER = {"width": 717, "height": 1000}  # A4 at 96 dots to the inch, less the margins
MARGINS = {"left": "10mm", "right": "10mm", "top": "12mm", "bottom": "12mm"}
CUT_OFF = """() => [...document.querySelectorAll('.bd-article :is(.text_html,'
        + ' .pst-scrollable-table-container, table, div.math > mjx-container, pre)')]
    .filter(each => each.getClientRects().length
        && Math.max(each.scrollWidth - each.parentElement.clientWidth,
            getComputedStyle(each).overflowX === 'visible' ? 0 : each.scrollWidth - each.clientWidth) > 2)
    .map(each => each.textContent.trim().slice(0, 60))"""  # noqa: E501
FOLDED = """() => [...document.querySelectorAll('.bd-article details:not(.hide) > :not(summary)')]
    .filter(each => !each.getClientRects().length
        && each.parentElement.parentElement.getClientRects().length)
    .map(each => each.textContent.trim().slice(0, 60))"""
# Code that is kept whole, in a frame that is not, leaves that frame empty on the sheet before.
PARTED = """() => [...document.querySelectorAll('.bd-article div.cell_input')]
    .filter(each => getComputedStyle(each).breakInside !== 'avoid')
    .map(each => each.textContent.trim().slice(0, 60))"""
# The cells of every table, without formulas, and the titles of the solutions, in their order.
CELLS = """() => [...document.querySelectorAll('.bd-article table :is(th, td)')]
    .filter(each => !each.querySelector('.math') && !each.closest('thead'))
    .map(each => each.textContent)"""
TITLES = """() => [...document.querySelectorAll('.bd-article details.solution > summary')]
    .map(each => each.textContent)"""


def bare(text: str) -> str:
    """Without what a line break changes."""
    return re.sub(r"[\s\ufffe\u00ad\u2010-\u2015\u2212-]+", "", text)


@pytest.fixture(scope="module", params=PAGES)
def printed(request, shared):
    """A page that nobody has read yet, as the printer gets it."""
    here = shared(request.param)
    here.name = request.param
    return here


def test_the_pdf_has_every_table_whole_and_the_solutions_at_the_end(printed):
    if printed.name not in LECTURES:
        pytest.skip("a lecture has solutions")
    pdfium = pytest.importorskip("pypdfium2")
    cells, titles = printed.page.evaluate(CELLS), printed.page.evaluate(TITLES)
    document = pdfium.PdfDocument(printed.page.pdf(format="A4", margin=MARGINS))
    sheets = [sheet.get_textpage() for sheet in document]
    texts = [bare(sheet.get_text_range()) for sheet in sheets]
    assert [cell for cell in cells if bare(cell) not in "".join(texts)] == []
    for sheet, page in zip(sheets, document, strict=True):
        letters = [i for i, each in enumerate(sheet.get_text_range()) if each.isascii()]
        edges = [sheet.get_charbox(i)[2] for i in letters if i < sheet.count_chars()]
        assert max(edges) <= page.get_width() - 20, "over the margin"
    start = next(i for i, text in enumerate(texts) if bare(titles[0]) in text)
    assert "Solutions" in texts[start] and not any("Exercises" in text for text in texts[start:])
    assert [title for title in titles if bare(title) not in "".join(texts[start:])] == []
    # Back on the screen all is as it was.
    assert printed.page.evaluate(TITLES) == titles
    assert (
        printed.page.query_selector("details.solution").get_property("open").json_value() is False
    )
    assert not printed.page.query_selector(".solutions-on-paper")


def test_paper_cuts_nothing_off_and_folds_nothing(printed):
    page = printed.page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    printed.window(**PAPER)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(FOLDED) == []
    assert page.evaluate(PARTED) == []
    explorers = page.query_selector_all(".bd-article .explorer")
    assert not [each for each in explorers if each.is_visible()], "nobody moves it on paper"
    figures = page.query_selector_all(".bd-article .cell_output :is(img, .text_html)")
    assert len([each for each in figures if each.is_visible()]) >= len(explorers)
    assert printed.trouble() == []
