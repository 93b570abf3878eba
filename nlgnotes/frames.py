"""Frames: a figure as a small PNG picture of an explorer."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["FRAME_BYTES", "frame_png"]


FRAME_BYTES = 15_000
"""The largest PNG frame of an explorer, in bytes."""


_QUALITIES = ((110, 64), (110, 32), (90, 32), (75, 16), (60, 16))
"""(dots per inch, palette colours) to try in turn until a frame is small enough."""


def frame_png(figure: Figure, where: str, layout: dict) -> bytes:
    """``figure`` as a palette PNG of at most ``FRAME_BYTES``, in the first frame's layout."""
    figure.set_facecolor("white")
    pixels, drawn = None, None
    for dpi, colours in _QUALITIES:
        if dpi != drawn:  # fewer colours alone need no new drawing
            pixels, drawn = _pixels(figure, dpi, layout), dpi
        buffer = io.BytesIO()
        palette = Image.fromarray(pixels).quantize(
            colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        palette.save(buffer, "png", optimize=True)
        if buffer.tell() <= FRAME_BYTES:
            return buffer.getvalue()
    raise ValueError(
        f"a frame must take at most {FRAME_BYTES} bytes; got {buffer.tell()} at {where}: draw "
        "less, or a smaller figure"
    )


def _pixels(figure: Figure, dpi: int, layout: dict) -> np.ndarray:
    """The drawn figure as [height, width, 3] bytes.

    The first frame is laid out and the others stand in its axes, so that nothing jumps and no time
    goes to layout; a frame whose ink then touches the border is laid out again by itself.
    """
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    places = layout.get("places", [])
    if len(places) == len(figure.axes):
        engine = figure.get_layout_engine()
        figure.set_layout_engine("none")
        for ax, place in zip(figure.axes, places, strict=True):
            ax.set_position(place)
        pixels = _rendered(canvas)
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        if (border >= 250).all():
            return pixels
        for ax in figure.axes:
            ax.set_in_layout(True)
        figure.set_layout_engine(engine if engine is not None else "tight")
        return _rendered(canvas)
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("tight")
    pixels = _rendered(canvas)
    layout["places"] = [ax.get_position(original=True) for ax in figure.axes]
    return pixels


def _rendered(canvas: FigureCanvasAgg) -> np.ndarray:
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
