"""Permutations by swaps: by hand, against products of matrices, and what the swaps reach."""

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.automata import automaton_states
from nlgnotes.tasks.permutations import permutations_by_swaps


def test_swaps_by_hand():
    task = permutations_by_swaps()
    inputs = torch.tensor([[task.inputs.index(name) for name in ("12", "·", "25", "12")]])
    states = [task.states[i] for i in automaton_states(task, inputs)[0].tolist()]
    assert states == ["bacde", "bacde", "becda", "ebcda"]


def test_states_are_products_of_matrices():
    task = permutations_by_swaps()
    inputs = torch.randint(11, (40, 7), generator=generator(0))
    ends = automaton_states(task, inputs)[:, -1].tolist()
    for row, end in zip(inputs.tolist(), ends, strict=True):
        product = torch.eye(5)
        for x in row:
            swap = torch.eye(5)
            if x != task.blank:
                a, b = (int(place) - 1 for place in task.inputs[x])
                swap[[a, b]] = swap[[b, a]]
            product = swap @ product
        letters = "".join("abcde"[int(i)] for i in product.argmax(1))
        assert task.states[end] == letters


def test_the_order_matters_and_half_of_all_states_can_be_reached():
    task = permutations_by_swaps()
    pair = torch.tensor([[0, 4], [4, 0]])  # 12 then 23, and the other way round
    first, second = automaton_states(task, pair)[:, -1].tolist()
    assert first != second
    for length in (4, 5):
        inputs = torch.randint(10, (6000, length), generator=generator(length))
        assert len(automaton_states(task, inputs)[:, -1].unique()) == 60


@pytest.mark.parametrize("letters", [1, 8])
def test_two_to_seven_letters(letters):
    with pytest.raises(ValueError, match="letters must be an integer from 2 to 7"):
        permutations_by_swaps(letters)
