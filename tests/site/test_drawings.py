"""Pictures that the page draws itself: as Python computed them, by keyboard, in both colours.

Every page from its folder, and one of a lecture and a small one also over http (see ``kinds``).
"""

import io
import json
from pathlib import Path

import build
import kinds
import nbformat
import pytest
import small_drawing
import solutions
from bs4 import BeautifulSoup
from PIL import Image

SMALL = "a small lecture"
WIDTHS = {"laptop": (1280, 900), "phone": (390, 844)}
LONGEST = 250  # lines of script for one picture


def draws(lecture) -> bool:
    cells = nbformat.read(lecture, as_version=4).cells
    return any("drawing(" in cell.source for cell in cells if cell.cell_type == "code")


LECTURES = [SMALL, *(file.stem for file in solutions.lectures() if draws(file))]
KINDS = [name for name in LECTURES if name in (SMALL, *kinds.LECTURES)]

DATA = "box => JSON.parse(box.querySelector('script').textContent)"
# Move the sliders there, and tell what the picture then shows.
MOVE = """(box, at) => {
    for (const [name, value] of Object.entries(at)) {
        const slider = box.querySelector(`input[name="${name}"]`);
        slider.value = value;
        slider.dispatchEvent(new Event('input', { bubbles: true }));
    }
    return { at: box.at, values: box.values, said: box.querySelector('.drawing-said').textContent };
}"""
# A picture in numbers of its own axes: [x, y] of each sign, and the points of each curve.
MARKS = """box => {
    const [across, up] = ['.axis-x', '.axis-y'].map(one => box.querySelector(one).getBBox());
    const x = pixel => (pixel - across.x) / across.width;
    const y = pixel => 1 - (pixel - up.y) / up.height;
    const middle = each => { const { x: a, y: b, width, height } = each.getBBox();
        return [x(a + width / 2), y(b + height / 2)]; };
    const picture = box.querySelector('.drawing-picture');
    return {
        circles: [...picture.querySelectorAll('circle')].map(middle),
        curves: [...picture.querySelectorAll('polyline')].map(curve => [...curve.points]
            .map(point => [x(point.x), y(point.y)])),
    };
}"""
# What of a picture lies outside it, what text lies on other text, and what text is small.
ILL_PLACED = """box => {
    const whole = box.getBoundingClientRect(), ill = [];
    const texts = [...box.querySelectorAll('text, label, output, li > span, .drawing-said')]
        .map(each => [each, each.getBoundingClientRect()]);
    for (const [each, own] of texts) {
        if (own.left < whole.left || own.right > whole.right || own.bottom > whole.bottom)
            ill.push(`outside: ${each.textContent}`);
        const { a, b } = each.ownerSVGElement ? each.getScreenCTM() : { a: 1, b: 0 };
        if (parseFloat(getComputedStyle(each).fontSize) * Math.hypot(a, b) < 11.5)
            ill.push(`small: ${each.textContent}`);
        for (const [other, its] of texts) {
            if (other === each) break;
            if (own.width && its.width && own.left < its.right - 1 && its.left < own.right - 1
                && own.top < its.bottom - 3 && its.top < own.bottom - 3)
                ill.push(`${each.textContent} on ${other.textContent}`);
        }
    }
    return ill;
}"""
# Contrasts as WCAG has them: of words, of what is drawn, and of the ring of what has the keyboard.
CONTRASTS = (Path(__file__).parent.parent / "drawing_contrasts.js").read_text(encoding="utf-8")
SHOWN = """() => [...document.querySelectorAll('figure:has(.drawing-place)')].map(figure =>
    ['.drawing', '.twin-picture img', 'figcaption'].map(one =>
        figure.querySelector(one).checkVisibility()
        && figure.querySelector(one).getBoundingClientRect().height > 15))"""
# The same if no script had ever drawn: what it made is taken out, and put back at once.
WITHOUT_SCRIPT = """() => {
    const boxes = [...document.querySelectorAll('.bd-article .drawing')];
    const made = boxes.map(box => [...box.children].filter(each => each.tagName !== 'SCRIPT'));
    const alive = boxes.flatMap(box => [box, box.closest('.drawing-place')]);
    made.flat().forEach(each => each.remove());
    alive.forEach(each => each.classList.remove('alive'));
    const shown = (SHOWN)();
    boxes.forEach((box, i) => box.append(...made[i]));
    alive.forEach(each => each.classList.add('alive'));
    return shown;
}""".replace("SHOWN", SHOWN)


@pytest.fixture(scope="session")
def small_page(tmp_path_factory) -> tuple[str, str]:
    """The article of a small lecture as Sphinx writes it, and what its head asks for."""
    out, _ = small_drawing.built(tmp_path_factory.mktemp("small"))
    page = BeautifulSoup((out / "index.html").read_text(encoding="utf-8"), "html.parser")
    for image in page.select("img"):
        image["src"] = "_static/favicon.svg"
    asked = page.select("head [href*=drawing], head [src*=drawing]")
    return str(page.select_one("div.body")), "".join(map(str, asked))


@pytest.fixture(scope="module")
def open_one(visit, small_page):
    """Opens the page of a lecture that has a drawing; the small one stands in the title page."""

    def go(lecture: str, how: str = "http", scheme: str = "light"):
        known = lecture != SMALL
        here = visit(f"book/{lecture if known else 'index'}.html", how, scheme)
        if not known:
            text = (build.SITE / "book" / "index.html").read_text(encoding="utf-8")
            head, article, rest = text.partition('<article class="bd-article">')
            body, asked = (each.replace("_static/", "../_static/") for each in small_page)
            here.answer(head.replace("</head>", f"{asked}</head>") + article + body + rest)
        return here

    return go


@pytest.fixture(
    scope="module",
    params=[(one, "file") for one in LECTURES] + [(one, "http") for one in KINDS],
    ids="-".join,
)
def opened(request, open_one, shared):
    """A page that the tests of this module share: from its folder in the light, or in the dark."""
    lecture, how = request.param
    if lecture == SMALL:
        here = open_one(SMALL, how, "light" if how == "file" else "dark").open()
    else:
        here = shared(f"book/{lecture}", how)
    here.boxes = here.page.query_selector_all(".bd-article .drawing")
    assert here.boxes
    yield here
    if lecture == SMALL:
        here.page.close()


def stops(box) -> list[dict]:
    return [stop["at"] for stop in box.evaluate(DATA)["stops"]]


def test_the_page_draws_what_python_computed(opened):
    for box in opened.boxes:
        for stop in box.evaluate(DATA)["stops"]:
            shown = box.evaluate(MOVE, stop["at"])
            assert shown["at"] == stop["at"]
            assert shown["values"].keys() == stop["values"].keys()
            for name, value in stop["values"].items():
                assert shown["values"][name] == pytest.approx(value, rel=1e-9, abs=1e-9), stop
    assert opened.trouble() == []


def test_signs_and_curves_of_calibration_stand_where_python_says(opened):
    for box in opened.page.query_selector_all('.drawing[data-picture="calibration"]'):
        for stop in box.evaluate(DATA)["stops"]:
            box.evaluate(MOVE, stop["at"])
            drawn, p = box.evaluate(MARKS), stop["at"]["p"]
            for form, value in stop["values"].items():
                near = [
                    min(curve, key=lambda point: abs(point[0] - p)) for curve in drawn["curves"]
                ]
                assert any(at == pytest.approx([p, value], abs=2e-4) for at in near), (form, stop)
            assert drawn["circles"] == [pytest.approx([p, stop["values"]["softmax"]], abs=2e-4)]


def test_the_keyboard_moves_a_slider_that_has_a_name_and_says_its_value(opened):
    for box in opened.boxes:
        for one in box.evaluate(DATA)["parameters"]:
            slider = box.query_selector(f'input[name="{one["name"]}"]')
            label = slider.evaluate("each => each.labels[0].textContent")
            assert label == one["label"].replace("_", "")
            slider.focus()
            seen = []
            for key, value in (("Home", one["low"]), ("ArrowRight", None), ("End", one["high"])):
                slider.press(key)
                at = slider.evaluate("each => each.valueAsNumber")
                assert at == pytest.approx(one["low"] + one["step"] if value is None else value)
                shown = box.query_selector(f'output[for="{slider.get_attribute("id")}"]')
                assert float(shown.inner_text()) == pytest.approx(at)
                assert slider.get_attribute("aria-valuetext") == shown.inner_text()
                seen.append(box.query_selector(".drawing-picture").screenshot())
            assert len(set(seen)) == 3, "each key moves the picture"


def test_the_message_is_read_out_when_it_changes_and_only_then(opened):
    for box in opened.boxes:
        said = box.query_selector(".drawing-said")
        assert said.get_attribute("role") == "status"
        said.evaluate("""each => { each.changes = 0; new MutationObserver(
            () => { each.changes += 1; }).observe(each, { childList: true }); }""")
        last, changes = said.inner_text(), 0
        for at in stops(box):
            now = box.evaluate(MOVE, at)["said"]
            changes, last = changes + (now != last), now
            opened.settle(1)
        assert changes > 1 and said.evaluate("each => each.changes") == changes


@pytest.mark.parametrize("width", WIDTHS)
def test_all_has_its_place_and_nothing_jumps(opened, width):
    opened.window(*WIDTHS[width])
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.page.evaluate(wide) <= 1
    for box in opened.boxes:
        heights = set()
        for at in stops(box):
            box.evaluate(MOVE, at)
            assert box.evaluate(ILL_PLACED) == [], at
            heights.add(box.bounding_box()["height"])
        assert max(heights) - min(heights) <= 1
    opened.window(*WIDTHS["laptop"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_stands_out(opened, scheme):
    if scheme == "light" and opened.scheme == "dark":
        pytest.skip("what is opened in the dark")
    opened.prefer(scheme)
    opened.page.keyboard.press("Tab")
    for box in opened.boxes:
        found = box.evaluate(CONTRASTS)
        assert [(what, round(seen, 2)) for what, least, seen in found if seen < least] == []
        for slider in box.query_selector_all("input"):
            slider.press("Home")  # the handle is the left end
            shown = Image.open(io.BytesIO(slider.screenshot())).convert("RGB")
            middle = shown.height // 2
            handle, line = shown.getpixel((11, middle)), shown.getpixel((shown.width - 5, middle))
            ground = shown.getpixel((shown.width - 5, 1))
            for part in (handle, line):
                assert contrast(part, ground) >= 3, (part, ground)


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """WCAG's contrast of two colours."""
    lights = []
    for colour in (one, other):
        shares = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
        lights.append(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("way", [("http", "light"), ("file", "dark")], ids="-".join)
def test_axe_finds_nothing_serious(open_one, way):
    """In the small lecture: ``test_pages`` looks at every lecture with its drawings."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"resultTypes": ["violations"], "preload": False}
    with open_one(SMALL, *way) as here:
        context = {"include": [[".drawing"]]}
        found = axe.run(here.page, context=context, options=options).response
    bad = [rule for rule in found["violations"] if rule["impact"] in {"serious", "critical"}]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in bad] == []


def test_the_screen_shows_the_drawing_and_paper_the_twin(opened):
    shown = opened.page.evaluate(SHOWN)
    assert shown == [[True, False, True]] * len(opened.boxes), "each has a numbered figure before"
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate(SHOWN) == [[False, True, True]] * len(opened.boxes)
    opened.page.emulate_media(media="null")


def test_without_what_a_script_made_the_twin_is_there(opened):
    shown = opened.page.evaluate(WITHOUT_SCRIPT)
    assert shown == [[False, True, True]] * len(opened.boxes)
    assert opened.page.evaluate(SHOWN) == [[True, False, True]] * len(opened.boxes)


@pytest.mark.parametrize("lecture", KINDS)
def test_without_a_script_the_twin_stays(open_one, lecture):
    here = open_one(lecture)
    here.page.route("**/drawing*.js*", lambda route: route.abort())
    here.page.goto(here.address, wait_until="load")
    here.settle(200)
    shown = here.page.evaluate(SHOWN)
    assert shown and shown == [[False, True, True]] * len(shown)
    here.page.close()


def test_a_picture_that_fails_leaves_the_twin(open_one):
    here = open_one(SMALL)
    broken = 'drawings.add("calibration", { values() { throw new Error("broken"); } });'
    here.page.route(
        "**/drawing-calibration.js*",
        lambda route: route.fulfill(body=broken, content_type="text/javascript"),
    )
    here.page.goto(here.address, wait_until="load")
    here.settle(200)
    assert here.page.evaluate(SHOWN) == [[False, True, True]]
    assert here.errors and "broken" in here.errors[0]
    here.page.close()


def test_a_picture_is_a_short_script():
    static = build.ROOT / "book" / "_static"
    lines = {file.name: len(file.read_text().splitlines()) for file in static.glob("drawing*.js")}
    whole = lines.pop("drawings.js")
    assert lines and all(whole + own <= LONGEST for own in lines.values()), json.dumps(lines)
