// Folds: a link to what is folded opens it; paper shows all and whole, the solutions at the end.
(() => {
  "use strict";
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const folds = [];
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
    if (!folds.some((fold) => !fold.open)) return;
    for (const fold of folds) fold.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", unfold);
  // A second click on the same link changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href*="#"]');
    if (link && link.hash === location.hash && link.pathname === location.pathname) setTimeout(unfold);
  });
  unfold();

  // Code that the page folds stays folded on paper.
  const READ = ".bd-article details:not(.hide)";
  let opened = [], moved = [], shrunk = [], heading = null;
  function toPaper() {
    if (heading || opened.length) return;
    opened = [...document.querySelectorAll(READ)].filter((fold) => !fold.open);
    for (const fold of opened) fold.open = true;
    // An equation that would scroll on the screen is set smaller: the line on paper is about as long.
    for (const box of document.querySelectorAll(".bd-article div.math > mjx-container")) {
      if (box.scrollWidth <= box.clientWidth + 1) continue;
      shrunk.push([box, box.style.fontSize]);
      box.style.fontSize = `${0.98 * parseFloat(box.style.fontSize || "100") * box.clientWidth / box.scrollWidth}%`;
    }
    const solutions = [...document.querySelectorAll(".bd-article details.solution")];
    if (!solutions.length) return;
    heading = document.createElement("section");
    heading.className = "solutions-on-paper";
    heading.append(document.createElement("h2"));
    heading.firstChild.textContent = "Solutions";
    for (const solution of solutions) {
      const mark = document.createComment("solution");
      solution.replaceWith(mark);
      heading.append(solution);
      moved.push([mark, solution]);
    }
    document.querySelector(".bd-article > section, .bd-article").append(heading);
  }
  function toScreen() {
    for (const [mark, solution] of moved) mark.replaceWith(solution);
    for (const fold of opened) fold.open = false;
    for (const [box, size] of shrunk) box.style.fontSize = size;
    heading?.remove();
    [opened, moved, shrunk, heading] = [[], [], [], null];
  }
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", toScreen);
})();
