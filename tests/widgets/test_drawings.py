"""Drawings: what the page gets is exact and safe, a notebook gets frames, and errors speak."""

import json
import math
import os

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup

from nlgnotes.widgets import Drawing, drawing
from nlgnotes.widgets.drawings import ON_THE_SITE


def text(**values):
    return f"<b>{values}</b>"


def sums(x, y=0.0):
    return {"sum": x + y, "both": [x, y]}


CALL = {
    "draw": text,
    "stops": {"x": [0, 0.3, 1]},
    "picture": "sums",
    "values": sums,
    "ranges": {"x": (0, 1, 0.1)},
    "alt": "a sum",
}


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv(ON_THE_SITE, "1")


@pytest.fixture
def notebook(monkeypatch):
    monkeypatch.delenv(ON_THE_SITE, raising=False)


def on_page(shown: Drawing) -> dict:
    """The data as a browser reads them out of the page."""
    box = BeautifulSoup(shown._repr_html_(), "html.parser").select_one("div.drawing")
    assert box["data-picture"] == shown.picture
    return json.loads(box.select_one('script[type="application/json"]').string)


def test_the_page_gets_sliders_and_the_values_at_every_stop(site):
    shown = drawing(
        text,
        {"x": [0, 0.3], "y": {"half": 0.5, "one": 1}},
        picture="sums",
        values=sums,
        ranges={"x": (0, 1, 0.1), "y": (-1, 1, 0.25)},
        labels={"y": "y_b"},
        start={"x": 0.3, "y": "one"},
        alt="a sum",
    )
    slider = {"name": "x", "label": "x", "low": 0, "high": 1, "step": 0.1, "start": 0.3}
    other = {"name": "y", "label": "y_b", "low": -1, "high": 1, "step": 0.25, "start": 1}
    every = [(0, 0.5), (0, 1), (0.3, 0.5), (0.3, 1)]
    assert on_page(shown) == {
        "alt": "a sum",
        "parameters": [slider, other],
        "stops": [{"at": {"x": x, "y": y}, "values": sums(x, y)} for x, y in every],
    }


def test_every_digit_reaches_the_page(site):
    third = {"a": 1 / 3, "b": torch.tensor([1 / 3, math.pi], dtype=torch.float64), "c": np.int64(2)}
    stops = on_page(drawing(**CALL | {"values": lambda x: third}))["stops"]
    assert stops[0]["values"] == {"a": 1 / 3, "b": [1 / 3, math.pi], "c": 2}


def test_text_cannot_leave_its_script(site):
    evil = '</script><img src=x onerror="alert(1)"> <!-- <script> & é'
    shown = drawing(**CALL | {"alt": evil, "labels": {"x": evil}})
    found = BeautifulSoup(shown._repr_html_(), "html.parser")
    assert [each.name for each in found.find_all()] == ["div", "script"]
    assert on_page(shown)["alt"] == evil and on_page(shown)["parameters"][0]["label"] == evil


def test_a_notebook_gets_an_explorer_of_the_same_stops(notebook):
    def line(x):
        ax = plt.subplots(figsize=(2, 1))[1]
        ax.axvline(x)
        return ax

    shown = drawing(**CALL | {"draw": line, "labels": {"x": "the x"}, "start": 0.3, "width": 150})
    (slider,) = shown.children[0].children
    assert isinstance(slider, ipywidgets.SelectionSlider)
    assert (slider.description, slider.label) == ("the x", "0.3")
    frames = shown.children[1].children
    assert [frame.tooltip for frame in frames] == [
        f"a sum Here the x = {x}." for x in ("0", "0.3", "1")
    ]
    assert all(frame.layout.width == "150px" for frame in frames)


def test_the_site_draws_no_frames(site):
    def unwanted(x):
        raise AssertionError

    assert isinstance(drawing(**CALL | {"draw": unwanted}), Drawing)


def test_the_build_says_that_it_is_the_site():
    import execute  # of book/_ext

    assert execute.environment()[ON_THE_SITE] and ON_THE_SITE not in os.environ


@pytest.mark.parametrize("place", ["site", "notebook"])
@pytest.mark.parametrize(
    "change, said",
    [
        ({"picture": "../x"}, "picture must be a name of lower-case letters"),
        ({"picture": ""}, "picture must be a name of lower-case letters"),
        ({"alt": " "}, "alt must be a text that is not empty; got ' '"),
        ({"labels": {"x": ["a", "b", "c"]}}, "labels must name each slider with a string"),
        ({"labels": {"z": "z"}}, "labels must name parameters of stops, x; got z"),
        ({"stops": {"x": [1]}}, "at least two values"),
        ({"stops": {"x": ["a", "b"]}}, r"stops\['x'\] must lie in \[0, 1\]; got 'a'"),
        ({"stops": {"x": [0, 2]}}, r"stops\['x'\] must lie in \[0, 1\]; got 2"),
        ({"stops": {"x": [0, 0.25]}}, r"stops\['x'\] must lie on the slider, 0 .* 0.1; got 0.25"),
        (
            {
                "stops": {"x": [0, 1], "y": lambda x: [x, 0.5]},
                "ranges": {"x": (0, 1, 0.1), "y": (0, 1, 0.1)},
            },
            r"stops\['y'\] must be numbers, the same for all",
        ),
        ({"ranges": {}}, "ranges must have the names of stops, x; got {}"),
        ({"ranges": {"x": (0, 1)}}, r"ranges\['x'\] must be \(low, high, step\); got \(0, 1\)"),
        ({"ranges": {"x": (1, 0, 0.1)}}, r"ranges\['x'\] must have low < high"),
        ({"ranges": {"x": (0, 1, 0)}}, r"ranges\['x'\] must have low < high and a step"),
        ({"ranges": {"x": (0, math.nan, 1)}}, r"ranges\['x'\] must .*got nan"),
        ({"start": 0.7}, "start must be a stop of x"),
        ({"values": lambda x: x}, "values must give the picture's numbers by name; got 0 at x = 0"),
        ({"values": lambda x: {}}, "values must give the picture's numbers by name"),
        (
            {"values": lambda x: {"y": torch.tensor(x, dtype=torch.float32)}},
            "double precision.*got y = torch.float32 of shape .* at x = 0",
        ),
        ({"values": lambda x: {"y": [[1.0]]}}, "flat lists; got y = .* at x = 0"),
        ({"values": lambda x: {"y": "a"}}, "must be finite numbers .*got y = str at x = 0"),
        ({"values": lambda x: {"y": math.inf}}, "must be finite numbers .*got y = inf at x = 0"),
    ],
)
def test_errors_speak(place, change, said, request):
    request.getfixturevalue(place)
    with pytest.raises(ValueError, match=said):
        drawing(**CALL | change)


def test_values_that_fail_name_their_stop(site):
    with pytest.raises(RuntimeError, match=r"values failed at x = 0: ZeroDivisionError"):
        drawing(**CALL | {"values": lambda x: {"y": 1 / x}})


@pytest.mark.parametrize("stops", [np.array([0, 1]), torch.tensor([0, 1]), torch.tensor([0.0, 1])])
def test_the_page_reads_stops_of_numpy_and_torch(site, stops):
    shown = drawing(**{**CALL, "stops": {"x": list(stops)}, "values": lambda x: {"y": float(x)}})
    data = on_page(shown)
    assert [stop["at"]["x"] for stop in data["stops"]] == [0, 1]
    assert data["parameters"][0]["start"] == 0
