"""Every lecture reads as CONTRIBUTING.md, "The page", says; and one that does not is seen."""

import lecture_form
import nbformat
import pytest
import solutions

new = nbformat.v4

OPENING = f"""(a)=
# A title

**The question.** Why?

**After this lecture you can**
* read.

**You need** time.
**Time** enough.
{lecture_form.NOTES}their section *A*."""
QUESTION = """:::{admonition} Predict, then look
:class: predict
Which?

1. It rises.
2. It falls.
:::"""
ANSWER = """:::{dropdown} Answer
:class-container: answer
**B.** It falls.
:::"""


def figure(name: str) -> nbformat.NotebookNode:
    mystnb = {"figure": {"name": name, "caption": "A figure."}}
    return new.new_code_cell("draw()", metadata={"mystnb": mystnb, "tags": ["remove-input"]})


def folded(source: str = "x = 1") -> nbformat.NotebookNode:
    return new.new_code_cell(source, metadata={"tags": ["hide-input"]})


def lecture(*more, opening=OPENING, board="fig-a-board", question=QUESTION, answer=ANSWER):
    cells = [
        new.new_markdown_cell(opening),
        figure(board),
        new.new_markdown_cell(question),
        figure("fig-a"),
        new.new_markdown_cell(answer),
        *(new.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in more),
    ]
    return new.new_notebook(cells=cells)


def test_a_good_lecture_has_no_fault():
    more = (
        ":::{dropdown} Deeper: why\nSo.\n:::",
        "Two {glue:text}`a` and {glue:text}`b`, and one 3 in $1 + 2 = 3$; see {ref}`ex-a`.",
        "| 1 | 2 | 3 | 4 |",
        folded(),
        folded("ax.legend(title_fontsize=13, fontsize=16, markersize=4)"),
        "Words.",
        folded(),
        QUESTION,
        figure("fig-b"),
        ANSWER,
    )
    assert lecture_form.faults(lecture(*more)) == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (lecture(opening=OPENING.replace("瑾瑜當年", "somebody")), "which notes"),
        (lecture(opening=OPENING.replace("**You need**", "You need")), "lacks"),
        (lecture(board="fig-b"), "one schematic"),
        (lecture(figure("fig-c-board")), "one schematic"),
        (lecture(question="Predict, then look. Which?", answer=""), "not in its box"),
        (lecture(question="Which?", answer=""), "nothing is predicted"),
        (lecture(question=QUESTION.replace("2. It falls.\n", "")), "2 to 4 answers"),
        (lecture(answer="It falls."), "no answer"),
        (lecture(question=f"{QUESTION}\n\n{ANSWER}", answer=""), "must follow its question's"),
        (lecture(answer=ANSWER.replace("**B.** ", "")), "begin with its letter"),
        (lecture(QUESTION, QUESTION, figure("fig-d"), ANSWER), "two predictions"),
        (lecture(":::{dropdown} More\nSo.\n:::"), "an Answer, a Hint or Deeper"),
        (lecture("See exercise 2."), "named by"),
        (lecture("See Exercise {ref}`ex-a`."), "named by"),
        (lecture(folded(), folded(), folded()), "3 fold bars"),
        (lecture("One 1, two 2.5, three 3 and {glue:text}`four`."), "4 numbers"),
        (lecture(folded('Markdown(f"""{x} words""")')), "with glue"),
        (lecture(folded('ax.text(0, 0, "a", fontsize=12)')), "at least 13 points"),
        (lecture(folded('ax.tick_params(labelsize="small")')), "at least 13 points"),
    ],
)
def test_a_fault_is_seen(page, fault):
    found = lecture_form.faults(page)
    assert any(fault in each for each in found), found


@pytest.mark.parametrize("file", solutions.lectures(), ids=lambda file: file.stem)
def test_a_lecture_reads_well(file):
    assert lecture_form.faults(nbformat.read(file, as_version=4)) == []
