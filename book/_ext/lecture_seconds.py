"""The directive ``lecture-seconds``: a table of what each page took when it was executed last.

The build executes first and writes the site afterwards, so the table is of the machine that built
the site: it is read from ``_build/timings.json`` (see ``timings``).
"""

import json

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

import timings

HEAD = ("page", "seconds of one core", "seconds on the clock", "of its dearest cell")


class LectureSeconds(SphinxDirective):
    """The table, dearest page first, with the machine under it."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(timings.FILE))
        if not timings.FILE.is_file():
            return [nodes.paragraph("", "This build has not measured them.")]
        measured = json.loads(timings.FILE.read_text(encoding="utf-8"))
        table, group = nodes.table(classes=["table"]), nodes.tgroup(cols=len(HEAD))
        table += group
        group += [nodes.colspec(colwidth=1) for _ in HEAD]
        group += nodes.thead("", table_row(*(nodes.Text(name) for name in HEAD)))
        body = nodes.tbody()
        for row in measured["pages"]:
            own = [c["processor"] for c in measured["cells"] if c["page"] == row["page"]]
            numbers = (row["processor"], row["seconds"], max(own))
            body += table_row(
                page_link(self.env, row["page"]), *(nodes.Text(f"{x:.0f}") for x in numbers)
            )
        group += body
        total = [sum(row[name] for row in measured["pages"]) for name in ("processor", "seconds")]
        said = f"Together {total[0]:.0f} seconds of one core. Measured on {measured['machine']}."
        return [table, nodes.paragraph("", said)]


def page_link(env: BuildEnvironment, page: str) -> nodes.Node:
    """A link to a page, which has the page's title."""
    options = {"refdomain": "std", "reftype": "doc", "refexplicit": False, "refwarn": True}
    link = pending_xref("", nodes.inline("", page), reftarget=f"/{page}", **options)
    link["refdoc"] = env.docname
    return link


def table_row(*cells: nodes.Node) -> nodes.row:
    """A row of a table, one paragraph a cell."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", each)) for each in cells))


def setup(app: Sphinx) -> dict:
    app.add_directive("lecture-seconds", LectureSeconds)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
