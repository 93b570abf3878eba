"""The table of the ledger in a browser: filtered, searched, sorted, and reached by address."""

import json

import build
import ledger_page
import pytest

SHOWN = """() => [...document.querySelectorAll('table.ledger tbody tr')]
    .filter(row => row.getClientRects().length).map(row => row.id)"""
CLAIMS = [
    f"{lecture}.{claim['id']}"
    for lecture in ledger_page.order()
    for claim in json.loads((ledger_page.FOLDER / f"{lecture}.json").read_text())["claims"]
]
ADDRESS = "book/ledger.html"


@pytest.fixture
def page(visit):
    with visit(ADDRESS, "file") as here:
        yield here.page
        assert here.trouble() == []


def test_claims_are_filtered_searched_and_sorted(page):
    assert page.evaluate(SHOWN) == CLAIMS
    count = page.locator(".ledger-filters output")
    assert count.inner_text() == f"{len(CLAIMS)} claims"

    page.get_by_label("lecture", exact=True).select_option("dpo")
    shown = page.evaluate(SHOWN)
    assert shown == [name for name in CLAIMS if name.startswith("dpo.")]
    page.get_by_label("kind", exact=True).select_option("finding")
    findings = page.evaluate(SHOWN)
    assert set(findings) < set(shown)
    assert count.inner_text() == f"{len(findings)} of {len(CLAIMS)} claims"
    page.get_by_role("button", name="Show all").click()
    assert page.evaluate(SHOWN) == CLAIMS

    page.get_by_label("words", exact=True).fill("temperature sampling")
    found = page.evaluate(SHOWN)
    assert 0 < len(found) < len(CLAIMS)
    for name in found:
        text = page.locator(f"[id='{name}']").text_content().lower()
        assert "temperature" in text and "sampling" in text
    page.get_by_role("button", name="Show all").click()

    held = page.get_by_role("button", name="held")
    shares = """() => [...document.querySelectorAll('table.ledger td[data-head="held"]')]
        .map(cell => Number(cell.dataset.sort))"""
    given = page.evaluate(shares)
    held.click()
    assert page.evaluate(shares) == sorted(given)
    assert page.locator("table.ledger th[aria-sort=ascending]").inner_text() == "held"
    held.press("Enter")
    assert page.evaluate(shares) == sorted(given, reverse=True)
    held.click()
    assert page.evaluate(SHOWN) == CLAIMS


def test_an_address_shows_a_lecture_or_a_claim(visit):
    with visit(f"{ADDRESS}#dpo", "file") as here:
        here.settle(200)
        assert here.page.evaluate(SHOWN) == [name for name in CLAIMS if name.startswith("dpo.")]
        top = "() => document.querySelector('.ledger-filters').getBoundingClientRect().top"
        assert -5 <= here.page.evaluate(top) < 300
        here.page.evaluate("name => { location.hash = name }", CLAIMS[-1])
        here.settle(200)
        assert here.page.evaluate(SHOWN) == CLAIMS
        place = "name => document.getElementById(name).getBoundingClientRect().top"
        assert 0 <= here.page.evaluate(place, CLAIMS[-1]) < 900
        assert here.trouble() == []


def test_each_row_leads_to_its_place_and_each_lecture_to_its_rows(page):
    links = page.evaluate("""() => [...document.querySelectorAll('table.ledger th a')]
        .map(link => link.getAttribute('href'))""")
    texts = {
        lecture: (build.SITE / f"book/{lecture}.html").read_text()
        for lecture in ledger_page.order()
    }
    for name, link in zip(CLAIMS, links, strict=True):
        lecture, claim = name.split(".", 1)
        assert link == f"{lecture}.html#claim-{claim}"
        assert f'id="claim-{claim}"' in texts[lecture], name
    for lecture, text in texts.items():
        assert f'href="ledger.html#{lecture}"' in text
        assert page.locator(f"[id='{lecture}']").count() == 1
    downloads = page.evaluate("""() => [...document.querySelectorAll('a.download')]
        .map(link => link.getAttribute('href'))""")
    assert len(downloads) == len(texts)
    assert all((build.SITE / "book" / link).resolve().is_file() for link in downloads)


def test_on_a_phone_each_claim_is_a_card(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(150)
    wide = """() => [...document.querySelectorAll('table.ledger *')]
        .filter(each => each.getBoundingClientRect().right > innerWidth + 1).length"""
    assert page.evaluate(wide) == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    row = page.locator("table.ledger tbody tr").first
    tops = [cell.bounding_box()["y"] for cell in row.locator(":is(th, td):not(:empty)").all()]
    assert tops == sorted(tops) and len(set(tops)) == len(tops)
