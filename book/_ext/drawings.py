"""A picture that the page draws itself stands in the place of its twin, as an explorer does.

The twin is the numbered figure of the cell before. ``_static/drawings.js`` draws what the package's
``drawing`` handed to the page, and each page loads the scripts of its own pictures alone.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from explorers import share_place
from lecture_page import BOOK

logger = logging.getLogger(__name__)
PICTURE = re.compile(r'<div class="drawing" data-picture="([a-z0-9-]+)">')


class Drawings(SphinxPostTransform):
    """Move each drawing into the figure of the cell before it."""

    default_priority = 150  # after the outputs are chosen, before inputs are folded
    formats = ("html",)

    def run(self, **_) -> None:
        for shown in list(self.document.findall(nodes.raw)):
            if not (found := PICTURE.match(shown.astext())):
                continue
            if not (BOOK / "_static" / script(found[1])).is_file():
                logger.warning("no script draws the picture %s", found[1], location=shown)
            if figure := share_place(shown, '<div class="drawing-place">'):
                figure["classes"].append("drawn")


def script(picture: str) -> str:
    """The file that draws a picture."""
    return f"drawing-{picture}.js"


def add_scripts(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """What a page needs for its own drawings."""
    if not (pictures := sorted(set(PICTURE.findall(context.get("body") or "")))):
        return
    app.add_css_file("drawings.css", priority=600)
    app.add_js_file("drawings.js", loading_method="defer", priority=600)
    for picture in pictures:
        app.add_js_file(script(picture), loading_method="defer", priority=601)


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", add_scripts)
    app.add_post_transform(Drawings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
