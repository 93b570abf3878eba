// What is wider than its place: formulas get places to break, boxes that scroll say so and take the keyboard.
(() => {
  "use strict";
  const BOXES = "div.math > mjx-container, span.math.scrolls, .pst-scrollable-table-container, .cell_output .text_html, .cell_output pre, div.highlight pre";

  // A zero-width space, behind which a line may end, and a joiner that keeps both inside the element.
  const place = () => {
    const element = document.createElement("span");
    element.className = "break";
    element.textContent = "\u200b\u2060";
    element.setAttribute("aria-hidden", "true");
    return element;
  };
  const AFTER = new Set("=≤≥<>≈∼∝→≠≡⟹⇒⇔,"), BEFORE = new Set("+−±"), OPEN = new Set("([{⟨"), CLOSE = new Set(")]}⟩");

  function breakFormula(outer) {
    outer.classList.add("breaks");
    // What MathJax draws holds no characters: the MathML beside it says which sign is which.
    const drawn = [...outer.querySelectorAll("mjx-mo")], said = [...outer.querySelectorAll("math mo")].map((each) => each.textContent);
    if (drawn.length !== said.length) return;
    const places = [];
    let depth = 0;
    drawn.forEach((sign, i) => {
      if (!sign.matches("mjx-math > *, mjx-math > mjx-mrow > *, mjx-math > mjx-texatom > *")) return;
      if (OPEN.has(said[i])) depth += 1;
      if (CLOSE.has(said[i])) depth -= 1;
      if (AFTER.has(said[i]) || (BEFORE.has(said[i]) && sign.previousElementSibling)) places.push([depth, sign, said[i]]);
    });
    // Between brackets only where there is no other place; a line of text takes any.
    const least = outer.matches("div") ? Math.min(...places.map(([each]) => each)) : Infinity;
    for (const [each, sign, text] of places) if (each <= least) sign[AFTER.has(text) ? "after" : "before"](place());
  }

  // All is read before anything is written: the page is laid out once, not once for each formula. What is folded away is
  // left for when it opens, since to read its size lays it out for this alone.
  const isShown = (each) => !each.closest("details:not([open]) > :not(summary)");

  function fitFormulas() {
    const formulas = [...document.querySelectorAll(".bd-article .math")]
      .map((outer) => ({ outer, drawn: outer.querySelector("mjx-math") }))
      .filter(({ outer, drawn }) => drawn && isShown(outer) && !outer.closest(".jupyter-widgets"))
      .map(({ outer, drawn }) => ({ outer, drawn, line: outer.matches("div") ? drawn.parentElement : outer.parentElement }))
      .filter(({ line }) => line.clientWidth);
    const wide = formulas.filter(({ outer, drawn, line }) => !outer.matches(".breaks") && drawn.getBoundingClientRect().width > line.clientWidth + 1);
    for (const { outer } of wide) breakFormula(outer);
    // A display equation that is still too wide scrolls by itself.
    const scrolling = formulas.filter(({ outer, drawn, line }) => outer.matches("span.breaks:not(.scrolls)")
      && Math.max(...[...drawn.children].map((each) => each.getBoundingClientRect().right)) > line.getBoundingClientRect().right + 1);
    for (const { outer } of scrolling) outer.classList.add("scrolls");
  }

  function mark(boxes) {
    const seen = boxes.filter(isShown).map((box) => ({ box, left: box.scrollLeft,
      rest: getComputedStyle(box).overflowX === "visible" ? 0 : box.scrollWidth - box.clientWidth }));
    for (const { box, left, rest } of seen) {
      if (rest < 2) {
        delete box.dataset.more;
        if (box.dataset.reached) { box.removeAttribute("tabindex"); delete box.dataset.reached; }
        continue;
      }
      box.dataset.more = [left > 1 && "left", left < rest - 1 && "right"].filter(Boolean).join(" ");
      if (!box.hasAttribute("tabindex")) { box.tabIndex = 0; box.dataset.reached = "yes"; }
    }
  }

  const watched = new WeakSet();
  const sizes = new ResizeObserver((entries) => mark(entries.map((entry) => entry.target)));
  function collect() {
    const boxes = [...document.querySelectorAll(`.bd-article :is(${BOXES})`)];
    for (const box of boxes) {
      if (watched.has(box)) continue;
      watched.add(box);
      sizes.observe(box);
      box.addEventListener("scroll", () => mark([box]), { passive: true });
    }
    mark(boxes);
  }

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { fitFormulas(); collect(); });
  };
  addEventListener("resize", soon);
  addEventListener("load", () => { soon(); window.MathJax?.startup?.promise?.then(soon); });
  document.addEventListener("toggle", soon, { capture: true });
  // folds.js, which comes before this, has opened them.
  addEventListener("beforeprint", fitFormulas);
  soon();
})();
