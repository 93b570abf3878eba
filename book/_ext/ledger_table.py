"""The ledger over seeds as HTML, one row a claim. ``ledger.js`` sorts, filters and searches it."""

import html

from nlgnotes.claims.row import digits

REPLICATED = {
    "fresh data": "fresh data, fixed models",
    "fresh training": "fresh training and data",
    "fixed": "one fixed run",
    None: "the same lines",
}
# What a column sorts by stands in its cells' data-sort.
HEAD = ("claim", "verdict", "held", "numbers", "replication")


def table(rows: list[dict], lectures: list[str]) -> str:
    """The table of gathered rows, by the order of the lectures in the book.

    The first row of a lecture has the lecture's name as its id; each row has ``lecture.id``.
    """
    order = {lecture: place for place, lecture in enumerate(lectures)}
    body, begun = [], set()
    for row in sorted(rows, key=lambda row: order[row["lecture"]]):
        first = row["lecture"] not in begun
        begun.add(row["lecture"])
        body.append(_row(row, first))
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    caption = "<caption>Every claim of the lectures over the seeds</caption>"
    lines = ['<table class="ledger">', caption, f"<thead><tr>{head}</tr></thead>", "<tbody>", *body]
    return "\n".join([*lines, "</tbody></table>"])


def _row(row: dict, first: bool) -> str:
    name = f"{row['lecture']}.{row['id']}"
    mark = f'<span id="{row["lecture"]}"></span>' if first else ""
    place = f"{row['lecture']}.html#claim-{html.escape(row['id'])}"
    link = f'<a href="{place}">{_text(row["sentence"])}</a>'
    about = f"{row['lecture']} · {row['id']} · {row['kind']}"
    cells = (
        _cell("verdict", _verdict(row["verdict"]), len(row["seeds"]) - row["held"]),
        _cell("held", _held(row), row["held"] / len(row["seeds"])),
        _cell("numbers", _numbers(row)),
        _cell("replication", _text(REPLICATED[row["replicated"]])),
    )
    facts = {
        "lecture": row["lecture"],
        "verdict": row["verdict"],
        "kind": row["kind"],
        "replication": REPLICATED[row["replicated"]],
    }
    data = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in facts.items())
    whole = "holds" if row["verdict"] == "holds" else "fails"
    return (
        f'<tr id="{html.escape(name)}" class="{whole}" {data}><th scope="row">{mark}{link}'
        f"<small>{_text(about)}</small></th>{''.join(cells)}</tr>"
    )


def _cell(head: str, content: str, sort: float | None = None) -> str:
    key = "" if sort is None else f' data-sort="{sort:.4f}"'
    return f'<td data-head="{head}"{key}>{content}</td>'


def _verdict(word: str) -> str:
    return word if word == "holds" else f"✗ {word}"


def _held(row: dict) -> str:
    """How often it held, with Wilson's interval; of a fixed row, whether its run did."""
    if row["share"] is None:
        return "held" if row["held"] == len(row["seeds"]) else "failed"
    share = f"{row['share']:.2f}"
    return f"{row['held']} of {len(row['seeds'])}<small>{share}</small>"


def _numbers(row: dict) -> str:
    """Ours, part by part; what was asked and what stands against it; and the paper's figure."""
    lines = []
    for part, number in row["ours"].items():
        if number is not None:
            lines.append(f"{part}: {digits(number)}" if part else digits(number))
    if lines and row["unit"]:
        lines[-1] = f"{lines[-1]} {row['unit']}"
    small = {
        "asked": row["margin"] if row["kind"] == "finding" else None,
        "control": row["control"],
        "the paper": row["paper"] and ", ".join(filter(None, (row["paper"], row["source"]))),
    }
    below = [f"<small>{name}: {_text(words)}</small>" for name, words in small.items() if words]
    return "<br>".join(map(_text, lines)) + "".join(below)


def _text(words: str) -> str:
    return html.escape(words, quote=False)
