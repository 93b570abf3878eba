"""The text of every section, for the search page: it works from a folder, and in Chinese too.

Sphinx's own index knows stems of English words and no sentence, and a browser that reads a folder
may not fetch the pages to quote them. So the build writes one script with all texts, which only
the search page loads (``search.js``).
"""

import json
import re
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

UNREAD = {
    "a": {"headerlink"},
    "p": {"claim-links"},
    "details": {"api-used"},
}
"""What is no text of the page, by tag and class: links. See also :func:`_is_unread`."""

BLOCKS = {"p", "li", "dt", "dd", "tr", "pre", "div", "figcaption", "summary"}

WEIGHTS = {"api": 0.1, "changelog": 0.1, "errata": 0.5, "index": 0.5, "references": 0.5}
"""What is listed comes after what is explained."""

CODE = re.compile(r'<(?:pre|dt class="sig)\b.*?</(?:pre|dt)>', re.S)
COLOUR = re.compile(r"</?span\b[^>]*>")


def without_colours(page: str) -> str:
    """The HTML without what colours each name and sign of code, which is most of a page's tags."""
    return CODE.sub(lambda code: COLOUR.sub("", code[0]), page)


def sections(body: str) -> list[dict[str, str]]:
    """The sections of a page: ``anchor``, ``heading``, and the ``text`` under it alone.

    A formula is its TeX, without what marks it; every block ends with a line break.
    """
    soup = BeautifulSoup(without_colours(body), "html.parser")
    for tag in soup.find_all(_is_unread):
        if not tag.decomposed:  # with another
            tag.decompose()
    for tag in soup.find_all(True):
        if "math" in tag.get("class", ()):
            tag.string = re.sub(r"^\s*\\[(\[]|\\[)\]]\s*$", "", tag.get_text())
        if tag.name in ("td", "th"):
            tag.append(" ")
        if tag.name in BLOCKS:
            tag.append("\n")
    found = _terms(soup)
    for section in soup.find_all("section"):
        if not (heading := section.find(re.compile("^h[1-6]$"), recursive=False)):
            continue
        inner = section.find_all("section", recursive=False)
        own = [child for child in section.children if child is not heading and child not in inner]
        text = "".join(c.get_text() if isinstance(c, Tag) else str(c) for c in own)
        lines = [" ".join(line.split()) for line in text.splitlines()]
        found.append(
            {
                "anchor": section.get("id", ""),
                "heading": " ".join(heading.get_text().split()),
                "text": "\n".join(line for line in lines if line),
            }
        )
    return found


def _is_unread(tag: Tag) -> bool:
    """Whether a tag is no text of the page: what folds code away, and links.

    In Python: a page has up to 40,000 tags, and selectors of CSS took half of the whole time.
    """
    name, classes = tag.name, tag.get("class", ())
    if name in ("script", "style") or "copybtn" in classes:
        return True
    if name in UNREAD and not UNREAD[name].isdisjoint(classes):
        return True
    if name == "summary":
        return tag.parent.name == "details" and "hide" in tag.parent.get("class", ())
    if "cell_input" in classes:
        return tag.find_parent(class_="tag_hide-input") is not None
    return name == "thead" and tag.find_parent(class_="claims") is not None


def _terms(soup: BeautifulSoup) -> list[dict[str, str]]:
    """The terms of a glossary, taken out of it: each is found by itself."""
    found = []
    glossaries = soup.find_all("dl", class_="glossary")
    for meaning in [dd for dl in glossaries for dd in dl.find_all("dd", recursive=False)]:
        names = []
        before = meaning.find_previous_sibling()
        while before is not None and before.name == "dt":
            names.insert(0, before)
            before = before.find_previous_sibling()
        heading = ", ".join(" ".join(name.get_text().split()) for name in names)
        text = " ".join(meaning.get_text().split())
        found.append({"anchor": names[0].get("id", ""), "heading": heading, "text": text})
    for glossary in glossaries:
        glossary.decompose()
    return found


def collect(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Keep the sections of a page that has a source."""
    if doctree is not None and app.builder.format == "html":
        if not hasattr(app, "search_texts"):
            app.search_texts = {}
        app.search_texts[page] = context.get("title", ""), sections(context.get("body", ""))


def add_script(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """The search page, and no other, has the script."""
    if page == "search":
        app.add_js_file("search.js", loading_method="defer")


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the script with all texts."""
    if error is None and (texts := getattr(app, "search_texts", None)):
        pages = []
        for page, (title, found) in sorted(texts.items()):
            weight = WEIGHTS.get(Path(page).name, 1.0)
            title = BeautifulSoup(title, "html.parser").get_text()
            pages.append({"page": page, "title": title, "weight": weight, "sections": found})
        script = f"window.SEARCH_TEXTS = {json.dumps(pages, ensure_ascii=False)};\n"
        Path(app.outdir, "_static", "search-texts.js").write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", collect)
    app.connect("html-page-context", add_script)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
