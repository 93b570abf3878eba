"""A drawing stands in the figure of the cell before it, on a page that loads what it needs."""

import pytest
import small_drawing
from bs4 import BeautifulSoup


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out, warnings = small_drawing.built(tmp_path_factory.mktemp("small"))
    return page(out / "index.html"), page(out / "search.html"), warnings


def page(file):
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def test_the_drawing_stands_between_its_twin_and_the_caption(small):
    lecture, _, warnings = small
    assert warnings == ""
    (figure,) = lecture.select("figure#fig-drawn.drawn")
    place, caption = figure.find_all(recursive=False)
    assert caption.name == "figcaption" and caption.select_one(".caption-number")
    twin, shown = place.find_all(recursive=False)
    assert "twin-picture" in twin["class"] and twin.img["alt"] == "A curve."
    assert shown.select_one("div.drawing[data-picture=calibration]")
    assert len(lecture.select(".drawing")) == 1 and not lecture.select("script[type*=widget]")


def test_the_page_and_no_other_loads_the_scripts_in_their_order(small):
    lecture, other, _ = small
    scripts = [each["src"] for each in lecture.select("script[src*=drawing]")]
    assert scripts == ["_static/drawings.js", "_static/drawing-calibration.js"]
    assert [each["href"] for each in lecture.select("link[href*=drawing]")] == [
        "_static/drawings.css"
    ]
    assert not other.select("[src*=drawing], [href*=drawing]")


def test_a_picture_that_no_script_draws_is_a_warning(tmp_path):
    cell = small_drawing.DRAWING.replace('"calibration"', '"unheard-of"')
    _, warnings = small_drawing.built(tmp_path, cell)
    assert "no script draws the picture unheard-of" in warnings
