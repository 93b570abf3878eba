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
# Of the controls' row, in pixels: on a laptop, and on a phone of 390.
WIDE, NARROW = 626, 308
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
            room = f'<div class="explorer-place" style="{reserved(view.astext(), state)}">'
            if figure := share_place(view, room):
                figure["classes"].append("twin")

    def _state(self) -> dict:
        """The widgets of the page, by their id."""
        files = self.env.nb_metadata.get(self.env.docname, {}).get("js_files", {})
        _, kept = files.get("ipywidgets_state", (None, {}))
        return json.loads(kept.get("body", "{}")).get("state", {})


def share_place(shown: nodes.Node, room: str) -> nodes.figure | None:
    """Move what a cell shows into the numbered figure of the cell before it, beside its picture.

    Args:
        shown: something in the output of the cell.
        room: the opening tag of the ``div`` that both stand in, above the caption.

    Returns:
        The figure; None where the cell before has none, and then nothing is moved.
    """
    cell, output = enclosing(shown, "cell_code"), enclosing(shown, "cell_code_output")
    at = cell.parent.index(cell)
    before = cell.parent[at - 1] if at else None
    if before is None or before.get("nb_element") != "cell_code":
        return None
    if (figure := next(before.findall(nodes.figure), None)) is None:
        return None
    cell.remove(output)
    if not cell.children:
        cell.parent.remove(cell)
    caption = [each for each in figure if isinstance(each, (nodes.caption, nodes.legend))]
    picture = [each for each in figure if each not in caption]
    twin = nodes.container("", *picture, classes=["twin-picture"])
    figure.children = []
    figure += [
        nodes.raw("", room, format="html"),
        twin,
        *output.children,
        nodes.raw("", "</div>", format="html"),
        *caption,
    ]
    return figure


def enclosing(node: nodes.Node, element: str) -> nodes.Element:
    """The container of myst-nb that holds ``node``."""
    while node.get("nb_element") != element:
        node = node.parent
    return node


def reserved(view: str, state: dict) -> str:
    """The style that keeps an explorer's place free: how many controls, and its pictures' size."""
    box = state[json.loads(view[view.index("{") : view.rindex("}") + 1])["model_id"]]
    row, picture = (at(state, child) for child in box["state"]["children"])
    controls = [at(state, child) for child in row["state"]["children"]]
    style = f"--rows-wide: {rows(controls, state, WIDE)}"
    style += f"; --rows-narrow: {rows(controls, state, NARROW)}"
    least = at(state, picture["state"]["layout"])["state"].get("min_height") or ""
    if found := RESERVED.fullmatch(least):
        style += f"; --wide: {found[1]}px; --ratio: {found[2]}"
    return style


def rows(controls: list[dict], state: dict, room: int) -> int:
    """How many rows the controls need where a row has ``room`` pixels, by the look of the page."""
    needed, free = 1, room
    for control in controls:
        kind, own = control["model_name"], control["state"]
        if kind == "StackModel":  # one control for each value of the first; all have one kind
            own = at(state, own["children"][0])["state"]
            kind = at(state, control["state"]["children"][0])["model_name"]
        lines, width = 1, 124 if kind == "PlayModel" else 256
        if kind == "ToggleButtonsModel":
            name = 9 * len(own["description"]) + 12
            buttons = sum(8 * len(word) + 34 for word in own["_options_labels"])
            lines, width = max(1, -(-buttons // (room - name))), name + buttons
        if width > free and free < room:
            needed, free = needed + 1, room
        needed, free = needed + lines - 1, max(free - width - 24, 0)
    return needed


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
