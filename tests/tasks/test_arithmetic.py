"""The running sum against Python's own arithmetic, and its shortcut."""

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.arithmetic import running_sum
from nlgnotes.tasks.automata import automaton_states


def test_the_states_are_the_sums():
    task, inputs = running_sum(), torch.randint(10, (50, 12), generator=generator(0))
    assert automaton_states(task, inputs).equal(inputs.cumsum(1) % 10)
    assert [task.inputs[i] for i in (0, 9, 10)] == ["+0", "+9", "·"]
    assert task.states == tuple("0123456789")


def test_the_shortcut_the_order_does_not_matter():
    task, inputs = running_sum(7), torch.randint(7, (50, 6), generator=generator(1))
    orders = torch.rand(50, 6, generator=generator(2)).argsort(1)
    ends = automaton_states(task, inputs)[:, -1]
    assert automaton_states(task, inputs.gather(1, orders))[:, -1].equal(ends)


def test_a_sum_needs_two_digits():
    with pytest.raises(ValueError, match="modulus must be an integer of at least 2; got 1"):
        running_sum(1)
