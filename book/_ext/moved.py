"""Old addresses of lectures that were parted: each leads to where its sections stand now.

A page that is gone gets a page that names its two successors. There and on a page that kept its
address, an old anchor (a section, a figure, a formula, an exercise) leads on to the new page; the
page's script reads where to (``moved.js``).
"""

import json
import posixpath
import re

from docutils import nodes
from sphinx.application import Sphinx

# The old page, and the pages that its sections went to.
PARTED = {
    "degeneration": ("repetition", "generic-replies"),
    "architectures": ("architectures", "positions"),
    "language-gans": ("gumbel-softmax", "language-gans"),
}
# Exercises were numbered anew: the old label, and the new one.
EXERCISES = {
    "ex-degeneration-by-hand": "ex-generic-replies-1",
    "ex-degeneration-blocking": "ex-repetition-2",
    "ex-degeneration-multiplier": "ex-repetition-3",
    "ex-degeneration-switch": "ex-generic-replies-2",
    "ex-degeneration-length": "ex-generic-replies-3",
    "ex-degeneration-threshold": "ex-generic-replies-4",
    "ex-architectures-4": "ex-positions-1",
    "ex-architectures-5": "ex-positions-2",
    "ex-architectures-6": "ex-positions-4",
    "ex-language-gans-2": "ex-gumbel-softmax-2",
    "ex-language-gans-4": "ex-gumbel-softmax-4",
}


def anchors(app: Sphinx, page: str) -> set[str]:
    """Every anchor that a page defines."""
    tree = app.env.get_doctree(page)
    return {name for node in tree.findall(nodes.Element) for name in node.get("ids", [])}


def destinations(app: Sphinx, old: str) -> dict[str, str]:
    """For every anchor that an old page may have had, the address where it stands now."""
    folder, name = posixpath.split(old)
    found: dict[str, str] = {}
    for part in PARTED[name]:
        for anchor in anchors(app, posixpath.join(folder, part)):
            before = re.sub(rf"^((?:fig|eq|equation-eq)-){part}-", rf"\g<1>{name}-", anchor)
            found[before] = f"{part}.html#{anchor}"
    exercises = {was: now for was, now in EXERCISES.items() if was.startswith(f"ex-{name}-")}
    for was, now in exercises.items():
        part = next(each for each in PARTED[name] if now.startswith(f"ex-{each}-"))
        found[was] = f"{part}.html#{now}"
    return found


def parted(app: Sphinx) -> list[str]:
    """The old pages whose successors this book has."""
    pages = {posixpath.basename(page): posixpath.dirname(page) for page in app.env.found_docs}
    return [
        posixpath.join(pages[parts[-1]], old)
        for old, parts in PARTED.items()
        if set(parts) <= pages.keys()
    ]


def script(app: Sphinx, old: str) -> str:
    """The old page's anchors and where they lead, as data for the page's script."""
    data = json.dumps(destinations(app, old), sort_keys=True).replace("<", "\\u003c")
    return f'<script type="application/json" id="moved">{data}</script>'


def add_pages(app: Sphinx):
    """A page in the place of each lecture that is gone."""
    for old in parted(app):
        if old in app.env.found_docs:
            continue
        folder, name = posixpath.split(old)
        links = "".join(
            f'<li><a href="{part}.html">{app.env.titles[posixpath.join(folder, part)].astext()}</a>'
            for part in PARTED[name]
        )
        title = "This lecture is two lectures now"
        body = f"<section><h1>{title}</h1><ul>{links}</ul></section>{script(app, old)}"
        yield old, {"title": title, "body": body}, "page.html"


def add_script(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """On a page that kept its address, what leads old anchors on."""
    if doctree is not None and page in parted(app):
        context["body"] += script(app, page)


def setup(app: Sphinx) -> dict:
    app.connect("html-collect-pages", add_pages)
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
