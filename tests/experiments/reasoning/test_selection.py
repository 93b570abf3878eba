"""Choosing among samples: each rule against all subsets, or all orders, counted one by one."""

from itertools import combinations

import pytest
import torch

from nlgnotes.experiments.reasoning.selection import any_of, best_of, vote_of

RIGHT = [True, False, False, True, False, False]
VALUES = [0.3, 0.9, 0.2, 0.6, 0.6, 0.1]


@pytest.mark.parametrize("m", range(1, 7))
def test_any_and_best_against_all_subsets(m):
    subsets = list(combinations(range(6), m))
    found = sum(any(RIGHT[i] for i in subset) for subset in subsets) / len(subsets)
    assert any_of(RIGHT, m) == pytest.approx(found)
    # max takes the earlier of equal values.
    best = sum(RIGHT[max(subset, key=lambda i: VALUES[i])] for subset in subsets) / len(subsets)
    assert best_of(RIGHT, VALUES, m) == pytest.approx(best)


def test_best_of_all_is_the_highest_and_of_one_the_mean():
    assert best_of(RIGHT, VALUES, 6) == 0 and best_of(RIGHT, VALUES, 1) == pytest.approx(1 / 3)
    assert any_of([False] * 4, 3) == 0 and any_of([True] * 4, 1) == 1


def test_votes():
    stream = torch.Generator().manual_seed(0)
    right = [True, False, True, False, True]
    answers = ["a", "b", "a", "c", "a"]
    assert vote_of(right, answers, 5, 10, stream) == 1
    # Of three drawn, at least two a's: 7 of the 10 subsets; one a first drawn of three different:
    # 3 of 10, a third of the time. Four standard errors of 4,000 draws are .026.
    assert vote_of(right, answers, 3, 4000, stream) == pytest.approx(0.8, abs=0.032)
    # A wrong answer that is frequent wins.
    assert vote_of([True, False, False], ["a", "b", "b"], 3, 5, stream) == 0


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="m must be an integer from 1 to 2; got 3"):
        any_of([True, False], 3)
    with pytest.raises(ValueError, match="m must be an integer from 1 to 1; got 2"):
        any_of([True], 2)
    with pytest.raises(ValueError, match="values must be as many as right, 2; got 1"):
        best_of([True, False], [1.0], 1)
    with pytest.raises(ValueError, match="answers must be as many as right, 2; got 1"):
        vote_of([True, False], ["a"], 1, 1, torch.Generator())
