"""Explorers: every control moves its picture, stands out, and moves nothing else on the page."""

import kinds
import nbformat
import pytest
import solutions


def calls(lecture, name: str) -> bool:
    """Whether a code cell of the lecture calls it."""
    cells = nbformat.read(lecture, as_version=4).cells
    return any(f"{name}(" in cell.source for cell in cells if cell.cell_type == "code")


LECTURES = [file.stem for file in solutions.lectures() if calls(file, "explorer")]
WIDTHS = {"laptop": (1280, 900), "phone": (390, 844)}
# What the reader sees in one explorer: the picture's address or the text.
SEEN = """box => [...box.querySelectorAll('.explorer-picture :is(img, .widget-html-content)')]
    .filter(each => each.offsetParent !== null && each.getClientRects().length)
    .map(each => each.src ? each.src + each.alt : each.innerHTML).join('|')"""
# What the page shows of an explorer and of its twin.
SHOWN = """() => [...document.querySelectorAll('.explorer-place')].map(place =>
    ['.explorer', '.twin-picture'].map(one => {
        const kinds = 'img, .text_html, .widget-html-content';
        const each = place.querySelector(one)?.querySelector(kinds);
        return !!each && each.checkVisibility({ visibilityProperty: true })
            && each.getBoundingClientRect().height > 40;
    }))"""
HEIGHTS = """() => [...document.querySelectorAll('.explorer-place')]
    .map(each => each.getBoundingClientRect().height)"""
# What both would give if the widgets had never come: they are taken out, and put back at once.
WITHOUT_WIDGETS = """() => {
    const places = [...document.querySelectorAll('.explorer-place')];
    const explorers = places.map(place => place.querySelector('.explorer'));
    const gaps = explorers.map(each => { const gap = document.createComment('');
        each.replaceWith(gap); return gap; });
    places.forEach(place => place.classList.remove('alive'));
    const seen = [(SHOWN)(), (HEIGHTS)()];
    places.forEach(place => place.classList.add('alive'));
    gaps.forEach((gap, i) => gap.replaceWith(explorers[i]));
    return seen;
}""".replace("SHOWN", SHOWN).replace("HEIGHTS", HEIGHTS)
# Moves the first control through its stops, and the second through its own at each of them. The
# height of everything below is that of the explorer: every one that it ever had is given back.
HEIGHTS_ON_THE_WAY = """async box => {
    const frame = () => new Promise(requestAnimationFrame);
    const heights = [], pictures = new Set();
    const seen = () => pictures.add((SEEN)(box));
    const note = () => heights.push(box.getBoundingClientRect().height);
    const watch = new ResizeObserver(note);
    watch.observe(box);
    const control = i => box.querySelectorAll('.explorer-control')[i];
    const press = (handle, key) => handle.dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    const moves = i => {
        const handle = control(i)?.querySelector('.noUi-handle');
        const select = control(i)?.querySelector('select');
        if (handle) {
            const steps = Math.round(handle.ariaValueMax);
            const keys = ['Home', ...Array(steps).fill('ArrowRight')];
            return keys.map(key => () => press(handle, key));
        }
        if (select) return [...select.options].map((_, at) => () => {
            select.selectedIndex = at;
            select.dispatchEvent(new Event('change', { bubbles: true }));
        });
        return [...control(i)?.querySelectorAll('button') ?? []].map(each => () => each.click());
    };
    // A control that depends on another is drawn anew, and gets its name a moment later.
    const named = async () => {
        for (let i = 0; i < 60; i++) {
            await frame();
            if ([...box.querySelectorAll('.noUi-handle')].every(each => each.ariaLabel)) return;
        }
    };
    for (const move of moves(0)) {
        move();
        await named();
        for (const other of moves(1)) {
            other();
            await frame();
        }
        seen();
    }
    await new Promise(done => setTimeout(done, 100));
    watch.disconnect();
    return [heights, pictures.size];
}""".replace("SEEN", SEEN)
# Contrasts as WCAG has them, of computed colours on what lies behind.
CONTRASTS = """() => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const ground = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = rgba(getComputedStyle(each).backgroundColor);
            if (colour[3] > 250) return colour;
        }
        return [255, 255, 255, 255];
    };
    const light = (colour) => colour.slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (a, b) => {
        const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
        return (bright + 0.05) / (dark + 0.05);
    };
    const found = [];
    const note = (what, least, a, b) => found.push([what, least, contrast(a, b)]);
    const drawn = (element, what, pseudo) => rgba(getComputedStyle(element, pseudo)[what]);
    for (const box of document.querySelectorAll('.bd-article .explorer')) {
        const behind = ground(box);
        for (const handle of box.querySelectorAll('.noUi-handle'))
            note('handle', 3, drawn(handle, 'backgroundColor'), behind);
        for (const line of box.querySelectorAll('.noUi-target'))
            note('line', 3, drawn(line, 'backgroundColor', '::before'), behind);
        for (const each of box.querySelectorAll('.jupyter-button, select')) {
            const what = each.tagName === 'SELECT' ? 'menu' : 'button';
            note(`edge of ${what}`, 3, drawn(each, 'borderTopColor'), behind);
            note(`word on ${what}`, 4.5, drawn(each, 'color'), ground(each));
        }
        for (const group of box.querySelectorAll('.widget-toggle-buttons')) {
            const chosen = group.querySelector('.mod-active');
            for (const other of group.querySelectorAll('button:not(.mod-active)'))
                note('chosen button', 3, ground(chosen), ground(other));
        }
        for (const each of box.querySelectorAll('.noUi-handle, button, select')) {
            each.focus();
            const style = getComputedStyle(each), own = each.getBoundingClientRect();
            const far = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
            const whole = box.getBoundingClientRect();
            const inside = own.left - far >= whole.left && own.right + far <= whole.right
                && own.top - far >= whole.top && own.bottom + far <= whole.bottom;
            const thick = style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2;
            const ring = thick && inside ? drawn(each, 'outlineColor') : behind;
            note(`ring of ${each.className}`, 3, ring, behind);
        }
    }
    return found;
}"""


def test_every_lecture_has_something_to_move():
    still = [file for file in solutions.lectures() if file.stem not in LECTURES]
    assert [file.stem for file in still if not calls(file, "drawing")] == []


@pytest.fixture(scope="module", params=LECTURES)
def lecture(request, shared):
    """A lecture that the tests of this module share."""
    here = shared(f"book/{request.param}")
    here.page.wait_for_function(
        "() => [...document.querySelectorAll('.explorer-place')]"
        ".every(each => each.classList.contains('alive'))"
    )
    return here


@pytest.fixture(scope="module", params=WIDTHS)
def width(request) -> tuple[int, int]:
    """The window: for all tests of a page that ask for it, since a change lays it out anew."""
    return WIDTHS[request.param]


WAYS = [(name, "file") for name in LECTURES] + [(name, "http") for name in kinds.LECTURES]


@pytest.mark.parametrize(("name", "how"), WAYS, ids=map("-".join, WAYS))
def test_every_control_moves_its_picture(shared, name, how):
    here = shared(f"book/{name}", how)
    boxes = here.page.query_selector_all(".bd-article .explorer")
    assert boxes, "a lecture has an explorer"
    for box in boxes:
        box.scroll_into_view_if_needed()
        for i in range(len(_controls(box))):
            _moves_its_picture(here, box, i)
        for player in box.query_selector_all(".widget-play"):
            before = box.evaluate(SEEN)
            player.query_selector("button").click()
            _wait_for_change(here, box, before, "Play")
            player.query_selector("button").click()
    assert here.trouble() == []


def _controls(box) -> list:
    """Those that are shown: where one depends on the other, it is drawn anew."""
    return box.query_selector_all(".explorer-control")


def _moves(control) -> list:
    """One call for each stop of a control, from the first to the last."""
    if handle := control.query_selector(".noUi-handle"):
        assert handle.get_attribute("aria-label")
        steps = round(float(handle.get_attribute("aria-valuemax")))
        return [lambda key=key: handle.press(key) for key in ["Home"] + steps * ["ArrowRight"]]
    if select := control.query_selector("select"):
        stops = range(len(select.query_selector_all("option")))
        return [lambda i=i: select.select_option(index=i) for i in stops]
    return [button.click for button in control.query_selector_all("button")]


def _moves_its_picture(here, box, i: int) -> None:
    """The control leads to other pictures, and the reader sees it."""
    shots, seen = [], []
    moves = _moves(_controls(box)[i])
    for move in (moves[0], moves[-1], *moves[:2]):
        move()
        here.settle()
        if len(set(shots)) < 2:
            shots.append(box.query_selector(".explorer-picture").screenshot())
        seen.append(box.evaluate(SEEN))
    assert all(seen), "an explorer shows a picture"
    assert len(set(seen)) >= 2, "the control did not move the picture"
    assert len(set(shots)) >= 2, "the picture did not change on the screen"


def _wait_for_change(here, box, before: str, what: str) -> None:
    for _ in range(60):
        here.settle(100)
        if box.evaluate(SEEN) != before:
            return
    raise AssertionError(f"{what} did not move the picture")


def test_one_of_explorer_and_twin_is_seen_under_one_number(lecture):
    shown = lecture.page.evaluate(SHOWN)
    assert shown and shown == [[True, False]] * len(shown)
    assert len(shown) == len(lecture.page.query_selector_all(".explorer")), (
        "the cell before an explorer has a numbered figure"
    )
    for figure in lecture.page.query_selector_all("figure.twin"):
        assert figure.get_attribute("id")
        caption = figure.query_selector(":scope > .explorer-place + figcaption")
        assert caption.is_visible() and caption.query_selector(".caption-number")
    lecture.page.emulate_media(media="print")
    assert lecture.page.evaluate(SHOWN) == [[False, True]] * len(shown)
    lecture.page.emulate_media(media="null")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_can_be_held_or_pressed_stands_out(lecture, scheme):
    lecture.window(*WIDTHS["laptop"])
    lecture.page.keyboard.press("Tab")
    lecture.prefer(scheme)
    found = lecture.page.evaluate(CONTRASTS)
    lecture.prefer("light")
    assert found
    assert [(what, round(seen, 2)) for what, least, seen in found if seen < least] == []
    assert lecture.trouble() == []


def test_without_widgets_the_twin_stays_and_as_much_room_is_kept(lecture, width):
    lecture.window(*width)
    alive = lecture.page.evaluate(HEIGHTS)
    shown, heights = lecture.page.evaluate(WITHOUT_WIDGETS)
    assert shown == [[False, True]] * len(alive)
    # The page that is read while the widgets load does not jump when they come.
    for before, after in zip(heights, alive, strict=True):
        assert abs(after - before) <= 40  # a row of buttons
    assert lecture.page.evaluate(HEIGHTS) == alive


@pytest.fixture(scope="module", params=kinds.LECTURES)
def two(request, shared, visit):
    """A lecture of each kind, and the same where the script of the widgets cannot be had."""
    here = shared(f"book/{request.param}")
    without = visit(f"book/{request.param}.html")
    without.page.route("**/embed.js*", lambda route: route.abort())
    without.page.goto(without.address, wait_until="load")
    without.settle(300)
    yield here, without
    without.page.close()


def test_without_the_script_a_page_is_as_if_its_widgets_were_taken_out(two, width):
    for here in two:
        here.window(*width)
    shown, heights = two[0].page.evaluate(WITHOUT_WIDGETS)
    assert two[1].page.evaluate(SHOWN) == shown
    assert two[1].page.evaluate(HEIGHTS) == pytest.approx(heights, abs=1)


def test_nothing_jumps_when_a_control_moves(lecture, width):
    lecture.window(*width)
    for box in lecture.page.query_selector_all(".bd-article .explorer"):
        heights, pictures = box.evaluate(HEIGHTS_ON_THE_WAY)
        assert pictures >= 2
        assert max(heights) - min(heights) <= 1
