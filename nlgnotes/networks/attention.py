"""Scaled dot-product attention, its masks, and the cache of keys and values."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.validation import check_count

__all__ = ["Cache", "causal_mask", "scaled_dot_product_attention"]


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
    r"""Attention with its weights: :math:`\mathrm{softmax}(Q K^\top / \sqrt d)\, V` (Vaswani et al. 2017, arXiv:1706.03762).

    A masked score becomes -inf, never a large negative number: its weight is exactly 0. A query
    that may see no key gets weights 0 and output 0 (as torch's fused attention does), not NaN
    and not a uniform look at the padding. Taught in: book/decoder.ipynb.

    Args:
        query, key, value: the three roles, with the same leading shape.
        mask: True where a query may see a key; broadcasts to ``[*batch, queries, keys]``.

    Returns:
        The output and the weights; each row of weights adds up to 1, or to 0 where all is masked.

    Raises:
        ValueError: the mask does not broadcast to the scores.

    >>> q, k = torch.ones(1, 1), torch.tensor([[0.0], [1.0]])
    >>> scaled_dot_product_attention(q, k, k)[1]  # [1, e] / (1 + e)
    tensor([[0.2689, 0.7311]])
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is None:
        weights = scores.softmax(-1)
    else:
        try:
            mask = mask.broadcast_to(scores.shape)
        except RuntimeError:
            raise ValueError(
                f"mask must broadcast to {tuple(scores.shape)}; got shape {tuple(mask.shape)}"
            ) from None
        blind = ~mask.any(-1, keepdim=True)
        # A blind row is opened before the softmax and zeroed after it: no NaN, in the gradient either.
        weights = scores.masked_fill(~(mask | blind), -math.inf).softmax(-1).masked_fill(blind, 0.0)
    return weights @ value, weights


@dataclass(frozen=True)
class Cache:
    """The keys and values of the ``length`` tokens read so far, in buffers made once for ``capacity`` tokens.

    A step writes its tokens behind the old ones and returns the cache with a greater length. The value it was
    given still describes its own tokens, so one prefix can be continued again and again; the buffers keep only
    the latest continuation.

    Args:
        keys, values: the buffers.
        length: how many positions are filled.
    """

    keys: Float[Tensor, "layers batch heads capacity width"]
    values: Float[Tensor, "layers batch heads capacity width"]
    length: int = 0

    @classmethod
    def empty(
        cls,
        layers: int,
        batch: int,
        heads: int,
        capacity: int,
        width: int,
        dtype: torch.dtype = torch.float32,
    ) -> "Cache":
        """Buffers with nothing in them.

        Raises:
            ValueError: a count below 1.
        """
        shape = {
            "layers": layers,
            "batch": batch,
            "heads": heads,
            "capacity": capacity,
            "width": width,
        }
        for name, value in shape.items():
            check_count(name, value)
        return cls(
            torch.zeros(*shape.values(), dtype=dtype), torch.zeros(*shape.values(), dtype=dtype)
        )

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.keys.shape[1]

    @property
    def capacity(self) -> int:
        """How many tokens fit."""
        return self.keys.shape[3]

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put one layer's new tokens ``[batch, heads, time, width]`` behind the old; returns all of that layer's so far."""
        end = self.length + keys.shape[2]
        all_keys, all_values = self.keys[layer, :, :, :end], self.values[layer, :, :, :end]
        all_keys[:, :, self.length :] = keys
        all_values[:, :, self.length :] = values
        return all_keys, all_values

    def advanced(self, time: int) -> "Cache":
        """The cache that counts ``time`` more tokens.

        Raises:
            ValueError: they do not fit.
        """
        if self.length + time > self.capacity:
            raise ValueError(
                f"tokens must fit the cache's capacity of {self.capacity}; got {time} after {self.length}"
            )
        return Cache(self.keys, self.values, self.length + time)

    def rows(self, index: Int[Tensor, " chosen"]) -> "Cache":
        """A copy that holds the given rows, in that order (repeated rows too): for beams and repeated prompts."""
        return Cache(self.keys[:, index], self.values[:, index], self.length)
