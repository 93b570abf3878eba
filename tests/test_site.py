"""The built site in a real browser, every other host blocked: http, folder, dark, phone."""

import functools
import http.server
import threading

import build
import chromium
import pytest
import solutions

PAGES = solutions.pages()
HEAVIEST = 3_000_000  # bytes of a page and its pictures
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
]

TYPESET = """async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await document.fonts.ready;
}"""
# How many widget views the page holds and how many of them are drawn.
VIEWS = """() => [
    'script[type="application/vnd.jupyter.widget-view+json"]',
    '.bd-article .cell_output .jupyter-widgets:not(.jupyter-widgets .jupyter-widgets)',
].map(each => document.querySelectorAll(each).length)"""
# What the reader sees in one explorer: the picture's address or the text.
SEEN = """box => [...box.querySelectorAll('.explorer-picture :is(img, .widget-html-content)')]
    .filter(each => each.offsetParent !== null && each.getClientRects().length)
    .map(each => each.src ? each.src + each.alt : each.innerHTML).join('|')"""


class Visit:
    """One page open in a context of its own, and what went wrong on the way."""

    def __init__(self, browser, address: str, root: str, **context):
        self.address, self.root = address, root
        self.outside, self.failed, self.errors = [], [], []
        self.context = browser.new_context(**context)
        self.context.route("**/*", self._gate)
        self.page = self.context.new_page()
        self.page.on(
            "response",
            lambda r: self.failed.append(f"{r.status} {r.url}") if r.status >= 400 else None,
        )
        self.page.on("requestfailed", lambda r: self.failed.append(f"failed {r.url}"))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)

    def _gate(self, route) -> None:
        if route.request.url.startswith((self.root, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def __enter__(self):
        self.page.goto(self.address, wait_until="load")
        self.page.evaluate(TYPESET)
        if self.page.evaluate(VIEWS)[0]:
            self.page.wait_for_function(
                f"() => {{ const [a, b] = ({VIEWS})(); return b >= a; }}", timeout=15_000
            )
            self.page.wait_for_timeout(150)
        return self

    def __exit__(self, *_):
        self.context.close()

    def trouble(self) -> list[str]:
        return [*(f"another host: {url}" for url in self.outside), *self.failed, *self.errors]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def roots() -> dict[str, str]:
    """The site's addresses, over http and in its folder; built here if missing or stale."""
    if not build.is_current():
        build.build()
    handler = functools.partial(Quiet, directory=str(build.SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{server.server_port}/", "file": build.SITE.as_uri() + "/"}
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="make test installs it")
    path = chromium.find()
    if not path:
        pytest.fail(chromium.MISSING)
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, roots):
    def go(page: str, how: str = "http", **context) -> Visit:
        return Visit(browser, f"{roots[how]}{page}", roots[how], **context)

    return go


@pytest.mark.parametrize("how", ["http", "file"])
@pytest.mark.parametrize("page", PAGES)
def test_page_is_whole_and_asks_no_other_host(visit, page, how):
    with visit(f"{page}.html", how) as here:
        formulas = here.page.evaluate("""() => [...document.querySelectorAll('.math')].map(
            each => [each.textContent.slice(0, 60), !!each.querySelector('mjx-container'),
                !!each.querySelector('mjx-merror')])""")
        assert [text for text, typeset, wrong in formulas if wrong or not typeset] == []
        pictures = here.page.evaluate("""() => [...document.querySelectorAll('.bd-article img')]
            .filter(each => !each.alt.trim()
                || (each.complete && !each.naturalWidth && each.loading !== 'lazy'))
            .map(each => each.outerHTML.slice(0, 200))""")
        assert pictures == [], "without alt text, or broken"
        anchors = here.page.evaluate("""() =>
            [...document.querySelectorAll('.bd-article a[href^="#"]')].map(each => each.hash)
            .filter(hash => hash.length > 1
                && !document.getElementById(decodeURIComponent(hash.slice(1))))""")
        assert anchors == [], "links to nowhere"
        assert here.trouble() == []


@pytest.mark.parametrize("how", ["http", "file"])
@pytest.mark.parametrize(
    "page", [page for page in PAGES if (solutions.ROOT / f"{page}.ipynb").is_file()]
)
def test_every_control_moves_its_picture(visit, page, how):
    with visit(f"{page}.html", how) as here:
        boxes = here.page.query_selector_all(".bd-article .explorer")
        assert boxes, "a lecture has an explorer"
        for box in boxes:
            box.scroll_into_view_if_needed()
            for handle in box.query_selector_all(".noUi-handle"):
                assert handle.get_attribute("aria-label")
                _changes(
                    here,
                    box,
                    lambda key, handle=handle: handle.press(key),
                    ["End", "Home", "ArrowRight"],
                )
            for select in box.query_selector_all("select"):
                texts = [each.inner_text() for each in select.query_selector_all("option")]
                _changes(
                    here, box, lambda text, select=select: select.select_option(label=text), texts
                )
            groups = [
                group.query_selector_all("button")
                for group in box.query_selector_all(".widget-toggle-buttons")
            ]
            for group in groups:
                _changes(
                    here, box, lambda i, group=group: group[i].click(), list(range(len(group)))
                )
            for player in box.query_selector_all(".widget-play"):
                before = box.evaluate(SEEN)
                player.query_selector("button").click()
                _wait_for_change(here, box, before, "Play")
                player.query_selector("button").click()
        assert here.trouble() == []


def _changes(here: Visit, box, move, moves: list) -> None:
    """Every move that leads elsewhere shows another picture, and the reader sees it."""
    shots, seen = [box.screenshot()], [box.evaluate(SEEN)]
    assert seen[0], "an explorer shows a picture"
    for each in moves:
        move(each)
        here.page.wait_for_timeout(60)
        shots.append(box.screenshot())
        seen.append(box.evaluate(SEEN))
    assert len(set(seen)) >= 2, "the control did not move the picture"
    assert len(set(shots)) >= 2, "the picture did not change on the screen"


def _wait_for_change(here: Visit, box, before: str, what: str) -> None:
    for _ in range(60):
        here.page.wait_for_timeout(100)
        if box.evaluate(SEEN) != before:
            return
    raise AssertionError(f"{what} did not move the picture")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_phone_has_no_sideways_scroll(visit, page, scheme):
    with visit(
        f"{page}.html", viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
    ) as here:
        for summary in here.page.query_selector_all(
            ".bd-article button.toggle-button, .bd-article .dropdown button"
        ):
            if summary.is_visible():
                summary.click()
        here.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        wide = here.page.evaluate("""() => { const width = document.documentElement.clientWidth;
            return document.documentElement.scrollWidth <= width + 1 ? [] :
                [...document.querySelectorAll('body *')]
                    .filter(each => each.getBoundingClientRect().right > width + 1)
                    .slice(0, 8).map(each => each.outerHTML.slice(0, 120)); }""")
        assert wide == []
        assert here.trouble() == []


# A4 at 96 dots to the inch, less the margins.
PAPER = {"width": 717, "height": 1000}
CUT_OFF = """() => [...document.querySelectorAll(
        '.bd-article :is(.text_html, .pst-scrollable-table-container, table)')]
    .filter(each => each.getClientRects().length
        && each.scrollWidth > each.parentElement.clientWidth + 2)
    .map(each => each.textContent.trim().slice(0, 60))"""


@pytest.mark.parametrize("page", PAGES)
def test_paper_cuts_off_no_table(visit, page):
    with visit(f"{page}.html", viewport=PAPER) as here:
        here.page.emulate_media(media="print")
        here.page.wait_for_timeout(200)
        assert here.page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(visit, page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with visit(f"{page}.html", color_scheme=scheme) as here:
        assert here.page.evaluate("document.documentElement.dataset.theme") == scheme
        here.page.wait_for_timeout(200)
        found = axe.run(here.page).response["violations"]
        bad = [
            (rule["id"], node["target"], node["html"][:160])
            for rule in found
            if rule["impact"] in {"serious", "critical"}
            for node in rule["nodes"]
            if not _is_bibliography(node)
        ]
        assert bad == []


def _is_bibliography(node: dict) -> bool:
    """The one thing allowed: docutils' bibliography, a list whose items are not list items."""
    return "citation" in node["html"] and 'role="list"' in node["html"]


@pytest.mark.parametrize("how", ["http", "file"])
def test_search_finds(visit, how):
    with visit("search.html?q=probability", how) as here:
        here.page.wait_for_selector("#search-results ul.search li", timeout=10_000)
        assert here.page.query_selector("#search-results ul.search li a")
        assert here.trouble() == []


def test_first_page_leads_to_the_book(visit):
    here = visit("index.html", "file")
    here.page.goto(here.address)
    here.page.wait_for_url("**/book/index.html")
    here.page.wait_for_selector(".bd-article h1")
    assert here.trouble() == []
    here.context.close()


@pytest.mark.parametrize("page", PAGES)
def test_page_weighs_little(roots, page):
    file = build.SITE / f"{page}.html"
    text = file.read_text(encoding="utf-8")
    pictures = [each for each in (build.SITE / "_images").glob("*") if each.name in text]
    assert file.stat().st_size + sum(each.stat().st_size for each in pictures) < HEAVIEST


def test_licences_of_the_fetched_assets_stand_in_the_site(roots):
    static = build.SITE / "_static"
    assert "Apache License" in (static / "mathjax" / "LICENSE").read_text(encoding="utf-8")
    assert "BSD-3-Clause" in (static / "widgets" / "package.json").read_text(encoding="utf-8")
