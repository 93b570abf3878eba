"""Explorers: a draw function and its stops become a widget that moves on a static page.

Every frame is drawn once, when the cell runs. The browser alone then moves between them: each
control's ``index`` is linked in JavaScript to a ``Stack``'s ``selected_index``.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager

import ipywidgets
from tqdm import tqdm

from nlgnotes.validation import check_flag
from nlgnotes.widgets.pictures import draw_frame
from nlgnotes.widgets.stops import Axis, combinations, read_stops

__all__ = ["explorer"]


_CONTROLS = {
    "slider": ipywidgets.SelectionSlider,
    "dropdown": ipywidgets.Dropdown,
    "buttons": ipywidgets.ToggleButtons,
}


def explorer(
    draw: Callable,
    stops: Mapping[str, Sequence | Mapping | Callable],
    *,
    alt: str | Callable[..., str],
    width: int | None = None,
    play: bool = False,
    labels: Mapping[str, str | Sequence[str] | Callable] | None = None,
    start: object = None,
) -> ipywidgets.VBox:
    """One or two controls over the frames that ``draw`` makes at every stop, with no kernel.

    The page also needs a static twin for print: the lecture calls ``draw`` at ``start`` in a cell
    of its own, as a numbered figure, directly before the explorer's. The page shows the explorer
    above the figure's caption, and paper the twin.

    The stops choose the control: numbers (labels such as ``0.5``, ``3 words``, ``T = 0.5``) have a
    slider, two to four short words have buttons, and more or longer ones a dropdown.

    Args:
        draw: called as ``draw(**values)``, one keyword per parameter. Returns a ``Figure``, an
            ``Axes`` or an array of them (closed after drawing; all frames stand in the first one's
            axes), or a ``str`` of HTML, for coloured text.
        stops: a parameter's name to its values, or to ``{label: value}``. One or two parameters, at
            most ``MOST_FRAMES`` frames together. Where the second's stops depend on the first, a
            function gives them for each value of the first.
        alt: what the picture says, for who cannot see it: one text, or a function called as
            ``draw`` is.
        width: of the shown picture, in CSS pixels; 100 to the inch of the figure when left out. It
            shrinks on a phone.
        play: add a Play button that walks through the first parameter.
        labels: a parameter's name to what its control is called (a string), or to its stops' labels
            (a sequence); for the second parameter also a function that gives either for a value of
            the first.
        start: the value shown first: ``{name: value}``, or the bare value of one parameter, or the
            pair of two.

    Returns:
        The explorer. Let it be the last expression of its cell.

    Raises:
        ValueError: an argument breaks its rule; there are too many frames; a frame stays larger
            than ``FRAME_BYTES``.
        RuntimeError: ``draw`` or ``alt`` failed; the message names the stop.

    >>> text = explorer(lambda k: f"<b>{k}</b>", {"k": [1, 2, 3]}, alt="a bold number")
    >>> [frame.value for frame in text.children[1].children]
    ['<b>1</b>', '<b>2</b>', '<b>3</b>']
    >>> powers = {"squares": [1, 4, 9], "cubes": [1, 8]}
    >>> stops = {"which": list(powers), "n": powers.get}
    >>> text = explorer(lambda which, n: f"{n} of the {which}", stops, alt="a number")
    >>> [frame.value for frame in text.children[1].children[1].children]
    ['1 of the cubes', '8 of the cubes']
    """
    axes = read_stops(stops, {} if labels is None else labels, start)
    play = check_flag("play", play)
    frames, layout = {}, {}
    with _terminal() as terminal:
        every = list(combinations(axes))
        for stop in tqdm(every, desc="frames", unit="frame", delay=1, file=terminal, leave=False):
            tables = _tables(axes, stop)
            values = {
                axis.name: table[label]
                for axis, table, label in zip(axes, tables, stop, strict=True)
            }
            where = ", ".join(
                f"{axis.name} = {label}" for axis, label in zip(axes, stop, strict=True)
            )
            frames[stop] = draw_frame(draw, values, where, alt, width, layout)
    controls, links = [_controls(axis) for axis in axes], []
    first = controls[0][0]
    row = [first]
    if play:
        player = ipywidgets.Play(min=0, max=len(first.options) - 1, value=first.index, interval=700)
        links.append(ipywidgets.jslink((player, "value"), (first, "index")))
        row.insert(0, player)
    if len(axes) == 1:
        picture = _stack(list(frames.values()), first, links)
    else:
        second = controls[1]
        # One control, or one for each value of the first parameter, of which one is shown.
        row.append(second[0] if len(second) == 1 else _stack(second, first, links))
        inner = [
            _stack(
                [frame for stop, frame in frames.items() if stop[0] == label],
                second[axes[1].at(i)],
                links,
            )
            for i, label in enumerate(axes[0].tables[0])
        ]
        picture = _stack(inner, first, links)
    picture.layout.min_height = layout.get("height")
    picture.add_class("explorer-picture")
    wraps = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
    box = ipywidgets.VBox(
        [ipywidgets.HBox(row, layout=wraps), picture], layout=ipywidgets.Layout(max_width="100%")
    )
    box.add_class("explorer")
    box.links = tuple(links)  # a link lives as long as its explorer
    return box


def _tables(axes: list[Axis], stop: tuple[str, ...]) -> list[dict]:
    """The table in which each label of ``stop`` stands."""
    first = list(axes[0].tables[0]).index(stop[0])
    return [axis.tables[axis.at(first)] for axis in axes]


def _controls(axis: Axis) -> list[ipywidgets.DOMWidget]:
    """The control of one parameter, for each of its tables."""
    made = [
        _CONTROLS[axis.kind()](
            options=[(label, i) for i, label in enumerate(table)],
            index=index,
            description=called,
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="auto", max_width="100%", flex="1 1 16rem"),
        )
        for called, table, index in zip(axis.called, axis.tables, axis.start, strict=True)
    ]
    for each in made:
        each.add_class("explorer-control")
    return made


def _stack(children: list, control: ipywidgets.DOMWidget, links: list) -> ipywidgets.Stack:
    """One of the children at a time, chosen by the control."""
    flex = "1 1 16rem" if children[0].has_trait("index") else None
    stack = ipywidgets.Stack(
        children,
        selected_index=control.index,
        layout=ipywidgets.Layout(max_width="100%", flex=flex),
    )
    links.append(ipywidgets.jslink((control, "index"), (stack, "selected_index")))
    return stack


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
