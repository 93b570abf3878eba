/* The table of the ledger: sorted by a column, filtered by what a claim is, searched by words.
   Without this script the whole table stands there. The address says what is shown:
   #sampling is a lecture, #sampling.one-frontier a claim. */
"use strict";
(() => {
  const table = document.querySelector("table.ledger");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const words = rows.map((row) => row.textContent.toLowerCase());
  const CHOICES = { lecture: "every lecture", verdict: "every verdict", kind: "every kind", replication: "every replication" };

  const form = document.createElement("form");
  form.className = "ledger-filters";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Search the claims");
  form.addEventListener("submit", (event) => event.preventDefault());
  const labelled = (name, control) => {
    const label = document.createElement("label"), field = document.createElement("div");
    label.htmlFor = control.id = `ledger-${name}`;
    label.textContent = name;
    field.append(label, control);
    form.append(field);
    return control;
  };
  const search = labelled("words", document.createElement("input"));
  search.type = "search";
  const selects = {};
  for (const [name, all] of Object.entries(CHOICES)) {
    const select = labelled(name, document.createElement("select"));
    select.append(new Option(all, ""));
    for (const value of new Set(rows.map((row) => row.dataset[name]))) select.append(new Option(value, value));
    selects[name] = select;
  }
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Show all";
  const count = document.createElement("output");
  form.append(clear, count);
  table.before(form);

  const show = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = Object.entries(selects).every(([name, select]) => !select.value || row.dataset[name] === select.value);
      row.hidden = !(fits && asked.every((word) => words[i].includes(word)));
      shown += !row.hidden;
    });
    count.value = shown === rows.length ? `${shown} claims` : `${shown} of ${rows.length} claims`;
  };
  const reset = () => {
    search.value = "";
    for (const select of Object.values(selects)) select.value = "";
  };
  form.addEventListener("input", show);
  clear.addEventListener("click", () => {
    reset();
    show();
    search.focus();
  });

  /* A head is a button: once up, once down, and a third time as in the book. */
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column], sort = cell.dataset.sort;
    return sort === undefined ? cell.textContent.trim().toLowerCase() : Number(sort);
  };
  const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort ?? "none"];
      for (const other of heads) other.ariaSort = "none";
      head.ariaSort = next;
      const sign = next === "descending" ? -1 : 1;
      const keys = new Map(rows.map((row) => [row, key(row, column)]));
      const sorted = next === "none" ? rows : [...rows].sort((a, b) => sign * order(keys.get(a), keys.get(b)));
      body.append(...sorted);
    });
  });

  const go = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    if (rows.some((row) => row.dataset.lecture === name)) {
      reset();
      selects.lecture.value = name;
      show();
      form.scrollIntoView();
    } else if (document.getElementById(name)?.closest("table") === table) {
      reset();
      show();
      document.getElementById(name).scrollIntoView();
    }
  };
  addEventListener("hashchange", go);
  addEventListener("load", () => setTimeout(go)); // after the browser's own way to the place
  show();
})();
