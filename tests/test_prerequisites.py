"""The graph of the lectures: columns, places that leave room, and a link for each."""

import itertools
import re

import course
import prerequisites
import pytest

NEEDED = {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["a"]}
GRAPHS = {"small": NEEDED, "book": course.direct(course.prerequisites(course.lectures()))}


def test_a_lecture_stands_right_of_what_it_needs():
    assert prerequisites.columns(NEEDED) == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 1}
    ways = prerequisites.lines(NEEDED)
    assert [("a",), ("a", "d", 1), ("a", "d", 2), ("d",)] in ways
    assert len(ways) == 5


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_nothing_lies_on_anything(graph):
    at = prerequisites.places(graph)
    columns: dict[float, list] = {}
    for stop, (x, y) in at.items():
        columns.setdefault(x, []).append((y, prerequisites.room(stop)))
    for column in columns.values():
        for (y, high), (below, low) in itertools.pairwise(sorted(column)):
            assert below - y >= (high + low) / 2 + prerequisites.BETWEEN - 1e-6
    assert min(y - prerequisites.room(stop) / 2 for stop, (_, y) in at.items()) == pytest.approx(0)


def test_stops_that_would_meet_move_together():
    a, b, c = ("a",), ("b",), ("c",)
    apart = prerequisites.apart([a, b, c], {a: 0.0, b: 0.0, c: 500.0})
    reach = prerequisites.HEIGHT + prerequisites.BETWEEN
    assert apart == {a: -reach / 2, b: reach / 2, c: 500.0}


def test_every_lecture_is_a_link_that_says_what_it_needs():
    titles = {name: f"{name.upper()} & more: a subtitle" for name in NEEDED}
    drawn = prerequisites.svg(NEEDED, titles, lambda name: f"{name}.html")
    links = dict(re.findall(r'<a href="(\w)\.html" aria-label="([^"]*)">', drawn))
    assert links["d"] == "D &amp; more; needs C &amp; more and A &amp; more"
    assert links["a"] == "A &amp; more; needs no other lecture"
    assert list(links) == list(NEEDED) and drawn.count("<path ") == 5


def test_titles_fit_their_boxes():
    book = GRAPHS["book"]
    drawn = prerequisites.svg(book, {name: title_of(name) for name in book}, str)
    for box in re.findall(r"<text>(.*?)</text>", drawn):
        rows = re.findall(r"<tspan[^>]*>(.*?)</tspan>", box)
        assert len(rows) * prerequisites.LINE <= prerequisites.HEIGHT
        assert max(map(len, rows)) <= prerequisites.LETTERS


def title_of(name):
    return re.search(r"^# (.*)$", course.lectures()[name].cells[0].source, re.M)[1]
