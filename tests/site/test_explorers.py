"""Every control of every explorer moves its picture, with no kernel and no server."""

import pytest
import solutions

# What the reader sees in one explorer: the picture's address or the text.
SEEN = """box => [...box.querySelectorAll('.explorer-picture :is(img, .widget-html-content)')]
    .filter(each => each.offsetParent !== null && each.getClientRects().length)
    .map(each => each.src ? each.src + each.alt : each.innerHTML).join('|')"""


@pytest.mark.parametrize("how", ["http", "file"])
@pytest.mark.parametrize("lecture", [file.stem for file in solutions.lectures()])
def test_every_control_moves_its_picture(visit, lecture, how):
    with visit(f"book/{lecture}.html", how) as here:
        boxes = here.page.query_selector_all(".bd-article .explorer")
        assert boxes, "a lecture has an explorer"
        for box in boxes:
            box.scroll_into_view_if_needed()
            for handle in box.query_selector_all(".noUi-handle"):
                assert handle.get_attribute("aria-label")
                _changes(
                    here,
                    box,
                    lambda key, handle=handle: handle.press(key),
                    ["End", "Home", "ArrowRight"],
                )
            for select in box.query_selector_all("select"):
                texts = [each.inner_text() for each in select.query_selector_all("option")]
                _changes(
                    here, box, lambda text, select=select: select.select_option(label=text), texts
                )
            groups = [
                group.query_selector_all("button")
                for group in box.query_selector_all(".widget-toggle-buttons")
            ]
            for group in groups:
                _changes(
                    here, box, lambda i, group=group: group[i].click(), list(range(len(group)))
                )
            for player in box.query_selector_all(".widget-play"):
                before = box.evaluate(SEEN)
                player.query_selector("button").click()
                _wait_for_change(here, box, before, "Play")
                player.query_selector("button").click()
        assert here.trouble() == []


def _changes(here, box, move, moves: list) -> None:
    """Every move that leads elsewhere shows another picture, and the reader sees it."""
    shots, seen = [box.screenshot()], [box.evaluate(SEEN)]
    assert seen[0], "an explorer shows a picture"
    for each in moves:
        move(each)
        here.settle()
        shots.append(box.screenshot())
        seen.append(box.evaluate(SEEN))
    assert len(set(seen)) >= 2, "the control did not move the picture"
    assert len(set(shots)) >= 2, "the picture did not change on the screen"


def _wait_for_change(here, box, before: str, what: str) -> None:
    for _ in range(60):
        here.settle(100)
        if box.evaluate(SEEN) != before:
            return
    raise AssertionError(f"{what} did not move the picture")
