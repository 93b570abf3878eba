"""The table of claims on the page: it leads to each proof and back, and fits a phone."""

import pytest
import solutions

PHONE = {"width": 390, "height": 844}
LECTURES = [file.stem for file in solutions.lectures()]

ROWS = """() => [...document.querySelectorAll('table.claims tbody tr')].map(row => {
    const link = row.querySelector('th a');
    const place = document.getElementById(link.hash.slice(1));
    return [row.id, link.hash, place && place.hash]; })"""
WIDE = """() => [...document.querySelectorAll('table.claims')].map(table => [
    table.getBoundingClientRect().right - document.documentElement.clientWidth,
    table.scrollWidth - table.clientWidth])"""
VERDICTS = r"""() => (document.querySelector('.bd-article').innerText
    .match(/^\S+\.\S+ {1,2}(holds|fails)$/gm) || [])"""


@pytest.mark.parametrize("lecture", LECTURES)
def test_every_row_leads_to_its_proof_and_back(shared, lecture):
    here = shared(f"book/{lecture}", window=PHONE)
    rows = here.page.evaluate(ROWS)
    assert rows
    for row, proof, back in rows:
        assert (proof, back) == (f"#claim-{row[4:]}", f"#{row}")
    # The rows say what holds; nothing says it a second time.
    assert here.page.evaluate(VERDICTS) == []
    fails = here.page.query_selector_all("table.claims tr.fails td[data-head='this run']")
    assert all("✗" in cell.inner_text() for cell in fails)
    folded = here.page.query_selector("details.claims")
    assert folded and folded.get_attribute("open") is None
    folded.evaluate("each => { each.open = true; }")
    assert [over for over in here.page.evaluate(WIDE) if max(over) > 1] == []
    # On a phone, each cell says what it is.
    cell = here.page.query_selector("table.claims td[data-head='ours']")
    said = cell.evaluate("each => getComputedStyle(each, '::before').content")
    assert said == '"ours"'
