"""Scaled dot-product attention, written out, and the causal mask."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nlgnotes.validation import FLOATS, check_count, check_mask

__all__ = ["causal_mask", "scaled_dot_product_attention"]

HALF = (torch.float16, torch.bfloat16)


def causal_mask(queries: int, keys: int | None = None) -> Bool[Tensor, "queries keys"]:
    """Which keys each query may see: those at its own position or before.

    The last query stands at the last key, so that with a cache (``keys > queries``) the new
    tokens see all of the old ones.

    Args:
        queries: how many queries.
        keys: how many keys, at least ``queries``; the same number when None.

    Raises:
        ValueError: a count below 1, or fewer keys than queries.

    >>> causal_mask(2, 3).int()
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    check_count("queries", queries)
    keys = queries if keys is None else keys
    check_count("keys", keys, queries)
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)


def scaled_dot_product_attention(
    query: Float[Tensor, "*batch queries width"],
    key: Float[Tensor, "*batch keys width"],
    value: Float[Tensor, "*batch keys size"],
    mask: Bool[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "*batch queries size"], Float[Tensor, "*batch queries keys"]]:
    r"""Attention with its weights: :math:`\mathrm{softmax}(Q K^\top / \sqrt d)\, V`.

    A masked score becomes -inf, never a large negative number: its weight is exactly 0. A query
    that may see no key gets weights 0 and output 0 (as torch's fused attention does), not NaN
    and not a uniform look at the padding. Half precision is computed in float64 and rounded at
    the end (Vaswani et al. 2017, arXiv:1706.03762). Taught in: book/decoder.ipynb.

    Args:
        query, key, value: the three roles, with the same leading shape.
        mask: True where a query may see a key; broadcasts to ``[*batch, queries, keys]``.

    Returns:
        The output and the weights; each row of weights adds up to 1, or to 0 where all is masked.

    Raises:
        ValueError: roles that are not of one floating-point type or whose shapes do not fit, a mask
            that is not boolean or does not broadcast to the scores, or a score that may be seen and
            is not finite.

    >>> q, k = torch.ones(1, 1), torch.tensor([[0.0], [1.0]])
    >>> scaled_dot_product_attention(q, k, k)[1]  # [1, e] / (1 + e)
    tensor([[0.2689, 0.7311]])
    """
    _check_roles(query, key, value)
    dtype = query.dtype
    if dtype in HALF:
        # q·k overflows float16 (65,504) long before q·k / sqrt(d) does, and so does the quotient.
        query, key, value = query.double(), key.double(), value.double()
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is None:
        _check_finite(scores)
        weights = scores.softmax(-1)
    else:
        check_mask("mask", mask)
        try:
            mask = mask.broadcast_to(scores.shape)
        except RuntimeError:
            raise ValueError(
                f"mask must broadcast to {tuple(scores.shape)}; got shape {tuple(mask.shape)}"
            ) from None
        blind = ~mask.any(-1, keepdim=True)
        # A blind row is opened before the softmax and zeroed after it, so that neither it nor its
        # gradient is NaN; its scores are set to 0, for they may be anything.
        seen = scores.masked_fill(~mask, -math.inf).masked_fill(blind, 0.0)
        _check_finite(seen.masked_fill(~mask, 0.0))
        weights = seen.softmax(-1).masked_fill(blind, 0.0)
    return (weights @ value).to(dtype), weights.to(dtype)


def _check_roles(query: Tensor, key: Tensor, value: Tensor) -> None:
    roles = {"query": query, "key": key, "value": value}
    for name, role in roles.items():
        if not isinstance(role, Tensor) or role.dtype not in FLOATS or role.dim() < 2:
            kind = role.dtype if isinstance(role, Tensor) else type(role).__name__
            shape = tuple(getattr(role, "shape", ()))
            raise ValueError(
                f"{name} must be floating-point, [..., time, width]; got {kind} of shape {shape}"
            )
    if not query.dtype == key.dtype == value.dtype:
        kinds = ", ".join(str(role.dtype) for role in roles.values())
        raise ValueError(f"query, key and value must be of one dtype; got {kinds}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        shapes = ", ".join(str(tuple(role.shape)) for role in roles.values())
        raise ValueError(
            "query and key must have one width, key and value one number of keys; "
            f"got shapes {shapes}"
        )
    try:
        torch.broadcast_shapes(*(role.shape[:-2] for role in roles.values()))
    except RuntimeError:
        shapes = ", ".join(str(tuple(role.shape)) for role in roles.values())
        raise ValueError(f"query, key and value must be of one batch; got {shapes}") from None


def _check_finite(scores: Tensor) -> None:
    if not bool(torch.isfinite(scores).all()):
        raise ValueError(
            f"query and key must give finite scores in {scores.dtype}; "
            f"got {int((~torch.isfinite(scores)).sum())} that are not"
        )
