// Drawings: pictures that the page draws itself, as SVG in the page's own colours, for any value of their sliders.
// A picture's own script calls drawings.add(name, { x, y, values, draw }):
//   x, y          the axes: { label, low, high, ticks }
//   values(at)    the picture's numbers where the sliders stand: what Python computed too, by the same names
//   draw(at, v)   { marks, key, said }: what is drawn, the rows of the key, and the picture's message in a sentence
// A mark is { line: [[x, y], …] }, { band: [from, to] } along x, { dot: [x, y], sign } or { text, at: [x, y], row }; a row of
// the key is { sign or line or band: true, name, words: [ … ] }. Each has a `look`, a class of drawings.css.
window.drawings = (() => {
  "use strict";
  const pictures = {};
  const SVG = "http://www.w3.org/2000/svg";
  const EDGE = { left: 62, right: 12, top: 40, bottom: 44 }, ROW = 17; // pixels

  const element = (made, attributes, ...children) => {
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const html = (tag, attributes, ...children) => element(document.createElement(tag), attributes, ...children);
  const svg = (tag, attributes, ...children) => element(document.createElementNS(SVG, tag), attributes, ...children);

  // "p_null(Positive)": every other piece is an index.
  const named = (text) => text.split(/_(\w+)/).map((piece, i) => (i % 2 ? html("sub", {}, piece) : piece));
  const lettered = (text) => text.split(/_(\w+)/).map((piece, i) => svg("tspan", i % 2 ? { dy: "0.35em", class: "index" } : i ? { dy: "-0.25em" } : {}, piece));
  const plain = (number) => String(Math.round(number * 100) / 100); // hundredths of a pixel are enough
  const decimals = (step) => (String(step).split(".")[1] || "").length;

  const SIGNS = {
    circle: (x, y, r) => svg("circle", { cx: plain(x), cy: plain(y), r }),
    square: (x, y, r) => svg("rect", { x: plain(x - r), y: plain(y - r), width: 2 * r, height: 2 * r }),
    triangle: (x, y, r) => svg("path", { d: `M${plain(x)} ${plain(y - 1.3 * r)}l${1.2 * r} ${2.1 * r}h${-2.4 * r}z` }),
    diamond: (x, y, r) => svg("path", { d: `M${plain(x)} ${plain(y - 1.4 * r)}l${1.4 * r} ${1.4 * r}l${-1.4 * r} ${1.4 * r}l${-1.4 * r} ${-1.4 * r}z` }),
  };

  function paint(canvas, picture, marks, width) {
    const height = Math.round(Math.min(400, Math.max(270, 0.62 * width)));
    const place = ({ low, high }, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);
    const x = place(picture.x, EDGE.left, width - EDGE.right), y = place(picture.y, height - EDGE.bottom, EDGE.top);
    const line = (x1, y1, x2, y2, look) => svg("line", { x1: plain(x1), y1: plain(y1), x2: plain(x2), y2: plain(y2), class: look });
    const [left, right, low, high] = [EDGE.left, width - EDGE.right, height - EDGE.bottom, EDGE.top];
    const drawn = { // what lies below comes first
      band: ({ band: [a, b], look }) => svg("rect", { x: plain(x(Math.min(a, b))), y: high, width: plain(Math.abs(x(b) - x(a))), height: low - high, class: look }),
      line: ({ line: points, look }) => svg("polyline", { points: points.map(([a, b]) => `${plain(x(a))},${plain(y(b))}`).join(" "), class: look }),
      dot: ({ dot: [a, b], sign, look }) => { const made = SIGNS[sign](x(a), y(b), 5); made.setAttribute("class", look); return made; },
      text: ({ text, at: [a, b], row = 0, look = "" }) => svg("text", { x: plain(x(a)), y: plain(y(b) - 8 - row * ROW), "text-anchor": "middle", class: `note ${look}` }, ...lettered(text)),
    };
    canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
    canvas.setAttribute("height", height);
    canvas.replaceChildren(
      ...marks.filter((mark) => mark.band).map(drawn.band),
      ...picture.y.ticks.flatMap((tick) => [
        line(left, y(tick), right, y(tick), "grid"),
        svg("text", { x: left - 8, y: plain(y(tick) + 4.5), "text-anchor": "end" }, String(tick)),
      ]),
      ...picture.x.ticks.flatMap((tick) => [
        line(x(tick), low, x(tick), low + 5, "axis"),
        svg("text", { x: plain(x(tick)), y: low + 19, "text-anchor": "middle" }, String(tick)),
      ]),
      line(left, low, right, low, "axis axis-x"), line(left, low, left, high, "axis axis-y"),
      svg("text", { x: plain((left + right) / 2), y: height - 6, "text-anchor": "middle" }, ...lettered(picture.x.label)),
      svg("text", { transform: `translate(14 ${plain((low + high) / 2)}) rotate(-90)`, "text-anchor": "middle" }, ...lettered(picture.y.label)),
      ...["line", "dot", "text"].flatMap((kind) => marks.filter((mark) => kind in mark).map(drawn[kind])),
    );
    for (const note of canvas.querySelectorAll(".note")) { // over its place, but inside the picture
      const half = note.getComputedTextLength() / 2;
      note.setAttribute("x", plain(Math.min(Math.max(note.getAttribute("x"), left + half), width - half)));
    }
  }

  // A row of the key: how it is drawn, its name, and what it says now.
  function row({ line, band, sign, look, name, words }) {
    const sample = svg("svg", { width: 34, height: 16, "aria-hidden": "true" });
    if (band) sample.append(svg("rect", { x: 2, y: 1, width: 30, height: 14, class: look }));
    if (line) sample.append(svg("polyline", { points: "1,8 33,8", class: look }));
    if (sign) sample.append(element(SIGNS[sign](17, 8, 5), { class: look }));
    return html("li", {}, sample, html("span", {}, ...named(name)), ...words.map((word) => html("span", { class: "word" }, ...named(word))));
  }

  let count = 0;
  function begin(box, picture) {
    const { alt, parameters } = JSON.parse(box.querySelector("script").textContent);
    const canvas = svg("svg", { class: "drawing-picture", role: "img", "aria-label": alt });
    const key = html("ul", { class: "drawing-key" }), said = html("p", { class: "drawing-said", role: "status" });
    const controls = parameters.map(({ name, label, low, high, step, start }) => {
      const id = `drawing-${(count += 1)}`, shown = html("output", { for: id });
      const slider = html("input", { type: "range", id, name, min: low, max: high, step, value: start });
      const read = () => {
        shown.textContent = slider.valueAsNumber.toFixed(decimals(step));
        slider.style.setProperty("--share", (slider.valueAsNumber - low) / (high - low));
        slider.setAttribute("aria-valuetext", shown.textContent);
        return [name, slider.valueAsNumber];
      };
      return { read, slider, row: html("div", { class: "drawing-control" }, html("label", { for: id }, ...named(label)), slider, shown) };
    });
    let width = 0;
    const draw = () => {
      const at = Object.fromEntries(controls.map(({ read }) => read())), values = picture.values(at);
      const made = picture.draw(at, values);
      if (width) paint(canvas, picture, made.marks, width);
      key.replaceChildren(...made.key.map(row));
      if (said.textContent !== made.said) said.textContent = made.said; // or it would be read out at every step
      Object.assign(box, { at, values }); // what is shown now
    };
    for (const { slider } of controls) slider.addEventListener("input", draw);
    box.append(html("div", { class: "drawing-controls" }, ...controls.map((each) => each.row)), canvas, said, key);
    draw(); // what fails leaves the twin in its place
    box.classList.add("alive");
    box.closest(".drawing-place")?.classList.add("alive");
    new ResizeObserver(([{ contentRect }]) => { // whatever the picture is magnified by, as on a slide
      const now = Math.round(contentRect.width);
      if (now && now !== width) { width = now; draw(); }
    }).observe(canvas);
  }

  function add(name, picture) {
    pictures[name] = picture;
    for (const box of document.querySelectorAll(`.drawing[data-picture="${name}"]`)) begin(box, picture);
  }
  return { add, pictures };
})();
