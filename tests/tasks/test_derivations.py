"""Sums in any order: rows by hand, one answer for all orders, the misread digit."""

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.derivations import SumDerivations

SUMS = SumDerivations(4)


def orders(n, seed=0):
    return torch.rand(n, 4, generator=generator(seed)).argsort(1)


def test_a_row_by_hand():
    inputs, order = torch.tensor([[7, 2, 7, 5]]), torch.tensor([[3, 0, 1, 2]])
    right = SUMS.decode(SUMS.rows(inputs, order)[0])
    assert right == "Q: +7 +2 +7 +5 steps: +5 5 +7 2 +2 4 +7 1 answer: 1"
    wrong = SUMS.decode(SUMS.rows(inputs, order, torch.tensor([True]))[0])
    assert wrong == "Q: +7 +2 +7 +5 steps: +5 5 +7 3 +2 5 +7 3 answer: 3"


def test_every_order_has_the_same_answer_and_a_mistake_adds_its_sevens():
    inputs = SUMS.draw(300, generator(1))
    prompt = SUMS.prompts(inputs).shape[1]
    for seed in (2, 3):
        rows = SUMS.rows(inputs, orders(300, seed))
        assert SUMS.read_answers(rows[:, prompt:]).equal(inputs.sum(1) % 10)
    wrong = SUMS.rows(inputs, orders(300), torch.ones(300, dtype=torch.bool))
    sevens = (inputs == 7).sum(1)
    assert SUMS.read_answers(wrong[:, prompt:]).equal((inputs.sum(1) + sevens) % 10)
    assert wrong.shape[1] == SUMS.longest - 0


def test_what_is_no_answer_is_none():
    written = torch.tensor([[1, 1, 1], [SUMS.answer, SUMS.steps, 1], [1, 1, SUMS.answer]])
    assert SUMS.read_answers(written).tolist() == [-1, -1, -1]
    digit = SUMS.first_state + 6
    assert SUMS.read_answers(torch.tensor([[1, SUMS.answer, digit]])).tolist() == [6]
    assert SUMS.read_answers(torch.tensor([[1, digit, 1]])).tolist() == [-1], "no mark"


def test_the_signal_begins_with_the_mark_of_steps():
    rows = SUMS.rows(torch.tensor([[1, 2, 3, 4]]), torch.tensor([[0, 1, 2, 3]]))
    batch = SUMS.batch(rows)
    assert batch.targets[batch.mask].tolist() == [*rows[0, 5:].tolist(), 0]


def test_ill_arguments_are_named():
    inputs = torch.tensor([[1, 2, 3, 4]])
    with pytest.raises(ValueError, match="orders must be permutations"):
        SUMS.rows(inputs, torch.tensor([[0, 1, 2, 2]]))
    with pytest.raises(ValueError, match="inputs must"):
        SUMS.rows(inputs + 6, torch.tensor([[0, 1, 2, 3]]))
    with pytest.raises(ValueError, match="digits must"):
        SumDerivations(0)
    with pytest.raises(ValueError, match="n must"):
        SUMS.draw(0, generator(0))
