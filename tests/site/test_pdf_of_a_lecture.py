"""One lecture of the site as a PDF, as `make pdf NAME=ppo` prints it; all have this form."""

import build
import pdf
import pdf_document
import pytest
from pdf_document import Part
from pdf_sheets import Sheets

PAGE = "book/ppo"


@pytest.fixture(scope="module")
def sheets(browser, roots):
    pytest.importorskip("pypdfium2")
    document = pdf_document.document(build.SITE, [Part("Part IV", [PAGE])], "Book", [])
    return Sheets(pdf.printed(browser, build.SITE, document))


def test_it_has_every_section_and_no_sheet_is_nearly_empty(sheets):
    sections = {title for level, title, _ in sheets.outline if level == 1}
    assert {"What we saw", "Exercises", "Sources", "Solutions"} <= sections and len(sections) >= 8
    assert 15 <= len(sheets.texts) <= 28
    assert [text for text in sheets.texts[:-1] if len(text) < 250] == []


def test_its_links_lead_inside_it(sheets):
    inside = [to for _, to in sheets.links if isinstance(to, int)]
    assert sheets.lost == [] and len(inside) > 30


def test_what_a_screen_folds_is_open_and_hidden_code_is_not_there(sheets):
    whole = " ".join(sheets.texts)
    assert "Deeper: " in whole and "Solution to Exercise" in whole and "claims: " in whole
    assert "Show code" not in whole and "Download this lecture" not in whole
    assert whole.index("Sources") < whole.index("Solution to Exercise")
