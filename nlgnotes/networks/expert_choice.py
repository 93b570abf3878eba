"""Expert Choice: each expert chooses its tokens, so that a token's experts depend on later ones."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.networks.inputs import check_hidden
from nlgnotes.networks.moe import MoELayer, expert_networks
from nlgnotes.validation import check_count, check_kind, check_positive, check_scores

__all__ = ["expert_capacity", "expert_choice", "expert_choice_answer"]


def expert_capacity(tokens: int, experts: int, factor: float | int) -> int:
    r"""How many tokens an expert may take: :math:`\lceil c\,T / N \rceil`, at most *T*.

    Args:
        tokens: *T*, those that are routed together.
        experts: *N*.
        factor: *c*, the capacity factor; in Expert Choice the mean number of experts of a token.

    Raises:
        ValueError: a count below 1, or a factor that is not above 0.

    >>> expert_capacity(8, 4, 1), expert_capacity(3, 4, 1), expert_capacity(8, 4, 1.25)
    (2, 1, 3)
    """
    tokens, experts = check_count("tokens", tokens), check_count("experts", experts)
    share = min(tokens, check_positive("factor", factor) * tokens / experts)
    return max(1, math.ceil(round(share, 9)))  # 1.1 * 100 is a last digit more than 110


def expert_choice(
    scores: Float[Tensor, "*groups tokens experts"], capacity: int
) -> tuple[Int[Tensor, "*groups experts capacity"], Float[Tensor, "*groups experts capacity"]]:
    r"""The tokens that each expert chooses, and their gates.

    .. math:: S = \operatorname{softmax}(x W_g),\qquad G, I = \operatorname{TopK}(S^\top, c)

    The softmax is over the experts of a token, the choice over the tokens of an expert. So every
    expert has the same load, and a token has between none and all of the experts (Zhou et al. 2022,
    arXiv:2202.09368, section 3.2). Taught in: book/fine-grained-experts.ipynb.

    Args:
        scores: the router's logits; each group of tokens is chosen from by itself.
        capacity: how many tokens an expert takes, from 1 to the number of tokens.

    Returns:
        The chosen tokens' places in their group, best first, and their gates, in (0, 1].

    Raises:
        ValueError: scores that are no logits, or a capacity out of range.

    >>> places, gates = expert_choice(torch.tensor([[0.0, 2.0], [0.0, 1.0], [3.0, 0.0]]), 1)
    >>> places.tolist()
    [[2], [0]]
    """
    check_scores("scores", scores)
    if scores.dim() < 2:
        raise ValueError(f"scores must be [*groups, tokens, experts]; got {tuple(scores.shape)}")
    capacity = check_count("capacity", capacity, 1, scores.shape[-2])
    gates, places = scores.softmax(-1).transpose(-1, -2).topk(capacity, -1)
    return places, gates


def expert_choice_answer(
    layer: MoELayer, x: Float[Tensor, "batch time width"], factor: float | int
) -> Float[Tensor, "batch time width"]:
    """What a layer of experts answers if its experts choose, among the tokens of each row.

    A token that no expert chose gets zeros, or the shared experts' answer alone. Not causal:
    whether an expert takes a token depends on all tokens of its row, the later ones included.
    Taught in: book/fine-grained-experts.ipynb.

    Args:
        layer: whose router, experts and shared experts answer; its k and its bias are not used.
        x: hidden states.
        factor: the capacity factor, see :func:`expert_capacity`.

    Raises:
        ValueError: as :func:`expert_choice` and :func:`expert_capacity`.
    """
    check_kind("layer", layer, MoELayer)
    check_hidden("x", x, len(layer.gate), layer.gate, rank=3)
    batch, time = x.shape[:2]
    capacity = expert_capacity(time, layer.experts, factor)
    places, gates = expert_choice(x @ layer.gate, capacity)
    # Sorted by expert, each has `capacity` of every row of the batch.
    first = torch.arange(batch)[:, None, None] * time
    rows = (places + first).transpose(0, 1).flatten()
    counts = torch.full((layer.experts,), batch * capacity)
    flat = x.flatten(0, 1)
    answers = expert_networks(flat[rows], layer.up, layer.down, counts)
    weighted = answers * gates.transpose(0, 1).flatten()[:, None]
    total = torch.zeros_like(flat).index_add(0, rows, weighted) + layer.shared_answer(flat)
    return total.view_as(x)
