// Explorers: names for what ipywidgets leaves unsaid, and a place that does not jump.
(() => {
  "use strict";
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

  // The explorer takes the place of its twin once its first frame is there.
  function replaceTwins() {
    for (const place of document.querySelectorAll(".explorer-place:not(.alive)")) {
      const frame = place.querySelector(".explorer-picture :is(img, .widget-html-content)");
      if (frame && (frame.tagName !== "IMG" || frame.naturalWidth)) place.classList.add("alive");
    }
  }

  // Frames of text: the picture is as high as the tallest of them, whatever the width.
  const known = document.querySelector('script[type="application/vnd.jupyter.widget-state+json"]');
  const widgets = document.querySelector(".explorer-place") && known ? JSON.parse(known.textContent).state : {};
  const model = (reference) => widgets[reference.replace("IPY_MODEL_", "")];
  const texts = (reference) => {
    const { model_name: name, state } = model(reference);
    return name === "HTMLModel" ? [state.value] : name === "StackModel" ? state.children.flatMap(texts) : [];
  };
  const frames = new Map();
  const measure = new ResizeObserver((changes) => changes.forEach(({ target: place }) => {
    const box = place.querySelector(".explorer"), style = getComputedStyle(box || place);
    const width = place.clientWidth - (box ? 2 * (parseFloat(style.paddingLeft) + 1) : 2 * parseFloat(getComputedStyle(document.documentElement).fontSize) * parseFloat(style.getPropertyValue("--pad")) + 2);
    if (width <= 0 || place.measured === width) return;
    place.measured = width;
    const probe = document.createElement("div");
    probe.className = "explorer explorer-probe";
    probe.style.cssText = `width: ${width}px; padding: 0; border: 0`;
    probe.innerHTML = '<div class="widget-html"><div class="widget-html-content"></div></div>';
    place.append(probe);
    const text = probe.querySelector(".widget-html-content");
    const heights = frames.get(place).map((each) => { text.innerHTML = each; return probe.getBoundingClientRect().height; });
    probe.remove();
    place.style.setProperty("--tall", `${Math.ceil(Math.max(...heights))}px`);
  }));
  for (const place of document.querySelectorAll(".explorer-place")) {
    const view = place.querySelector('script[type="application/vnd.jupyter.widget-view+json"]');
    const [, picture] = model(JSON.parse(view.textContent).model_id).state.children;
    const found = texts(picture);
    if (!found.length) continue;
    frames.set(place, found);
    measure.observe(place);
  }

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; describe(); replaceTwins(); });
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "title"] });
  addEventListener("load", soon, { capture: true });
  soon();
})();
