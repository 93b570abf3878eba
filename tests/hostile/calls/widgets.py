"""Valid calls of the explorers, of few and small frames."""

import matplotlib as mpl
from matplotlib.figure import Figure

from hostile.calls.values import Fixed
from nlgnotes.widgets.stops import read_stops

mpl.use("agg")
STOPS = {"x": [0, 1, 2], "y": {"low": 0.5, "high": 1.5}}
LABELS = {"x": "p_null", "y": ["few", "many"]}
AXES = read_stops(STOPS, LABELS, None)


def bold(x=0, y=0):
    """A frame that is a text."""
    return f"<b>{x * y}</b>"


def empty(x=0):
    """A frame that is a small picture."""
    return Figure(figsize=(1, 1))


def product(x, y):
    """What the page computes too."""
    return {"product": float(x * y), "both": [x, y]}


CALLS = {
    "widgets.drawings:drawing": {
        "draw": bold,
        "stops": {"x": [0, 1, 2], "y": {"low": 0.5, "high": 1.5}},
        "picture": "product",
        "values": product,
        "ranges": {"x": (0, 2, 1), "y": (0.0, 2.0, 0.5)},
        "alt": "a product",
        "labels": {"x": "p_null"},
        "start": {"x": 1, "y": 0.5},
        "width": 300,
    },
    "widgets.explorers:explorer": {
        "draw": empty,
        "stops": {"x": [0, 1]},
        "alt": "nothing",
        "width": 300,
        "play": True,
        "labels": {"x": "number"},
        "start": 1,
    },
    "widgets.pictures:draw_frame": {
        "draw": empty,
        "values": Fixed({"x": 1}),
        "where": Fixed("x = 1"),
        "alt": "nothing",
        "width": 300,
        "layout": {},
    },
    "widgets.stops:Axis.at": {"self": AXES[0], "i": 0},
    "widgets.stops:Axis.kind": {"self": AXES[0]},
    "widgets.stops:read_stops": {"stops": STOPS, "labels": LABELS, "start": (1, "many")},
}
