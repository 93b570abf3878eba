"""What the page for teachers says by hand: its plans, what students believe, and its commands."""

import re
import tomllib

import course
import predictions
import pytest
import solutions

ROOT = solutions.ROOT
LECTURES = course.lectures()
PAGE = (ROOT / "book/teaching.md").read_text(encoding="utf-8")
PLANS = [
    [line for line in found.splitlines() if not line.startswith(":")]
    for found in re.findall(r"^```\{teaching-plan\}\n(.*?)\n```$", PAGE, re.M | re.S)
]
# What is believed, by the lecture that meets it.
BELIEFS = {
    name: re.split(r"^: ", text, flags=re.M)[1:]
    for name, text in re.findall(r"^\{doc\}`([\w-]+)`\n((?::? .*\n)+)", PAGE, re.M)
}


def test_the_long_plans_hold_every_lecture_and_the_short_one_ten():
    twenty, ten, week = (course.plan(rows, LECTURES) for rows in PLANS)
    assert [len(plan) for plan in (twenty, ten, week)] == [20, 10, 5]
    for plan in (twenty, ten):
        cores = [hour.lecture for hours in plan for hour in hours if hour.core]
        assert cores == list(LECTURES)
    assert len({hour.lecture for hours in week for hour in hours}) == 10
    # The second hour of the long one leaves nothing out.
    for (core, rest), (name, notebook) in zip(twenty, LECTURES.items(), strict=True):
        assert core.lecture == rest.lecture == name and not rest.core
        assert dict(rest.sections) == course.optional(notebook)


def test_every_lecture_meets_two_or_three_beliefs():
    assert list(BELIEFS) == list(LECTURES)
    assert {len(found) for found in BELIEFS.values()} <= {2, 3}
    assert all(re.match(r'\*".*"\*', each) for found in BELIEFS.values() for each in found)


@pytest.mark.parametrize("name", LECTURES)
def test_a_belief_leads_to_a_wrong_answer_of_its_lecture(name):
    names = predictions.names(LECTURES[name], name)
    labels = [exercise.label for exercise in course.exercises(LECTURES[name])]
    prose = "\n".join(c.source for c in LECTURES[name].cells if c.cell_type == "markdown")
    right = [
        set(re.findall(r"[A-D]", letters))
        for letters in re.findall(r"^:class-container: answer\n\*\*([A-D][^*]*)\*\*", prose, re.M)
    ]
    asked = re.findall(r"^:class: predict\n(.*?)^:{3,}$", prose, re.M | re.S)
    assert len(right) == len(asked) == len(names)
    for belief in BELIEFS[name]:
        places = re.findall(r"(?:[aA]nswer ([A-D]) of )?\{ref\}`(?:[^`<]*<)?([\w-]+)>?`", belief)
        assert places, f"nothing shows {belief!r}"
        for letter, place in places:
            if not letter:
                assert place in labels, belief
                continue
            at = names.index(place)
            offered = len(re.findall(r"^\d+\. ", asked[at], re.M))
            assert letter in "ABCD"[:offered] and letter not in right[at], belief


def test_rows_that_are_said_to_fail_do():
    said = re.findall(r"\{failing\}`(\S+) (\S+)`", PAGE)
    assert len(said) >= 4
    assert [row for name, row in said if row not in course.failing(LECTURES[name])] == []


def test_the_commands_are_true():
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"(?:^    |`)make ([a-z]+)", PAGE, re.M)) <= set(targets)
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    wheels = set(re.findall(r"nlgnotes-\S+\.whl", PAGE))
    assert wheels == {f"nlgnotes-{version}-py3-none-any.whl"}


def test_a_project_is_marked_in_tenths():
    assert sum(map(int, re.findall(r"^\| (\d+) of 10 \|", PAGE, re.M))) == 10
