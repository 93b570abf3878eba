"""The built site in a real browser: every other host blocked, scrollbars as on most desktops.

Most of the time of these tests is that of opening pages. So the tests of one page follow each
other (see ``schedule``) and share it: each module gets it as if it had just been opened.
"""

import functools
import http.server
import threading

import build
import pytest

TYPESET = """async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await document.fonts.ready;
}"""
# How many widget views the page holds and how many of them are drawn.
VIEWS = """() => [
    'script[type="application/vnd.jupyter.widget-view+json"]',
    '.bd-article .cell_output .jupyter-widgets:not(.jupyter-widgets .jupyter-widgets)',
].map(each => document.querySelectorAll(each).length)"""


WINDOW = {"width": 1280, "height": 900}
BLANK = "about:blank"
NEVER_THERE = (
    f"if (location.href !== '{BLANK}') {{ localStorage.clear(); sessionStorage.clear(); }}"
)
REMEMBER = """() => { window.folds = new Map(
    [...document.querySelectorAll('details')].map(each => [each, each.open])); }"""
# Colours fade.
FADED = """() => Promise.race([
    Promise.all(document.getAnimations().map(each => each.finished.catch(() => {}))),
    new Promise(done => setTimeout(done, 1000))])"""
AS_OPENED = """() => {
    for (const [fold, open] of window.folds) fold.open = open;
    document.activeElement?.blur();
    history.replaceState(null, '', location.pathname);
    scrollTo(0, 0);
}"""
# The page's scripts look again in a frame, after what they wait for.
FRAMES = """async () => {
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


class Visit:
    """One page, opened as for a reader who was never there, and what went wrong on the way."""

    def __init__(self, context, address: str, root: str, scheme: str = "light"):
        """``scheme``: the colours that the reader prefers, "light" or "dark"."""
        self.address, self.root, self.scheme = address, root, scheme
        self.outside, self.failed, self.errors = [], [], []
        self.page = context.new_page()
        self.page.add_init_script(NEVER_THERE)
        self.page.on("request", self._look)
        self.page.on(
            "response",
            lambda r: self.failed.append(f"{r.status} {r.url}") if r.status >= 400 else None,
        )
        self.page.on("requestfailed", lambda r: self.failed.append(f"failed {r.url}"))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self._prepare()

    def _look(self, request) -> None:
        """Chromium reaches no other host (``conftest.BROWSER``); here it is said who asked."""
        if not request.url.startswith((self.root, "data:", "blob:", BLANK)):
            self.outside.append(request.url)

    def _prepare(self) -> None:
        self.preferred = self.scheme
        # From its folder for a reader who wants no motion: colours change in one frame.
        motion = "reduce" if self.root.startswith("file:") else "no-preference"
        self.page.emulate_media(media="null", color_scheme=self.scheme, reduced_motion=motion)
        self.page.set_viewport_size(WINDOW)

    def answer(self, html: str) -> None:
        """What the address answers with from now on, in the place of the site's page."""
        kind = "text/html; charset=utf-8"
        self.page.route(self.address, lambda route: route.fulfill(body=html, content_type=kind))

    def go_on(self, address: str) -> None:
        """Another page in the same tab: in a new one, Chromium would compile every script anew."""
        self.page.goto(BLANK)
        for noted in (self.outside, self.failed, self.errors):
            noted.clear()
        self.address = address
        self._prepare()

    def open(self) -> "Visit":
        """Wait until formulas are typeset and widgets drawn."""
        self.page.goto(self.address, wait_until="load")
        self.page.evaluate(TYPESET)
        if self.page.evaluate(VIEWS)[0]:
            self.page.wait_for_function(
                f"() => {{ const [a, b] = ({VIEWS})(); return b >= a; }}", timeout=15_000
            )
        self.settle(150)
        return self

    def settle(self, milliseconds: int = 60) -> None:
        """Let what waits for the next frames come to pass."""
        self.page.wait_for_timeout(milliseconds)

    def frames(self) -> None:
        """Let the page draw three times, however long that takes; the page must be in front."""
        self.page.evaluate(FRAMES)

    def window(self, width: int, height: int) -> None:
        """Another size of the window."""
        size = {"width": width, "height": height}
        if self.page.viewport_size != size:
            self.page.set_viewport_size(size)
            self.settle(150)

    def prefer(self, scheme: str) -> None:
        """Other colours, which the page takes over."""
        if self.preferred == scheme:
            return
        self.preferred = scheme
        self.page.emulate_media(color_scheme=scheme)
        taken = "scheme => document.documentElement.dataset.theme === scheme"
        self.page.wait_for_function(taken, arg=scheme)
        self.page.evaluate(FADED)

    def as_opened(self) -> "Visit":
        """Undo what a test did to the page: folds, address, medium, colours."""
        # Another page may have been opened in front of it, and Chromium slows one that is behind.
        self.page.bring_to_front()
        self.page.evaluate("dispatchEvent(new Event('afterprint'))")
        self.page.emulate_media(media="null")
        self.prefer(self.scheme)
        self.page.evaluate(AS_OPENED)
        self.frames()
        return self

    def __enter__(self) -> "Visit":
        return self.open()

    def __exit__(self, *_) -> None:
        self.page.close()

    def trouble(self) -> list[str]:
        return [*(f"another host: {url}" for url in self.outside), *self.failed, *self.errors]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def roots() -> dict[str, str]:
    """The site's addresses, over http and in its folder; built here if missing or stale."""
    if not build.is_current():
        build.build()
    handler = functools.partial(Quiet, directory=str(build.SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{server.server_port}/", "file": build.SITE.as_uri() + "/"}
        server.shutdown()


@pytest.fixture(scope="session")
def windows() -> dict:
    """The window of each browser: a new one costs the browser as much as a page."""
    return {}


@pytest.fixture(scope="module")
def visit(browser, roots, windows):
    if browser not in windows:
        windows.clear()
        windows[browser] = browser.new_context()
        windows[browser].new_page()  # keeps it open

    def go(page: str, how: str = "http", scheme: str = "light") -> Visit:
        return Visit(windows[browser], f"{roots[how]}{page}", roots[how], scheme)

    return go


@pytest.fixture(scope="session")
def kept() -> dict[str, Visit]:
    """The pages that are open, by the way they are reached."""
    return {}


@pytest.fixture(scope="module")
def shared(browser, visit, roots, kept):
    """A page, from its folder in the light or over http in the dark; one page is kept.

    It has the window asked for: a change of its width lays the page out anew.
    """

    def go(page: str, how: str = "file", window: dict = WINDOW) -> Visit:
        if any(here.page.context.browser is not browser for here in kept.values()):
            kept.clear()
        address = {each: f"{root}{page}.html" for each, root in roots.items()}
        for way, here in list(kept.items()):
            if way != how and here.address != address[way]:
                kept.pop(way).page.close()
        if how in kept and kept[how].address == address[how]:
            kept[how].as_opened()
        else:
            if how in kept:
                kept[how].go_on(address[how])
            else:
                kept[how] = visit(f"{page}.html", how, "light" if how == "file" else "dark")
            kept[how].open().page.evaluate(REMEMBER)
        kept[how].window(**window)
        return kept[how]

    return go
