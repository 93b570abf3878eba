// What axe finds on a page: see accessibility.py. The page is taken apart and put together again in
// one go, for each time that it is laid out in between costs as much as a rule.
async ([excluded, coloursOnly]) => {
    const OPTIONS = { resultTypes: ['violations', 'incomplete'], preload: false, elementRef: true };
    const COLOURS = ['color-contrast', 'link-in-text-block'];
    axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-look]' }] });

    // One list of elements for each look, of those that have words. Whether a link stands in a text
    // belongs to its look: there it must differ from the text, too. Of words in an SVG, axe cannot
    // tell; site/test_drawings.py computes their contrast itself.
    function looks() {
        const numbers = new Map(), of = new Map([[null, 0]]), found = new Map();
        const amidText = (each) => each.tagName === 'A'
            && each.parentElement.textContent.trim() !== each.textContent.trim();
        const look = (each) => {
            if (!of.has(each)) {
                const style = getComputedStyle(each);
                const own = [look(each.parentElement), each.tagName, each.getAttribute('class'),
                    each.getAttribute('style'), style.color, style.backgroundColor, style.opacity,
                    style.backgroundImage, style.fontSize, style.fontWeight, style.textShadow,
                    style.filter, style.textDecorationLine, amidText(each)].join('|');
                if (!numbers.has(own)) numbers.set(own, numbers.size + 1);
                of.set(each, numbers.get(own));
            }
            return of.get(each);
        };
        const words = (each) => each.matches('input, select, textarea') || [...each.childNodes]
            .some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim().length > 1);
        for (const each of document.querySelectorAll('body, body *')) {
            if (each.closest(`svg, ${excluded}`) || !words(each)) continue;
            if (!each.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
            if (!found.has(look(each))) found.set(look(each), []);
            found.get(look(each)).push(each);
        }
        return [...found.values()];
    }

    let replaced = [];
    const replace = (each, other) => {
        each.replaceWith(other);
        replaced.push([each, other]);
    };
    const restore = () => {
        for (const [each, other] of replaced.reverse()) other.replaceWith(each);
        replaced = [];
    };

    // Bare spans and the like become their text, and what is excluded an empty box of its size.
    function thin() {
        const boxes = [...document.querySelectorAll(excluded)]
            .map((each) => [each, each.getBoundingClientRect()]);
        for (const [each, { width, height }] of boxes) {
            const box = each.cloneNode(false);
            box.style.cssText += `; display: inline-block; width: ${width}px; height: ${height}px`;
            replace(each, box);
        }
        const bare = (each) => ['SPAN', 'EM', 'STRONG', 'CODE'].includes(each.tagName)
            && [...each.attributes].every((attribute) => attribute.name === 'class')
            && [...each.children].every(bare);
        for (const each of document.querySelectorAll('.bd-article :is(span, em, strong, code)'))
            if (bare(each) && !bare(each.parentElement))
                replace(each, document.createTextNode(each.textContent));
    }

    // Empties what holds no marked element, but for the text around a marked link. It stays in its
    // place, for styles that count.
    function keep(marked) {
        for (const each of marked) each.dataset.look = '';
        const walk = (parent) => {
            if (parent.querySelector(':scope > a[data-look]')) return;
            for (const each of [...parent.children]) {
                if (each.querySelector('[data-look]')) walk(each);
                else if (!each.matches('[data-look], style, link, script')) {
                    const empty = each.cloneNode(false);
                    empty.removeAttribute('src');
                    replace(each, empty);
                }
            }
        };
        walk(document.body);
    }

    const found = [];
    const note = ({ violations }) => found.push(...violations.flatMap((rule) =>
        rule.nodes.map((node) => [rule.impact, rule.id, node.target, node.html.slice(0, 160)])));
    const every = looks();
    if (!coloursOnly) {
        thin();
        const off = Object.fromEntries(COLOURS.map((rule) => [rule, { enabled: false }]));
        note(await axe.run(document, { ...OPTIONS, rules: off }));
        restore();
    }
    keep(every.map(([first]) => first));
    const seen = await axe.run(document, { ...OPTIONS, runOnly: COLOURS });
    note(seen);
    // Of some looks axe could not tell: all their elements, in the whole page.
    const lookOf = new Map(every.flatMap((look) => look.map((each) => [each, look])));
    const undecided = seen.incomplete.flatMap((rule) => rule.nodes.map((node) => node.element));
    if (undecided.length) {
        restore();
        for (const [first] of every) delete first.dataset.look;
        for (const one of undecided)
            for (const each of lookOf.get(one) ?? [one]) each.dataset.look = '';
        note(await axe.run(document, { ...OPTIONS, runOnly: COLOURS }));
    }
    restore();
    for (const each of every.flat()) delete each.dataset.look;
    // The page's own scripts look again at what has come back.
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    return [every.length, found];
}
