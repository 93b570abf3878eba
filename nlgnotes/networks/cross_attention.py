"""Cross-attention: from the decoder's stream into the encoded source."""

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.networks.base import normal_matrix
from nlgnotes.validation import check_count

__all__ = ["CrossAttention", "cross_attention_shapes"]


def cross_attention_shapes(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of one :class:`CrossAttention`'s weights."""
    yield f"{name}.norm", (width,)
    yield f"{name}.query", (width, width)
    yield f"{name}.key_value", (2 * width, width)
    yield f"{name}.out", (width, width)


class CrossAttention(nn.Module):
    r"""From the decoder into the source: ``x + attention(norm(x), source)``, without positions.

    The query comes from the stream as the same layer's self-attention has just left it; keys and
    values from the encoder. No biases.

    Args:
        width, heads: of the residual stream, and of the attention.
        layers: L of the decoder; what writes into the stream starts smaller by :math:`\sqrt{2L}`.
        generator: where the initial weights are drawn from.

    Raises:
        ValueError: a count below 1, a width that the heads do not divide, or no generator.
    """

    def __init__(self, width: int, heads: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        width, heads = check_count("width", width), check_count("heads", heads)
        layers = check_count("layers", layers)
        if width % heads:
            raise ValueError(f"width must be a multiple of heads = {heads}; got {width}")
        self.heads, self.size = heads, width // heads
        self.norm = nn.Parameter(torch.ones(width))
        self.query = normal_matrix(width, width, 0.02, generator)
        self.key_value = normal_matrix(2 * width, width, 0.02, generator)
        self.out = normal_matrix(width, width, 0.02 / math.sqrt(2 * layers), generator)

    def memory(self, source: Float[Tensor, "batch source width"]) -> tuple[Tensor, Tensor]:
        """Keys and values of the encoder's output: the same for every token to be written.

        Returns:
            Both ``[batch, heads, source, size]``.
        """
        batch, length, _ = source.shape
        both = F.linear(source, self.key_value).view(batch, length, 2, self.heads, self.size)
        keys, values = both.unbind(2)
        return keys.transpose(1, 2), values.transpose(1, 2)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        keys: Tensor,
        values: Tensor,
        seen: Tensor,
        attend: Callable[..., Tensor],
    ) -> Float[Tensor, "batch time width"]:
        """The stream plus what each position found in the source.

        Args:
            x: the stream.
            keys, values: as :meth:`memory` gives them.
            seen: True where a position of the source is a token; it broadcasts to the scores.
            attend: an attention, fused or written out.
        """
        batch, time, width = x.shape
        query = F.linear(F.layer_norm(x, (width,), self.norm), self.query)
        query = query.view(batch, time, self.heads, self.size).transpose(1, 2)
        attended = attend(query, keys, values, attn_mask=seen)
        return x + F.linear(attended.transpose(1, 2).flatten(2), self.out)
