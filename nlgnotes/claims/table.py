"""Tables that draw themselves as HTML in a notebook and as text elsewhere."""

import html
from dataclasses import dataclass

__all__ = ["ClaimTable", "Table"]


@dataclass(frozen=True)
class Table:
    """A table that draws itself as HTML in a notebook and as text elsewhere.

    A second line of a cell is drawn small below the first.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in self.head)
        body = ""
        for name, *cells in self.rows:
            data = "".join(f"<td>{_two_lines(cell)}</td>" for cell in cells)
            body += f'<tr><th scope="row">{_two_lines(name)}</th>{data}</tr>\n'
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
        return f'<table class="claims">{caption}{table}</table>'

    def __repr__(self) -> str:
        lines = [self.head, *(tuple(cell.replace("\n", "  ") for cell in row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *text])


@dataclass(frozen=True)
class ClaimTable:
    """The claims of a lecture: the findings in sight, identities and checks folded below."""

    findings: Table
    others: Table

    def _repr_html_(self) -> str:
        tables = [self.findings] if self.findings.rows else []
        shown = "".join(table._repr_html_() for table in tables)
        if not self.others.rows:
            return shown
        title = html.escape(self.others.caption)
        folded = f"<summary>{title}</summary>{self.others._repr_html_()}"
        return f'{shown}\n<details class="claims">{folded}</details>'

    def __repr__(self) -> str:
        return "\n\n".join(repr(t) for t in (self.findings, self.others) if t.rows)


def _two_lines(cell: str) -> str:
    first, _, second = cell.partition("\n")
    return html.escape(first) + (f"<br><small>{html.escape(second)}</small>" if second else "")
