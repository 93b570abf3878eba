"""Every lecture keeps the house's form. Its verdicts and its solutions are executed by nbval (see
the Makefile).
"""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import solutions

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
def test_cells_are_short_and_quiet(lecture):
    lengths = [
        len([line for line in cell.source.splitlines() if line.strip()]) for cell in code(lecture)
    ]
    assert max(lengths) <= 20 and statistics.median(lengths) <= 6
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


def small(tmp_path: Path, stored: str, solution: str = "assert seed == 0") -> Path:
    """A lecture of three cells: parameter, verdict, one solution."""
    new = nbformat.v4
    verdict = new.new_code_cell("print('a  holds' if seed == 0 else 'a  fails')", execution_count=2)
    verdict.metadata["tags"] = ["nbval-check-output"]
    verdict.outputs = [new.new_output("stream", name="stdout", text=f"{stored}\n")]
    answer = new.new_markdown_cell(f"````{{solution}} ex-a\n```python\n{solution}\n```\n````")
    notebook = new.new_notebook(cells=[new.new_code_cell("seed = 0"), answer, verdict])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(solutions.with_solutions(notebook), tmp_path / "small.ipynb")
    return tmp_path / "small.ipynb"


@pytest.mark.parametrize(
    "stored, solution, code",
    [
        ("a  holds", "assert seed == 0", 0),
        ("a  fails", "assert seed == 0", 1),
        ("a  holds", "assert seed == 1", 1),
    ],
    ids=["as stored", "verdict changed", "solution broken"],
)
def test_nbval_goes_red_when_a_verdict_changes_or_a_solution_breaks(
    tmp_path, stored, solution, code
):
    notebook = small(tmp_path, stored, solution)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        str(notebook),
    ]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST")
    }
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == code, done.stdout
