"""The page for teachers as it is built: its links lead somewhere, its numbers are the lectures'."""

import re

import build
import course
import pytest
import teaching
from bs4 import BeautifulSoup

LECTURES = course.lectures()


def read(page: str) -> BeautifulSoup:
    return BeautifulSoup((build.SITE / f"book/{page}.html").read_text("utf-8"), "html.parser")


@pytest.fixture(scope="module")
def article(roots) -> BeautifulSoup:
    return read("teaching").find("article")


def section(article, name):
    return article.find("section", id=name)


def test_every_link_leads_to_its_place(article):
    wanted: dict[str, set[str]] = {}
    for link in article.select("a.reference.internal[href*='.html']"):
        page, _, anchor = link["href"].partition("#")
        wanted.setdefault(page.removesuffix(".html"), set()).add(anchor)
    assert set(LECTURES) <= set(wanted)
    for page, anchors in wanted.items():
        text = (build.SITE / f"book/{page}.html").read_text("utf-8")
        found = {*re.findall(r'<[^<>]*\bid="([^"]+)"', text), ""}
        assert anchors <= found, page


def test_every_lecture_is_a_link_of_the_graph(article):
    boxes = section(article, "what-needs-what").select("svg a")
    assert {box["href"] for box in boxes} == {f"{name}.html" for name in LECTURES}
    assert all(box["aria-label"] for box in boxes)


def test_minutes_on_the_page_are_those_of_the_lectures(article):
    rows = section(article, "minutes-by-section").select("tbody tr")
    assert len(rows) == len(LECTURES)
    for row, (name, notebook) in zip(rows, LECTURES.items(), strict=True):
        page, total, core, by_section = row.find_all("td")
        assert page.a["href"] == f"{name}.html"
        minutes = teaching.plan(notebook).values()
        assert int(total.text) == sum(whole for whole, _ in minutes)
        assert int(core.text) == sum(kept for _, kept in minutes) <= teaching.HOUR
        stated = re.search(r"\(by section: ([\d, ]+)\)", teaching.stated(notebook))[1]
        outer = by_section.select(":scope > .line-block > .line")
        assert [int(re.search(r" (\d+)", said.a.next_sibling)[1]) for said in outer] == [
            int(number) for number in stated.split(", ")
        ]
        assert by_section.text.count("(optional)") == len(course.optional(notebook))


def test_an_optional_section_keeps_its_address_and_shows_its_mark(roots):
    page = read("decoder")
    found = page.find("section", id="prompts-instead-of-training")
    assert found.h2.find(class_="optional").text == "(optional)"
    contents = page.find("nav", class_="page-toc")
    assert contents.find("a", href="#prompts-instead-of-training").find(class_="optional")
