// What is wrong with a deck, slide by slide: too full, too small, too pale. One evaluation for a whole deck; each slide
// is looked at with nothing of what waits for a key, and with all of it.
async () => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const known = new Map();
    const channels = colour => {
        if (known.has(colour)) return known.get(colour);
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        known.set(colour, [...context.getImageData(0, 0, 1, 1).data]);
        return known.get(colour);
    };
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = each => {
        for (let at = each; at; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour[3] > 250) return colour;
        }
        return [255, 255, 255, 255];
    };
    const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const shown = each => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length;
    const look = (slide, when, wrong, worst) => {
        const frame = slide.getBoundingClientRect(), body = slide.querySelector('.body');
        const say = (what, each) => wrong.push(`${slide.querySelector('h2').textContent} ${when}: ${what}: ${each.textContent.trim().slice(0, 40)}`);
        for (const box of slide.querySelectorAll('.explorer, .drawing'))
            if (shown(box) && (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1)) say(`cut by ${box.scrollHeight - box.clientHeight} and ${box.scrollWidth - box.clientWidth}`, box);
        if (body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1)
            say(`overfull by ${body.scrollHeight - body.clientHeight} and ${body.scrollWidth - body.clientWidth}`, body);
        for (const each of slide.querySelectorAll(':not(mjx-container *, .notes, .notes *, script)')) {
            if (!shown(each)) continue;
            const box = each.getBoundingClientRect();
            if (box.width && (box.left < frame.left - 1 || box.right > frame.right + 1
                || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)) say('outside', each);
            const formula = each.matches('mjx-container');
            const words = formula || [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
            if (!words) continue;
            const { a, b } = each.ownerSVGElement ? each.ownerSVGElement.getScreenCTM() : { a: each.currentCSSZoom, b: 0 };
            const style = getComputedStyle(each), size = parseFloat(style.fontSize) * Math.hypot(a, b);
            const index = each.closest('sub, sup, .index');
            if (size < (index ? 17.5 : 23.9)) say(`type of ${size.toFixed(1)} px`, each);
            const ink = channels(each.ownerSVGElement ? style.fill : style.color);
            const ratio = contrast(light(ink), light(ground(each)));
            worst.type = Math.min(worst.type, index ? Infinity : size);
            worst.contrast = Math.min(worst.contrast, ratio);
            if (ratio < 4.5) say(`contrast ${ratio.toFixed(1)}`, each);
        }
        for (const image of slide.querySelectorAll('figure img')) {
            if (!shown(image)) continue;
            const { width, height } = image.getBoundingClientRect();
            const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
            // A figure has 100 dots per inch; an explorer's frame what its bytes allow, told by the figure, its twin.
            const twin = image.closest('figure').querySelector('.twin-picture img') || image;
            const dots = 100 * Math.min(image.naturalWidth / twin.naturalWidth, image.naturalHeight / twin.naturalHeight);
            worst.figures.push([+(scale * dots / 72 * 13).toFixed(1), image.closest('figure').dataset.label]);
        }
    };
    const settle = slide => slide.querySelector('.explorer, .drawing') && new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const wrong = [], worst = { type: Infinity, contrast: Infinity, figures: [] };
    const page = document.documentElement;
    for (const [i, slide] of Reveal.getSlides().entries()) {
        Reveal.slide(i, 0, -1);
        await settle(slide); // what is drawn anew for its width
        look(slide, 'at first', wrong, worst);
        if (slide.querySelector('.fragment')) {
            while (Reveal.availableFragments().next) Reveal.nextFragment();
            await settle(slide);
            look(slide, 'at last', wrong, worst);
        }
        if (page.scrollWidth > innerWidth || page.scrollHeight > innerHeight) wrong.push(`${i}: scrollbars`);
    }
    return { wrong, worst, slides: Reveal.getTotalSlides() };
}
