// The page of the package: a link to an entry opens the fold that the entry holds (folds.js opens those around it).
(() => {
  "use strict";
  const show = () => {
    const entry = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!entry?.matches("dt.sig")) return;
    const own = entry.parentElement.querySelector(":scope > dd > details");
    if (own) own.open = true;
    entry.scrollIntoView();
  };
  addEventListener("hashchange", show);
  addEventListener("load", show);
})();
