"""Exercises on the page: a solution is a native fold, and no two of them share an id."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import is_exercise_node, solution_node


class solution_fold(nodes.General, nodes.Element):
    """A solution as ``<details>``: it opens by click and by key, with no script."""


class solution_summary(nodes.General, nodes.TextElement):
    """What is seen of a folded solution."""


class FoldSolutions(SphinxPostTransform):
    """Solutions become folds whose whole title opens them.

    So the title holds no link: the exercise stands just above.
    """

    default_priority = 30  # after sphinx_exercise has written its titles, at 22
    formats = ("html",)

    def run(self, **_) -> None:
        for node in list(self.document.findall(is_exercise_node)):
            _plain_title(node[0])
            _without_ids(node)
        for node in list(self.document.findall(solution_node)):
            _without_ids(node)
            title = node[0]
            for link in list(title.findall(nodes.reference)):
                link.parent.replace(link, link.children)
            _plain_title(title)
            # "dropdown" would have sphinx-togglebutton fold it once more.
            classes = [name for name in node["classes"] if name != "dropdown"]
            fold = solution_fold("", classes=["admonition", *classes], ids=node["ids"])
            fold += solution_summary("", "", *title.children, classes=["admonition-title"])
            fold += node.children[1:]
            node.parent.replace(node, fold)  # replace_self would hand on the classes


def _plain_title(title: nodes.Element) -> None:
    """``Exercise 3 (Name (★, 5 min))`` reads ``Exercise 3 · Name (★, 5 min)``."""
    texts = [child for child in title.children if isinstance(child, nodes.Text)]
    opening = next((text for text in texts if str(text) == " ("), None)
    if opening is not None and str(title.children[-1]) == ")":
        title.remove(title.children[-1])
        title.replace(opening, nodes.Text(" · "))


def _without_ids(node: nodes.Element) -> None:
    """Sphinx-exercise gives the body of every exercise, and of every solution, the same id."""
    for body in node.findall(nodes.section):
        body["ids"] = [each for each in body["ids"] if not each.endswith("-content")]


def visit_fold(self, node: nodes.Element) -> None:
    """Open the fold."""
    self.body.append(self.starttag(node, "details"))


def depart_fold(self, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</details>\n")


def visit_summary(self, node: nodes.Element) -> None:
    """Open the title of a fold."""
    self.body.append(self.starttag(node, "summary", ""))


def depart_summary(self, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</summary>\n")


def setup(app: Sphinx) -> dict:
    """Enter the folds and their transform."""
    app.add_node(solution_fold, html=(visit_fold, depart_fold))
    app.add_node(solution_summary, html=(visit_summary, depart_summary))
    app.add_post_transform(FoldSolutions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
