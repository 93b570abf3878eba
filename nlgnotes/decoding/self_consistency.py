"""Self-consistency: a majority vote over sampled answers, and what it must give."""

import math

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from nlgnotes.validation import check_count, check_floats, check_ids, describe, is_int64

__all__ = ["answer_counts", "majority_vote", "subset_vote_accuracy", "vote_accuracy"]

MOST = 170  # samples: the factorial of one more is beyond float64


def answer_counts(
    answers: Int64[Tensor, "questions samples"], choices: int
) -> Int64[Tensor, "questions choices"]:
    """How often each answer was given.

    Args:
        answers: ids from 0 to ``choices - 1``; -1 is a sample without an answer, and is not
            counted.
        choices: how many answers there are.

    Raises:
        ValueError: an id outside.

    >>> answer_counts(torch.tensor([[2, 0, 2, -1]]), 3)
    tensor([[1, 0, 2]])
    """
    choices = check_count("choices", choices)
    if not is_int64(answers) or answers.dim() != 2:
        raise ValueError(
            f"answers must be an int64 tensor [questions, samples]; got {describe(answers)}"
        )
    check_ids("answers, plus 1,", answers + 1, answers.shape, choices + 1)
    counts = torch.zeros(len(answers), choices + 1, dtype=torch.long)
    counts.scatter_add_(1, answers + 1, torch.ones_like(answers))
    return counts[:, 1:]


def majority_vote(
    counts: Int64[Tensor, "questions choices"],
) -> Float64[Tensor, "questions choices"]:
    """The share of each answer in the decision: 1 for the most frequent one, ties split evenly.

    So the entry of the right answer is the probability that a vote whose ties are broken by chance
    is right. Without any answer all shares are 0. From Wang et al. 2022 (arXiv:2203.11171).
    Taught in: book/reasoning.ipynb.

    Args:
        counts: as :func:`answer_counts` gives them.

    Raises:
        ValueError: a negative count, or another shape.

    >>> majority_vote(torch.tensor([[3, 1, 3, 0]]))
    tensor([[0.5000, 0.0000, 0.5000, 0.0000]], dtype=torch.float64)
    """
    _check_counts(counts)
    if bool((counts < 0).any()):
        raise ValueError(
            f"counts must be of shape [questions, choices], none below 0; got {int(counts.min())}"
        )
    first = (counts == counts.max(1, keepdim=True).values) & (counts > 0)
    return first.double() / first.sum(1, keepdim=True).clamp(min=1)


def vote_accuracy(
    probs: Float64[Tensor, "questions choices"],
    right: Int64[Tensor, " questions"],
    samples: int,
) -> Float64[Tensor, " questions"]:
    """The probability that the vote of n independent samples is right, exactly.

    Let p be the distribution of one sample's answer. With c votes for the right answer the others
    may have at most c each, and t of them that have exactly c share the win:

        P = sum over all counts k with k_right = c of
            n! / (k_1! … k_m!) p_1^k_1 … p_m^k_m [no k_j > c] / (1 + t).

    The sum is not enumerated: for each c the other answers' counts are multiplied together one
    answer at a time, as polynomials in the number of votes and of ties. A question's accuracy is
    no function of the mean of p over questions, so this is done for each question.
    Taught in: book/reasoning.ipynb.

    Args:
        probs: of each answer; a row may sum to less than 1, the rest are samples without an
            answer, which do not vote.
        right: the right answer's id.
        samples: n, at most 170.

    Raises:
        ValueError: probabilities that are negative or sum to more than 1, an id outside, or
            ``samples`` outside [1, 170].

    Two votes that agree or tie: .6² + 2 · .6 · .4 / 2 = .6.

    >>> vote_accuracy(torch.tensor([[0.6, 0.4]]).double(), torch.tensor([0]), 2)
    tensor([0.6000], dtype=torch.float64)
    """
    samples = check_count("samples", samples, 1, MOST)
    check_floats("probs", probs)
    if probs.dim() != 2 or not probs.numel():
        raise ValueError(f"probs must be of shape [questions, choices]; got {tuple(probs.shape)}")
    probs = probs.double()
    if bool((probs < 0).any()) or not bool((probs.sum(1) < 1 + 1e-6).all()):
        raise ValueError("probs must be at least 0 and sum to at most 1 in every row")
    check_ids("right", right, (len(probs),), probs.shape[1])
    powers = torch.arange(samples + 1)
    factorial = torch.tensor([math.factorial(k) for k in range(samples + 1)], dtype=torch.float64)
    silent = (1 - probs.sum(1, keepdim=True)).clamp(min=0)
    weights = torch.cat([probs, silent], 1)[..., None] ** powers / factorial  # p^k / k!
    return factorial[samples] * _winning(weights, right)


def subset_vote_accuracy(
    counts: Int64[Tensor, "questions choices"],
    right: Int64[Tensor, " questions"],
    samples: int,
    drawn: int,
) -> Float64[Tensor, " questions"]:
    """The mean accuracy of votes over all subsets of n of the samples that were drawn.

    For samples that are independent this is an unbiased estimate of :func:`vote_accuracy`, which
    that function of estimated probabilities is not: their errors make it too low where the mode is
    right. The counts of a random subset are multivariate hypergeometric,

        P = sum over all k with k_right = c of
            C(c_1, k_1) … C(c_m, k_m) / C(N, n) [no k_j > c] / (1 + t).

    Args:
        counts: of each answer among the drawn samples, as :func:`answer_counts` gives them.
        right: the right answer's id.
        samples: n, at most ``drawn``.
        drawn: N, the samples of each question; those without an answer are the rest.

    Raises:
        ValueError: counts that are negative or more than ``drawn``, an id outside, or ``samples``
            below 1 or above ``drawn``.

    Of three samples two are right, so two of the three pairs have one vote each way:

    >>> subset_vote_accuracy(torch.tensor([[2, 1]]), torch.tensor([0]), 2, 3)
    tensor([0.6667], dtype=torch.float64)
    """
    drawn = check_count("drawn", drawn)
    samples = check_count("samples", samples, 1, drawn)
    _check_counts(counts)
    silent = drawn - counts.sum(1, keepdim=True)
    if bool((counts < 0).any()) or bool((silent < 0).any()):
        raise ValueError(f"counts must be at least 0 and sum to at most drawn = {drawn}")
    check_ids("right", right, (len(counts),), counts.shape[1])
    every = [[float(math.comb(c, k)) for k in range(samples + 1)] for c in range(drawn + 1)]
    table = torch.tensor(every, dtype=torch.float64)
    weights = table[torch.cat([counts, silent], 1)]
    return _winning(weights, right) / float(math.comb(drawn, samples))


def _check_counts(counts: object) -> None:
    if not is_int64(counts) or counts.dim() != 2 or not counts.numel():
        raise ValueError(
            f"counts must be of shape [questions, choices], int64; got {describe(counts)}"
        )


def _winning(
    weights: Float64[Tensor, "questions ways votes"], right: Int64[Tensor, " questions"]
) -> Float64[Tensor, " questions"]:
    """The weight of all series of votes that the right answer wins, ties divided.

    Args:
        weights: of k votes for each answer, k from 0 to n; last those of no answer.
        right: the right answer's id.
    """
    questions, ways_out, most = weights.shape
    choices, samples = ways_out - 1, most - 1
    own = weights[torch.arange(questions), right]
    is_other = torch.arange(choices) != right[:, None]
    others = weights[:, :-1][is_other].view(questions, choices - 1, most)
    total = torch.zeros(questions, dtype=torch.float64)
    for c in range(1, samples + 1):
        rest = samples - c
        # ways[q, r, t]: weight of r votes among the answers so far, t of which have c each; the
        # samples without an answer are any number of these r.
        ways = torch.zeros(questions, rest + 1, choices, dtype=torch.float64)
        ways[:, :, 0] = weights[:, -1, : rest + 1]
        for terms in others.unbind(1):
            after = torch.zeros_like(ways)
            for k in range(min(c - 1, rest) + 1):
                after[:, k:] += terms[:, k, None, None] * ways[:, : rest + 1 - k]
            if c <= rest:
                after[:, c:, 1:] += terms[:, c, None, None] * ways[:, : rest + 1 - c, :-1]
            ways = after
        total += own[:, c] * (ways[:, rest] / (1 + torch.arange(choices))).sum(1)
    return total
