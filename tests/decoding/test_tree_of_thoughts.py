"""Search over thoughts: against enumeration, worked by hand, and the counting of nodes."""

import itertools

import pytest
import torch

from nlgnotes.decoding.tree_of_thoughts import chains, tree_of_thoughts
from nlgnotes.tasks.game24 import after, games, moves, reachable

LETTERS = "abc"


def spell(states, k):
    return [[state + letter for letter in LETTERS[:k]] for state in states]


def table(seed):
    """A value of every string, all different."""
    draws = torch.rand(4096, generator=torch.Generator().manual_seed(seed)).tolist()
    known = {}
    return lambda states: [known.setdefault(s, draws[len(known)]) for s in states]


def test_by_hand():
    worth = {"a": 0.3, "b": 0.9, "c": 0.5, "ba": 0.1, "bb": 0.2, "bc": 0.8, "ca": 0.7}
    worth |= {"cb": 0.6, "cc": 0.4}
    (tree,) = tree_of_thoughts([""], spell, lambda s: [worth[x] for x in s], k=3, T=2, b=2)
    first, second = tree.levels
    assert [c.state for c in first.kept] == ["b", "c"]
    assert [c.state for c in second.candidates] == ["ba", "bb", "bc", "ca", "cb", "cc"]
    assert [c.parent for c in second.candidates] == [0, 0, 0, 1, 1, 1]
    assert tree.answers == ("bc", "ca")
    assert [c.kept for c in second.candidates] == [False, False, True, True, False, False]
    assert (first.proposals, second.proposals) == (3, 6)
    assert (tree.proposals, tree.values, tree.nodes) == (9, 9, 18)


@pytest.mark.parametrize("b", [1, 2, 3, 5, 100])
def test_the_beam_against_enumeration(b):
    value = table(b)
    (tree,) = tree_of_thoughts([""], spell, value, k=3, T=4, b=b)
    beam = [""]
    for level in tree.levels:
        every = [s + letter for s in beam for letter in LETTERS]
        scores = dict(zip(every, value(every), strict=True))
        beam = sorted(every, key=scores.get, reverse=True)[:b]
        assert [c.state for c in level.kept] == beam
    assert tree.answers == tuple(beam)
    if b == 100:
        assert set(beam) == set(map("".join, itertools.product(LETTERS, repeat=4)))


def test_all_moves_and_no_pruning_is_exhaustive_search():
    every = games(3, 8)

    def propose(states, k):
        return [[after(s, step) for step in moves(s)] for s in states]

    trees = tree_of_thoughts(every, propose, lambda s: [0.0] * len(s), k=99, T=2, b=10**6)
    assert [(24,) in tree.answers for tree in trees] == [reachable(game) for game in every]
    # With the solver as value one state a level is enough, and unsolvable games stay unsolved.
    perfect = tree_of_thoughts(every, propose, lambda s: list(map(reachable, s)), k=99, T=2, b=1)
    assert [(24,) in tree.answers for tree in perfect] == [reachable(game) for game in every]


def test_several_inputs_are_several_searches():
    value, inputs = table(0), ["", "a", "c"]
    together = tree_of_thoughts(inputs, spell, value, k=2, T=3, b=2)
    assert together == [tree_of_thoughts([x], spell, value, k=2, T=3, b=2)[0] for x in inputs]
    assert [tree.root for tree in together] == inputs


def test_equal_states_are_one_candidate_and_one_value_call():
    valued = []

    def value(states):
        valued.extend(states)
        return [len(s) for s in states]

    twice = lambda states, k: [[s + "a", s + "a", s + "b"] for s in states]  # noqa: E731
    (tree,) = tree_of_thoughts([""], twice, value, k=3, T=1, b=5)
    assert valued == ["a", "b"] and (tree.proposals, tree.values, tree.nodes) == (3, 2, 5)
    (tree,) = tree_of_thoughts([""], spell, value, k=3, T=2, b=3, key=lambda s: "".join(sorted(s)))
    assert [c.state for c in tree.levels[1].candidates] == ["aa", "ab", "ac", "bb", "bc", "cc"]
    assert tree.nodes == 3 + 3 + 9 + 6


def test_thoughts_that_cannot_be_read_cost_a_call():
    half = lambda states, k: [[None, s + "b"] for s in states]  # noqa: E731
    (tree,) = tree_of_thoughts([""], half, lambda s: [1.0] * len(s), k=2, T=2, b=2)
    assert tree.answers == ("bb",) and (tree.proposals, tree.values) == (4, 2)
    dead = lambda states, k: [[None] * k for _ in states]  # noqa: E731
    (tree,) = tree_of_thoughts([""], dead, lambda s: [1.0] * len(s), k=2, T=3, b=2)
    assert tree.answers == () and (tree.proposals, tree.values) == (2, 0)
    assert len(tree.levels) == 3


def test_of_equal_values_the_first_is_kept():
    (tree,) = tree_of_thoughts([""], spell, lambda s: [1.0] * len(s), k=3, T=2, b=1)
    assert tree.answers == ("aa",)


def test_chains_are_a_search_of_one_thought():
    calls = []

    def draw(states, k):
        calls.append((len(states), k))
        return [[None if s.endswith("bb") else s + "b"] for s in states]

    assert chains(["", "b"], draw, n=2, T=4) == [[(None, 3)] * 2, [(None, 2)] * 2]
    assert calls == [(4, 1), (4, 1), (2, 1)]
    assert chains([""], spell, n=1, T=3) == [[("aaa", 3)]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"b": 0}, "b must be an integer of at least 1; got 0"),
        ({"k": -1}, "k must be an integer of at least 1; got -1"),
        ({"T": 0}, "T must be an integer of at least 1; got 0"),
        ({"inputs": []}, "inputs must hold at least one; got none"),
        ({"value": lambda s: [1.0]}, "value must give one entry for each of 2 states; got 1"),
        ({"value": lambda s: [float("nan")] * 2}, "value must give numbers; got nan"),
        ({"value": lambda s: ["high"] * 2}, "value must give numbers; got str"),
        ({"propose": lambda s, k: []}, "propose must give one entry for each of 1 states; got 0"),
        ({"propose": lambda s, k: [["a"] * 3]}, "at most k = 2 thoughts a state; got 3"),
    ],
)
def test_bad_input_is_named(arguments, message):
    good = {"inputs": [""], "propose": spell, "value": lambda s: [1.0] * len(s)}
    chosen = good | {"k": 2, "T": 1, "b": 1} | arguments
    with pytest.raises(ValueError, match=message):
        tree_of_thoughts(**chosen)


def test_bad_chains_are_named():
    with pytest.raises(ValueError, match="inputs must hold at least one"):
        chains([], spell, n=1, T=1)
    with pytest.raises(ValueError, match="n must be an integer"):
        chains([""], spell, n=0, T=1)
    with pytest.raises(ValueError, match="at most k = 1 thought; got 2"):
        chains([""], lambda s, k: [["a", "b"]], n=1, T=1)
