"""Questions to predict have names: after their figure, or after their section."""

import nbformat.v4 as new
import predictions
import pytest

ASK = ":::{admonition} Predict, then look\n:class: predict\nWhich?\n1. a\n2. b\n:::\n"
ANSWER = ":::{dropdown} Answer\n:class-container: answer\n**B.** So.\n:::\n"


def figure(name):
    return new.new_code_cell("1", metadata={"mystnb": {"figure": {"name": name}}})


def lecture(*cells):
    cells = [new.new_markdown_cell(each) if isinstance(each, str) else each for each in cells]
    return new.new_notebook(cells=cells)


def test_a_question_is_called_after_the_first_figure_before_its_answer():
    notebook = lecture(
        figure("fig-a-0"), f"## S\n{ASK}", figure("fig-a-1"), figure("fig-a-2"), ANSWER
    )
    assert predictions.names(notebook, "a") == ["predict-a-1"]


def test_without_a_figure_it_is_called_after_its_section():
    notebook = lecture(f"### A *rule*: $x$ (optional)\n{ASK}", ANSWER, figure("fig-a-1"))
    assert predictions.names(notebook, "a") == ["predict-a-a-rule-x"]
    with pytest.raises(ValueError, match="a has two questions called predict-a-s"):
        predictions.names(lecture(f"## S\n{ASK}{ANSWER}{ASK}{ANSWER}"), "a")


def test_a_target_stands_before_each_question_and_all_else_stays():
    notebook = lecture(f"## S\nText.\n\n{ASK}", figure("fig-a-1"), f"{ANSWER}\n## T\n{ASK}{ANSWER}")
    named = predictions.named(notebook, "a")
    assert named.cells[0].source == f"## S\nText.\n\n(predict-a-1)=\n{ASK}"
    assert named.cells[2].source == f"{ANSWER}\n## T\n(predict-a-t)=\n{ASK}{ANSWER}"
    assert named.cells[1] == notebook.cells[1]
