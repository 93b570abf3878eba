"""Every lecture keeps the house's form. Its verdicts and its solutions are judged by nbval (see
``as_built``).
"""

import re
import statistics
from pathlib import Path

import nbformat
import pytest
import recorded_claims
import solutions
from teaching import FOLDED

BOOK = solutions.ROOT / "book"
LECTURES = solutions.lectures()
VERDICT = re.compile(r"^(\S+)  (holds|fails)$")
every_lecture = pytest.mark.parametrize("lecture", LECTURES, ids=lambda file: file.stem)


def read(lecture: Path) -> nbformat.NotebookNode:
    return nbformat.read(lecture, as_version=4)


def code(lecture: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(lecture).cells if cell.cell_type == "code"]


def prose(lecture: Path) -> str:
    return "\n\n".join(cell.source for cell in read(lecture).cells if cell.cell_type == "markdown")


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def test_every_notebook_is_in_the_table_of_contents():
    notebooks = {
        file
        for file in BOOK.rglob("*.ipynb")
        if not any(part.startswith((".", "_")) for part in file.parts)
    }
    assert notebooks == set(LECTURES)


@every_lecture
def test_notebook_is_valid_and_holds_no_widget_state(lecture):
    notebook = read(lecture)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"


@every_lecture
def test_only_the_verdicts_are_stored(lecture):
    *others, last = code(lecture)
    assert [cell.source for cell in others if cell.outputs or cell.execution_count] == []
    assert "nbval-check-output" in tags(last) and not any(
        "nbval-check-output" in tags(cell) for cell in others
    )
    assert isinstance(last.execution_count, int)
    assert [output.get("name") for output in last.outputs] == ["stdout"]
    lines = last.outputs[0].text.splitlines()
    assert lines and all(VERDICT.match(line) for line in lines)


@every_lecture
def test_every_recorded_claim_is_in_the_stored_verdicts(lecture):
    recorded = {
        name
        for cell in code(lecture)
        for name in re.findall(r"\.record\(\s*f?[\"']([^\"']+)[\"']", cell.source)
    }
    stored = [VERDICT.match(line)[1] for line in code(lecture)[-1].outputs[0].text.splitlines()]
    assert recorded and len(stored) == len(set(stored))
    prefix = f"{lecture.stem}."
    assert [name for name in recorded if name.startswith(prefix)] == []
    assert [name for name in stored if not name.startswith(prefix)] == []
    # An id written with a placeholder, f"top-k-{name}", stands for at least one line.
    missing = []
    for name in recorded:
        pattern = "".join(
            ".+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]*\})", name)
        )
        if not any(re.fullmatch(pattern, line.removeprefix(prefix)) for line in stored):
            missing.append(name)
    assert missing == []


@every_lecture
def test_seed_is_a_parameter(lecture):
    parameters = [cell for cell in code(lecture) if "parameters" in tags(cell)]
    assert len(parameters) == 1
    assert re.search(r"^seed = 0\b", parameters[0].source, re.MULTILINE)


@every_lecture
def test_visible_cells_are_short(lecture):
    """As book/ruff.toml formats them: what folds is plumbing, and may be longer."""
    shown = [
        [line for line in cell.source.splitlines() if line.strip()]
        for cell in code(lecture)
        if not FOLDED & set(tags(cell))
    ]
    lengths = [len(lines) for lines in shown]
    assert max(lengths) <= 25 and statistics.median(lengths) <= 8
    assert [line for lines in shown for line in lines if len(line) > 88] == []


@every_lecture
def test_cells_are_quiet(lecture):
    assert [cell.source for cell in code(lecture) if cell.source.rstrip().endswith(";")] == []
    assert [
        cell.source
        for cell in code(lecture)
        if re.search(r"^\s*[%!]|plt\.show|manual_seed|import transformers", cell.source, re.M)
    ] == []


@every_lecture
def test_every_picture_has_an_alternative_text(lecture):
    for cell in code(lecture):
        mystnb = cell.metadata.get("mystnb", {})
        if "figure" in mystnb:
            assert mystnb["figure"].get("caption", "").strip() and mystnb["figure"][
                "name"
            ].startswith("fig-")
            assert mystnb.get("image", {}).get("alt", "").strip(), mystnb["figure"]["name"]
    assert re.findall(r"!\[\s*\]\(", prose(lecture)) == []
    for block in re.findall(
        r"^[`:]{3,}\{(?:image|figure)\}.*?^[`:]{3,}\s*$", prose(lecture), re.M | re.S
    ):
        assert ":alt:" in block


@every_lecture
def test_figures_and_labels_are_used_once(lecture):
    names = [
        cell.metadata["mystnb"]["figure"]["name"]
        for cell in code(lecture)
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    assert len(names) == len(set(names))
    assert [
        name
        for name in names
        if f"`{name}`" not in prose(lecture) and f"<{name}>" not in prose(lecture)
    ] == []


@every_lecture
def test_exercises_have_folded_solutions_that_check_themselves(lecture):
    text = prose(lecture)
    exercises = re.findall(r"^[`:]{3,}\{exercise\}.*?^:label:\s*(\S+)", text, re.M | re.S)
    solved = re.findall(r"^[`:]{3,}\{solution\}\s*(\S+)\s*\n((?:^:\w+:.*\n)*)", text, re.M)
    assert len(exercises) >= 4
    assert {label for label, _ in solved} == set(exercises)
    assert [
        label
        for label, options in solved
        if not re.search(r"^:class:.*\bdropdown\b", options, re.M)
    ] == []
    runs = solutions.solutions(text)
    assert runs, "at least one solution has code"
    assert [label for label, source in runs if "assert " not in source] == []


def test_solutions_are_found_inside_their_directive_only():
    answer = ":class: dropdown\nSo:\n```python\nx = 1\n```\nand\n```text\ny\n```"
    outside = "```python\nno = 1\n```"
    text = f"{outside}\n\n````{{solution}} ex-a\n{answer}\n````\n\n{outside}"
    assert solutions.solutions(text) == [("ex-a", "x = 1")]
    assert solutions.solutions(":::{solution} ex-b\n```python\na\nb\n```\n:::\n") == [
        ("ex-b", "a\nb")
    ]


MOST_WORDS, MOST_CLAIMS, MOST_CELLS = 5500, 35, 45


def size(cells: list[nbformat.NotebookNode]) -> dict[str, int]:
    """How many words, claims and visible code cells a lecture has."""
    markdown = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code_cells = [cell for cell in cells if cell.cell_type == "code"]
    shown = [cell for cell in code_cells if not FOLDED & set(tags(cell))]
    # The text of a folded cell stands on the page, filled in; its code does not.
    filled = [
        text
        for cell in code_cells
        if FOLDED & set(tags(cell))
        for text in re.findall(r'"""(.*?)"""', cell.source, re.S)
    ]
    verdicts = [
        line
        for cell in code_cells
        for output in cell.outputs
        for line in output.get("text", "").splitlines()
        if VERDICT.match(line)
    ]
    words = recorded_claims.words(markdown, filled)
    return {"words": words, "claims": len(verdicts), "cells": len(shown)}


@every_lecture
def test_a_lecture_is_one_lecture(lecture):
    """More is two lectures, a shipped measurement, or an exercise."""
    found = size(read(lecture).cells)
    most = {"words": MOST_WORDS, "claims": MOST_CLAIMS, "cells": MOST_CELLS}
    assert {name: n for name, n in found.items() if n > most[name]} == {}


def test_words_are_those_that_a_student_reads():
    new = nbformat.v4
    prose = (
        "# A title\n\nOne `code` word, $x$ and 概率.\n\n$$\nP = 1\n$$ (eq)\n\n"
        "````{solution} ex\nnot read\n````\n\n{doc}`likelihood` ends"
    )
    folded = new.new_code_cell(
        'x = 1\nMarkdown(f"""Two {x} words.""")', metadata={"tags": ["hide-input"]}
    )
    visible = new.new_code_cell('y = """not prose"""')
    verdict = new.new_code_cell("", metadata={"tags": ["hide-input"]})
    verdict.outputs = [new.new_output("stream", text="a.b  holds\na.c  fails\nelse\n")]
    cells = [new.new_markdown_cell(prose), folded, visible, verdict]
    # A title One word and 概率 eq ends; Two words.
    assert size(cells) == {"words": 10, "claims": 2, "cells": 1}


@every_lecture
def test_claims_are_of_the_form_that_can_fail(lecture):
    """CONTRIBUTING.md, "Claims". What numbers say, the ledger checks when the lecture runs."""
    sources = [cell.source for cell in code(lecture)]
    assert recorded_claims.recorded(sources)
    assert recorded_claims.faults(lecture.stem, sources) == []


FINDING = (
    'ledger.record("a", "finding", "It rises.", ours={ours}, margin={margin}, '
    'control=("shuffled", {control}), replicated="{replicated}")'
)


def finding(
    ours: str = "rise",
    margin: str = "above(0.1)",
    control: str = "none",
    replicated: str = "fresh data",
) -> list[str]:
    """The cells of a lecture with one finding, whose ``rise`` moves with the seed."""
    made = "seed = 0\nrise = mean_interval(texts(generator(seed)))\nshipped = load('a')"
    call = FINDING.format(ours=ours, margin=margin, control=control, replicated=replicated)
    return [made, call]


@pytest.mark.parametrize(
    "cells",
    [
        finding(),
        finding(margin="within(-0.1, 0.1)"),
        finding(ours="{k: rise for k in names}", margin="{k: above(d) for k, d in asked.items()}"),
        finding(ours="shipped['a']", replicated="fixed"),
        finding(ours="[rise for rise in shipped]", replicated="fixed"),
        [*finding()[:1], "rise = shipped", *finding(replicated="fixed")[1:]],
        [
            *finding()[:1],
            "def f(x):\n    rise = x\n    return rise",
            *finding("f(2)", replicated="fixed")[1:],
        ],
        ["for x in (1, 2):\n    y = f(seed)\n    " + finding(ours="y")[1]],
        ["def claim(ours):\n    " + finding(ours="ours")[1]],
        ['ledger.record("a", "identity", "Equal.", holds=x < 1, ours=x, margin="1e-9")'],
    ],
)
def test_claims_that_can_fail_pass(cells):
    assert recorded_claims.faults("decoder", cells) == []


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (finding(margin="'at least 0.1'"), "margin= is none of above, below, within"),
        (finding(margin="{'a': 0.1}"), "margin= is none of"),
        (finding(control="rise"), "the control is ours itself"),
        (finding(control="0.0"), "the control is a typed number"),
        (finding(replicated="five seeds"), "replicated= is none of"),
        (finding(replicated="fixed"), r"fixed, and ours moves with the seed \(rise\)"),
        (finding(ours="shipped"), "fresh data, and nothing in ours moves with the seed"),
        (finding(ours="shipped", replicated="fresh training"), "fresh training, and nothing"),
        ([finding()[1].replace("control=", "unit=")], "no control="),
        ([finding()[1][:-1] + ", holds=True)"], "holds= follows from the margin"),
        ([finding()[1][:-1] + ", paper='1.2')"], "a paper's figure without source"),
        ([finding()[1].replace('"a"', '"decoder.a"')], "its id repeats the lecture"),
        ([finding()[1].replace('"a"', 'f"decoder.{x}"')], "its id repeats the lecture"),
        ([finding()[1].replace("finding", "theorem")], "its kind is none of"),
        (['ledger.record("a", "check", "Equal.", ours=0, margin="1e-9")'], "no holds="),
        (
            ['ledger.record("a", "check", "Equal.", holds=t, ours=0, replicated="fixed")'],
            "replicated= belongs to findings",
        ),
    ],
)
def test_claims_that_cannot_fail_are_seen(cells, fault):
    found = recorded_claims.faults("decoder", cells)
    assert [f for f in found if re.search(fault, f)], found


@every_lecture
def test_verdicts_are_not_listed_twice_on_the_page(lecture):
    """The table of claims shows them; the cell that nbval compares stays in the notebook."""
    assert "remove-cell" in tags(code(lecture)[-1])
