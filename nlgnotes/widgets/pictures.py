"""The frames of an explorer as widgets: pictures with their alt text, or text."""

from collections.abc import Callable

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from traitlets import Unicode

from nlgnotes.frames import frame_png
from nlgnotes.validation import check_callable, check_count

__all__ = ["Picture", "draw_frame"]


class Picture(ipywidgets.Image):
    """An image whose tooltip holds its alt text; the page's script moves it to where it belongs.

    ipywidgets' view asks for a description before it shows a tooltip, and ``Image`` has none of its
    own.
    """

    description = Unicode("").tag(sync=True)


def draw_frame(
    draw: Callable,
    values: dict,
    where: str,
    alt: str | Callable[..., str],
    width: int | None,
    layout: dict,
) -> ipywidgets.DOMWidget:
    """One drawn stop: an HTML widget for text, else an Image with its alt text in the tooltip.

    Args:
        draw, alt, width: those of ``explorer``.
        values: the keywords of the call.
        where: the stop, for messages.
        layout: what the frames of one explorer share, empty at first; afterwards it also holds the
            ``height`` that the tallest takes, in CSS, if the frames are pictures.

    Raises:
        ValueError: an argument breaks its rule, or the frame stays too large.
        RuntimeError: ``draw`` or ``alt`` failed; the message names the stop.
    """
    check_callable("draw", draw)
    width = None if width is None else check_count("width", width)
    opened = set(plt.get_fignums())
    try:
        called = "draw"
        try:
            drawn = draw(**values)
            called = "alt"
            text = alt(**values) if callable(alt) else alt
        except Exception as error:
            raise RuntimeError(
                f"{called} failed at {where}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"alt must give a text that is not empty at {where}; got {text!r}")
        if isinstance(drawn, str):
            return ipywidgets.HTML(drawn, layout=ipywidgets.Layout(max_width="100%"))
        figure = _figure(drawn, where)
        shown = width or round(figure.get_figwidth() * 100)
        data = frame_png(figure, where, layout)
        _reserve(shown, figure, layout)
    finally:
        for number in set(plt.get_fignums()) - opened:
            plt.close(number)
    return Picture(
        value=data,
        format="png",
        tooltip=text,
        layout=ipywidgets.Layout(width=f"{shown}px", max_width="100%", height="auto"),
    )


def _reserve(shown: int, figure: Figure, layout: dict) -> None:
    """Note the height of the tallest picture, which shrinks with the explorer (``100cqw``)."""
    tall = shown * figure.get_figheight() / figure.get_figwidth()
    if tall > layout.get("tall", 0):
        ratio = tall / shown
        layout |= {"tall": tall, "height": f"calc(min(100cqw, {shown}px) * {ratio:.4f})"}


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
