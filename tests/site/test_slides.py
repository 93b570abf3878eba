"""The decks in a browser, each opened from its folder: legible, whole, by keyboard, on paper."""

import re
from pathlib import Path

import build
import pytest
import slides
import slides_lecture
import slides_source
import solutions
from bs4 import BeautifulSoup

LECTURES = [file.stem for file in solutions.lectures()]
SEEN = (Path(__file__).parent.parent / "slides_seen.js").read_text(encoding="utf-8")
LEAST = 23.9  # pixels of the smallest letters in a figure, 13 points; with its answer too
READY = "html[data-ready]"
EXPLORED = "() => Reveal.getCurrentSlide().querySelector('.widget-readout').textContent"


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    """All decks. A label that its lecture does not have fails here."""
    if not build.SITE.is_dir():
        build.build()
    return slides.write(tmp_path_factory.mktemp("site") / "slides", build.SITE).parent


@pytest.fixture(scope="module")
def deck(browser, decks):
    """One deck, and what went wrong on the way; it asks for nothing but its own folder."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page, trouble = context.new_page(), []

    def look(request):
        if not request.url.startswith((decks.as_uri(), "data:", "blob:", "about:")):
            trouble.append(request.url)

    page.on("request", look)
    page.on("requestfailed", lambda request: trouble.append(f"failed {request.url}"))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)

    def go(name, query=""):
        page.goto("about:blank")  # a new tab would compile every script anew
        trouble.clear()
        page.goto(f"{decks.as_uri()}/{name}.html{query}", wait_until="load")
        page.wait_for_selector(READY, state="attached")
        return page, trouble

    yield go
    context.close()


@pytest.mark.parametrize("lecture", LECTURES)
def test_every_slide_is_legible_and_nothing_is_cut(deck, lecture):
    page, trouble = deck(lecture)
    seen = page.evaluate(SEEN)
    assert trouble == [] and seen["wrong"] == []
    assert seen["slides"] == len(slides_source.read(slides_source.FOLDER / f"{lecture}.md"))
    assert [each for each in seen["worst"]["figures"] if each[0] < LEAST] == []


def test_a_deck_is_held_by_keyboard_alone(deck):
    page, trouble = deck("sampling")
    press, at = page.keyboard.press, lambda: page.evaluate("() => Reveal.getIndices().h")
    place = page.evaluate(
        "() => Reveal.getSlides().findIndex(each => each.matches('.has-answer.has-figure'))"
    )
    answer = "() => Reveal.getCurrentSlide().querySelector('.answer').checkVisibility()"
    for _ in range(place):
        press("ArrowRight")
    assert at() == place and not page.evaluate(answer)
    press("ArrowRight")
    assert at() == place and page.evaluate(answer)
    press("ArrowRight")  # the explorer
    assert at() == place + 1
    before = page.evaluate(EXPLORED)
    press("e")
    press("Tab")
    press("ArrowRight")
    assert at() == place + 1 and page.evaluate(EXPLORED) != before
    press("Escape")
    press("ArrowRight")
    assert at() == place + 2 and not page.evaluate("() => Reveal.isOverview()")
    assert trouble == []


def test_a_deck_goes_on_paper_with_every_answer(deck):
    page, trouble = deck("sampling", "?view=print")
    printed = page.pdf(prefer_css_page_size=True)
    slides = len(slides_source.read(slides_source.FOLDER / "sampling.md"))
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == slides
    hidden = "() => [...document.querySelectorAll('.answer')].filter(a => !a.checkVisibility())"
    assert page.evaluate(f"({hidden})().length") == 0 and trouble == []


def test_the_notes_go_on_paper_without_a_blank_page(deck):
    page, _ = deck("sampling", "?view=print&showNotes=separate-page")
    printed = page.pdf(prefer_css_page_size=True)
    slides = len(slides_source.read(slides_source.FOLDER / "sampling.md"))
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2 * slides


def test_the_speakers_window_shows_the_note_and_leads_the_slides(deck):
    page, trouble = deck("sampling")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    speaker, said = opened.value, ".speaker-controls-notes .value"
    for key, source in enumerate(slides_source.read(slides_source.FOLDER / "sampling.md")[:3]):
        speaker.get_by_text(source.note[:40]).wait_for()
        assert f"{source.minutes:g} min" in speaker.inner_text(said)
        assert page.evaluate("() => Reveal.getIndices().h") == key
        speaker.keyboard.press("ArrowRight")
    assert trouble == []


def test_a_page_leads_to_its_deck_and_back(decks, tmp_path):
    (tmp_path / "book").mkdir()
    for name in LECTURES:
        text = (build.SITE / "book" / f"{name}.html").read_text(encoding="utf-8")
        (tmp_path / "book" / f"{name}.html").write_text(text, encoding="utf-8")
    for _ in range(2):  # the second time changes nothing
        slides.link(tmp_path, tmp_path / "slides")
    for name in LECTURES:
        text = (tmp_path / "book" / f"{name}.html").read_text(encoding="utf-8")
        assert re.findall(r'class="to-deck"> · <a href="([^"]+)"', text) == [
            f"../slides/{name}.html"
        ]
        shown = BeautifulSoup((decks / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        back = shown.select_one(".opening .way a")["href"]
        assert (decks / back).resolve() == build.SITE / "book" / f"{name}.html"
        minutes = [int(each["data-timing"]) for each in shown.select("section")]
        assert 45 * 60 <= sum(minutes) <= 55 * 60


@pytest.mark.parametrize("kind", [kind for kind in slides_source.SHOWN if kind != "page"])
def test_an_unknown_label_is_said_with_its_neighbours(kind):
    lecture = slides_lecture.Lecture(build.SITE / "book" / "sampling.html", "back", str)
    asked = {"answer": "predict"}.get(kind, kind)
    asked = rf"({asked}|figure) must be one of the lecture sampling, such as .*; got 'fig-samplin'"
    with pytest.raises(ValueError, match=asked):
        getattr(lecture, kind)("fig-samplin")
