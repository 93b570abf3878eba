"""Frames: a figure as a small PNG picture of an explorer."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from PIL import Image

from nlgnotes.validation import check_kind

__all__ = ["FRAME_BYTES", "frame_png"]


FRAME_BYTES = 15_000
"""The largest PNG frame of an explorer, in bytes."""


_QUALITIES = ((110, 64), (100, 64), (90, 64), (75, 48), (60, 32))
"""(dots per inch, palette colours) to try in turn until a frame is small enough.

Dots go before colours: with half of the colours an orange dot turns brown and a heat map grey.
"""


def frame_png(figure: Figure, where: str, layout: dict) -> bytes:
    """``figure`` as a palette PNG of at most ``FRAME_BYTES``, in the first frame's layout.

    Args:
        figure: the drawn stop; its ground becomes white.
        where: the stop, for messages.
        layout: what the frames of one explorer share, empty at first: the places of the axes, the
            renderer, and the quality that the frames so far had to come down to. A later frame
            begins there: it would be drawn in vain above, and the explorer would flicker.

    Raises:
        ValueError: the frame is too large even in the lowest quality.
    """
    check_kind("figure", figure, Figure)
    check_kind("layout", layout, dict)
    figure.set_facecolor("white")
    for quality in range(layout.get("quality", 0), len(_QUALITIES)):
        dpi, colours = _QUALITIES[quality]
        data = _packed(_pixels(figure, dpi, layout), colours)
        if len(data) <= FRAME_BYTES:
            layout["quality"] = quality
            return data
    raise ValueError(
        f"a frame must take at most {FRAME_BYTES} bytes; got {len(data)} at {where}: draw "
        "less, or a smaller figure"
    )


def _packed(pixels: np.ndarray, colours: int) -> bytes:
    """Pixels as a palette PNG, packed as tightly as ``FRAME_BYTES`` asks."""
    # The median cut would give most of the palette to the edges of letters, and move a rare hue.
    palette = Image.fromarray(pixels).quantize(
        colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    # The tightest packing saves a tenth, and takes ten times as long as the usual one.
    for options in ({}, {"optimize": True}):
        buffer = io.BytesIO()
        palette.save(buffer, "png", **options)
        if buffer.tell() <= FRAME_BYTES:
            break
    return buffer.getvalue()


class _Canvas(FigureCanvasAgg):
    """A canvas that draws with the renderer of the frame before, where the sizes are equal.

    A renderer remembers how wide each text is and how each formula is set. The frames of an
    explorer have most of them in common.
    """

    def __init__(self, figure: Figure, layout: dict) -> None:
        super().__init__(figure)
        self._layout = layout

    def get_renderer(self) -> RendererAgg:
        """The renderer that the frames share."""
        shared, size = self._layout.get("renderer"), self.get_width_height(physical=True)
        dpi = self.figure.dpi
        if shared is None or (shared.width, shared.height, shared.dpi) != (*size, dpi):
            shared = self._layout["renderer"] = RendererAgg(*size, dpi)
        return shared


def _pixels(figure: Figure, dpi: int, layout: dict) -> np.ndarray:
    """The drawn figure as [height, width, 3] bytes.

    The first frame is laid out and the others stand in its axes, so that nothing jumps and no time
    goes to layout; a frame whose ink then touches the border is laid out again by itself.
    """
    figure.set_dpi(dpi)
    canvas = _Canvas(figure, layout)
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
