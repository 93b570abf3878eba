"""Permutations of a few letters, by swaps: a finite automaton without a known shortcut."""

from itertools import combinations, permutations

import torch

from nlgnotes.tasks.automata import Automaton
from nlgnotes.validation import check_count

__all__ = ["permutations_by_swaps"]


def permutations_by_swaps(letters: int = 5) -> Automaton:
    """An arrangement of letters, in which each input swaps the letters at two places.

    The swaps generate all permutations. For five letters their group is not solvable, so that no
    solution of constant depth is known, and none exists if the circuit classes TC0 and NC1 differ
    (Liu et al. 2023, arXiv:2210.10749). After *n* swaps, from three on, half of the arrangements
    can be reached, those of the parity of *n*: so 60 of 120. Taught in: book/reasoning.ipynb.

    Args:
        letters: how many, from 2 to 7.

    Returns:
        Inputs ``12``, ``13``, … (the places, from 1) and the blank ``·``; states ``abcde``, ….

    Raises:
        ValueError: ``letters`` out of range.

    >>> task = permutations_by_swaps()
    >>> len(task.states), task.states[task.table[0, task.inputs.index("14")]]
    (120, 'dbcae')
    """
    letters = check_count("letters", letters, 2, 7)
    states = ["".join(p) for p in permutations("abcdefg"[:letters])]
    ids = {state: i for i, state in enumerate(states)}
    places = list(combinations(range(letters), 2))
    rows = [[ids[_swapped(state, *pair)] for pair in places] + [ids[state]] for state in states]
    inputs = (*(f"{a + 1}{b + 1}" for a, b in places), "·")
    return Automaton(inputs, tuple(states), torch.tensor(rows))


def _swapped(state: str, a: int, b: int) -> str:
    row = list(state)
    row[a], row[b] = row[b], row[a]
    return "".join(row)
