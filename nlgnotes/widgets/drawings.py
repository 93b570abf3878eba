"""Drawings: closed-form pictures that the site's page draws itself, for any value of a slider.

The page's script computes such a picture in the browser. It gets the sliders from Python, and what
Python computed at the stops, so that a test can compare the two. A notebook outside the site has
no such script: there the same call gives an explorer of the stops.
"""

import html
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch

from nlgnotes.validation import check_callable, check_interval, check_kind, describe
from nlgnotes.widgets.explorers import explorer
from nlgnotes.widgets.stops import Axis, combinations, read_stops

__all__ = ["ON_THE_SITE", "Drawing", "drawing"]


ON_THE_SITE = "NLGNOTES_SITE"
"""The environment variable that the build of the site sets for the kernels of its pages."""

_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Drawing:
    """What the page needs to draw a picture itself; a notebook shows it as HTML.

    Attributes:
        picture: the name of the script's picture.
        data: ``alt``, ``parameters`` (one slider each) and ``stops``, with what Python computed
            there; strings, numbers, lists and dicts alone.
    """

    picture: str
    data: dict

    def _repr_html_(self) -> str:
        # Inside a script HTML reads nothing but the end of it, or the beginning of another.
        data = json.dumps(self.data, allow_nan=False).replace("<", "\\u003c")
        return (
            f'<div class="drawing" data-picture="{html.escape(self.picture)}">'
            f'<script type="application/json">{data}</script></div>'
        )


def drawing(
    draw: Callable,
    stops: Mapping,
    *,
    picture: str,
    values: Callable,
    ranges: Mapping[str, Sequence[float | int]],
    alt: str,
    labels: Mapping | None = None,
    start: object = None,
    width: int | None = None,
) -> Drawing | ipywidgets.VBox:
    """A picture that the page draws itself, with one or two sliders; elsewhere an explorer.

    On the site's page the script ``drawing-PICTURE.js`` draws it, continuously. In a notebook the
    reader gets ``explorer(draw, stops)``. As with ``explorer``, the lecture calls ``draw`` at
    ``start`` in the cell before, as a numbered figure: paper, and a page without a script, show
    that.

    Args:
        draw: the function of ``explorer``: called as ``draw(**stop)``, one keyword per parameter.
        stops: a parameter's name to its numbers, or to ``{label: number}``; one or two parameters,
            whose names are those that the picture's script reads.
        picture: which of the page's pictures it is: lower-case letters, digits and hyphens.
        values: called as ``values(**stop)``; gives the quantities that the script computes too, by
            their names there: each a finite number in double precision, or a flat list of them.
        ranges: a parameter's name to (low, high, step) of its slider. Every stop lies on it.
        alt: what the picture shows, wherever the sliders stand, for who cannot see it.
        labels: a parameter's name to what its slider is called; ``p_null`` is set as p with an
            index.
        start: the stop shown first, as in ``explorer``.
        width: of the explorer's pictures, in CSS pixels.

    Returns:
        A ``Drawing`` where the variable ``ON_THE_SITE`` of the environment is set, else the
        explorer. Let it be the last expression of its cell.

    Raises:
        ValueError: an argument breaks its rule.
        RuntimeError: ``values`` or, in a notebook, ``draw`` failed; the message names the stop.

    >>> stops, ranges = {"x": [0, 1, 2]}, {"x": (0, 2, 0.01)}
    >>> def square(x):
    ...     return f"<b>{x * x}</b>"
    >>> shown = drawing(square, stops, picture="square", values=lambda x: {"y": x * x},
    ...                 ranges=ranges, alt="a number and its square")
    >>> [frame.value for frame in shown.children[1].children]
    ['<b>0</b>', '<b>1</b>', '<b>4</b>']
    """
    if not isinstance(picture, str) or not _NAME.fullmatch(picture):
        raise ValueError(
            f"picture must be a name of lower-case letters, digits and hyphens; got {picture!r}"
        )
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt must be a text that is not empty; got {alt!r}")
    check_callable("draw", draw)
    check_callable("values", values)
    labels = {} if labels is None else labels
    check_kind("labels", labels, Mapping)
    check_kind("ranges", ranges, Mapping)
    if unnamed := [each for each in labels.values() if not isinstance(each, str)]:
        raise ValueError(f"labels must name each slider with a string; got {unnamed[0]!r}")
    axes = read_stops(stops, labels, start)
    if set(ranges) != set(stops):
        raise ValueError(f"ranges must have the names of stops, {', '.join(stops)}; got {ranges!r}")
    data = {
        "alt": alt,
        "parameters": [_slider(axis, ranges[axis.name]) for axis in axes],
        "stops": [_stop(axes, stop, values) for stop in combinations(axes)],
    }
    if os.environ.get(ON_THE_SITE):
        return Drawing(picture, data)

    def described(**at) -> str:
        called = {axis.name: axis.called[0] for axis in axes}
        return f"{alt} Here {', '.join(f'{called[name]} = {x:g}' for name, x in at.items())}."

    return explorer(draw, stops, alt=described, labels=labels or None, start=start, width=width)


def _slider(axis: Axis, given: Sequence[float | int]) -> dict:
    """One parameter as the page's slider, its stops checked against the range."""
    name = f"ranges[{axis.name!r}]"
    if not isinstance(given, tuple | list) or len(given) != 3:
        raise ValueError(f"{name} must be (low, high, step); got {given!r}")
    low, high, step = (check_interval(name, each, -1e9, 1e9) for each in given)
    if not low < high or not 0 < step <= high - low:
        raise ValueError(f"{name} must have low < high and a step between; got {given!r}")
    if len(axis.tables) > 1:
        raise ValueError(f"stops[{axis.name!r}] must be numbers, the same for all; got a function")
    numbers = list(axis.tables[0].values())
    for number in numbers:
        inside = check_interval(f"stops[{axis.name!r}]", number, low, high)
        steps = (inside - low) / step
        if abs(steps - round(steps)) > 1e-6:
            raise ValueError(
                f"stops[{axis.name!r}] must lie on the slider, {low:g} + k * {step:g}; "
                f"got {number!r}"
            )
    return {
        "name": axis.name,
        "label": axis.called[0],
        "low": low,
        "high": high,
        "step": step,
        "start": _plain(numbers[axis.start[0]]),
    }


def _stop(axes: list[Axis], stop: tuple[str, ...], values: Callable) -> dict:
    """What Python computes at one stop."""
    at = {axis.name: axis.tables[0][label] for axis, label in zip(axes, stop, strict=True)}
    where = ", ".join(f"{name} = {x:g}" for name, x in at.items())
    try:
        computed = values(**at)
    except Exception as error:
        raise RuntimeError(f"values failed at {where}: {type(error).__name__}: {error}") from error
    if not isinstance(computed, Mapping) or not computed:
        raise ValueError(
            f"values must give the picture's numbers by name; got {computed!r} at {where}"
        )
    return {
        "at": {name: _plain(x) for name, x in at.items()},
        "values": {str(k): _numbers(k, v, where) for k, v in computed.items()},
    }


def _plain(number: object) -> float | int:
    """A stop as JSON can hold it: also one of NumPy's or torch's."""
    return number if isinstance(number, int | float) else float(number)


def _numbers(name: str, value: object, where: str) -> float | int | list:
    """A number, or a flat list of numbers, in double precision."""
    exact = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
    rule = f"values must be finite numbers in double precision, or flat lists; got {name} = "
    if exact.dtype.kind not in "iu" and exact.dtype != np.float64:
        raise ValueError(f"{rule}{describe(value)} at {where}")
    if exact.ndim > 1 or not exact.size or not np.isfinite(exact).all():
        raise ValueError(f"{rule}{value!r} at {where}")
    return exact.tolist()
