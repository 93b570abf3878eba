"""Cross-attention: from the decoder's stream into the encoded source."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.networks.base import normal_matrix

__all__ = ["CrossAttention"]


class CrossAttention(nn.Module):
    """From the decoder into the source: ``x + attention(norm(x), source)``, no biases, no positions.

    The query comes from the stream as the same layer's self-attention has just left it; keys and values from the encoder.

    Args:
        width, heads: of the residual stream, and of the attention.
        layers: of the decoder; what writes into the stream starts smaller by its root.
        generator: where the initial weights are drawn from.
    """

    def __init__(self, width: int, heads: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm = nn.Parameter(torch.ones(width))
        self.query = normal_matrix(width, width, 0.02, generator)
        self.key_value = normal_matrix(2 * width, width, 0.02, generator)
        self.out = normal_matrix(width, width, 0.02 / math.sqrt(2 * layers), generator)

    def memory(self, source: Float[Tensor, "batch source width"]) -> tuple[Tensor, Tensor]:
        """Keys and values ``[batch, heads, source, size]`` of the encoder's output: the same for every token to be written."""
        batch, length, _ = source.shape
        keys, values = (
            F.linear(source, self.key_value).view(batch, length, 2, self.heads, self.size).unbind(2)
        )
        return keys.transpose(1, 2), values.transpose(1, 2)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        keys: Tensor,
        values: Tensor,
        seen: Tensor,
        attend: Callable[..., Tensor],
    ) -> Float[Tensor, "batch time width"]:
        """The stream with what each position found in the source; ``attend`` is an attention, fused or written out."""
        batch, time, width = x.shape
        query = F.linear(F.layer_norm(x, (width,), self.norm), self.query).view(
            batch, time, self.heads, self.size
        )
        found = attend(query.transpose(1, 2), keys, values, attn_mask=seen)
        return x + F.linear(found.transpose(1, 2).flatten(2), self.out)
