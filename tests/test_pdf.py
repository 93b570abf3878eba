"""The PDF: one document of many pages, whose links lead inside it, and its print.

The whole book is printed where PRINT_BOOK=1 asks for it; else a small site, and the document alone.
"""

import os
import re
import subprocess
import sys

import pdf
import pdf_document
import pytest
import small_site
from bs4 import BeautifulSoup
from pdf_document import Part
from pdf_sheets import Sheets

PAGES = {"book/index", "book/first", "book/second", "book/words"}
LINES = ["What it is about", "Somebody"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return small_site.write(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def whole(site):
    """The small book as one document."""
    chosen = pdf_document.parts(site.parent / "_toc.yml")
    return pdf_document.document(site, chosen, "A small book", LINES)


@pytest.fixture(scope="module")
def printed(browser, site, whole):
    pytest.importorskip("pypdfium2")
    return Sheets(pdf.printed(browser, site, whole))


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("#fig", "#book-first--fig"),
        ("second.html#fig", "#book-second--fig"),
        ("./second.html", "#book-second"),
        ("../book/first.html#a%20b", "#book-first--a b"),
        ("https://example.org/a", "https://example.org/a"),
        ("left-out.html#x", None),
        ("../_notebooks/first.ipynb", None),
    ],
)
def test_a_link_leads_inside_the_document_or_is_plain_words(address, leads):
    assert pdf_document.inside(address, "book/first", PAGES) == leads


def test_the_document_has_each_page_once_and_its_links_lead_somewhere(whole):
    soup = BeautifulSoup(whole, "html.parser")
    named = [each["id"] for each in soup.select("[id]")]
    assert len(named) == len(set(named))
    inner = [each["href"][1:] for each in soup.select('a[href^="#"]')]
    assert len(inner) > 20 and set(inner) <= set(named)
    others = {each["href"] for each in soup.select("a:not([href^='#'])")}
    assert others == {"https://example.org/a_b"}
    assert "what is not printed" in soup.get_text()


def test_what_only_a_screen_can_use_is_left_out(whole):
    soup = BeautifulSoup(whole, "html.parser")
    assert not soup.select("script, nav, .headerlink, .explorer, details:not([open]), button")
    for gone in ("Move the slider", "hidden = 1", "Download this lecture", "state", "Sidebar"):
        assert gone not in soup.get_text()
    assert len(soup.select(".twin-picture img")) == 2
    order = soup.select_one("#book-first").get_text()
    assert order.index("Words after it") < order.index("Solution of first")


def test_the_words_of_the_author_do_not_break_the_style_sheet():
    assert pdf_document._quoted('a "b" </style> ·') == '"a \\"b\\" \\3c /style> ·"'


def test_one_lecture_has_no_contents(site):
    one = pdf_document.document(site, [Part("Part I · Beginnings", ["book/first"])], "A book", [])
    soup = BeautifulSoup(one, "html.parser")
    assert soup.title.string == "1. The page first" and not soup.select(".pdf-contents")
    assert {each["href"] for each in soup.select("a:not([href^='#'])")} == {
        "https://example.org/a_b"
    }


def test_the_outline_has_every_page_and_the_contents_their_sheets(printed):
    top = [(title, at) for level, title, at in printed.outline if level == 0]
    pages = ["0. The page index", "1. The page first", f"2. {small_site.LONG}", "3. The page words"]
    assert [title for title, _ in top] == ["Contents", *pages], "a heading of two lines, too"
    assert all(title in printed.texts[at - 1] for title, at in top)
    # The numbers of the contents are laid over it, so they come last.
    listed = re.search(r"(?: \d+)+$", printed.texts[1])[0].split()
    assert listed == [str(at) for _, _, at in printed.outline[1:]]
    assert (1, "Solutions") in {(level, title) for level, title, _ in printed.outline}
    assert "A small book What it is about Somebody" in printed.texts[0]
    for sheet in printed.pictures[:2]:  # and what they lie over can still be seen
        left = sheet.crop((0, 0, sheet.width // 2, sheet.height))
        assert left.getextrema()[0] < 100


def test_no_link_is_lost_and_no_sheet_is_blank(printed):
    assert printed.lost == [] and len(printed.links) > 20
    assert {to for _, to in printed.links if isinstance(to, str)} == {"https://example.org/a_b"}
    for number, text in enumerate(printed.texts[1:], start=2):
        assert len(text) > 60 and re.search(rf"\b{number}\b", text), "blank, or without number"
    heads = [text for text in printed.texts if text.startswith("A small book · Part I ")]
    assert len(heads) >= 4
    both = [text for text in printed.texts if "Caption of first" in text]
    assert len(both) == 1 and 8 <= len(printed.texts) <= 12


@pytest.mark.parametrize(
    ("asked", "said"),
    [("https://example.org/a.png", "another host was asked"), ("../_images/no.png", "missing")],
)
def test_what_is_missing_or_elsewhere_is_an_error(browser, site, whole, asked, said):
    with pytest.raises(pdf.PrintError, match=said):
        pdf.printed(browser, site, whole.replace("../_images/first.svg", asked))


def test_characters_that_no_font_has_look_the_same(browser):
    page = browser.new_page()
    assert page.evaluate(pdf._SAME, ["\U000ffff0", "\U000ffff1"])  # for private use, and unused
    assert not page.evaluate(pdf._SAME, ["a", "b"])
    page.close()


def test_an_unknown_lecture_is_an_error():
    with pytest.raises(pdf.PrintError, match="NAME must be one of .*sampling.*; got samplign"):
        pdf.write("samplign")


@pytest.mark.skipif("PRINT_BOOK" not in os.environ, reason="PRINT_BOOK=1: takes minutes")
def test_the_whole_book():
    # In a process of its own: playwright runs once in each, and the tests have a browser.
    subprocess.run([sys.executable, pdf.__file__], check=True)
    book = Sheets((pdf.PDF / "book.pdf").read_bytes())
    titles = {title for level, title, _ in book.outline if level == 0}
    assert len(titles) >= 25 and book.lost == []
    assert 380 <= len(book.texts) <= 620
    assert [i for i, text in enumerate(book.texts, 1) if len(text) < 60] in ([], [1])
