// From a folder a browser shows a notebook's text where a server's page would save it. So the page
// there loads the notebook as a script, which it may, and saves what that hands over.
(() => {
  "use strict";
  if (location.protocol !== "file:") return;
  window.saveNotebook = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  for (const link of document.querySelectorAll(".notebook-link a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const script = document.createElement("script");
      script.src = link.href.replace(/\.ipynb$/, ".js");
      script.addEventListener("load", () => script.remove());
      document.head.append(script);
    });
  }
})();
