"""Figures in the dark: their lightness is turned over, their hues stay."""

import base64
import colorsys
import io

import pytest
import solutions
from PIL import Image, ImageDraw

# Four colours of the figures' palette (Okabe and Ito), black and white.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
DARKEST = 48  # of 255: the dark page's ground, and that of an explorer, are below
SIDE = 60


def chart() -> str:
    """Squares of the colours on white, a black one last, as the address of a picture."""
    image = Image.new("RGB", (SIDE * 5, SIDE * 2), "white")
    for i, colour in enumerate([*COLOURS, "black"]):
        ImageDraw.Draw(image).rectangle((i * SIDE, 0, (i + 1) * SIDE - 1, SIDE - 1), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def light(colour: tuple[int, int, int]) -> float:
    """Relative luminance, as WCAG has it."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares(colour)]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


def shares(colour: tuple[int, int, int]) -> list[float]:
    return [channel / 255 for channel in colour]


@pytest.mark.parametrize("where", ["div.cell_output img:not(.widget-image)", "img.widget-image"])
def test_in_the_dark_white_is_the_ground_and_hues_stay(visit, where):
    page = f"book/{solutions.lectures()[0].stem}.html"
    with visit(page, scheme="dark") as here:
        figure = here.page.query_selector(f".bd-article {where}")
        figure.evaluate(
            """(each, [address, width]) => { each.src = address; each.style.width = `${width}px`;
            each.style.height = 'auto'; return each.decode(); }""",
            [chart(), SIDE * 5],
        )
        figure.scroll_into_view_if_needed()
        here.settle(200)
        shown = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
    at = [shown.getpixel((int((i + 0.5) * SIDE), SIDE // 2)) for i in range(5)]
    ground = shown.getpixel((SIDE, SIDE + SIDE // 2))
    assert max(ground) <= DARKEST, ground
    for colour, seen in zip(COLOURS, at, strict=False):
        original = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        a, b = (colorsys.rgb_to_hls(*shares(each))[0] for each in (original, seen))
        assert min(abs(a - b), 1 - abs(a - b)) <= 20 / 360, (colour, seen)
        assert (light(seen) + 0.05) / (light(ground) + 0.05) >= 3, (colour, seen)
    assert min(at[4]) > 200, "black is the light of the text"
