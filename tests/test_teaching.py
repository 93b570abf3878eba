"""The minutes of a lecture are computed from what stands in it, section by section."""

import nbformat
import pytest
import solutions
import teaching

new = nbformat.v4


def lecture(*cells) -> nbformat.NotebookNode:
    return new.new_notebook(cells=list(cells))


TITLE = "(a)=\n# A title\n\n**Time** some minutes.\n\n"


def test_words_equations_questions_figures_and_lines_take_time():
    words = " ".join(["word"] * 280)
    text = f"{TITLE}## First\n{words} `code` $x$\n\n$$\nx\n$$ (eq-a)\n\n"
    question = ":::{admonition} Predict, then look\n:class: predict\nWhich?\n:::\n"
    figure = {"tags": ["remove-input"], "mystnb": {"figure": {"name": "fig-a"}}}
    cells = [
        new.new_markdown_cell(text + question),
        new.new_code_cell("a = 1\n\nb = 2", metadata=figure),
        new.new_code_cell("a = 1\n\nb = 2"),
        new.new_code_cell("a = 1\n" * 40, metadata={"tags": ["hide-input"]}),
        new.new_markdown_cell("## Exercises\n" + words),
    ]
    minutes = teaching.sections(lecture(*cells))
    assert list(minutes) == ["A title", "First"]
    # 280 words, and the six of the label of the equation and of the question.
    assert minutes["First"] == pytest.approx(286 / 140 + 1.5 + 1 + 1.5 + 0.2, abs=0.03)


def test_what_is_folded_away_is_not_taught():
    deeper = ":::{dropdown} Deeper: why\n" + "word " * 500 + "\n:::\n"
    minutes = teaching.sections(lecture(new.new_markdown_cell(f"{TITLE}## First\n{deeper}end\n")))
    assert minutes["First"] < 0.1


def test_the_line_adds_up_and_is_written(tmp_path, monkeypatch):
    cell = new.new_markdown_cell(f"{TITLE}## First\n{'word ' * 420}\n## Second\n{'word ' * 700}")
    file = tmp_path / "a.ipynb"
    nbformat.write(lecture(cell), file)
    monkeypatch.setattr("sys.argv", ["teaching.py", str(file)])
    teaching.main()
    written = nbformat.read(file, as_version=4)
    line = "**Time** 9 minutes to teach (by section: 1, 3, 5); under a minute to run."
    assert teaching.stated(written) == line == teaching.time_line(written)


@pytest.mark.parametrize("file", solutions.lectures(), ids=lambda file: file.stem)
def test_every_lecture_states_its_minutes(file):
    notebook = nbformat.read(file, as_version=4)
    expected = teaching.time_line(notebook)
    assert teaching.stated(notebook) == expected, "python book/_ext/teaching.py writes it"
