// A deck: 1280 × 720, whatever the projector; formulas typeset where they are hidden; explorers by keyboard.
(() => {
  "use strict";
  // Hidden slides have no size, so MathJax shall not look at the type around a formula.
  window.MathJax = { options: { enableMenu: false }, chtml: { matchFontHeight: false }, tex: { tags: "none" } };

  const HELD = ".explorer, .drawing";
  const held = () => document.activeElement?.closest(HELD);
  const first = "[role=slider], input, button, select";
  const into = () => Reveal.getCurrentSlide().querySelector(`${HELD.replaceAll(",", ` :is(${first}),`)} :is(${first})`)?.focus();

  // The largest type with which a slide is not overfull: read from the last row.
  const LARGEST = 40, LEAST = 24; // pixels
  function fit(slide) {
    const body = slide.querySelector(".body");
    if (!body || !body.clientHeight) return;
    const largest = !slide.matches(".has-figure, .has-explorer") ? LARGEST : slide.matches(".has-answer") ? LEAST : 28;
    for (let size = largest; size >= LEAST; size -= 2) {
      slide.style.setProperty("--type", `${size}px`);
      if (body.scrollHeight <= body.clientHeight && body.scrollWidth <= body.clientWidth) break;
    }
    place(slide, body);
    slide.fitted = true;
  }
  // An answer goes below its figure, or beside it, where the figure stays larger so.
  const WIDTHS = [0, 230, 270, 310, 350, 390, 430]; // pixels of the answer's column; 0 is below
  function place(slide, body) {
    const answer = slide.querySelector(".answer-piece"), pictures = [...slide.querySelectorAll("figure img")];
    if (!answer || !pictures.length) return;
    const hidden = answer.classList.contains("fragment") && !answer.classList.contains("visible");
    const scale = (width) => {
      slide.classList.toggle("beside", width > 0);
      slide.style.setProperty("--beside", `${width}px`);
      const full = body.scrollHeight > body.clientHeight + 1 || answer.offsetHeight > body.clientHeight;
      return full ? 0 : Math.max(...pictures.map((each) => Math.min(each.clientWidth / each.naturalWidth, each.clientHeight / each.naturalHeight)));
    };
    if (hidden) answer.classList.add("visible");
    const scales = WIDTHS.map(scale), most = 0.999 * Math.max(...scales);
    scale(scales[0] >= most ? 0 : WIDTHS.findLast((_, i) => scales[i] >= most)); // the widest column of those
    if (hidden) answer.classList.remove("visible");
  }
  const typeset = () => window.MathJax?.startup?.promise ?? new Promise((done) => addEventListener("load", () => done(MathJax.startup?.promise)));
  Reveal.on("ready", async () => {
    await typeset();
    (Reveal.isPrintView() ? Reveal.getSlides() : [Reveal.getCurrentSlide()]).forEach(fit);
    document.documentElement.dataset.ready = "";
  });
  Reveal.on("slidechanged", ({ currentSlide }) => currentSlide.fitted || fit(currentSlide));

  Reveal.initialize({
    width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 6, center: false, hash: true, transition: "none",
    slideNumber: "c/t", controls: false, pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1, plugins: [RevealNotes],
    keyboardCondition: () => !held(), // what has the keyboard keeps it
    keyboard: { 69: into },
  });
  Reveal.addKeyBinding({ keyCode: 69, key: "E", description: "Into the explorer; Esc out of it" }, into);
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !held()) return;
    document.activeElement.blur();
    event.stopImmediatePropagation(); // or reveal.js would show all slides
  }, { capture: true });
})();
