"""Frames: what they share saves time and changes no pixel, and no hue is lost."""

import io
from functools import lru_cache

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from nlgnotes import frames
from nlgnotes.plotting import ORANGE

matplotlib.use("agg")


def curve(k: float):
    """A figure with formulas on its axis and a title of its own."""
    figure, ax = plt.subplots(figsize=(4, 3))
    ax.semilogy(np.arange(1, 40), np.arange(1, 40) ** -k)
    ax.set(title=f"k = {k:g}", xlabel=r"$\log_2 x$")
    return figure


def colours(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_shared_renderer_changes_no_pixel():
    """Each frame is what a renderer of its own draws, also after other frames and other sizes."""
    shared: dict = {}
    frames.frame_png(curve(0.5), "first", shared)
    renderer, places = shared["renderer"], shared["places"]
    for k in (1.0, 2.5):
        alone = {"places": list(places)}
        assert frames.frame_png(curve(k), "x", shared) == frames.frame_png(curve(k), "x", alone)
        assert shared["renderer"] is renderer is not alone["renderer"]
    other = curve(1.0)
    other.set_size_inches(5, 2)
    assert colours(frames.frame_png(other, "wide", shared)).shape == (220, 550, 3)


def test_a_formula_is_set_once_for_all_frames(monkeypatch):
    asked, shared = [], {}
    real = matplotlib.mathtext.MathTextParser._parse_cached.__wrapped__

    def counted(*arguments):
        asked.append(arguments[1])
        return real(*arguments)

    monkeypatch.setattr(matplotlib.mathtext.MathTextParser, "_parse_cached", lru_cache(50)(counted))
    for k in (1.0, 1.1, 1.2):
        frames.frame_png(curve(k), "x", shared)
    assert asked.count(r"$\log_2 x$") == 1
    for k in (1.0, 1.1):
        figure = curve(k)
        FigureCanvasAgg(figure).draw()
    assert asked.count(r"$\log_2 x$") == 3, "else once for each"


def test_the_quality_goes_down_once_and_for_all_that_follow(monkeypatch):
    noise = np.random.default_rng(0).random((40, 60))

    def picture(busy: bool):
        figure, ax = plt.subplots(figsize=(4, 3))
        ax.imshow(noise if busy else noise * 0, vmin=0, vmax=1, aspect="auto")
        return figure

    shared, widths = {}, []
    most = int(0.85 * len(frames.frame_png(picture(True), "x", {})))
    monkeypatch.setattr(frames, "FRAME_BYTES", most)
    for busy in (False, True, False, True):
        png = frames.frame_png(picture(busy), "x", shared)
        assert len(png) <= most
        widths.append(colours(png).shape[1])
    assert widths[0] == 440 > widths[1] == widths[2] == widths[3]


@pytest.mark.parametrize("colour", [ORANGE, "#7b3294"])
def test_a_small_dot_keeps_its_hue(colour):
    """Beside much else a few pixels of one colour are not worth a place in a median cut."""
    rng = np.random.default_rng(0)
    figure, ax = plt.subplots(figsize=(6, 4))
    for _ in range(12):
        ax.plot(rng.normal(size=60).cumsum(), color="#0072B2", lw=1)
    ax.plot([30], [0], "o", color=colour, markersize=7, zorder=5)
    png = frames.frame_png(figure, "x", {})
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    assert np.abs(colours(png) - wanted).max(-1).min() <= 12
