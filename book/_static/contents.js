// The contents at the right: the section under the reader's eyes is marked, and in view.
(() => {
  "use strict";
  const contents = document.getElementById("pst-page-toc-nav");
  if (!contents) return;
  // The theme's script looks the list up by this name. It marks only a heading that crosses the top of the window, so
  // after a jump, or far down a long section, nothing or something else is marked.
  contents.removeAttribute("id");
  const entries = [...contents.querySelectorAll('a[href^="#"]')]
    .map((link) => ({ link, section: document.getElementById(decodeURIComponent(link.hash.slice(1))) }))
    .filter((entry) => entry.section);
  const LINE = 0.25; // of the window: a section is current when its heading is above
  let marked = null;

  function mark() {
    const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    const line = atEnd ? innerHeight : innerHeight * LINE;
    const above = entries.filter((entry) => entry.section.getBoundingClientRect().top <= line);
    const current = (above.at(-1) ?? entries[0])?.link;
    if (current === marked) return;
    marked?.classList.remove("active");
    marked?.removeAttribute("aria-current");
    marked = current;
    current.classList.add("active");
    current.setAttribute("aria-current", "true");
    const column = contents.closest(".bd-sidebar-secondary"), box = column.getBoundingClientRect(), own = current.getBoundingClientRect();
    if (own.bottom > box.bottom - 24) column.scrollTop += own.bottom - box.bottom + 72;
    else if (own.top < box.top + 56) column.scrollTop -= box.top - own.top + 72;
  }

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  };
  addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon);
  soon();
})();
