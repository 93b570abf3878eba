"""Where a claim is recorded, the page leads to its row of the table, and back."""

import claim_links
import nbformat

new = nbformat.v4


def lecture() -> nbformat.NotebookNode:
    verdicts = new.new_code_cell("ledger.verdicts()", execution_count=3)
    printed = "a.order  holds\na.top-one  fails\na.top-two  holds\n"
    verdicts.outputs = [new.new_output("stream", name="stdout", text=printed)]
    record = 'ledger.record(\n    "order", "identity", "So.")'
    loop = "for k in ks:\n    ledger.record(f'top-{k}', 'identity', 'So.')"
    cells = [record, "x = 1", loop]
    return new.new_notebook(cells=[*map(new.new_code_cell, cells), verdicts])


def test_a_line_follows_each_cell_that_records():
    cells = claim_links.with_links(lecture()).cells
    kinds = [cell.cell_type for cell in cells]
    assert kinds == ["code", "markdown", "code", "code", "markdown", "code"]
    assert cells[1].source == "```{claims}\norder holds\n```"
    assert cells[4].source == "```{claims}\ntop-one fails\ntop-two holds\n```"


def test_nothing_else_of_the_notebook_changes():
    notebook = lecture()
    linked = claim_links.with_links(notebook)
    assert [cell for cell in linked.cells if cell.cell_type == "code"] == notebook.cells


def test_a_claim_without_verdict_has_no_row_to_lead_to():
    assert claim_links.recorded('ledger.record("new", "check", "So.")', {"order": "holds"}) == []
    assert claim_links.recorded('a.record(f"{x}.b")', {"axb": "holds", "a.b": "holds"}) == ["a.b"]


def test_a_claim_that_two_patterns_fit_is_linked_once():
    source = 'a.record("top-all")\nfor k in ks:\n    a.record(f"top-{k}")'
    assert claim_links.recorded(source, {"top-all": "holds", "top-1": "holds"}) == [
        "top-all",
        "top-1",
    ]
