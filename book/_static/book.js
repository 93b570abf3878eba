// What the pages need beyond the theme: moved anchors, and a way to scroll with the keyboard.
(() => {
  "use strict";
  // From a folder, a browser refuses to fetch the pages that the search would quote.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

  // An anchor of a lecture that was parted leads to where its section stands now.
  const followMoved = () => {
    const moved = document.getElementById("moved"), anchor = decodeURIComponent(location.hash.slice(1));
    if (!moved || !anchor || document.getElementById(anchor)) return;
    const places = JSON.parse(moved.textContent);
    if (Object.hasOwn(places, anchor)) location.replace(places[anchor]);
  };
  addEventListener("hashchange", followMoved);
  followMoved();

  const set = (element, name, value) => {
    if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  function describe() {
    // What scrolls must be reachable with the keyboard.
    for (const box of document.querySelectorAll("div.highlight pre, .pst-scrollable-table-container, div.math, .output .text_html, .cell_output pre")) {
      if (box.scrollWidth > box.clientWidth + 1) set(box, "tabindex", "0");
      else if (box.getAttribute("tabindex") === "0") box.removeAttribute("tabindex");
    }
  }

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; describe(); });
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "title"] });
  addEventListener("resize", soon);
  soon();
})();
