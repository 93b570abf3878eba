// The search page: finds words in the text of every section and quotes the sentence around them.
// It takes the place of Sphinx's search, whose form and page it uses.
(() => {
  "use strict";
  const MOST = 60;          // results that are shown
  const QUOTE = 260;        // characters of a quotation
  const CJK_RANGES = "\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff";
  const CJK = new RegExp(`[${CJK_RANGES}]`), RUNS = new RegExp(`[${CJK_RANGES}]+|[^${CJK_RANGES}]+`, "g");

  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // "sampling" finds sample and sampled; Chinese words have no ends, so they are found anywhere.
  const stem = (word) => {
    const short = word.replace(/(ies|ing|ed|es|s|e|y)$/i, "");
    return short.length >= 4 ? short : word;
  };
  const pattern = (word) => CJK.test(word)
    ? escape(word)
    : `(?<![\\p{L}\\p{N}])${escape(stem(word))}[\\p{L}\\p{N}]*`;

  // Words, and phrases in quotation marks. A run of Chinese among Latin letters is a word of its own.
  function wordsOf(query) {
    const found = [];
    for (const [, phrase, word] of query.matchAll(/"([^"]+)"|(\S+)/g)) {
      if (phrase) found.push(phrase.trim());
      else found.push(...word.match(RUNS));
    }
    return found.map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "")).filter(Boolean);
  }

  function search(query, pages) {
    const words = wordsOf(query).map((word) => new RegExp(pattern(word), "giu"));
    if (!words.length) return [];
    const phrase = new RegExp(words.map((word) => word.source).join("[\\s-]*"), "giu");
    const count = (text, word) => (text.match(word) || []).length;
    const found = [];
    for (const { page, title, weight, sections } of pages) {
      for (const { anchor, heading, text } of sections) {
        // The words side by side count for more than the words.
        let score = 30 * Math.min(1, count(heading, phrase)) + 3 * Math.min(10, count(text, phrase));
        let all = true;
        for (const word of words) {
          const here = 20 * Math.min(1, count(heading, word)) + Math.min(10, count(text, word));
          all &&= here > 0;
          score += here + 5 * Math.min(1, count(title, word));
        }
        if (all) found.push({ address: `${page}.html${anchor ? `#${anchor}` : ""}`, title, heading, text, score: score * weight });
      }
    }
    found.sort((a, b) => b.score - a.score);
    return found.map((each) => ({ ...each, words, quote: quote(each.text, words) }));
  }

  // The sentence with most of the words, and the next ones while they fit.
  function quote(text, words) {
    const sentences = (text.match(/[^\n。！？]*?(?:[.!?](?=\s|$)|[。！？]|\n|$)/gu) || []).map((s) => s.trim()).filter(Boolean);
    const hits = sentences.map((sentence) => words.filter((word) => sentence.search(word) >= 0).length);
    let i = hits.indexOf(Math.max(0, ...hits));
    if (i < 0) return "";
    let quoted = sentences[i];
    if (quoted.length > QUOTE) {
      const at = Math.min(...words.map((word) => quoted.search(word)).filter((place) => place >= 0), quoted.length);
      const from = at < QUOTE ? 0 : quoted.lastIndexOf(" ", at - QUOTE / 2) + 1;
      return `${from ? "… " : ""}${quoted.slice(from, from + QUOTE)} …`;
    }
    while (++i < sentences.length && quoted.length + sentences[i].length < QUOTE) quoted += ` ${sentences[i]}`;
    return quoted;
  }

  // Text with its hits marked, as nodes: nothing of the query is ever read as HTML.
  function marked(text, words) {
    const all = new RegExp(words.map((word) => word.source).join("|"), "giu");
    const nodes = [];
    let from = 0;
    for (const hit of text.matchAll(all)) {
      const mark = document.createElement("mark");
      mark.textContent = hit[0];
      nodes.push(text.slice(from, hit.index), mark);
      from = hit.index + hit[0].length;
    }
    return [...nodes, text.slice(from)];
  }

  function show(query, root) {
    const place = document.getElementById("search-results");
    const found = search(query, window.SEARCH_TEXTS || []);
    const said = document.createElement("p");
    said.className = "search-summary";
    said.setAttribute("role", "status");
    const shown = found.slice(0, MOST);
    said.textContent = !query.trim() ? "" : !found.length
      ? `Nothing found for “${query}”. All words must stand in one section.`
      : `${found.length} ${found.length === 1 ? "section" : "sections"} with “${query}”` + (found.length > MOST ? `, the best ${MOST} of them` : "");
    const list = document.createElement("ul");
    list.className = "search";
    for (const { address, title, heading, words, quote: text } of shown) {
      const item = document.createElement("li"), link = document.createElement("a"), quoted = document.createElement("p");
      link.href = root + address;
      link.append(...marked(title === heading ? title : `${title}: ${heading}`, words));
      quoted.className = "context";
      quoted.append(...marked(text, words));
      item.append(link, quoted);
      list.append(item);
    }
    place.replaceChildren(said, list);
  }

  if (typeof Search === "undefined") return;
  const root = document.documentElement.dataset.content_root || "./";
  Search.performSearch = (query) => {
    const script = document.createElement("script");
    script.src = `${root}_static/search-texts.js`;
    script.onload = () => show(query, root);
    script.onerror = () => { document.getElementById("search-results").textContent = "The texts of the book are missing beside this page."; };
    document.head.append(script);
  };
})();
