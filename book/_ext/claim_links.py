"""A line below each cell that records claims leads to their rows of the table, and these to it."""

import re

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RECORDED = re.compile(r"\.record\(\s*f?[\"']([^\"']+)[\"']")
TABLE = re.compile(r"^ledger\.table\(\)", re.MULTILINE)
VERDICT = re.compile(r"^[^.\s]+\.(\S+)  (holds|fails)$", re.MULTILINE)


def with_links(notebook: nbformat.NotebookNode, lecture: str = "") -> nbformat.NotebookNode:
    """The notebook with a ``{claims}`` directive after each cell that records claims.

    After the table of all claims a named lecture has an ``{over-seeds}`` (see ``ledger_page``).
    """
    verdicts = dict(VERDICT.findall("\n".join(_printed(notebook))))
    copy = nbformat.from_dict(notebook)
    copy.cells = []
    for cell in notebook.cells:
        copy.cells.append(cell)
        if cell.cell_type == "code" and (ids := recorded(cell.source, verdicts)):
            lines = "\n".join(f"{name} {verdicts[name]}" for name in ids)
            copy.cells.append(nbformat.v4.new_markdown_cell(f"```{{claims}}\n{lines}\n```"))
        if lecture and cell.cell_type == "code" and TABLE.search(cell.source):
            copy.cells.append(nbformat.v4.new_markdown_cell(f"```{{over-seeds}} {lecture}\n```"))
    return copy


def recorded(source: str, verdicts: dict[str, str]) -> list[str]:
    """The ids that a cell records; one with a placeholder, f"top-{k}", stands for all that fit."""
    found = []
    for written in RECORDED.findall(source):
        parts = re.split(r"(\{[^}]*\})", written)
        pattern = "".join(".+" if part.startswith("{") else re.escape(part) for part in parts)
        found += [name for name in verdicts if re.fullmatch(pattern, name)]
    return list(dict.fromkeys(found))


def _printed(notebook: nbformat.NotebookNode) -> list[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output.get("text", "") for cell in code for output in cell.outputs]


class Claims(SphinxDirective):
    """Links to rows, from lines ``id verdict``; each link is itself the target ``claim-id``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        line = nodes.paragraph(classes=["claim-links"])
        for entry in self.content:
            name, verdict = entry.split()
            mark = "✗ " if verdict == "fails" else ""
            link = nodes.reference("", f"{mark}{name}", refuri=f"#row-{name}", classes=[verdict])
            link["ids"].append(f"claim-{name}")
            line += link
        return [line]


def add_links(app: Sphinx, page: str, source: list[str]) -> None:
    """Before a notebook is parsed; its code cells stay as they are, and so does what they gave."""
    if app.env.doc2path(page).endswith(".ipynb"):
        notebook = nbformat.reads(source[0], as_version=4)
        source[0] = nbformat.writes(with_links(notebook, page.split("/")[-1]))


def setup(app: Sphinx) -> dict:
    app.add_directive("claims", Claims)
    app.connect("source-read", add_links)
    app.add_css_file("claims.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
