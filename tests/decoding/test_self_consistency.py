"""Votes by hand, and their prediction against every series of answers and against a simulation."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.decoding.self_consistency import (
    answer_counts,
    majority_vote,
    subset_vote_accuracy,
    vote_accuracy,
)
from nlgnotes.randomness import generator


def by_enumeration(probs, right, samples):
    """The probability that a vote is right, over all series of answers; the last is no answer."""
    total, silent = 0.0, len(probs)
    every = [*probs, 1 - sum(probs)]
    for series in itertools.product(range(len(every)), repeat=samples):
        counts = [series.count(j) for j in range(silent)]
        if counts[right] and counts[right] == max(counts):
            chance = 1.0
            for answer in series:
                chance *= every[answer]
            total += chance / counts.count(max(counts))
    return total


def some_probs(questions, choices, seed, silent):
    p = torch.rand(questions, choices, generator=generator(seed), dtype=torch.float64)
    return (1 - silent) * p / p.sum(1, keepdim=True)


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("silent", [0.0, 0.3])
def test_the_prediction_is_the_sum_over_all_series(samples, silent):
    probs, right = some_probs(3, 4, samples, silent), torch.tensor([0, 3, 1])
    found = vote_accuracy(probs, right, samples).tolist()
    for row, own, value in zip(probs.tolist(), right.tolist(), found, strict=True):
        assert value == pytest.approx(by_enumeration(row, own, samples), abs=1e-12)


@given(st.integers(1, 12), st.integers(2, 6), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_over_all_right_answers_the_predictions_sum_to_one(samples, choices, seed):
    """Somebody wins, if every sample has an answer."""
    probs = some_probs(1, choices, seed, 0.0)
    total = sum(float(vote_accuracy(probs, torch.tensor([c]), samples)) for c in range(choices))
    assert total == pytest.approx(1, abs=1e-9)


def test_votes_help_where_the_mode_is_right_and_hurt_where_it_is_wrong():
    probs = torch.tensor([[0.4, 0.3, 0.3], [0.3, 0.4, 0.3]], dtype=torch.float64)
    right = torch.tensor([0, 0])
    curves = torch.stack([vote_accuracy(probs, right, n) for n in (1, 5, 25, 60)])
    assert (curves[1:, 0] > curves[:-1, 0]).all() and (curves[1:, 1] < curves[:-1, 1]).all()
    assert vote_accuracy(probs, right, 1).tolist() == pytest.approx([0.4, 0.3])


def test_the_prediction_meets_a_simulation():
    probs, right = some_probs(1, 5, 3, 0.1), torch.tensor([2])
    every = torch.cat([probs, 1 - probs.sum(1, keepdim=True)], 1).expand(20000, -1)
    drawn = torch.multinomial(every, 9, replacement=True, generator=generator(4))
    answers = torch.where(drawn == 5, -1, drawn)
    votes = majority_vote(answer_counts(answers, 5))[:, 2]
    error = float(votes.std()) / 20000**0.5
    expected = float(vote_accuracy(probs, right, 9))
    assert abs(float(votes.mean()) - expected) < 5.5 * error  # false alarm below 1e-7


@pytest.mark.parametrize("samples", [1, 2, 4, 7])
def test_subsets_by_enumeration(samples):
    answers = torch.tensor([[0, 0, 0, 1, 1, 2, -1], [2, 2, 0, 0, 1, 1, 1]])
    found = subset_vote_accuracy(answer_counts(answers, 3), torch.tensor([0, 2]), samples, 7)
    for row, own, value in zip(answers, (0, 2), found.tolist(), strict=True):
        subsets = torch.tensor(list(itertools.combinations(row.tolist(), samples)))
        votes = majority_vote(answer_counts(subsets, 3))[:, own]
        assert value == pytest.approx(float(votes.mean()), abs=1e-12)


def test_subsets_are_unbiased_and_probabilities_from_counts_are_not():
    probs, right = some_probs(1, 4, 5, 0.0), torch.tensor([1])
    probs = probs.sort(1).values[:, [0, 3, 2, 1]]  # the right answer is the mode
    drawn = torch.multinomial(probs.expand(4000, -1), 12, True, generator=generator(6))
    counts, targets = answer_counts(drawn, 4), right.expand(4000)
    exact = float(vote_accuracy(probs, right, 9))
    subsets = subset_vote_accuracy(counts, targets, 9, 12)
    error = float(subsets.std()) / 4000**0.5
    assert abs(float(subsets.mean()) - exact) < 5.5 * error  # false alarm below 1e-7
    plugged = vote_accuracy(counts.double() / 12, targets, 9)
    assert float(plugged.mean()) < exact - 5.5 * float(plugged.std()) / 4000**0.5


def test_counts_and_votes_by_hand():
    counts = answer_counts(torch.tensor([[1, 1, 0, -1], [-1, -1, -1, -1]]), 3)
    assert counts.tolist() == [[1, 2, 0], [0, 0, 0]]
    assert majority_vote(counts).tolist() == [[0, 1, 0], [0, 0, 0]]
    tied = majority_vote(torch.tensor([[2, 2, 2, 1]]))
    assert tied[0].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_ill_arguments_are_named():
    probs, right = some_probs(1, 3, 0, 0.0), torch.tensor([0])
    with pytest.raises(ValueError, match="probs must be at least 0"):
        vote_accuracy(2 * probs, right, 3)
    with pytest.raises(ValueError, match="probs must be at least 0"):
        vote_accuracy(-probs, right, 3)
    with pytest.raises(ValueError, match="probs must be at least 0"):
        vote_accuracy(probs * float("nan"), right, 3)
    with pytest.raises(ValueError, match="samples must"):
        vote_accuracy(probs, right, 0)
    with pytest.raises(ValueError, match="right must"):
        vote_accuracy(probs, right + 3, 2)
    for counts, samples, words in (
        ([[4, 0]], 2, "counts must be at least 0"),
        ([[-1, 2]], 2, "counts must be at least 0"),
        ([[1, 2]], 4, "samples must"),
        ([[1, 2]], 0, "samples must"),
    ):
        with pytest.raises(ValueError, match=words):
            subset_vote_accuracy(torch.tensor(counts), right, samples, 3)
    with pytest.raises(ValueError, match="answers"):
        answer_counts(torch.tensor([[3]]), 3)
    with pytest.raises(ValueError, match="counts must be of shape"):
        majority_vote(torch.tensor([[-1, 2]]))


def test_more_samples_than_float64_can_count_are_refused():
    even = torch.tensor([[0.5, 0.5]]).double()
    assert float(vote_accuracy(even, torch.tensor([0]), 170)) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="samples must be"):
        vote_accuracy(even, torch.tensor([0]), 171)
