"""Automata: the states against a loop in plain Python, inputs in their slots."""

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.arithmetic import running_sum
from nlgnotes.tasks.automata import Automaton, automaton_states, draw_inputs
from nlgnotes.tasks.permutations import permutations_by_swaps

TASKS = (running_sum(), permutations_by_swaps())


@pytest.mark.parametrize("task", TASKS, ids=["sum", "swaps"])
def test_states_are_those_of_a_loop(task):
    inputs = torch.randint(len(task.inputs), (20, 9), generator=generator(0))
    found = automaton_states(task, inputs).tolist()
    for row, states in zip(inputs.tolist(), found, strict=True):
        state = 0
        for x, after in zip(row, states, strict=True):
            state = int(task.table[state, x])
            assert after == state


def test_a_run_can_go_on_from_any_state():
    task = TASKS[1]
    inputs = torch.randint(10, (30, 8), generator=generator(1))
    whole = automaton_states(task, inputs)
    second = automaton_states(task, inputs[:, 5:], whole[:, 4])
    assert second.equal(whole[:, 5:])


def test_drawn_inputs_fill_the_last_slots_evenly():
    task, lengths = TASKS[0], torch.tensor([0, 1, 3, 5] * 3000)
    drawn = draw_inputs(task, lengths, 5, generator(2))
    assert (drawn != task.blank).sum(1).equal(lengths)
    blanks = drawn == task.blank
    assert not (blanks[:, 1:] & ~blanks[:, :-1]).any(), "no blank after an input"
    counts = torch.bincount(drawn[~blanks], minlength=10)
    expected = counts.sum() / 10
    # Ten counts, z below 6: false alarm below 2e-8.
    assert ((counts - expected).abs() < 6 * (expected * 0.9) ** 0.5).all()


def test_ill_arguments_are_named():
    same = torch.tensor([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="table must leave every state as it is at the last"):
        Automaton(("a", "·"), ("x", "y"), same.flip(1))
    with pytest.raises(ValueError, match="table must be an int64 tensor of shape"):
        Automaton(("a", "b", "·"), ("x", "y"), same)
    task = Automaton(("a", "·"), ("x", "y"), same)
    with pytest.raises(ValueError, match="inputs must"):
        automaton_states(task, torch.tensor([[2]]))
    with pytest.raises(ValueError, match="inputs must be int64"):
        automaton_states(task, torch.zeros(0, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="start must"):
        automaton_states(task, torch.tensor([[1]]), torch.tensor([5]))
    with pytest.raises(ValueError, match="lengths must"):
        draw_inputs(task, torch.tensor([4]), 3, generator(0))
