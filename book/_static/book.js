// What ipywidgets leaves unsaid, said after rendering: names for handles, buttons and pictures.
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

  // The widgets' labels still ask for MathJax 2: hand their wish on to MathJax 3, which calls nothing a Hub.
  const lendHub = () => {
    if (window.MathJax?.startup && !MathJax.Hub) MathJax.Hub = { Queue: ([, , element]) => MathJax.startup.promise.then(() => MathJax.typesetPromise([element])) };
  };
  document.addEventListener("DOMContentLoaded", lendHub);
  addEventListener("load", lendHub, { capture: true });

  const playNames = ["Play", "Pause", "Stop", "Repeat"];
  const set = (element, name, value) => {
    if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const nameOf = (widget) => widget.querySelector(".widget-label")?.textContent.trim();

  function describe() {
    for (const picture of document.querySelectorAll("img.widget-image, .widget-image img")) {
      // The explorer keeps the alt text in the tooltip.
      set(picture, "alt", picture.getAttribute("title"));
      picture.removeAttribute("title");
    }
    for (const label of document.querySelectorAll('.widget-label[title="null"]')) label.removeAttribute("title");
    for (const slider of document.querySelectorAll(".widget-slider")) {
      const shown = slider.querySelector(".widget-readout")?.textContent.trim();
      for (const handle of slider.querySelectorAll("[role=slider], .noUi-handle")) {
        set(handle, "aria-label", nameOf(slider) || "value");
        set(handle, "aria-valuetext", shown);
      }
      for (const box of slider.querySelectorAll(".widget-readout[contenteditable]")) {
        set(box, "role", "textbox");
        set(box, "aria-label", `${nameOf(slider) || "value"}, typed`);
      }
    }
    for (const group of document.querySelectorAll(".widget-toggle-buttons")) {
      set(group, "role", "group");
      set(group, "aria-label", nameOf(group));
      for (const button of group.querySelectorAll("button")) {
        set(button, "aria-pressed", String(button.classList.contains("mod-active")));
      }
    }
    for (const select of document.querySelectorAll(".widget-dropdown select")) set(select, "aria-label", nameOf(select.parentElement));
    for (const player of document.querySelectorAll(".widget-play")) {
      player.querySelectorAll("button").forEach((button, i, all) => {
        const icon = button.querySelector("[class*=fa-]")?.getAttribute("class") || "";
        const name = playNames.find((each) => icon.includes(`fa-${each.toLowerCase()}`));
        set(button, "aria-label", name || (all.length > 1 && i === all.length - 1 ? "Repeat" : "Play"));
      });
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
