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
    for (let size = slide.matches(".has-figure, .has-explorer") ? 28 : LARGEST; size >= LEAST; size -= 2) {
      slide.style.setProperty("--type", `${size}px`);
      if (body.scrollHeight <= body.clientHeight && body.scrollWidth <= body.clientWidth) break;
    }
    slide.fitted = true;
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
