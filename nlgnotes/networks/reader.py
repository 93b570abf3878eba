"""An encoder-decoder that has read its source: one step of the decoder for each new token."""

import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nlgnotes.networks.attention import causal_mask
from nlgnotes.networks.cache import Cache
from nlgnotes.networks.inputs import check_capacity, check_owner, check_step, embed
from nlgnotes.validation import check_count, describe

__all__ = ["Memory", "Reader"]


@dataclass(frozen=True, eq=False)
class Memory:
    """A source, projected once for every layer of the decoder, and the tokens written so far.

    Args:
        keys, values: of the encoder's output, for each decoder layer.
        mask: which positions of the source are tokens.
        past: the self-attention's cache.
        owner: the reader that it belongs to.
    """

    keys: Float[Tensor, "layers batch heads source width"]
    values: Float[Tensor, "layers batch heads source width"]
    mask: Bool[Tensor, "batch source"]
    past: Cache
    owner: weakref.ref | None = field(default=None, repr=False)

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.past.batch

    @property
    def dtype(self) -> torch.dtype:
        """Of the keys and values."""
        return self.keys.dtype

    def rows(self, index: Int[Tensor, " chosen"]) -> "Memory":
        """A copy of the given rows, in that order (repeated rows too): for beams.

        Raises:
            ValueError: a row that is not there.
        """
        past = self.past.rows(index)  # which says what is wrong with an index
        keys, values, mask = self.keys[:, index], self.values[:, index], self.mask[index]
        return Memory(keys, values, mask, past, self.owner)


class Reader:
    """An encoder-decoder that has read its source: the encoder runs once, then only the decoder.

    Args:
        model: the encoder-decoder; nothing of it is copied.
        source, mask: as in :meth:`EncoderDecoder.encode`.
    """

    @torch.no_grad()
    def __init__(
        self, model: Any, source: Int[Tensor, "batch source"], mask: Bool[Tensor, "..."]
    ) -> None:
        if not isinstance(model, nn.Module) or not hasattr(model, "encode"):
            raise ValueError(f"model must be an encoder-decoder; got {describe(model)}")
        read = model.encode(source, mask)
        self.model, self.config, self.mask = model, model.config, mask
        memory = zip(*(cross.memory(read) for cross in model.across), strict=True)
        self.keys, self.values = (torch.stack(layers) for layers in memory)

    def empty_cache(self, batch: int, capacity: int | None = None) -> Memory:
        """The source, and buffers for ``capacity`` tokens (the context when None) in each row.

        Args:
            batch: how many rows; a source of one row serves any number.
            capacity: how many tokens fit.

        Raises:
            ValueError: a count below 1, a capacity above the context, or a batch other than the
                source's.
        """
        c, rows = self.config, len(self.mask)
        batch = check_count("batch", batch)
        capacity = check_capacity(capacity, c.context)
        if rows not in (1, batch):
            raise ValueError(f"batch must be the source's {rows} rows; got {batch}")
        size, dtype = c.width // c.heads, self.keys.dtype
        past = Cache.empty(c.layers, batch, c.heads, capacity, size, dtype, self)
        index = torch.arange(batch) if rows == batch else torch.zeros(batch, dtype=torch.long)
        keys, values, mask = self.keys[:, index], self.values[:, index], self.mask[index]
        return Memory(keys, values, mask, past, weakref.ref(self))

    @torch.no_grad()
    def step(
        self, tokens: Int[Tensor, "batch time"], cache: Memory
    ) -> tuple[Float[Tensor, "batch time vocab"], Memory]:
        """Logits after each of the new tokens, and the cache with them added.

        Raises:
            ValueError: ids outside the vocabulary, shapes that differ from the cache's, tokens that
                do not fit it, or another reader's cache.
        """
        model = self.model
        check_owner(cache, Memory, self)
        check_step(tokens, cache.batch)
        start, past = cache.past.length, cache.past.advance(tokens.shape[1])
        x = embed(tokens, model.embedding, cache.dtype)
        cos, sin = model.cos[start : past.length], model.sin[start : past.length]
        mask, seen = causal_mask(tokens.shape[1], past.length), cache.mask[:, None, None]
        for layer, (block, cross) in enumerate(zip(model.decoder, model.across, strict=True)):
            q, k, v = block.queries_keys_values(x, cos, sin)
            keys, values = past.write(layer, k, v)
            attended = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
            x = block.add_attention(x, attended)
            keys, values = cache.keys[layer], cache.values[layer]
            x = cross(x, keys, values, seen, F.scaled_dot_product_attention)
            x = block.add_mlp(x)
        return model.unembed(x), Memory(cache.keys, cache.values, cache.mask, past, cache.owner)
