"""Explorers: a draw function and its stops become a widget that moves on a static page.

Every frame is drawn once, when the cell runs. The browser alone then moves between them: each
control's ``index`` is linked in JavaScript to a ``Stack``'s ``selected_index``.
"""

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from itertools import product

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from tqdm import tqdm
from traitlets import Unicode

from nlgnotes.frames import frame_png
from nlgnotes.validation import check_count

__all__ = ["MOST_FRAMES", "Picture", "explorer"]


MOST_FRAMES = 60
"""The most frames of an explorer."""


_CONTROLS = {
    "slider": ipywidgets.SelectionSlider,
    "dropdown": ipywidgets.Dropdown,
    "buttons": ipywidgets.ToggleButtons,
}


class Picture(ipywidgets.Image):
    """An image whose tooltip holds its alt text; the page's script moves it to where it belongs.

    ipywidgets' view asks for a description before it shows a tooltip, and ``Image`` has none of its
    own.
    """

    description = Unicode("").tag(sync=True)


def explorer(
    draw: Callable,
    stops: Mapping[str, Sequence | Mapping],
    *,
    alt: str | Callable[..., str],
    width: int | None = None,
    play: bool = False,
    labels: Mapping[str, str | Sequence[str]] | None = None,
    start: object = None,
    control: str = "slider",
) -> ipywidgets.VBox:
    """One or two controls over the frames that ``draw`` makes at every stop, with no kernel.

    The page also needs a static twin for print: the lecture calls ``draw`` at ``start`` in a cell
    of its own, as a numbered figure, and shows the explorer below it.

    Args:
        draw: called as ``draw(**values)``, one keyword per parameter. Returns a ``Figure``, an
            ``Axes`` or an array of them (closed after drawing; all frames stand in the first one's
            axes), or a ``str`` of HTML, for coloured text.
        stops: a parameter's name to its values, or to ``{label: value}``. One or two parameters, at
            most ``MOST_FRAMES`` frames together.
        alt: what the picture says, for who cannot see it: one text, or a function called as
            ``draw`` is.
        width: of the shown picture, in CSS pixels; 100 to the inch of the figure when left out. It
            shrinks on a phone.
        play: add a Play button that walks through the first parameter.
        labels: a parameter's name to what its control is called (a string), or to its stops' labels
            (a sequence).
        start: the value shown first: ``{name: value}``, or the bare value of one parameter, or the
            pair of two.
        control: ``"slider"``, ``"dropdown"`` or ``"buttons"``; the last two suit stops that are
            words.

    Returns:
        The explorer. Let it be the last expression of its cell.

    Raises:
        ValueError: an argument breaks its rule; there are too many frames; a frame stays larger
            than ``FRAME_BYTES``.
        RuntimeError: ``draw`` or ``alt`` failed; the message names the stop.

    >>> text = explorer(lambda k: f"<b>{k}</b>", {"k": [1, 2, 3]}, alt="a bold number")
    >>> [frame.value for frame in text.children[1].children]
    ['<b>1</b>', '<b>2</b>', '<b>3</b>']
    """
    axes, called = _axes(stops, labels or {})
    if control not in _CONTROLS:
        raise ValueError(f"control must be one of {', '.join(_CONTROLS)}; got {control!r}")
    first = _start(axes, start)
    if width is not None:
        check_count("width", width)
    names, tables = list(axes), list(axes.values())
    frames, layout = [], {}
    with _terminal() as terminal:
        every = list(product(*tables))
        for stop in tqdm(every, desc="frames", unit="frame", delay=1, file=terminal, leave=False):
            values = {
                name: table[label] for name, table, label in zip(names, tables, stop, strict=True)
            }
            where = ", ".join(f"{name} = {label}" for name, label in zip(names, stop, strict=True))
            frames.append(_frame(draw, values, where, alt, width, layout))
    controls = [
        _CONTROLS[control](
            options=[(label, i) for i, label in enumerate(table)],
            index=index,
            description=called[name],
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="auto", max_width="100%", flex="1 1 16rem"),
        )
        for (name, table), index in zip(axes.items(), first, strict=True)
    ]
    for each in controls:
        each.add_class("explorer-control")
    row, links = list(controls), []
    if play:
        player = ipywidgets.Play(min=0, max=len(tables[0]) - 1, value=first[0], interval=700)
        links.append(ipywidgets.jslink((player, "value"), (controls[0], "index")))
        row.insert(0, player)
    picture = _stack(frames, controls, [len(table) for table in tables], first, links)
    picture.add_class("explorer-picture")
    box = ipywidgets.VBox(
        [
            ipywidgets.HBox(
                row, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center")
            ),
            picture,
        ],
        layout=ipywidgets.Layout(max_width="100%"),
    )
    box.add_class("explorer")
    box.links = tuple(links)  # a link lives as long as its explorer
    return box


def _axes(stops: Mapping, labels: Mapping) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    """The stops as {name: {label: value}}, and what each control is called: checked."""
    if not isinstance(stops, Mapping) or not 1 <= len(stops) <= 2:
        raise ValueError(f"stops must name one or two parameters; got {stops!r}")
    unknown = set(labels) - set(stops)
    if unknown:
        raise ValueError(
            f"labels must name parameters of stops, {', '.join(stops)}; got "
            f"{', '.join(map(str, unknown))}"
        )
    axes, called = {}, {}
    for name, values in stops.items():
        given = labels.get(name)
        called[name] = given if isinstance(given, str) else name
        pairs = (
            list(values.items())
            if isinstance(values, Mapping)
            else [(_label(value), value) for value in values]
        )
        if given is not None and not isinstance(given, str):
            if len(given) != len(pairs):
                raise ValueError(
                    f"labels[{name!r}] must hold one label per stop, {len(pairs)}; got {len(given)}"
                )
            pairs = [(label, value) for label, (_, value) in zip(given, pairs, strict=True)]
        table = {str(label): value for label, value in pairs}
        if len(pairs) < 2 or len(table) < len(pairs):
            raise ValueError(
                f"stops[{name!r}] must hold at least two values with different labels; got "
                f"{values!r}"
            )
        axes[name] = table
    count = math.prod(len(table) for table in axes.values())
    if count > MOST_FRAMES:
        raise ValueError(f"stops must make at most {MOST_FRAMES} frames; got {count}")
    return axes, called


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _start(axes: dict[str, dict[str, object]], start: object) -> list[int]:
    """The index of ``start`` along each parameter, by value or by label."""
    if start is None:
        return [0] * len(axes)
    if isinstance(start, Mapping):
        wanted = dict(start)
    elif len(axes) == 1:
        wanted = {next(iter(axes)): start}
    else:
        wanted = dict(zip(axes, start, strict=False)) if isinstance(start, (tuple, list)) else {}
    if wanted.keys() != axes.keys():
        raise ValueError(f"start must give one stop for each of {', '.join(axes)}; got {start!r}")
    indices = []
    for name, table in axes.items():
        hits = [
            i
            for i, (label, value) in enumerate(table.items())
            if label == wanted[name] or _same(value, wanted[name])
        ]
        if not hits:
            raise ValueError(
                f"start must be a stop of {name}, one of {', '.join(table)}; got {wanted[name]!r}"
            )
        indices.append(hits[0])
    return indices


def _same(a: object, b: object) -> bool:
    return a is b or (
        isinstance(a, (int, float, str, bool)) and isinstance(b, (int, float, str, bool)) and a == b
    )


def _stack(
    frames: list, controls: list, sizes: list[int], start: list[int], links: list
) -> ipywidgets.Stack:
    """The frames under one Stack per parameter; the second's Stacks are the first's children."""
    if len(sizes) == 2:
        rows = [frames[i * sizes[1] : (i + 1) * sizes[1]] for i in range(sizes[0])]
        frames = [_stack(row, controls[1:], sizes[1:], start[1:], links) for row in rows]
    stack = ipywidgets.Stack(
        frames, selected_index=start[0], layout=ipywidgets.Layout(max_width="100%")
    )
    links.append(ipywidgets.jslink((controls[0], "index"), (stack, "selected_index")))
    return stack


def _frame(
    draw: Callable,
    values: dict,
    where: str,
    alt: str | Callable[..., str],
    width: int | None,
    layout: dict,
) -> ipywidgets.DOMWidget:
    """One drawn stop: an HTML widget for text, else an Image with its alt text in the tooltip."""
    opened = set(plt.get_fignums())
    try:
        try:
            drawn = draw(**values)
            text = alt(**values) if callable(alt) else alt
        except Exception as error:
            raise RuntimeError(
                f"draw failed at {where}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"alt must give a text that is not empty at {where}; got {text!r}")
        if isinstance(drawn, str):
            return ipywidgets.HTML(drawn, layout=ipywidgets.Layout(max_width="100%"))
        figure = _figure(drawn, where)
        shown = width or round(figure.get_figwidth() * 100)
        data = frame_png(figure, where, layout)
    finally:
        for number in set(plt.get_fignums()) - opened:
            plt.close(number)
    return Picture(
        value=data,
        format="png",
        tooltip=text,
        layout=ipywidgets.Layout(width=f"{shown}px", max_width="100%", height="auto"),
    )


def _figure(drawn: object, where: str) -> Figure:
    """The figure behind whatever ``draw`` returned."""
    if isinstance(drawn, (np.ndarray, list, tuple)) and len(drawn):
        drawn = np.asarray(drawn, dtype=object).flat[0]
    figure = (
        drawn if isinstance(drawn, Figure) else drawn.figure if isinstance(drawn, Artist) else None
    )
    if not isinstance(figure, Figure):
        raise ValueError(
            f"draw must return a Figure, an Axes or a str; got {type(drawn).__name__} at {where}"
        )
    return figure


@contextmanager
def _terminal():
    """The process's own stderr: what is written there never becomes an output of the cell."""
    try:
        descriptor = os.dup(sys.stderr.fileno())  # in a kernel this is the stream behind the cell's
    except (OSError, ValueError, AttributeError):
        yield sys.__stderr__
        return
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
        yield stream
