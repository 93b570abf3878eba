"""Tables that draw themselves as HTML in a notebook and as text elsewhere."""

import html
from dataclasses import dataclass

from nlgnotes.claims.row import Claim, table_row

__all__ = ["ClaimTable", "Table"]

LEFT = ' style="text-align: left"'  # JupyterLab sets the cells of every table to the right


@dataclass(frozen=True)
class Table:
    """A table that draws itself as HTML in a notebook and as text elsewhere.

    Further lines of a cell are drawn small below the first.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in self.head)
        body = ""
        for name, *cells in self.rows:
            data = "".join(f"<td>{_small_below(cell)}</td>" for cell in cells)
            body += f'<tr><th scope="row"{LEFT}>{_small_below(name)}</th>{data}</tr>\n'
        return _table("numbers", self.caption, head, body)

    def __repr__(self) -> str:
        return _text(self.caption, self.head, self.rows)


@dataclass(frozen=True)
class ClaimTable:
    """The claims of a lecture: the findings in sight, identities and checks folded below.

    A row has the id ``row-ID`` and leads to ``claim-ID``, where the site marks the cell in which
    the claim is recorded. A column that would be empty is left out.
    """

    lecture: str
    seed: int
    claims: tuple[Claim, ...]

    def _repr_html_(self) -> str:
        (caption, findings), (folded, others) = self._parts()
        shown = _claims(caption, findings) if findings else ""
        if not others:
            return shown
        below = f"<summary>{html.escape(folded)}</summary>{_claims(folded, others)}"
        return f'{shown}\n<details class="claims">{below}</details>'

    def __repr__(self) -> str:
        texts = []
        for caption, claims in self._parts():
            rows = [table_row(claim) for claim in claims]
            head = _head(rows)
            cells = tuple(tuple("\n".join(row[name]) for name in head) for row in rows)
            texts += [_text(caption, head, cells)] if rows else []
        return "\n\n".join(texts)

    def _parts(self) -> list[tuple[str, list[Claim]]]:
        """Findings and the rest, each with its caption, which counts what fails."""
        findings = [claim for claim in self.claims if claim.kind == "finding"]
        others = [claim for claim in self.claims if claim.kind != "finding"]
        count = {kind: [c.kind for c in others].count(kind) for kind in ("identity", "check")}
        words = (
            f"Findings of the lecture {self.lecture}, seed {self.seed}",
            f"{_counted(count['identity'], 'identity', 'identities')} and "
            f"{_counted(count['check'], 'check', 'checks')}",
        )
        parts = []
        for caption, claims in zip(words, (findings, others), strict=True):
            failed = sum(not claim.holds for claim in claims)
            parts.append(
                (f"{caption}: {failed} of {len(claims)} fail" if failed else caption, claims)
            )
        return parts


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _claims(caption: str, claims: list[Claim]) -> str:
    rows = [table_row(claim) for claim in claims]
    names = _head(rows)
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    body = ""
    for claim, row in zip(claims, rows, strict=True):
        here, (sentence, about) = html.escape(claim.id), row["claim"]
        link = f'<a href="#claim-{here}">{here}</a>{html.escape(about.removeprefix(claim.id))}'
        cells = f'<th scope="row"{LEFT}>{html.escape(sentence)}<br><small>{link}</small></th>'
        for name in names[1:]:
            lines = "<br>".join(map(html.escape, row[name])) or "—"
            # The head of the column, for a page that sets a claim as a card.
            cells += f'<td data-head="{html.escape(name)}"{LEFT}>{lines}</td>'
        kind = "" if claim.holds else ' class="fails"'
        body += f'<tr id="row-{here}"{kind}>{cells}</tr>\n'
    return _table("claims", caption, head, body)


def _head(rows: list[dict[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """The columns of which some row has something to say."""
    names = list(rows[0]) if rows else []
    return tuple(name for name in names if any(row[name] for row in rows))


def _table(kind: str, caption: str, head: str, body: str) -> str:
    caption = f"<caption>{html.escape(caption)}</caption>"
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return f'<table class="{kind}">{caption}{table}</table>'


def _text(caption: str, head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = [head, *(tuple(cell.replace("\n", "  ") for cell in row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([caption, *text])


def _small_below(cell: str) -> str:
    first, *rest = cell.split("\n")
    small = "<br>".join(map(html.escape, rest))
    return html.escape(first) + (f"<br><small>{small}</small>" if small else "")
