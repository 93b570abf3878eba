"""What ``accessibility`` leaves out hides no fault: one bad element among many is found."""

import accessibility
import pytest

MANY = "".join(f'<p class="many">Word {i} of <span class="few">text</span></p>' for i in range(60))
FAINT = "color: #555 !important; text-decoration: none !important"
BAD = "color: #bbb !important"
EXCLUDE = ["mjx-math", "pre"]
ADD = """html => { const box = document.createElement('div');
    box.id = 'added'; box.innerHTML = html;
    document.querySelector('.bd-article').append(box); }"""
ARTICLE = "document.querySelector('.bd-article').outerHTML"


@pytest.fixture(scope="module")
def page(visit):
    """The title page, which is short."""
    with visit("book/index.html") as here:
        yield here.page


@pytest.mark.parametrize(
    ("rule", "html"),
    [
        (None, MANY),
        (None, f'{MANY}<pre tabindex="-1" style="{BAD}">It is looked at elsewhere.</pre>'),
        ("color-contrast", f'{MANY}<p class="many" style="{BAD}">Word</p>'),
        ("color-contrast", f"{MANY}<style>.many:nth-of-type(43) {{ {BAD} }}</style>"),
        ("color-contrast", f"{MANY}<style>.many:nth-of-type(43) .few {{ {BAD} }}</style>"),
        ("color-contrast", f'{MANY}<div style="background: #666"><p class="many">Word</p></div>'),
        (
            "color-contrast",
            f'{MANY}<div style="opacity: .4"><p class="many"><em>A</em>lpha</p></div>',
        ),
        ("link-in-text-block", f'<p>Text and <a href="#" style="{FAINT}">a link</a>.</p>'),
        (
            "link-in-text-block",
            f"<style>.plain {{ {FAINT} }}</style>"
            '<p><a class="plain" href="#">alone</a></p>'
            '<p>Some text and <em>more</em> <a class="plain" href="#">a link</a>.</p>',
        ),
        ("image-alt", f'{MANY}<p class="many"><span><img src="../favicon.ico"></span></p>'),
        ("link-name", f'{MANY}<p class="many"><span><a href="#"></a></span></p>'),
        ("button-name", "<button><span></span></button>"),
        ("aria-valid-attr-value", '<span><span aria-live="loud">Word</span></span>'),
        (
            "scrollable-region-focusable",
            '<div style="overflow-x: auto; width: 90px"><span style="white-space: pre">'
            f"<span>{'wide ' * 40}</span></span></div>",
        ),
    ],
)
def test_one_bad_element_among_many_is_found(page, rule, html):
    before = page.evaluate(ARTICLE)
    page.evaluate(ADD, html)
    added = page.evaluate(ARTICLE)
    found = accessibility.faults(page, EXCLUDE)
    after = page.evaluate(ARTICLE)
    page.evaluate("document.querySelector('#added').remove()")
    assert after == added and page.evaluate(ARTICLE) == before, "the page is as it was"
    assert {name for name, *_ in found} == ({rule} if rule else set())
