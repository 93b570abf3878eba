// Folds: a link to what is folded opens it; paper shows all, the solutions at the end.
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
  let opened = [], moved = [], heading = null;
  function toPaper() {
    if (heading || opened.length) return;
    opened = [...document.querySelectorAll(READ)].filter((fold) => !fold.open);
    for (const fold of opened) fold.open = true;
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
    heading?.remove();
    [opened, moved, heading] = [[], [], null];
  }
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", toScreen);
})();
