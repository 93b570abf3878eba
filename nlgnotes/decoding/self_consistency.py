"""Self-consistency: a majority vote over sampled answers, and what it must give."""

import math

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from nlgnotes.validation import check_count, check_ids

__all__ = ["answer_counts", "majority_vote", "vote_accuracy"]


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
    if counts.dim() != 2 or not counts.numel() or bool((counts < 0).any()):
        raise ValueError(
            "counts must be of shape [questions, choices], none below 0; "
            f"got shape {tuple(counts.shape)}"
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
        samples: n.

    Raises:
        ValueError: probabilities that are negative or sum to more than 1, an id outside, or
            ``samples`` below 1.

    Two votes that agree or tie: .6² + 2 · .6 · .4 / 2 = .6.

    >>> vote_accuracy(torch.tensor([[0.6, 0.4]]).double(), torch.tensor([0]), 2)
    tensor([0.6000], dtype=torch.float64)
    """
    samples = check_count("samples", samples)
    if probs.dim() != 2 or not probs.numel() or not probs.is_floating_point():
        raise ValueError(f"probs must be of shape [questions, choices]; got {tuple(probs.shape)}")
    probs = probs.double()
    if bool((probs < 0).any()) or not bool((probs.sum(1) < 1 + 1e-6).all()):
        raise ValueError("probs must be at least 0 and sum to at most 1 in every row")
    check_ids("right", right, (len(probs),), probs.shape[1])
    questions, choices = probs.shape
    own = probs.gather(1, right[:, None])[:, 0]
    is_other = torch.arange(choices) != right[:, None]
    others = probs[is_other].reshape(questions, choices - 1)
    silent = (1 - probs.sum(1)).clamp(min=0)
    factorial = torch.tensor([math.factorial(k) for k in range(samples + 1)], dtype=torch.float64)
    powers = torch.arange(samples + 1)
    total = torch.zeros(questions, dtype=torch.float64)
    for c in range(1, samples + 1):
        rest = samples - c
        # ways[q, r, t]: weight of r votes among the answers so far, t of which have c each; the
        # samples without an answer are any number of these r.
        ways = torch.zeros(questions, rest + 1, choices, dtype=torch.float64)
        ways[:, :, 0] = silent[:, None] ** powers[: rest + 1] / factorial[: rest + 1]
        for column in others.unbind(1):
            terms = column[:, None] ** powers / factorial  # p^k / k!
            after = torch.zeros_like(ways)
            for k in range(min(c - 1, rest) + 1):
                after[:, k:] += terms[:, k, None, None] * ways[:, : rest + 1 - k]
            if c <= rest:
                after[:, c:, 1:] += terms[:, c, None, None] * ways[:, : rest + 1 - c, :-1]
            ways = after
        share = (ways[:, rest] / (1 + torch.arange(choices))).sum(1)
        total += factorial[samples] * own**c / factorial[c] * share
    return total
