"""What a reader does on a page: follow the contents, open a solution, predict, follow a link."""

import build
import pytest
import solutions

LECTURES = [file.stem for file in solutions.lectures()]

# Bring the heading of every entry of the contents to a fifth of the window, then the page's end:
# what is marked there, and whether the reader sees the mark.
FOLLOW = """async () => {
    const column = document.querySelector('.bd-sidebar-secondary');
    const links = [...column.querySelectorAll('nav.page-toc a')];
    const frames = async () => {
        for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    };
    const look = (expected) => {
        const marked = links.filter(link => link.getAttribute('aria-current'));
        const box = column.getBoundingClientRect(), own = marked[0]?.getBoundingClientRect();
        const seen = own && own.top >= Math.max(box.top, 0)
            && own.bottom <= Math.min(box.bottom, innerHeight);
        const whole = box.top >= 0 && box.bottom <= innerHeight + 1
            && +getComputedStyle(column.querySelector('nav.page-toc')).opacity === 1
            && (column.scrollHeight <= column.clientHeight + 1
                || getComputedStyle(column).overflowY === 'auto');
        return [expected, marked.map(link => link.hash), !!seen, whole];
    };
    const found = [];
    for (const link of links) {
        const place = document.getElementById(decodeURIComponent(link.hash.slice(1)));
        const top = place.getBoundingClientRect().top + scrollY - innerHeight * 0.2;
        if (document.documentElement.scrollHeight - top < 1.8 * innerHeight) break;
        scrollTo(0, top);
        await frames();
        found.push(look(link.hash));
    }
    scrollTo(0, document.documentElement.scrollHeight);
    await frames();
    found.push(look(links.at(-1).hash));
    return found;
}"""
FIRST_FOLD_WITH_A_TARGET = """() => {
    for (const fold of document.querySelectorAll('.bd-article details:not(.solution)')) {
        fold.open = false;
        const inner = [...fold.querySelectorAll('[id]')].find(each => each.textContent.trim());
        if (inner) return inner.id;
    }
    return null;
}"""
# As Sphinx writes what a lecture's source has.
TRIAL = """
<div class="predict admonition"><p class="admonition-title">Predict, then look</p>
<p>Does it rise?</p><ol class="arabic simple">
<li><p>It <em>falls</em>.</p></li><li><p>It rises.</p></li></ol></div>
<p id="between">The figure.</p>
<details class="sd-sphinx-override sd-dropdown sd-card sd-mb-3 answer" id="first-answer">
<summary class="sd-summary-title sd-card-header"><span class="sd-summary-text">Answer</span></summary>
<div class="sd-summary-content sd-card-body docutils"><p class="sd-card-text"><strong>B.</strong> It rises.</p></div>
</details>
<div class="predict admonition"><p class="admonition-title">Predict, then look</p>
<p>And now?</p><ol class="arabic simple"><li><p>Yes.</p></li><li><p>No.</p></li></ol></div>
<details class="sd-sphinx-override sd-dropdown sd-card sd-mb-3 answer" id="second-answer">
<summary class="sd-summary-title sd-card-header"><span class="sd-summary-text">Answer</span></summary>
<div class="sd-summary-content sd-card-body docutils"><p class="sd-card-text"><strong>A.</strong> Yes.</p></div>
</details>
"""  # noqa: E501


@pytest.fixture(scope="module", params=LECTURES)
def lecture(request, shared):
    """A lecture that the tests of this module share."""
    return shared(f"book/{request.param}")


@pytest.mark.parametrize("height", [900, 600])
def test_the_contents_mark_the_section_that_is_read_and_are_whole(lecture, height):
    lecture.window(1280, height)
    for expected, marked, seen, whole in lecture.page.evaluate(FOLLOW):
        assert marked == [expected]
        assert seen, f"the mark of {expected} is out of sight"
        assert whole, f"the contents are cut off at {expected}"


def test_a_solution_opens_anywhere_on_its_title_and_by_key(lecture):
    page = lecture.page
    folds = page.query_selector_all("details.solution")
    assert len(folds) == len(page.query_selector_all("div.exercise")) > 0
    for fold in folds:
        assert fold.get_attribute("open") is None
        title = fold.query_selector("summary")
        assert title.query_selector("a, button") is None, "a click there would do something else"
        assert title.inner_text().count("Exercise") == 1
    fold, title = folds[0], folds[0].query_selector("summary")
    title.scroll_into_view_if_needed()
    box = title.bounding_box()
    for x in (8, box["width"] / 2, box["width"] - 8):
        before = fold.get_property("open").json_value()
        title.click(position={"x": x, "y": box["height"] / 2})
        assert fold.get_property("open").json_value() is not before, f"dead at {x:.0f} px"
        assert fold.query_selector("section").is_visible() is not before
    title.press("Enter")
    assert fold.get_property("open").json_value() is False
    assert lecture.trouble() == []


def test_a_link_to_what_is_folded_opens_it(lecture):
    page = lecture.page
    fold = page.query_selector_all("details.solution")[-1]
    inner = page.evaluate(FIRST_FOLD_WITH_A_TARGET)
    for target in filter(None, (fold.get_attribute("id"), inner)):
        page.evaluate("id => { location.hash = ''; location.hash = `#${id}`; }", target)
        lecture.settle(120)
        shown = page.evaluate(
            """id => { const each = document.getElementById(id), fold = each.closest('details');
            const box = each.getBoundingClientRect();
            return [fold.open, box.height > 0 && box.top < innerHeight && box.bottom > 0]; }""",
            target,
        )
        assert shown == [True, True], target


def test_a_mention_of_an_exercise_names_it_once(lecture):
    text = lecture.page.evaluate("document.querySelector('.bd-article').textContent")
    assert "xercise Exercise" not in " ".join(text.split())


def test_every_prediction_has_its_answer_folded_below_it(lecture):
    page = lecture.page
    kinds = page.evaluate("""() => [...document.querySelectorAll(
            '.bd-article :is(.admonition.predict, details.answer)')]
        .map(each => each.matches('details') ? 'answer' : 'predict')""")
    assert kinds == ["predict", "answer"] * (len(kinds) // 2)
    answers = page.query_selector_all("details.answer")
    for box, answer in zip(page.query_selector_all(".admonition.predict"), answers, strict=True):
        assert not answer.query_selector(".sd-summary-content").is_visible()
        choices = box.query_selector_all("button.predict-answer")
        assert 2 <= len(choices) <= 4
        choices[-1].click()
        assert answer.query_selector(".sd-summary-content").is_visible()
        pressed = [each.get_attribute("aria-pressed") for each in choices]
        assert pressed == ["false"] * (len(choices) - 1) + ["true"]


@pytest.fixture(scope="module")
def trial(visit):
    """A page with two predictions, in the place of the title page's text."""
    here = visit("book/index.html")
    text = (build.SITE / "book/index.html").read_text(encoding="utf-8")
    head, article, rest = text.partition('<article class="bd-article">')
    here.answer(head + article + TRIAL + rest)
    with here:
        yield here


def test_a_prediction_is_chosen_by_click_and_by_key(trial):
    page = trial.page
    first, second = page.query_selector_all(".predict")
    buttons = first.query_selector_all("button")
    assert [each.inner_text() for each in buttons] == ["A\nIt falls.", "B\nIt rises."]
    opened = "['first-answer', 'second-answer'].map(id => document.getElementById(id).open)"
    assert page.evaluate(opened) == [False, False]
    look = "each => { const s = getComputedStyle(each); return s.backgroundColor + s.boxShadow; }"
    before = buttons[0].evaluate(look)
    buttons[0].click()
    assert page.evaluate(opened) == [True, False]
    assert buttons[0].evaluate(look) != before, "the choice is not to be seen"
    buttons[0].press("Tab")
    page.keyboard.press("Space")
    assert [each.get_attribute("aria-pressed") for each in buttons] == ["false", "true"]
    assert "You expect B" in first.query_selector("[role=status]").inner_text()
    second.query_selector("button").press("Enter")
    assert page.evaluate(opened) == [True, True]
    assert trial.trouble() == []


def test_without_a_script_a_prediction_is_a_lettered_list(browser, roots):
    context = browser.new_context(java_script_enabled=False)
    page, address = context.new_page(), f"{roots['file']}book/index.html"
    text = (build.SITE / "book/index.html").read_text(encoding="utf-8")
    head, article, rest = text.partition('<article class="bd-article">')
    body = head + article + TRIAL + rest
    page.route(address, lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(address)
    items = page.locator(".predict").first.locator("li")
    assert items.count() == 2 and items.last.is_visible()
    marker = "each => getComputedStyle(each).listStyleType"
    assert items.first.evaluate(marker) == "upper-alpha"
    page.locator("#first-answer summary").click()
    assert page.locator("#first-answer p").is_visible()
    context.close()
