"""The Game of 24: the solver against brute force, steps worked by hand, the split, the tokens."""

import operator
from fractions import Fraction
from itertools import permutations, product

import pytest
import torch

from nlgnotes.tasks import game24 as g
from nlgnotes.tasks.game24 import Step

SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def expressions(numbers):
    """The values of all expressions of the numbers in this order: every way to set brackets."""
    if len(numbers) == 1:
        yield Fraction(numbers[0])
    for cut in range(1, len(numbers)):
        for a, b in product(expressions(numbers[:cut]), expressions(numbers[cut:])):
            for sign, compute in SIGNS.items():
                if sign != "/" or b != 0:
                    yield compute(a, b)


def brute_force(numbers, target):
    """With negative numbers, and every order and bracket."""
    return any(target in expressions(order) for order in set(permutations(numbers)))


def drawn(count, many, seed, largest=13):
    stream = torch.Generator().manual_seed(seed)
    rows = torch.randint(1, largest + 1, (many, count), generator=stream)
    return [tuple(sorted(row)) for row in rows.tolist()]


def test_the_solver_finds_what_brute_force_finds():
    found = [(g.reachable(s), brute_force(s, 24)) for s in drawn(4, 12, 0) + drawn(3, 60, 1)]
    assert all(ours == slow for ours, slow in found)
    assert {ours for ours, _ in found} == {True, False}


def test_another_target_and_negative_detours():
    # 1 - 5 + 8 - 3 needs no negative number: (8 - 5) - (3 - 1).
    for state in drawn(3, 25, 2, largest=6):
        for target in (0, 1, 7, Fraction(1, 2)):
            assert g.reachable(state, target) == brute_force(state, target)


def test_known_games():
    assert not g.reachable((1, 1, 1, 1))
    assert g.reachable((3, 3, 8, 8)) and g.reachable((1, 5, 5, 5)) and g.reachable((1, 3, 4, 6))
    # 8 / (3 - 8 / 3) has one solution only, and it needs a fraction.
    (only,) = g.solutions((3, 3, 8, 8))
    assert [str(step) for step in only] == ["8 / 3 = 8/3", "3 - 8/3 = 1/3", "8 / 1/3 = 24"]


def test_every_solution_passes_the_checker_and_no_other_path_does():
    def paths(state):
        if len(state) == 1:
            yield ()
            return
        for step in g.moves(state):
            for rest in paths(g.after(state, step)):
                yield (step, *rest)

    for state in [(2, 4, 4), (1, 2, 12), *drawn(3, 5, 3)]:
        passed = {path for path in paths(state) if g.is_solution(state, path)}
        assert passed == set(g.solutions(state))
        assert bool(passed) == g.reachable(state)


def test_the_checker_reads_every_step():
    good = [Step(13, "-", 8, 5), Step(5, "*", 4, 20), Step(20, "+", 4, 24)]
    game = (4, 4, 8, 13)
    assert g.is_solution(game, good)
    assert not g.is_solution(game, good[:2])
    assert not g.is_solution((4, 5, 8, 13), good)
    wrong = [Step(13, "-", 8, 5), Step(5, "*", 4, 21), Step(21, "+", 4, 24)]
    assert not g.is_solution(game, wrong)
    assert not g.is_solution(game, [Step(4, "/", 0, 24)])
    assert not Step(4, "=", 4, 4).is_right and not Step(4, "/", 0, 0).is_right
    assert Step(1, "/", 3, Fraction(1, 3)).is_right


def test_a_step_takes_its_two_numbers_once_each():
    assert g.after((4, 4, 7), Step(4, "+", 4, 8)) == (7, 8)
    assert g.after((4, 7), Step(4, "+", 4, 8)) is None
    assert g.after((4, 7), Step(4, "+", 7, 12)) == (12,)


def test_moves_are_right_and_different():
    for state in drawn(4, 20, 4):
        steps = g.moves(state)
        assert len(set(steps)) == len(steps)
        assert all(step.is_right and step.c >= 0 for step in steps)
        assert all(len(g.after(state, step)) == 3 for step in steps)
    assert g.moves((0, 3)) == [
        Step(3, "+", 0, 3),
        Step(3, "-", 0, 3),
        Step(3, "*", 0, 0),
        Step(0, "/", 3, 0),
    ]


def test_the_split_is_by_multiset():
    every = g.games(3, 9)
    train, test = g.split_games(every, 20, torch.Generator().manual_seed(0))
    assert len(test) == 20 and not set(train) & set(test)
    assert set(train) | set(test) == set(every)
    assert all(map(g.reachable, test)) and not all(map(g.reachable, train))
    again = g.split_games(every, 20, torch.Generator().manual_seed(0))
    other = g.split_games(every, 20, torch.Generator().manual_seed(1))
    assert again == (train, test) and other != (train, test)
    with pytest.raises(ValueError, match="tests must be an integer from 1"):
        g.split_games([(1, 1, 1, 1)], 1, torch.Generator())
    with pytest.raises(ValueError, match="different games"):
        g.split_games([(4, 6), (4, 6)], 1, torch.Generator())
    with pytest.raises(ValueError, match="different games"):
        g.split_games([(1, 2, 3, 4), (4, 3, 2, 1)], 1, torch.Generator())


def test_tokens_and_back():
    for state in [(4, 6, 8, 13), (0, 200), (24,)]:
        tokens = g.encode_state(state)
        assert len(tokens) == 4 and g.read_state(tokens) == state
    for state in drawn(3, 10, 5):
        for step in g.moves(state):
            if isinstance(step.c, int) and step.c <= g.LARGEST:
                assert g.read_step(g.encode_step(step)) == step
    for words in ("13 - 8 5 =", "13 13 8 = 5", "value - 8 = 5", "13 = 8 = 5", "13 - 8 ="):
        assert g.read_step([g.WORDS.index(word) for word in words.split()]) is None
    with pytest.raises(ValueError, match="whole, from 0 to 200"):
        g.encode_state((Fraction(1, 3),))
    with pytest.raises(ValueError, match="whole, from 0 to 200"):
        g.encode_step(Step(101, "+", 100, 201))
    with pytest.raises(ValueError, match="at most 4 numbers; got 5"):
        g.encode_state((1, 2, 3, 4, 5))
