// Contrasts as WCAG has them: of words, of what is drawn, and of the ring of what has the keyboard.
box => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const light = (colour) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    };
    const ground = light(getComputedStyle(box).backgroundColor);
    const found = [];
    const note = (what, least, colour) => {
        const [a, b] = [ground, light(colour)].sort((one, other) => other - one);
        found.push([what, least, (a + 0.05) / (b + 0.05)]);
    };
    for (const each of box.querySelectorAll('label, output, span, .drawing-said'))
        note(`word ${each.textContent}`, 4.5, getComputedStyle(each).color);
    for (const each of box.querySelectorAll('text'))
        note(`word ${each.textContent}`, 4.5, getComputedStyle(each).fill);
    for (const each of box.querySelectorAll('polyline, line:not(.grid)'))
        note(`line ${each.getAttribute('class')}`, 3, getComputedStyle(each).stroke);
    for (const each of box.querySelectorAll(':is(circle, path, rect):not(.band, .hollow)'))
        note(`sign ${each.getAttribute('class')}`, 3, getComputedStyle(each).fill);
    for (const each of box.querySelectorAll('.hollow'))
        note('hollow sign', 3, getComputedStyle(each).stroke);
    for (const slider of box.querySelectorAll('input')) {
        slider.focus();
        const style = getComputedStyle(slider);
        const ring = style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2;
        const colour = ring ? style.outlineColor : getComputedStyle(box).backgroundColor;
        note(`ring of ${slider.name}`, 3, colour);
    }
    return found;
}
