"""An explorer and its twin, the numbered figure of the cell before it, share one place on the page.

The page shows the explorer there, above the figure's caption, as soon as it is alive; without a
script, and on paper, the figure's picture stands in the same place (``_static/explorers.css`` and
``explorers.js``).
"""

import json
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

VIEW = "application/vnd.jupyter.widget-view+json"
# What `explorer` writes as the least height of its pictures: their width and height over width.
RESERVED = re.compile(r"calc\(min\(100cqw, (\d+)px\) \* ([\d.]+)\)")


class Twins(SphinxPostTransform):
    """Move each explorer into the figure of the cell before it."""

    default_priority = 150  # after the outputs are chosen, before inputs are folded
    formats = ("html",)

    def run(self, **_) -> None:
        views = [raw for raw in self.document.findall(nodes.raw) if VIEW in raw.astext()]
        state = self._state() if views else {}
        for view in views:
            cell, output = enclosing(view, "cell_code"), enclosing(view, "cell_code_output")
            at = cell.parent.index(cell)
            before = cell.parent[at - 1] if at else None
            if before is None or before.get("nb_element") != "cell_code":
                continue
            if (figure := next(before.findall(nodes.figure), None)) is None:
                continue
            cell.remove(output)
            if not cell.children:
                cell.parent.remove(cell)
            caption = [each for each in figure if isinstance(each, (nodes.caption, nodes.legend))]
            picture = [each for each in figure if each not in caption]
            twin = nodes.container("", *picture, classes=["twin-picture"])
            room = f'<div class="explorer-place" style="{reserved(view.astext(), state)}">'
            figure.children = []
            figure += [
                nodes.raw("", room, format="html"),
                twin,
                *output.children,
                nodes.raw("", "</div>", format="html"),
                *caption,
            ]
            figure["classes"].append("twin")

    def _state(self) -> dict:
        """The widgets of the page, by their id."""
        files = self.env.nb_metadata.get(self.env.docname, {}).get("js_files", {})
        _, kept = files.get("ipywidgets_state", (None, {}))
        return json.loads(kept.get("body", "{}")).get("state", {})


def enclosing(node: nodes.Node, element: str) -> nodes.Element:
    """The container of myst-nb that holds ``node``."""
    while node.get("nb_element") != element:
        node = node.parent
    return node


def reserved(view: str, state: dict) -> str:
    """The style that keeps an explorer's place free: how many controls, and its pictures' size."""
    box = state[json.loads(view[view.index("{") : view.rindex("}") + 1])["model_id"]]
    row, picture = (at(state, child) for child in box["state"]["children"])
    style = f"--controls: {len(row['state']['children'])}"
    least = at(state, picture["state"]["layout"])["state"].get("min_height") or ""
    if found := RESERVED.fullmatch(least):
        style += f"; --wide: {found[1]}px; --ratio: {found[2]}"
    return style


def at(state: dict, reference: str) -> dict:
    """The widget that another one names."""
    return state[reference.removeprefix("IPY_MODEL_")]


def add_head(app: Sphinx) -> None:
    """The explorers' own style and script, after the book's."""
    app.add_css_file("explorers.css", priority=600)
    app.add_js_file("explorers.js", loading_method="defer", priority=600)


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", add_head)
    app.add_post_transform(Twins)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
