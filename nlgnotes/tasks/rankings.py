"""Rankings of answers that a policy wrote, and the pairs that they hold.

Taught in: book/rlhf.ipynb.
"""

import math
from typing import NamedTuple, SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.gumbel import gumbel_noise
from nlgnotes.validation import (
    check_count,
    check_generator,
    check_ids,
    check_interval,
    check_kind,
    check_log_probs,
    check_scores,
    describe,
)

__all__ = ["Pairs", "Rankings", "draw_answers", "draw_rankings", "ranked_pairs"]


class Rankings(NamedTuple):
    """Numbers of answers of one prompt each, the best first."""

    prompts: Int[Tensor, " rankings"]
    answers: Int[Tensor, "rankings ranked"]


class Pairs(NamedTuple):
    """Comparisons of two answers, and the number of the ranking that each was taken from."""

    prompts: Int[Tensor, " pairs"]
    chosen: Int[Tensor, " pairs"]
    rejected: Int[Tensor, " pairs"]
    rankings: Int[Tensor, " pairs"]


def draw_answers(
    log_probs: Float[Tensor, "prompts answers"],
    prompts: Int[Tensor, "*batch"],
    generator: torch.Generator,
) -> Int[Tensor, "*batch"]:
    """The number of one answer for each given prompt, drawn from a policy's exact law.

    Args:
        log_probs: of every answer of every prompt.
        prompts: numbers of prompts; one answer is drawn for each.
        generator: where they are drawn from.

    Raises:
        ValueError: ill log-probabilities, a prompt without a possible answer, or a number of a
            prompt out of range.
    """
    check_log_probs("log_probs", log_probs)
    check_scores("log_probs", log_probs)
    if log_probs.dim() != 2:
        raise ValueError(f"log_probs must be [prompts, answers]; got {describe(log_probs)}")
    check_ids("prompts", prompts, getattr(prompts, "shape", ()), len(log_probs))
    check_generator(generator)
    below = log_probs.double().exp().cumsum(-1)
    u = torch.rand(prompts.shape, generator=generator, dtype=torch.float64) * below[prompts, -1]
    drawn = torch.empty_like(prompts)
    for x in prompts.unique().tolist():
        here = prompts == x
        drawn[here] = torch.searchsorted(below[x], u[here], right=True)
    return drawn.clamp(max=log_probs.shape[1] - 1)


def draw_rankings(
    log_probs: Float[Tensor, "prompts answers"],
    gold: Float[Tensor, "prompts answers"],
    many: SupportsIndex,
    ranked: SupportsIndex,
    generator: torch.Generator,
    noise: SupportsFloat = 1.0,
) -> Rankings:
    r"""Rankings by Plackett–Luce of answers that a policy wrote.

    Each has a prompt drawn uniformly and ``ranked`` independent answers. They are sorted by
    :math:`r(x, y) + \text{noise} \cdot g` with independent Gumbel g, which with noise 1 is
    Plackett's and Luce's law: the next place is taken by softmax(r) among those that are left. A
    pair is then right with the probability of Bradley and Terry.

    Args:
        log_probs: the policy's law.
        gold: the reward that people go by.
        many: how many rankings.
        ranked: answers in each, at least 2.
        generator: where all of it is drawn from.
        noise: 0 ranks without error (of equal rewards in the order of drawing).

    Raises:
        ValueError: counts or noise out of range, or other shapes.
    """
    many, ranked = check_count("many", many), check_count("ranked", ranked, 2)
    noise = check_interval("noise", noise, 0, math.inf, closed="left")
    check_log_probs("log_probs", log_probs)
    if not isinstance(gold, Tensor) or gold.shape != log_probs.shape:
        raise ValueError(
            f"gold must have the shape of log_probs {tuple(log_probs.shape)}; got {describe(gold)}"
        )
    check_generator(generator)
    prompts = torch.randint(len(log_probs), (many,), generator=generator)
    answers = draw_answers(log_probs, prompts[:, None].expand(-1, ranked), generator)
    scores = gold[prompts[:, None], answers].double()
    scores = scores + noise * gumbel_noise(scores.shape, generator, torch.float64)
    order = scores.argsort(dim=-1, descending=True, stable=True)
    return Rankings(prompts, answers.gather(-1, order))


def ranked_pairs(rankings: Rankings) -> Pairs:
    """All pairs of each ranking: K (K - 1) / 2 comparisons, which are not independent.

    The pairs of one ranking follow each other.
    """
    check_kind("rankings", rankings, Rankings)
    if not isinstance(rankings.answers, Tensor) or rankings.answers.dim() != 2:
        raise ValueError(
            f"rankings must have answers [rankings, ranked]; got {describe(rankings.answers)}"
        )
    many, ranked = rankings.answers.shape
    if not isinstance(rankings.prompts, Tensor) or rankings.prompts.shape != (many,):
        raise ValueError(
            f"rankings must have {many} prompts, one each; got {describe(rankings.prompts)}"
        )
    better, worse = torch.triu_indices(ranked, ranked, 1)
    which = torch.arange(many).repeat_interleave(len(better))
    chosen, rejected = rankings.answers[:, better], rankings.answers[:, worse]
    return Pairs(rankings.prompts[which], chosen.flatten(), rejected.flatten(), which)
