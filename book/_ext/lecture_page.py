"""Our own Sphinx extension: what a page of this book has beyond Jupyter Book's."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

BOOK = Path(__file__).resolve().parent.parent
# The page's own, one file a subject; other extensions enter theirs. book.css has the colours, and
# paper.css takes back what the others do on a screen.
SHEETS = ("book", "boxes", "contents", "figures", "scrolling", "paper")
SCRIPTS = ("contents", "folds", "moved", "predict", "scrolling")


class LightFigures(SphinxPostTransform):
    """The theme shall not filter a picture in the dark: ``figures.css`` says what becomes of it."""

    default_priority = 800

    def run(self, **_) -> None:
        for image in self.document.findall(nodes.image):
            if not {"dark-light", "only-light", "only-dark"} & set(image["classes"]):
                image["classes"].append("dark-light")


def add_static(app: Sphinx, config) -> None:
    """Serve our own style and script, and the fetched assets (kept apart: they are in no page's
    head by themselves).
    """
    config.html_static_path += [str(BOOK / "_static"), str(BOOK / "_assets")]


def add_head(app: Sphinx) -> None:
    """Before FontAwesome runs, tell it to leave the widgets' icons where they are."""
    app.add_js_file(None, body="window.FontAwesomeConfig={autoReplaceSvg:'nest'}", priority=1)
    for sheet in SHEETS:
        app.add_css_file(f"{sheet}.css")
    for script in SCRIPTS:
        app.add_js_file(f"{script}.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", add_static)
    app.connect("builder-inited", add_head)
    app.add_post_transform(LightFigures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
