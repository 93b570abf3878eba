"""The page of the ledger: its directives, and the line that leads from a lecture to its rows.

``ledger`` is the table of all claims over the seeds, ``ledger-lectures`` a line for each lecture,
and ``ledger-machines`` says where and when they ran. All is computed from the runs in
``book/ledger`` while the page is built.
"""

import json
from collections import Counter
from pathlib import Path

from docutils import nodes
from nlgnotes.claims.gathering import gather
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import ledger_data
import ledger_table
import solutions
from lecture_seconds import page_link, table_row

FOLDER = Path(__file__).resolve().parent.parent / "ledger"
VERDICTS = ("holds", "in part", "not at this scale")
HEAD = ("lecture", "claims", *VERDICTS, "seeds", "minutes", "the runs")


class _Ledger(SphinxDirective):
    """A directive that reads the shipped runs."""

    def packed(self) -> dict[str, dict]:
        """The packed lectures, in the order of the book."""
        for file in FOLDER.glob("*.json"):
            self.env.note_dependency(str(file))
        found = ledger_data.read(FOLDER)
        return {name: found[name] for name in order() if name in found}


def order() -> list[str]:
    """The names of the lectures, in the order of the book."""
    return [file.stem for file in solutions.lectures()]


def rows(packed: dict) -> list[dict]:
    """The gathered rows of one lecture."""
    return gather(ledger_data.unpack(packed))


class Table(_Ledger):
    """Every claim."""

    def run(self) -> list[nodes.Node]:
        found = [row for packed in self.packed().values() for row in rows(packed)]
        return [nodes.raw("", ledger_table.table(found, order()), format="html")]


class Lectures(_Ledger):
    """Counts for each lecture, with links to the lecture, to its rows and to its runs."""

    def run(self) -> list[nodes.Node]:
        table, group = nodes.table(classes=["table"]), nodes.tgroup(cols=len(HEAD))
        table += group
        group += [nodes.colspec(colwidth=1) for _ in HEAD]
        group += nodes.thead("", table_row(*(nodes.Text(name) for name in HEAD)))
        body, total = nodes.tbody(), Counter()
        for name, packed in self.packed().items():
            found = rows(packed)
            count = Counter(row["verdict"] for row in found)
            total += count
            minutes = sum(run["seconds"] for run in packed["runs"]) / 60
            to_rows = nodes.reference("", str(len(found)), refuri=f"#{name}")
            words = [str(count[word]) for word in VERDICTS]
            cells = [page_link(self.env, f"book/{name}"), to_rows, *map(nodes.Text, words)]
            cells += [nodes.Text(str(len(packed["runs"]))), nodes.Text(f"{minutes:.0f}")]
            body += table_row(*cells, self._download(name))
        group += body
        said = ", ".join(f"{total[word]} {word}" for word in VERDICTS)
        return [table, nodes.paragraph("", f"Together {sum(total.values())} claims: {said}.")]

    def _download(self, name: str) -> nodes.Node:
        link = download_reference("", "", nodes.inline("", "JSON"), reftarget=f"ledger/{name}.json")
        link["refdoc"] = self.env.docname
        return link


class Machines(_Ledger):
    """The machines, the versions and the dates of the runs."""

    def run(self) -> list[nodes.Node]:
        found: dict[tuple, list[str]] = {}
        for packed in self.packed().values():
            for run in packed["runs"]:
                machine = packed["machines"][run["machine"]]
                found.setdefault(tuple(machine.items()), []).append(run["date"])
        return [
            nodes.paragraph(
                "", f"{len(dates)} runs, {_span(sorted(dates))}: {_machine(dict(machine))}."
            )
            for machine, dates in found.items()
        ]


def _machine(machine: dict[str, str]) -> str:
    versions = ", ".join(f"{name} {machine[name]}" for name in ("torch", "numpy"))
    return f"{machine['processor']}, {machine['system']}, Python {machine['python']}, {versions}"


def _span(dates: list[str]) -> str:
    return dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"


class OverSeeds(SphinxDirective):
    """In a lecture, below its table of claims: how many seeds they were run under, and where."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (name,) = self.arguments
        file = FOLDER / f"{name}.json"
        self.env.note_dependency(str(file))
        if not file.is_file():
            return []
        count = len(json.loads(file.read_text(encoding="utf-8"))["runs"])
        words = f"These claims under {count} seeds: the ledger"
        link = nodes.reference("", words, refuri=f"ledger.html#{name}")
        return [nodes.paragraph("", "", link, classes=["over-seeds"])]


def add_files(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """The page of the ledger, and no other, has the sheet and the script."""
    if '<table class="ledger">' in (context.get("body") or ""):
        app.add_css_file("ledger.css")
        app.add_js_file("ledger.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    app.add_directive("ledger", Table)
    app.add_directive("ledger-lectures", Lectures)
    app.add_directive("ledger-machines", Machines)
    app.add_directive("over-seeds", OverSeeds)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
