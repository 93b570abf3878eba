"""Tasks on rows: answers worked by hand, clusters of three, and which can be turned around."""

import itertools

import pytest

from nlgnotes.tasks.row_tasks import CLUSTERS, DIGITS, LETTERS, TASKS

BY_HAND = {
    "copy": ("cafe", "cafe"),
    "twice": ("cafe", "cafecafe"),
    "double": ("cafe", "ccaaffee"),
    "reverse": ("cafe", "efac"),
    "rotate": ("cafe", "afec"),
    "swap ends": ("cafe", "eafc"),
    "first": ("cafe", "c"),
    "second": ("cafe", "a"),
    "last": ("cafe", "e"),
    "next": ("cafh", "dbga"),
    "previous": ("cafh", "bheg"),
    "mirror": ("cafh", "fhca"),
    "vowels": ("cafe", "2"),
    "different": ("caca", "2"),
    "copies of first": ("cacc", "3"),
    "ascending": ("4719", "1479"),
    "descending": ("4719", "9741"),
    "even first": ("7492", "4279"),
    "largest": ("4719", "9"),
    "smallest": ("4719", "1"),
    "first larger": ("4714", "no"),
    "add ends": ("4719", "13"),
    "subtract ends": ("4719", "5"),
    "double first": ("7419", "14"),
}


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_answers_by_hand(task):
    row, answer = BY_HAND[task.name]
    found = task.solve(tuple(row))
    assert "".join(found) == answer
    assert found == ((answer,) if answer == "no" else tuple(answer))


def test_a_falling_row_and_an_equal_one():
    larger = next(task for task in TASKS if task.name == "first larger")
    assert larger.solve(tuple("5004")) == ("yes",) and larger.solve(tuple("5005")) == ("no",)


def test_eight_clusters_of_three_tasks_with_four_names_of_their_own():
    assert len(CLUSTERS) == 8 and len(TASKS) == 24 == len({task.name for task in TASKS})
    for cluster in CLUSTERS:
        inside = [task for task in TASKS if task.cluster == cluster]
        assert len(inside) == 3 and len({task.symbols for task in inside}) == 1
        assert inside[0].symbols in (LETTERS, DIGITS)
    phrases = [phrase for task in TASKS for phrase in task.phrases]
    assert len(phrases) == 96 == len(set(phrases))
    assert not {w for p in phrases for w in p.split()} & {*LETTERS, *DIGITS, "yes", "no", "="}


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_a_task_can_be_turned_around_if_its_answer_tells_the_row(task):
    rows = list(itertools.product(task.symbols[:3] + task.symbols[-1:], repeat=3))
    assert task.invertible == (len({task.solve(row) for row in rows}) == len(rows))
