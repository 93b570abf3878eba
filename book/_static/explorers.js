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
      const picture = place.querySelector(".explorer-picture"), frame = picture?.querySelector("img, .widget-html-content");
      if (!frame || (frame.tagName === "IMG" && !frame.naturalWidth)) continue;
      if (frame.tagName !== "IMG") keepHeight(place, picture);
      place.classList.add("alive");
    }
  }

  // Frames of text: the picture is as high as the tallest of them, whatever the width.
  let widgets = null;
  const model = (reference) => {
    widgets ??= JSON.parse(document.querySelector('script[type="application/vnd.jupyter.widget-state+json"]').textContent).state;
    return widgets[reference.replace("IPY_MODEL_", "")];
  };
  const texts = (reference) => {
    const { model_name: name, state } = model(reference);
    return name === "HTMLModel" ? [state.value] : (state.children || []).flatMap(texts);
  };
  function keepHeight(place, picture) {
    const view = place.querySelector('script[type="application/vnd.jupyter.widget-view+json"]');
    const frames = texts(model(JSON.parse(view.textContent).model_id).state.children[1]);
    let measured = 0;
    new ResizeObserver(() => {
      const width = picture.clientWidth;
      if (!width || width === measured) return;
      measured = width;
      const probe = document.createElement("div");
      probe.className = "explorer-probe";
      probe.style.width = `${width}px`;
      probe.append(picture.querySelector(".widget-html").cloneNode(true));
      picture.parentElement.append(probe);
      const text = probe.querySelector(".widget-html-content");
      picture.style.minHeight = `${Math.ceil(Math.max(...frames.map((each) => {
        text.innerHTML = each;
        return probe.getBoundingClientRect().height;
      })))}px`;
      probe.remove();
    }).observe(picture);
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
