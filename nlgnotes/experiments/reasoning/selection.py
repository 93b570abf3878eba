"""One answer out of several samples: with a checker, by the highest value, or by a vote."""

import math
from collections.abc import Collection, Hashable, Sequence

import torch

from nlgnotes.validation import (
    check_count,
    check_flag,
    check_generator,
    check_interval,
    check_kind,
)

__all__ = ["any_of", "best_of", "vote_of"]


def any_of(right: Sequence[bool], m: int) -> float:
    r"""The chance that a checker finds a right one among m of n samples, drawn without replacement.

    .. math:: 1 - \binom{n - c}{m} \Big/ \binom{n}{m}

    with c of the n right: unbiased for m fresh samples (Chen et al. 2021, arXiv:2107.03374).

    Args:
        right: of each sample.
        m: 1 to n.

    Raises:
        ValueError: no sample, or an m out of range.

    >>> any_of([True, False, False], 2)
    0.6666666666666667
    """
    right = _flags(right)
    n = len(right)
    m = check_count("m", m, 1, max(n, 1))
    return 1 - math.comb(n - sum(right), m) / math.comb(n, m)


def best_of(right: Sequence[bool], values: Sequence[float], m: int) -> float:
    """The chance that the sample of the highest value among m of n is right; no checker.

    Of equal values the earlier sample is taken.

    Args:
        right, values: of each sample.
        m: 1 to n.

    Raises:
        ValueError: unequal numbers of samples, none, or an m out of range.

    >>> best_of([True, False, False], [1.0, 0.5, 0.7], 2)
    0.6666666666666666
    """
    check_kind("values", values, Collection)
    right = _flags(right)
    n = len(right)
    values = [check_interval("values", value, -math.inf, math.inf) for value in values]
    if len(values) != n:
        raise ValueError(f"values must be as many as right, {n}; got {len(values)}")
    m = check_count("m", m, 1, max(n, 1))
    order = sorted(range(n), key=lambda i: -values[i])
    return sum(
        right[i] * math.comb(n - 1 - rank, m - 1) for rank, i in enumerate(order)
    ) / math.comb(n, m)


def vote_of(
    right: Sequence[bool],
    answers: Sequence[Hashable],
    m: int,
    draws: int,
    generator: torch.Generator,
) -> float:
    """How often the most frequent answer among m of n samples is right; no checker.

    Args:
        right, answers: of each sample; equal answers are equally right.
        m: 1 to n.
        draws: how many subsets of m are drawn; of equally frequent answers the first drawn is
            taken.
        generator: where they are drawn from.

    Raises:
        ValueError: unequal numbers of samples, or an m out of range.
    """
    check_generator(generator)
    check_kind("answers", answers, Collection)
    right, draws = _flags(right), check_count("draws", draws)
    n = len(right)
    for answer in answers:
        check_kind("answers", answer, Hashable)
    if len(answers) != n:
        raise ValueError(f"answers must be as many as right, {n}; got {len(answers)}")
    m, found = check_count("m", m, 1, max(n, 1)), 0
    for _ in range(draws):
        votes: dict[Hashable, list[int]] = {}
        for i in torch.randperm(n, generator=generator)[:m].tolist():
            votes.setdefault(answers[i], []).append(i)
        found += right[max(votes.values(), key=len)[0]]
    return found / draws


def _flags(right: object) -> list[bool]:
    check_kind("right", right, Collection)
    return [check_flag("right", each) for each in right]
