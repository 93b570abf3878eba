// What is wider than its place: inline formulas get places to break, boxes that scroll say so and take the keyboard.
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
  const AFTER = new Set("=≤≥<>≈∼∝→∣≠≡⟹⇒⇔,"), BEFORE = new Set("+−±");

  function breakFormula(outer) {
    outer.classList.add("breaks");
    // What MathJax draws holds no characters: the MathML beside it says which sign is which.
    const drawn = [...outer.querySelectorAll("mjx-mo")], said = [...outer.querySelectorAll("math mo")];
    if (drawn.length !== said.length) return;
    drawn.forEach((sign, i) => {
      if (!sign.matches("mjx-math > *, mjx-math > mjx-mrow > *, mjx-math > mjx-texatom > *")) return;
      if (AFTER.has(said[i].textContent)) sign.after(place());
      else if (BEFORE.has(said[i].textContent) && sign.previousElementSibling) sign.before(place());
    });
  }

  function fitFormulas() {
    for (const outer of document.querySelectorAll(".bd-article span.math")) {
      const drawn = outer.querySelector("mjx-math"), line = outer.parentElement;
      if (!drawn || outer.closest(".jupyter-widgets") || !line.clientWidth) continue;
      if (!outer.matches(".breaks") && drawn.getBoundingClientRect().width > line.clientWidth + 1) breakFormula(outer);
      if (!outer.matches(".breaks:not(.scrolls)")) continue;
      const edge = Math.max(...[...drawn.children].map((each) => each.getBoundingClientRect().right));
      if (edge > line.getBoundingClientRect().right + 1) outer.classList.add("scrolls");
    }
  }

  function mark(box) {
    const rest = box.scrollWidth - box.clientWidth;
    if (rest < 2 || getComputedStyle(box).overflowX === "visible") {
      delete box.dataset.more;
      if (box.dataset.reached) { box.removeAttribute("tabindex"); delete box.dataset.reached; }
      return;
    }
    box.dataset.more = [box.scrollLeft > 1 && "left", box.scrollLeft < rest - 1 && "right"].filter(Boolean).join(" ");
    if (!box.hasAttribute("tabindex")) { box.tabIndex = 0; box.dataset.reached = "yes"; }
  }

  const watched = new WeakSet();
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target)));
  function collect() {
    for (const box of document.querySelectorAll(`.bd-article :is(${BOXES})`)) {
      if (watched.has(box)) { mark(box); continue; }
      watched.add(box);
      sizes.observe(box);
      box.addEventListener("scroll", () => mark(box), { passive: true });
    }
  }

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { fitFormulas(); collect(); });
  };
  addEventListener("resize", soon);
  addEventListener("load", () => { soon(); window.MathJax?.startup?.promise?.then(soon); });
  document.addEventListener("toggle", soon, { capture: true });
  soon();
})();
