"""Pages of the built site as one document for the printer: title, contents, and links inside it.

What stands on a page once per page (the names of its anchors, the numbers of its links) becomes
the document's own. Nothing is folded, solutions stand at the end of their lecture, and what only
a screen can show is left out: explorers give way to their twins, hidden code to its output.
"""

import html
import json
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

# What a page hands to its scripts: megabytes of pictures that no paper shows.
_DATA = re.compile(r'<script type="application/[^"]*json">.*?</script>', re.DOTALL)
# Only a screen can use these. A fold of the class `hide` is code that the page hides, one of the
# class `api-used` an index into the page of the package.
_SCREEN = (
    ".headerlink, .notebook-link, .explorer, .widget-subarea, .drawing, .toggle-button, .copybtn,"
    " details.hide, details.api-used, script, button, input, style, template, iframe"
)


@dataclass
class Part:
    """A part of the table of contents: its caption, and its pages as paths without ending."""

    caption: str
    pages: list[str]


@dataclass
class Chapter:
    """A page of the site made ready: its anchor in the document, title, sections and article."""

    anchor: str
    title: str
    article: Tag
    sections: list[tuple[str, str]] = field(default_factory=list)  # anchor and title


def parts(toc: Path) -> list[Part]:
    """The parts of a ``_toc.yml``; the first page is a part of its own, without a caption."""
    table = yaml.safe_load(toc.read_text(encoding="utf-8"))
    named = [Part(p["caption"], [c["file"] for c in p["chapters"]]) for p in table["parts"]]
    return [Part("", [table["root"]]), *named]


def chapter(text: str, page: str, pages: set[str]) -> Chapter:
    """One page of the site, ready to stand in the document.

    Args:
        text: the page's HTML.
        page: its path without ending, as ``book/sampling``.
        pages: the pages that the document holds; a link to another one becomes plain words.
    """
    soup = BeautifulSoup(_DATA.sub("", text), "html.parser")
    article = soup.select_one("article.bd-article")
    for shown in article.select(_SCREEN):
        shown.decompose()
    for fold in article.select("details"):
        fold["open"] = ""
    _solutions_last(soup, article)
    for named in article.select("[id]"):
        named["id"] = anchor(page, named["id"])
    for link in article.select("a[href]"):
        if (target := inside(link["href"], page, pages)) is None:
            link.unwrap()
        else:
            link["href"] = target
    top = article.select_one("h1")
    sections = [
        (each.parent["id"], each.get_text(" ", strip=True))
        for each in article.select("section > h2")
    ]
    article.name, article["class"], article["id"] = "section", ["pdf-chapter"], anchor(page)
    return Chapter(anchor(page), top.get_text("", strip=False).strip(), article, sections)


def anchor(page: str, name: str = "") -> str:
    """The name, in the document, of an anchor of a page, or of the page itself."""
    own = page.replace("/", "-")
    return f"{own}--{name}" if name else own


def inside(address: str, page: str, pages: set[str]) -> str | None:
    """Where a link of a page leads in the document.

    Returns:
        An anchor of the document, or the address itself where it is another host's; None where
        it leads to a file of the site that the document does not hold.
    """
    parsed = urlsplit(address)
    if parsed.scheme:
        return address
    if not parsed.path:
        return "#" + anchor(page, unquote(parsed.fragment))
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parsed.path)))
    target = target.removesuffix(".html")
    return "#" + anchor(target, unquote(parsed.fragment)) if target in pages else None


def _solutions_last(soup: BeautifulSoup, article: Tag) -> None:
    if not (solutions := article.select("details.solution")):
        return
    last = soup.new_tag("section", id="solutions-on-paper", attrs={"class": "solutions-on-paper"})
    heading = soup.new_tag("h2")
    heading.string = "Solutions"
    last.extend([heading, *(each.extract() for each in solutions)])
    article.select_one("section").append(last)


def document(site: Path, chosen: list[Part], book: str, about: list[str]) -> str:
    """The document, to be read from the folder of its pages.

    Args:
        site: the folder of the built site.
        chosen: the parts, with the pages that are to be printed; all pages lie in one folder. One
            page is printed alone, more than one with a sheet for the title, and contents.
        book: the book's title, for the head of each sheet.
        about: what else the sheet of the title says, line by line.
    """
    pages = {page for part in chosen for page in part.pages}
    made, rules, texts = [], [], []
    for part in chosen:
        found = []
        for page in part.pages:
            text = (site / f"{page}.html").read_text(encoding="utf-8")
            texts.append(text)
            found.append(ready := chapter(text, page, pages))
            rules.append(_sheet(ready, book, part.caption))
        made.append((part, found))
    head = _head(texts)
    front = _front(made, book, about) if len(pages) > 1 else ""
    body = "".join(str(each.article) for _, found in made for each in found)
    name = book if front else made[0][1][0].title
    return (
        '<!doctype html><html lang="en" data-theme="light" data-mode="light"><head>'
        f'<meta charset="utf-8"><title>{html.escape(name)}</title>{head}'
        f'<link rel="stylesheet" href="../_static/pdf.css"><style>{"".join(rules)}</style></head>'
        '<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">'
        f'<article class="bd-article">{front}{body}</article></div></div></main></body></html>'
    )


def _head(texts: list[str]) -> str:
    """The style sheets of all pages, each once, and MathJax."""
    found = {}
    for text in texts:
        head = BeautifulSoup(_DATA.sub("", text[: text.index("</head>")]), "html.parser").head
        scripts = [each for each in head.select("script") if "mathjax" in str(each).lower()]
        for each in [*head.select('link[rel~="stylesheet"]'), *scripts]:
            found.setdefault(str(each), None)
    return "".join(found)


def _sheet(ready: Chapter, book: str, part: str) -> str:
    """Each chapter's own head of the sheet; its number stands at the foot (pdf.css)."""
    left = book if not part else f"{book} · {part.partition(' · ')[0]}"
    return (
        f"#{ready.anchor} {{ page: {ready.anchor}; }}"
        f"@page {ready.anchor} {{ @top-left {{ content: {_quoted(left)}; }}"
        f" @top-right {{ content: {_quoted(ready.title)}; }} }}"
    )


def _quoted(words: str) -> str:
    """Words as a string of a style sheet, which stands in a page."""
    return json.dumps(words, ensure_ascii=False).replace("<", "\\3c ")


def _front(made: list[tuple[Part, list[Chapter]]], book: str, about: list[str]) -> str:
    """The sheet of the title, and the contents: parts, pages, and the sections of lectures."""
    lines = "".join(f"<p>{html.escape(said)}</p>" for said in about)
    rows = []
    for part, found in made:
        if part.caption:
            rows.append(f'<li class="pdf-part">{html.escape(part.caption)}</li>')
        for each in found:
            rows.append(_row(each.anchor, each.title, "pdf-lecture"))
            if part.caption.startswith("Part "):
                rows += [_row(at, said, "pdf-section") for at, said in each.sections]
    return (
        f'<section class="pdf-title"><p class="pdf-name">{html.escape(book)}</p>{lines}</section>'
        f'<section class="pdf-contents" id="contents"><h1>Contents</h1><ul>{"".join(rows)}</ul>'
        "</section>"
    )


def _row(at: str, said: str, kind: str) -> str:
    """A line of the contents. Its number is known once the document was printed."""
    return (
        f'<li class="{kind}"><a href="#{at}">{html.escape(said)}</a>'
        f'<span class="pdf-dots"></span><span class="pdf-number" data-at="{at}"></span></li>'
    )
