"""Rows of five forms by hand, their answers' place, and which positions carry a signal."""

import pytest
import torch

from nlgnotes.tasks.permutations import permutations_by_swaps
from nlgnotes.tasks.scratchpad import FORMS, ScratchpadTask

TASK = ScratchpadTask(permutations_by_swaps(), 3)
INPUTS = torch.tensor([[10, 0, 6]])  # a blank, 12, 25
WORDS = {
    "direct": "answer: becda",
    "scratchpad": "steps: abcde bacde becda answer: becda",
    "filler": "steps: . . . answer: becda",
    "copied": "steps: · 12 25 answer: becda",
    "after": "answer: becda steps: abcde bacde becda",
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_by_hand(form):
    rows = TASK.rows(INPUTS, form)
    assert TASK.decode(rows[0]) == f"Q: · 12 25 {WORDS[form]}"
    place = TASK.answer_place(form)
    assert TASK.words[rows[0, place]] == "becda" and rows[0, place - 1] == TASK.answer
    assert rows.shape[1] <= TASK.longest


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_carries_the_signal(form):
    rows = TASK.rows(INPUTS, form)
    batch = TASK.batch(rows)
    assert batch.inputs.equal(rows)
    signals = batch.targets[batch.mask].tolist()
    assert signals == [*rows[0, 4:].tolist(), TASK.end]


def test_several_questions_in_a_row():
    one = TASK.rows(INPUTS, "direct")
    batch = TASK.batch(torch.cat([one, one], 1))
    words = [TASK.words[i] for i in batch.targets[batch.mask].tolist()]
    assert words == ["answer:", "becda", "Q:", "answer:", "becda", "<end>"]


def test_rows_whose_questions_stand_at_other_places_are_refused():
    one, two = TASK.rows(INPUTS, "direct"), TASK.rows(INPUTS, "scratchpad")
    with pytest.raises(ValueError, match="rows must have their questions at the same places"):
        TASK.batch(torch.cat([torch.cat([one, two], 1), torch.cat([two, one], 1)]))


def test_other_states_can_be_written():
    states = torch.tensor([[5, 6, 7]])
    rows = TASK.rows(INPUTS, "scratchpad", states=states)
    assert rows[0, 5:8].tolist() == [i + TASK.first_state for i in (5, 6, 7)]
    assert int(rows[0, -1]) == 7 + TASK.first_state


def test_ill_arguments_are_named():
    for call in (lambda: TASK.rows(INPUTS, "x"), lambda: TASK.answer_place("x")):
        with pytest.raises(ValueError, match="form must be one of direct, scratchpad"):
            call()
    with pytest.raises(ValueError, match="inputs must"):
        TASK.questions(INPUTS[:, :2])
    with pytest.raises(ValueError, match="states must"):
        TASK.rows(INPUTS, "scratchpad", states=torch.tensor([[120, 0, 0]]))
    with pytest.raises(ValueError, match="slots must"):
        ScratchpadTask(permutations_by_swaps(), 0)
