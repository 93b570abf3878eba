"""Exercises: their points follow the rule, hints are folded, and nobody is left without a check."""

import ast
import re

import nbformat
import pytest
from exercise_list import TOTAL, Exercise, exercises, shared_out, titled
from solutions import lectures


def exercise(stars: int, minutes: int) -> Exercise:
    return Exercise("ex-a", "A", stars, minutes, 0, "", "", "")


def notebook(*cells: str) -> nbformat.NotebookNode:
    new = nbformat.v4
    return new.new_notebook(cells=[new.new_markdown_cell(cell) for cell in cells])


SOURCE = r"""## Exercises

```{exercise} Top-$k$ (★★, 15 min)
:label: ex-a
Do it.

:::{dropdown} Hint
Think.
:::
```

````{solution} ex-a
:class: dropdown
So:
```python
x = 1
```
````

```{exercise} By hand (★, 5 min, 7 points)
:label: ex-b
Show it.
```
"""


def test_an_exercise_is_read_with_its_hint_and_its_solution():
    first, second = exercises(notebook(SOURCE))
    said = ("ex-a", "Top-$k$", 2, 15, 0, "Do it.", "Think.")
    assert (first.label, first.name, first.stars, first.minutes) == said[:4]
    assert (first.points, first.text, first.hint) == said[4:]
    assert first.solution == "So:\n```python\nx = 1\n```"
    assert (second.points, second.hint, second.solution) == (7, "", "")


@pytest.mark.parametrize("title", ["No stars", "Time (★, an hour)", "Many (★★★★, 5 min)"])
def test_a_title_without_stars_or_minutes_is_an_error(title):
    with pytest.raises(ValueError, match=r"an exercise is named 'Name \(★★, 20 min\)'; got"):
        exercises(notebook(f"```{{exercise}} {title}\n:label: ex-a\nDo.\n```"))


def test_points_are_shared_out_by_stars():
    # Weights 1, 2, 2, 4 of 9: 20/9 = 2 2/9, 4 4/9 and 8 8/9; the longer of the two gets the fifth.
    found = [exercise(1, 10), exercise(2, 15), exercise(2, 20), exercise(3, 60)]
    assert shared_out(found) == [2, 4, 5, 9]
    assert shared_out([exercise(1, 10)] * 4) == [5] * 4


def test_the_points_of_a_title_are_written_and_written_anew():
    found = exercises(notebook(SOURCE))
    text = titled(SOURCE, found)
    assert "Top-$k$ (★★, 15 min, 13 points)" in text and "By hand (★, 5 min, 7 points)" in text
    assert titled(text, exercises(notebook(text))) == text


@pytest.mark.parametrize("file", lectures(), ids=lambda file: file.stem)
class TestLecture:
    def test_points_are_those_of_the_rule(self, file):
        found = exercises(nbformat.read(file, as_version=4))
        assert [each.points for each in found] == shared_out(found)
        assert sum(each.points for each in found) == TOTAL

    def test_what_is_not_easy_has_a_hint(self, file):
        found = exercises(nbformat.read(file, as_version=4))
        assert [each.label for each in found if bool(each.hint) != (each.stars > 1)] == []

    def test_every_solution_asserts_what_it_says(self, file):
        found = exercises(nbformat.read(file, as_version=4))
        bare = [each.label for each in found if not re.search(r"^\s*assert ", each.solution, re.M)]
        assert bare == []

    def test_every_check_says_in_one_line_what_is_wrong(self, file):
        cells = nbformat.read(file, as_version=4).cells
        tops = [ast.parse(cell.source).body for cell in cells if cell.cell_type == "code"]
        checks = [
            node
            for body in tops
            for node in body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
        ]
        found = [node for each in checks for node in ast.walk(each)]
        silent = [node for node in found if isinstance(node, ast.Assert) and node.msg is None]
        assert checks and [ast.unparse(node) for node in silent] == []
