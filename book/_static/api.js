// Folds of the page of the package: a link to an entry opens it, and paper shows them all.
(() => {
  "use strict";
  const show = () => {
    const entry = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!entry?.matches("dt.sig")) return;
    for (let box = entry; box; box = box.parentElement) if (box.matches("details")) box.open = true;
    const own = entry.parentElement.querySelector(":scope > dd > details");
    if (own) own.open = true;
    entry.scrollIntoView();
  };
  addEventListener("hashchange", show);
  addEventListener("load", show);

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.api-fold:not([open])")];
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; });
})();
