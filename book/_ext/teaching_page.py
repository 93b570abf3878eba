"""What the page for teachers shows of the lectures: computed when the page is built, never copied.

Directives: ``prerequisites`` the graph, ``section-minutes`` the minutes of each section,
``teaching-plan`` a plan in hours, ``exercise-minutes`` what the exercises take and give, and
``failing-claims`` the rows that fail. The role ``failing`` leads to one of these rows.
"""

import re
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

import course
import prerequisites
import solutions
import teaching

SECTION = "lecture-section"  # the type of a reference ``LECTURE#TITLE``


class Lectures(SphinxDirective):
    """A directive that reads the lectures; the page is stale when one of them changes."""

    def lectures(self) -> dict:
        """The notebooks by name."""
        for file in solutions.lectures():
            self.env.note_dependency(str(file))
        return course.lectures()

    def link(self, name: str) -> pending_xref:
        """A link to a lecture, which shows its title."""
        return self._reference("std", "doc", f"/book/{name}", explicit=False)

    def section(self, name: str, title: str) -> pending_xref:
        """A link to a section of a lecture."""
        return self._reference("", SECTION, f"{name}#{title}", *shown(title))

    def exercise(self, label: str) -> pending_xref:
        """A link to an exercise, which shows its number."""
        return self._reference("std", "ref", label, explicit=False)

    def _reference(self, domain, kind, target, *text, explicit=True) -> pending_xref:
        options = {"refdomain": domain, "reftype": kind, "refexplicit": explicit, "refwarn": True}
        inside = nodes.inline("", "", *text)
        return pending_xref("", inside, reftarget=target, refdoc=self.env.docname, **options)


class Prerequisites(Lectures):
    """The graph of the lectures, from their own lines **You need**."""

    def run(self) -> list[nodes.Node]:
        notebooks = self.lectures()
        titles = {name: title(notebook) for name, notebook in notebooks.items()}
        here, relative = self.env.docname, self.env.app.builder.get_relative_uri
        picture = prerequisites.svg(
            course.direct(course.prerequisites(notebooks)),
            titles,
            lambda name: relative(here, f"book/{name}"),
        )
        # The theme's own box: it scrolls where the page is narrow.
        box = f'<div class="pst-scrollable-table-container prerequisites">{picture}</div>'
        return [nodes.raw("", box, format="html")]


class SectionMinutes(Lectures):
    """A table: for each lecture its minutes, those of its core, and of each section."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for name, notebook in self.lectures().items():
            minutes, optional = teaching.plan(notebook), course.optional(notebook)
            total, core = (sum(each[i] for each in minutes.values()) for i in range(2))
            lines = nodes.line_block()
            sections = {part.section: part for part in teaching.parts(notebook)}
            for part in teaching.parts(notebook):
                if sections.pop(part.section, None):
                    lines += self._line(name, part.section, *minutes[part.section])
                if part.name != part.section and part.name in optional:
                    lines += nodes.line_block("", self._line(name, part.name, optional[part.name]))
            rows.append((self.link(name), str(total), str(core), lines))
        return [table(("lecture", "minutes", "core", "by section"), rows)]

    def _line(self, name: str, heading: str, minutes: int, core: int = 0) -> nodes.line:
        line = nodes.line("", "", self.section(name, heading), nodes.Text(f" {minutes}"))
        if not core:
            line += nodes.inline("", " (optional)", classes=["optional"])
        return line


class TeachingPlan(Lectures):
    """A plan: each line of the content is a row, its hours parted by ``|`` (see ``course.hour``).

    ``columns`` names the columns; ``rows`` the rows, else they are numbered; with ``practice`` what
    is left of the last hour of a row is given to exercises.
    """

    has_content = True
    option_spec: ClassVar = {
        "columns": directives.unchanged_required,
        "rows": directives.unchanged,
        "practice": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        notebooks = self.lectures()
        try:
            planned = course.plan(self.content, notebooks)
        except ValueError as error:
            raise self.error(str(error)) from None
        named = [name.strip() for name in self.options.get("rows", "").split(",") if name.strip()]
        rows = []
        for i, hours in enumerate(planned):
            cells = [self._hour(hour) for hour in hours]
            if "practice" in self.options:
                cells[-1] += self._practice(hours[-1], notebooks[hours[-1].lecture])
            rows.append((named[i] if named else str(i + 1), *cells))
        columns = [name.strip() for name in self.options["columns"].split(",")]
        every = [hour for hours in planned for hour in hours]
        said = (
            f"{len({hour.lecture for hour in every})} lectures, {len(every)} hours of "
            f"{teaching.HOUR} minutes; the fullest has {max(hour.minutes for hour in every)} "
            "minutes of what stands in the lectures."
        )
        return [table(columns, rows), nodes.paragraph("", said)]

    def _hour(self, hour: course.Hour) -> list[nodes.Node]:
        if hour.core:
            text = nodes.Text(f", core: {hour.minutes}\N{NO-BREAK SPACE}min")
            return [nodes.paragraph("", "", self.link(hour.lecture), text)]
        each = [(self.section(hour.lecture, name), minutes) for name, minutes in hour.sections]
        return [listed("Optional", hour.minutes, each)]

    def _practice(self, hour: course.Hour, notebook) -> list[nodes.Node]:
        left = teaching.HOUR - hour.minutes
        fitting = course.fitting(notebook, left)
        each = [(self.exercise(exercise.label), exercise.minutes) for exercise in fitting]
        return [listed("Practice", left, each)]


def listed(what: str, minutes: int, each: list[tuple[nodes.Node, int]]) -> nodes.paragraph:
    """A line of links, each with its minutes."""
    found = nodes.paragraph("", f"{what}, {minutes}\N{NO-BREAK SPACE}min")
    for i, (link, own) in enumerate(each):
        found += [nodes.Text(", " if i else ": "), link]
        found += nodes.Text(f"\N{NO-BREAK SPACE}({own})")
    return found


class ExerciseMinutes(Lectures):
    """A table: the exercises of each lecture by difficulty, with their minutes and points."""

    def run(self) -> list[nodes.Node]:
        rows, totals = [], [0, 0]
        for name, notebook in self.lectures().items():
            found = course.exercises(notebook)
            stars = [[each for each in found if each.stars == n] for n in (1, 2, 3)]
            minutes = sum(each.minutes or 0 for each in found if each.stars < 3)
            points = sum(each.points or 0 for each in found)
            totals = [totals[0] + len(found), totals[1] + points]
            counts = (str(len(each)) for each in stars)
            rows.append((self.link(name), *counts, str(minutes), str(points or "")))
        head = ("lecture", "★", "★★", "★★★", "minutes, projects apart", "points")
        said = f"{totals[0]} exercises" + (f", {totals[1]} points." if totals[1] else ".")
        if not totals[1]:
            head, rows = head[:-1], [row[:-1] for row in rows]
        return [table(head, rows), nodes.paragraph("", said)]


class FailingClaims(Lectures):
    """A list of the rows that fail, by lecture, each a link to it."""

    def run(self) -> list[nodes.Node]:
        relative = self.env.app.builder.get_relative_uri
        found = nodes.bullet_list()
        for name, notebook in self.lectures().items():
            if not (rows := course.failing(notebook)):
                continue
            line = nodes.paragraph("", "", self.link(name), nodes.Text(": "))
            page = relative(self.env.docname, f"book/{name}")
            for i, row in enumerate(rows):
                line += [nodes.Text(", " if i else ""), row_link(page, row)]
            found += nodes.list_item("", line)
        return [found]


class FailingClaim(SphinxRole):
    """``LECTURE ROW``: a link to a row of which the text says that it fails; a warning if not."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        name, row = self.text.split()
        if row not in course.failing(course.lectures()[name]):
            return [], [self.inliner.reporter.error(f"{row} of {name} does not fail")]
        page = self.env.app.builder.get_relative_uri(self.env.docname, f"book/{name}")
        return [row_link(page, row)], []


def row_link(page: str, row: str) -> nodes.reference:
    """A link to a row of the table of claims."""
    return nodes.reference("", row, refuri=f"{page}#row-{row}", internal=True)


def title(notebook) -> str:
    """The title of a lecture."""
    return re.search(r"^# (.*)$", notebook.cells[0].source, re.M)[1].strip()


def table(head, rows) -> nodes.table:
    """A table of texts, inline nodes and lists of blocks."""
    found, group = nodes.table(classes=["table"]), nodes.tgroup(cols=len(head))
    found += group
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *(_row(row) for row in rows))
    return found


def _row(cells) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *_blocks(cell)) for cell in cells))


def _blocks(cell) -> list[nodes.Node]:
    if isinstance(cell, list):
        return cell
    if isinstance(cell, nodes.line_block):
        return [cell]
    return [nodes.paragraph("", "", nodes.Text(cell) if isinstance(cell, str) else cell)]


def resolve(app: Sphinx, env, node: pending_xref, inside: nodes.Node) -> nodes.reference | None:
    """A reference to a section by its title; None, and so a warning, where there is none."""
    if node["reftype"] != SECTION:
        return None
    name, _, wanted = node["reftarget"].partition("#")
    for entry in env.tocs.get(f"book/{name}", nodes.inline()).findall(nodes.reference):
        if _bare(entry.astext().removesuffix(teaching.OPTIONAL)) == _bare(wanted):
            page = app.builder.get_relative_uri(node["refdoc"], f"book/{name}")
            uri = page + entry["anchorname"]
            return nodes.reference("", "", *node.children, refuri=uri, internal=True)
    return None


def shown(heading: str) -> list[nodes.Node]:
    """A heading as it is shown: formulas and code are what they are on its own page."""
    found: list[nodes.Node] = []
    for part in re.split(r"(\$[^$]*\$|`[^`]*`)", heading):
        if part.startswith("$"):
            found.append(nodes.math("", part[1:-1]))
        elif part.startswith("`"):
            found.append(nodes.literal("", part[1:-1]))
        elif part:
            found.append(nodes.Text(part))
    return found


def _bare(heading: str) -> str:
    """A heading without what marks code and formulas in it."""
    return re.sub(r"[`$]", "", heading).strip()


def setup(app: Sphinx) -> dict:
    app.add_directive("prerequisites", Prerequisites)
    app.add_directive("section-minutes", SectionMinutes)
    app.add_directive("teaching-plan", TeachingPlan)
    app.add_directive("exercise-minutes", ExerciseMinutes)
    app.add_directive("failing-claims", FailingClaims)
    app.add_role("failing", FailingClaim())
    app.connect("missing-reference", resolve)
    app.add_css_file("teaching.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
