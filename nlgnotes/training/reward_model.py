"""Training of a reward model on comparisons.

Taught in: book/rlhf.ipynb.
"""

import math
from typing import SupportsFloat, SupportsIndex

import torch
from jaxtyping import Int
from torch import Tensor

from nlgnotes.equations.preferences import pairwise_loss
from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count, check_generator, describe, is_int64

__all__ = ["fit_reward_model", "shuffled_order"]


def shuffled_order(
    pairs: SupportsIndex,
    epochs: SupportsIndex,
    generator: torch.Generator,
    rankings: Int[Tensor, " pairs"] | None = None,
) -> Int[Tensor, " seen"]:
    """The order in which pairs are read: each epoch all of them, shuffled anew.

    Args:
        pairs: how many.
        epochs: how often each is read.
        generator: where the orders are drawn from.
        rankings: the ranking of each pair; where given, rankings are shuffled and the pairs of one
            stay together, as in Ouyang et al. 2022 (arXiv:2203.02155).

    Raises:
        ValueError: counts below 1, or another number of rankings than pairs.
    """
    pairs, epochs = check_count("pairs", pairs), check_count("epochs", epochs)
    check_generator(generator)
    if rankings is None:
        orders = [torch.randperm(pairs, generator=generator) for _ in range(epochs)]
        return torch.cat(orders)
    if not is_int64(rankings) or rankings.shape != (pairs,):
        raise ValueError(f"rankings must be {pairs} numbers, one a pair; got {describe(rankings)}")
    of, many = rankings.unique(return_inverse=True)[1], len(rankings.unique())
    places = [torch.randperm(many, generator=generator)[of] for _ in range(epochs)]
    return torch.cat([place.argsort(stable=True) for place in places])


def fit_reward_model(
    model: RewardModel,
    chosen: Int[Tensor, "pairs time"],
    rejected: Int[Tensor, "pairs time"],
    *,
    epochs: SupportsIndex,
    batch: SupportsIndex,
    learning_rate: SupportsFloat,
    generator: torch.Generator,
    weight_decay: SupportsFloat = 0.1,
    rankings: Int[Tensor, " pairs"] | None = None,
    progress: bool = False,
) -> History:
    """Train in place: raise the chosen answers' rewards above the rejected ones'.

    The loss is ``equations.preferences.pairwise_loss``. Taught in: book/rlhf.ipynb.

    Args:
        model: a reward model, new or on the weights of a language model.
        chosen, rejected: prompt and answer, as the model reads them, pair by pair.
        epochs: how often each pair is read.
        batch: pairs in a step.
        learning_rate, weight_decay: of ``training.loop.fit``.
        generator: where the order is drawn from.
        rankings: as in :func:`shuffled_order`.
        progress: show a bar.

    Raises:
        ValueError: counts below 1, other shapes, or what ``fit`` refuses.
    """
    batch = check_count("batch", batch)
    if not is_int64(chosen) or chosen.dim() != 2:
        raise ValueError(f"chosen must be int64 [pairs, time]; got {describe(chosen)}")
    if not is_int64(rejected) or chosen.shape != rejected.shape:
        raise ValueError(
            f"rejected must have the shape of chosen, {tuple(chosen.shape)}; "
            f"got {describe(rejected)}"
        )
    order = shuffled_order(len(chosen), epochs, generator, rankings)
    parts = iter(order.split(batch))

    def draw(_: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = next(parts)
        return chosen[rows], rejected[rows]

    return fit(
        model,
        draw,
        steps=math.ceil(len(order) / batch),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        generator=generator,
        loss=_loss,
        progress=progress,
    )


def _loss(model: RewardModel, pairs: tuple[Tensor, Tensor]) -> Tensor:
    rewards = model(torch.cat(pairs))[:, -1, 0]
    return pairwise_loss(*rewards.chunk(2))
