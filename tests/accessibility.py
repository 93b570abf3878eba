"""axe on a page of the site, in a time that does not grow with the square of the page.

axe takes minutes for the thousands of elements of the page of the package, most of it for the
colours of words. Here its rules on colours look at one element of each *look* (what decides the
colours: the path of tags and classes, and the styles on it), in the page with all others empty,
and at every element of a look of which axe could not tell. The other rules look at a page whose
bare spans are text and whose formulas are empty boxes of their size: none of these rules says
anything of either. Afterwards the page is as it was.
"""

import pytest

COLOURS = ["color-contrast", "link-in-text-block"]
# Marks one element of each look among those that have words, and returns how many looks there are.
# Whether a link stands in a text belongs to its look: there it must differ from the text, too. Of
# words in an SVG, axe cannot tell; ``site/test_drawings.py`` computes their contrast itself.
LOOKS = """excluded => {
    const numbers = new Map(), looks = new Map([[null, 0]]), seen = window.looks = new Map();
    const amidText = (each) => each.tagName === 'A'
        && each.parentElement.textContent.trim() !== each.textContent.trim();
    const look = (each) => {
        if (!looks.has(each)) {
            const style = getComputedStyle(each);
            const own = [look(each.parentElement), each.tagName, each.getAttribute('class'),
                each.getAttribute('style'), style.color, style.backgroundColor, style.opacity,
                style.backgroundImage, style.fontSize, style.fontWeight, style.textShadow,
                style.filter, style.textDecorationLine, amidText(each)].join('|');
            if (!numbers.has(own)) numbers.set(own, numbers.size + 1);
            looks.set(each, numbers.get(own));
        }
        return looks.get(each);
    };
    const words = each => each.matches('input, select, textarea') || [...each.childNodes]
        .some(child => child.nodeType === Node.TEXT_NODE && child.data.trim().length > 1);
    for (const each of document.querySelectorAll('body, body *')) {
        if (each.closest(`svg, ${excluded}`) || !words(each)) continue;
        if (!each.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        if (seen.has(look(each))) {
            seen.get(look(each)).push(each);
        } else {
            seen.set(look(each), [each]);
            each.dataset.look = look(each);
        }
    }
    return seen.size;
}"""
# All elements of some looks.
WHOLE = """places => {
    const looks = new Set(places.map(place => document.querySelector(place).dataset.look));
    for (const look of looks)
        for (const each of window.looks.get(+look)) each.dataset.look = look;
    for (const each of document.querySelectorAll('[data-look]'))
        if (!looks.has(each.dataset.look)) delete each.dataset.look;
}"""
# Empties what holds no marked element, but for the text around a marked link. It stays in its
# place, for styles that count.
ONLY_MARKED = """() => {
    window.restored = [];
    const walk = (parent) => {
        if (parent.querySelector(':scope > a[data-look]')) return;
        for (const each of [...parent.children]) {
            if (each.querySelector('[data-look]')) walk(each);
            else if (!each.matches('[data-look], style, link, script')) {
                const empty = each.cloneNode(false);
                empty.removeAttribute('src');
                each.replaceWith(empty);
                window.restored.push(() => empty.replaceWith(each));
            }
        }
    };
    walk(document.body);
}"""
# Bare spans and the like become their text, and what is drawn of a formula a box of its size.
THINNED = """() => {
    const boxes = [...document.querySelectorAll('mjx-math')]
        .map(each => [each, each.getBoundingClientRect()]);
    window.restored = [];
    const replace = (each, other) => {
        each.replaceWith(other);
        window.restored.push(() => other.replaceWith(each));
    };
    for (const [each, { width, height }] of boxes) {
        const box = each.cloneNode(false);
        box.style.cssText += `; display: inline-block; width: ${width}px; height: ${height}px`;
        replace(each, box);
    }
    const bare = each => ['SPAN', 'EM', 'STRONG', 'CODE'].includes(each.tagName)
        && [...each.attributes].every(attribute => attribute.name === 'class')
        && [...each.children].every(bare);
    for (const each of document.querySelectorAll('.bd-article :is(span, em, strong, code)'))
        if (bare(each) && !bare(each.parentElement))
            replace(each, document.createTextNode(each.textContent));
}"""
RESTORE = "() => { for (const restore of window.restored.reverse()) restore(); }"
# The page's own scripts look again at what has come back.
LOOKED_AT = """async () => {
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""
UNMARK = "document.querySelectorAll('[data-look]').forEach(each => { delete each.dataset.look; })"
RUN = "([context, options]) => axe.run(context, options)"
MARKED = "axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-look]' }] })"
OPTIONS = {"resultTypes": ["violations", "incomplete"], "preload": False}


def faults(page, exclude: list[str], colours_only: bool = False) -> list[tuple]:
    """What axe calls serious or critical: the rule, where, and the element.

    Args:
        page: playwright's.
        exclude: selectors of what is not looked at.
        colours_only: no rules but those on the colours of words.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.evaluate(axe.axe_script)
    context, found = {"exclude": [[each] for each in exclude]}, []
    if not colours_only:
        page.evaluate(THINNED)
        others = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
        found += page.evaluate(RUN, [context, {**OPTIONS, **others}])["violations"]
        page.evaluate(RESTORE)
    assert page.evaluate(LOOKS, ", ".join(exclude)) > 0
    page.evaluate(ONLY_MARKED)
    page.evaluate(MARKED)
    colours = {**OPTIONS, "runOnly": COLOURS}
    seen = page.evaluate(RUN, [context, colours])
    page.evaluate(RESTORE)
    found += seen["violations"]
    nodes = [node for rule in seen["incomplete"] for node in rule["nodes"]]
    if undecided := [node["target"][0] for node in nodes]:
        page.evaluate(WHOLE, undecided)
        found += page.evaluate(RUN, [context, colours])["violations"]
    page.evaluate(UNMARK)
    page.evaluate(LOOKED_AT)
    return [
        (rule["id"], node["target"], node["html"][:160])
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
