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
  let marked = null;

  function mark() {
    // A section is current once its heading is above a line at a quarter of the window. In the last screen the line
    // sinks to the bottom, so that short sections at the end have their turn.
    const rest = document.documentElement.scrollHeight - innerHeight - scrollY, end = 0.75 * innerHeight;
    const line = innerHeight - Math.min(Math.max(rest, 0), end);
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
