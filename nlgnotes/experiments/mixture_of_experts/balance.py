"""Ways to balance experts, as arms of an experiment, and what is measured of a routing.

Taught in: book/mixture-of-experts.ipynb.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.equations import load_balancing as lb
from nlgnotes.networks.moe import MoELayer, Routing

__all__ = ["ARMS", "Balance", "balancing_loss", "measures", "move_biases", "rounded"]


@dataclass(frozen=True)
class Balance:
    """What holds the experts in balance during training.

    Args:
        noise: whether the gate is noisy.
        importance, load: the weights of the squared CV of Importance and of the smooth Load; the
            latter needs noise.
        switch: the weight alpha of the Switch loss.
        bias: the rate u of the bias without a loss; below 0 its sign is wrong, for a control.
    """

    noise: bool = False
    importance: float = 0.0
    load: float = 0.0
    switch: float = 0.0
    bias: float = 0.0


ARMS = {
    "none": Balance(),
    "noise": Balance(noise=True),
    "importance": Balance(noise=True, importance=0.1),
    "load": Balance(noise=True, load=0.1),
    "both": Balance(noise=True, importance=0.1, load=0.1),
    "importance, no noise": Balance(importance=0.1),
    "Switch 0.01": Balance(switch=0.01),
    "Switch 0.1": Balance(switch=0.1),
    "bias": Balance(bias=0.03),
    "bias, wrong sign": Balance(bias=-0.03),
}
"""The arms of the lecture's tables."""


def balancing_loss(routings: Sequence[Routing], balance: Balance) -> Float[Tensor, ""]:
    """What is added to the task's loss: the sum over the layers, each balanced by itself.

    Args:
        routings: of each layer.
        balance: the arm.
    """
    total = torch.zeros(())
    for each in routings:
        if balance.importance:
            total = total + balance.importance * lb.squared_cv(lb.importance(each.gates))
        if balance.load:
            load = lb.smooth_load(each.clean, each.noisy, each.spread, each.chosen.shape[1])
            total = total + balance.load * lb.squared_cv(load)
        if balance.switch:
            total = total + balance.switch * lb.switch_loss(each.probabilities, each.chosen)
    return total


def move_biases(layers: Sequence[MoELayer], routings: Sequence[Routing], balance: Balance) -> None:
    """Move each layer's bias by one step of the arm's rate, in place; at rate 0 it stays.

    Args:
        layers: of experts.
        routings: of the batch just seen, one for each layer.
        balance: the arm; a rate below 0 moves away from balance.
    """
    if not balance.bias:
        return
    for layer, routing in zip(layers, routings, strict=True):
        up = lb.updated_bias(layer.bias, routing.counts, abs(balance.bias)) - layer.bias
        layer.bias.add_(up if balance.bias > 0 else -up)


@torch.no_grad()
def measures(routing: Routing) -> dict[str, Any]:
    """A routing in the numbers of Shazeer's Table 6, and the counts they come from.

    Returns:
        ``cv_importance``, ``cv_load`` (of the counts), ``max_over_mean``, ``violation`` (MaxVio),
        ``dead`` (experts with at most a hundredth of the mean load) and ``counts``.
    """
    counts = routing.counts
    return {
        "cv_importance": rounded(lb.squared_cv(lb.importance(routing.gates)).sqrt()),
        "cv_load": rounded(lb.squared_cv(counts.double()).sqrt()),
        "max_over_mean": rounded(lb.max_over_mean(counts)),
        "violation": rounded(lb.max_violation(counts)),
        "dead": lb.dead_experts(counts, 0.01),
        "counts": counts.tolist(),
    }


def rounded(number: Tensor | float) -> float:
    """One number to four digits after the point, as a measurement keeps it."""
    return round(float(number), 4)
