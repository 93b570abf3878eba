"""What a layer of experts costs: parameters, FLOPs of a token, and choices that the gate has.

*w* is the width, *h* the hidden width of an expert, *N* the number of experts that are routed to,
*k* how many of them a token uses, *s* how many shared ones it uses besides.
"""

import math
from typing import NamedTuple

from nlgnotes.validation import check_count

__all__ = ["LayerCost", "layer_cost", "segmented"]


class LayerCost(NamedTuple):
    """What :func:`layer_cost` counts.

    Attributes:
        total: parameters of the layer.
        active: parameters that one token meets.
        expert_flops: of the experts that a token uses, shared ones included.
        router_flops: of the scores of all experts.
        choices: sets of k experts that a token can have.
    """

    total: int
    active: int
    expert_flops: int
    router_flops: int
    choices: int


def layer_cost(width: int, hidden: int, experts: int, k: int, shared: int = 0) -> LayerCost:
    r"""The parameters and the FLOPs per token of one layer of experts, and its choices.

    .. math:: \text{total} = 2wh(N + s) + wN,\quad \text{active} = 2wh(k + s) + wN,\quad
              \text{FLOPs} = 4wh(k + s) + 2wN,\quad \text{choices} = \binom{N}{k}

    A product of [a, b] and [b, c] counts 2abc, as in ``networks.flops``. The router *wN* is met by
    every token; noise of the gate, biases, sorting and the weighted sum are not counted.
    Taught in: book/fine-grained-experts.ipynb.

    Args:
        width, hidden: *w*, and *h* of each expert.
        experts, k: *N*, and *k* from 1 to *N*.
        shared: *s*, of the same size, outside the gate.

    Raises:
        ValueError: a count out of range.

    >>> layer_cost(width=2, hidden=3, experts=4, k=2)
    LayerCost(total=56, active=32, expert_flops=48, router_flops=16, choices=6)
    """
    width, hidden = check_count("width", width), check_count("hidden", hidden)
    experts, shared = check_count("experts", experts), check_count("shared", shared, 0)
    k = check_count("k", k, 1, experts)
    matrices, router = 2 * width * hidden, width * experts
    return LayerCost(
        total=matrices * (experts + shared) + router,
        active=matrices * (k + shared) + router,
        expert_flops=2 * matrices * (k + shared),
        router_flops=2 * router,
        choices=math.comb(experts, k),
    )


def segmented(
    hidden: int, experts: int, k: int, parts: int, shared: int = 0
) -> tuple[int, int, int, int]:
    r"""Fine-grained segmentation, and shared experts taken out of it: the new h, N, k and s.

    Each expert is cut into *m* parts along its hidden width, and a token uses *m* times as many:
    :math:`h/m`, :math:`mN - s`, :math:`mk - s`, *s*. The experts' parameters and FLOPs stay what
    they were; the router grows. Dai et al. 2024 (arXiv:2401.06066), sections 3.1 and 3.2.
    Taught in: book/fine-grained-experts.ipynb.

    Args:
        hidden, experts, k: of the layer that is cut; *h*, *N*, *k*.
        parts: *m*, which divides *h*.
        shared: *s*, below *mk*: at least one expert is chosen.

    Raises:
        ValueError: a count out of range, or parts that do not divide the hidden width.

    >>> segmented(128, experts=16, k=2, parts=4), segmented(128, 16, 2, 4, shared=1)
    ((32, 64, 8, 0), (32, 63, 7, 1))
    """
    hidden, parts = check_count("hidden", hidden), check_count("parts", parts)
    experts = check_count("experts", experts)
    k = check_count("k", k, 1, experts)
    if hidden % parts:
        raise ValueError(f"parts must divide hidden, {hidden}; got {parts}")
    shared = check_count("shared", shared, 0, parts * k - 1)
    return hidden // parts, parts * experts - shared, parts * k - shared, shared
