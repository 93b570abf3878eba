"""Every page from its folder, in the light and in the dark: whole, and narrow enough.

Pages of each kind also over http, for a reader who prefers the dark (see ``kinds``).
"""

import io
import json
import re

import accessibility
import build
import kinds
import pytest
import solutions
from PIL import Image, ImageStat

PAGES = solutions.pages()
HEAVIEST = 3_000_000  # bytes of a page and its pictures

STATE = re.compile(
    r'<script type="application/vnd.jupyter.widget-state\+json">(.*?)</script>', re.S
)
FORMULAS = """() => [...document.querySelectorAll('.math')].map(
    each => [each.textContent.slice(0, 60), !!each.querySelector('mjx-container'),
        !!each.querySelector('mjx-merror')])"""
PICTURES = """() => [...document.querySelectorAll('.bd-article img')]
    .filter(each => !each.alt.trim()
        || (each.complete && !each.naturalWidth && each.loading !== 'lazy'))
    .map(each => each.outerHTML.slice(0, 200))"""
ANCHORS = """() => [...document.querySelectorAll('.bd-article a[href^="#"]')]
    .map(each => each.hash).filter(hash => hash.length > 1
        && !document.getElementById(decodeURIComponent(hash.slice(1))))"""
REPEATED = """() => { const all = [...document.querySelectorAll('.bd-article [id]')]
    .map(each => each.id); return all.filter((id, i) => all.indexOf(id) < i); }"""
# A scrollbar takes room between an element's edge and its content.
BARS = """() => [...document.querySelectorAll('.bd-article :is(span.math, span.math *)')]
    .filter(each => getComputedStyle(each).display !== 'inline'
        && Math.max(each.offsetHeight - each.clientHeight, each.offsetWidth - each.clientWidth) > 3)
    .map(each => each.textContent.slice(0, 60))"""
STOPS = """() => [...document.querySelectorAll('.bd-article :is(span.math, span.math *)')]
    .filter(each => each.tabIndex >= 0).map(each => each.textContent.slice(0, 60))"""
WIDE = """() => { const width = document.documentElement.clientWidth;
    return document.documentElement.scrollWidth <= width + 1 ? [] :
        [...document.querySelectorAll('body *')]
            .filter(each => each.getBoundingClientRect().right > width + 1)
            .slice(0, 8).map(each => each.outerHTML.slice(0, 120)); }"""
# What is wider than its box, and does not scroll there, or does not say so, or is out of reach.
SILENT = """() => [...document.querySelectorAll('.bd-article :is(table, div.math > mjx-container)')]
    .filter(each => each.getClientRects().length && !each.closest('.jupyter-widgets'))
    .map(each => each.tagName !== 'TABLE' ? each
        : each.closest('.pst-scrollable-table-container, .text_html') ?? each.parentElement)
    .filter(box => box.scrollWidth > box.clientWidth + 2)
    .filter(box => { const style = getComputedStyle(box);
        return !(style.overflowX === 'auto' && box.tabIndex === 0
            && style.maskImage.includes('gradient')); })
    .map(box => box.textContent.trim().slice(0, 60))"""


@pytest.fixture(
    scope="module",
    params=[(page, "file") for page in PAGES] + [(page, "http") for page in kinds.PAGES],
    ids="-".join,
)
def opened(request, shared):
    """A page that all tests of this module share: the last ones leave it narrow and unfolded."""
    return shared(*request.param)


def test_page_is_whole_and_asks_no_other_host(opened):
    formulas = opened.page.evaluate(FORMULAS)
    assert [text for text, typeset, wrong in formulas if wrong or not typeset] == []
    assert opened.page.evaluate(PICTURES) == [], "without alt text, or broken"
    assert opened.page.evaluate(ANCHORS) == [], "links to nowhere"
    assert opened.page.evaluate(REPEATED) == [], "the same id twice"
    assert opened.trouble() == []


# What is drawn of a formula has the ink of the text around it; the colours of code are looked at
# below.
MANY = ["mjx-math", "div.highlight pre"]
CODE = """() => {
    const light = (colour) => { const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3)
        .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };
    const bad = new Set();
    for (const block of document.querySelectorAll('.bd-article div.highlight pre')) {
        if (!block.getClientRects().length) continue;
        const ground = light(getComputedStyle(block).backgroundColor);
        for (const colour of new Set([...block.querySelectorAll('span')]
                .map(each => getComputedStyle(each).color))) {
            const [a, b] = [ground, light(colour)].sort((x, y) => y - x);
            if (a / b < 4.5) bad.add(colour);
        }
    }
    return [...bad];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, scheme):
    """The page stays in the dark, for the next test: a change of colours costs as much as axe."""
    assert opened.page.evaluate("document.documentElement.dataset.theme") == opened.scheme
    if scheme == "light" and opened.scheme == "dark":
        pytest.skip("what is opened in the dark")
    opened.prefer(scheme)
    # In the dark only colours differ.
    found = accessibility.faults(opened.page, MANY, colours_only=scheme == "dark")
    bad = [fault for fault in found if not _is_bibliography(fault[2])]
    assert bad == []
    assert opened.page.evaluate(CODE) == [], "code that is hard to read"


def _is_bibliography(element: str) -> bool:
    """The one thing allowed: docutils' bibliography, a list whose items are not list items."""
    return "citation" in element and 'role="list"' in element


def test_figures_are_no_slabs_in_the_dark(opened):
    opened.prefer("dark")
    figures = opened.page.query_selector_all(".bd-article div.cell_output img:not(.widget-image)")
    for figure in figures:
        if figure.is_visible():
            shown = Image.open(io.BytesIO(figure.screenshot())).convert("L")
            assert ImageStat.Stat(shown).mean[0] < 80, figure.get_attribute("alt")
    opened.prefer(opened.scheme)


def test_formulas_in_a_line_are_text(opened):
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    opened.settle()
    assert opened.page.evaluate(BARS) == [], "a scrollbar"
    assert opened.page.evaluate(STOPS) == [], "a stop of the tab key"


def test_phone_has_no_sideways_scroll(opened):
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    opened.window(390, 844)
    assert opened.page.evaluate(WIDE) == []
    opened.settle(150)
    opened.frames()
    assert opened.page.evaluate(SILENT) == [], "cut off, and nothing says so"
    assert opened.trouble() == []


def test_the_kinds_of_pages_have_every_kind_of_widget(roots):
    def widgets(pages) -> set[str]:
        texts = [(build.SITE / f"{page}.html").read_text(encoding="utf-8") for page in pages]
        states = [json.loads(found) for text in texts for found in STATE.findall(text)]
        every = [each for state in states for each in state["state"].values()]
        names = {each["model_name"] for each in every} - {"LabelModel"}
        return names | {f"drawing {'drawing-place' in text}" for text in texts}

    assert widgets(kinds.PAGES) == widgets(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_page_weighs_little(roots, page):
    file = build.SITE / f"{page}.html"
    text = file.read_text(encoding="utf-8")
    pictures = [each for each in (build.SITE / "_images").glob("*") if each.name in text]
    assert file.stat().st_size + sum(each.stat().st_size for each in pictures) < HEAVIEST


def test_first_page_leads_to_the_book(visit):
    here = visit("index.html", "file")
    here.page.goto(here.address)
    here.page.wait_for_url("**/book/index.html")
    here.page.wait_for_selector(".bd-article h1")
    assert here.trouble() == []
    here.page.close()


def test_licences_of_the_fetched_assets_stand_in_the_site(roots):
    static = build.SITE / "_static"
    assert "Apache License" in (static / "mathjax" / "LICENSE").read_text(encoding="utf-8")
    assert "BSD-3-Clause" in (static / "widgets" / "package.json").read_text(encoding="utf-8")
