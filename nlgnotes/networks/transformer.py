"""The decoder: embed, four times (attend to the past, think), unembed. GPT-2's plan with rotary positions, learned ones or none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.networks.attention import Cache, causal_mask, scaled_dot_product_attention
from nlgnotes.networks.base import Config, normal_matrix
from nlgnotes.networks.rotary import rotary_angles, split_rotary
from nlgnotes.validation import check_count, check_positive, check_tokens

__all__ = ["Block", "Decoder", "DecoderConfig"]

POSITIONS = ("rotary", "learned", "none")


@dataclass(frozen=True)
class DecoderConfig(Config):
    """The sizes of a decoder.

    Args:
        vocab_size: ids run from 0 to ``vocab_size - 1``.
        context: the longest sequence.
        width: of the residual stream; a multiple of ``2 * heads``.
        layers: how many blocks.
        heads: attention heads in a block.
        hidden: width inside the feed-forward network.
        rope_base: base of the rotary angles.
        positions: how the model knows the order: ``"rotary"`` (queries and keys turn), ``"learned"`` (a vector for each place
            is added to the embedding, as in GPT-2) or ``"none"`` (only the causal mask tells).

    Raises:
        ValueError: a count below 1, a width that does not divide, or positions of another kind.
    """

    vocab_size: int
    context: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 512
    rope_base: float = 10000.0
    positions: str = "rotary"

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context", "width", "layers", "heads", "hidden"):
            check_count(name, getattr(self, name))
        check_positive("rope_base", self.rope_base)
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of 2 * heads = {2 * self.heads}; got {self.width}"
            )
        if self.positions not in POSITIONS:
            raise ValueError(
                f"positions must be one of {', '.join(POSITIONS)}; got {self.positions!r}"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DecoderConfig":
        """As :meth:`Config.from_dict`. Values written before there was a choice of ``positions`` mean rotary ones."""
        return super().from_dict({"positions": "rotary", **values})


class Block(nn.Module):
    """One layer: ``x + attention(norm(x))``, then ``x + mlp(norm(x))`` (pre-norm, no biases)."""

    def __init__(self, config: DecoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        # GPT-2: what writes into the residual stream starts smaller by the root of the number of writers.
        small = 0.02 / math.sqrt(2 * config.layers)
        self.heads, self.size = config.heads, width // config.heads
        self.norm1 = nn.Parameter(torch.ones(width))
        self.qkv = normal_matrix(3 * width, width, 0.02, generator)
        self.out = normal_matrix(width, width, small, generator)
        self.norm2 = nn.Parameter(torch.ones(width))
        self.up = normal_matrix(hidden, width, 0.02, generator)
        self.down = normal_matrix(width, hidden, small, generator)

    def queries_keys_values(
        self, x: Tensor, cos: Tensor, sin: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Project the normed stream and rotate queries and keys: each ``[batch, heads, time, size]``."""
        batch, time, width = x.shape
        qkv = F.linear(F.layer_norm(x, (width,), self.norm1), self.qkv)
        return split_rotary(qkv.view(batch, time, 3, self.heads, self.size), cos, sin)

    def found(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add what attention found: the heads ``[batch, heads, time, size]`` side by side, through one matrix."""
        return x + F.linear(attended.transpose(1, 2).flatten(2), self.out)

    def think(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add what attention found, then the feed-forward network."""
        return self.feed(self.found(x, attended))

    def feed(self, x: Tensor) -> Tensor:
        """Add the feed-forward network."""
        return x + F.linear(
            F.gelu(F.linear(F.layer_norm(x, x.shape[-1:], self.norm2), self.up)), self.down
        )

    def next(
        self, x: Tensor, turn: Tensor, flip: Tensor, keys: Tensor, values: Tensor, at: int
    ) -> Tensor:
        """One new position ``[batch, width]`` after those in this layer's buffers: the same numbers in a third of the time.

        ``turn`` and ``flip`` are :meth:`Decoder.step`'s tables: ``x * turn + swapped(x) * flip`` rotates a query
        (scaled by the root of its width) and a key at once.
        """
        batch, width = x.shape
        qkv = F.linear(F.layer_norm(x, (width,), self.norm1), self.qkv).view(
            batch, 3, self.heads, self.size
        )
        qk = qkv[:, :2]
        rotated = (qk * turn).addcmul_(qk.roll(self.size // 2, -1), flip)
        keys.select(2, at).copy_(rotated[:, 1])
        values.select(2, at).copy_(qkv[:, 2])
        query = rotated[:, 0].reshape(batch * self.heads, 1, self.size)
        weights = torch.bmm(query, keys.flatten(0, 1)[:, : at + 1].transpose(1, 2)).softmax(-1)
        attended = torch.bmm(weights, values.flatten(0, 1)[:, : at + 1]).view(batch, width)
        x = torch.addmm(x, attended, self.out.t())
        up = F.gelu(F.linear(F.layer_norm(x, (width,), self.norm2), self.up))
        return torch.addmm(x, up, self.down.t())

    def forward(
        self, x: Float[Tensor, "batch time width"], cos: Tensor, sin: Tensor
    ) -> Float[Tensor, "batch time width"]:
        """All positions at once, each seeing itself and the past, by torch's fused attention."""
        q, k, v = self.queries_keys_values(x, cos, sin)
        return self.think(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))


class Decoder(nn.Module):
    """A language model: logits for the next token from all the tokens before it.

    Input and output embedding are one matrix. All initial weights come from ``generator``.

    Args:
        config: the sizes.
        generator: where the initial weights are drawn from.

    >>> model = Decoder(DecoderConfig(vocab_size=256, context=64), torch.Generator().manual_seed(0))
    >>> model.parameter_count
    820352
    >>> model(torch.zeros(1, 3, dtype=torch.long)).shape
    torch.Size([1, 3, 256])
    """

    def __init__(self, config: DecoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.embedding = normal_matrix(config.vocab_size, config.width, 0.02, generator)
        self.blocks = nn.ModuleList(Block(config, generator) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        # Drawn last, so that the other weights are the same with and without.
        self.places = (
            normal_matrix(config.context, config.width, 0.02, generator)
            if config.positions == "learned"
            else None
        )
        angles = rotary_angles(
            torch.arange(config.context), config.width // config.heads, config.rope_base
        )
        if config.positions != "rotary":
            angles = torch.zeros_like(angles)  # every query and key stays as it is
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)
        # The same for one new position: [context, query or key, 1, size], the query's scaled as attention will want it.
        scale = torch.tensor([(config.width // config.heads) ** -0.5, 1.0])[:, None, None]
        turn, flip = torch.cat((self.cos, self.cos), -1), torch.cat((-self.sin, self.sin), -1)
        self.register_buffer("turn", turn[:, None, None] * scale, persistent=False)
        self.register_buffer("flip", flip[:, None, None] * scale, persistent=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position.

        Raises:
            ValueError: ``tokens`` is not ``[batch, time]`` of int64 in the vocabulary, or longer than the context.
        """
        return self.unembed(self.hidden(tokens))

    def hidden(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time width"]:
        """The residual stream after the last norm: all but the unembedding."""
        x, cos, sin = self._embed(tokens)
        for block in self.blocks:
            x = block(x, cos, sin)
        return F.layer_norm(x, x.shape[-1:], self.norm)

    def unembed(self, hidden: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch vocab"]:
        """Logits from the normed stream."""
        return F.linear(hidden, self.embedding)

    def attention_weights(
        self, tokens: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "layers batch heads time time"]:
        """How much each position (first time axis) looks at each other, by layer and head: the slow road, written out.

        Raises:
            ValueError: as :meth:`forward`.
        """
        x, cos, sin = self._embed(tokens)
        mask, weights = causal_mask(tokens.shape[1]), []
        for block in self.blocks:
            attended, w = scaled_dot_product_attention(
                *block.queries_keys_values(x, cos, sin), mask
            )
            x = block.think(x, attended)
            weights.append(w)
        return torch.stack(weights)

    def empty_cache(self, batch: int, capacity: int | None = None) -> Cache:
        """Buffers for ``batch`` rows of up to ``capacity`` tokens (the model's whole context when None).

        Raises:
            ValueError: ``batch`` or ``capacity`` below 1, or a capacity above the model's context.
        """
        c = self.config
        capacity = c.context if capacity is None else capacity
        check_count("capacity", capacity)
        if capacity > c.context:
            raise ValueError(
                f"capacity must not exceed the model's context of {c.context}; got {capacity}"
            )
        return Cache.empty(
            c.layers, batch, c.heads, capacity, c.width // c.heads, self.embedding.dtype
        )

    @torch.no_grad()
    def step(
        self, tokens: Int[Tensor, "batch time"], cache: Cache
    ) -> tuple[Float[Tensor, "batch time vocab"], Cache]:
        """Logits after each of the new tokens, given those in the cache; and the cache with them added.

        No gradient flows: a step is for generating.

        Raises:
            ValueError: shapes differ from the cache's, or the tokens do not fit the context.
        """
        if tokens.dim() != 2 or tokens.shape[0] != cache.batch or tokens.shape[1] == 0:
            raise ValueError(
                f"tokens must have shape [{cache.batch}, time] like the cache; got {tuple(tokens.shape)}"
            )
        after, start, time = cache.advanced(tokens.shape[1]), cache.length, tokens.shape[1]
        if time == 1:
            x = self._embedded(tokens, start)[:, 0]
            turn, flip = self.turn[start], self.flip[start]
            for block, keys, values in zip(self.blocks, cache.keys, cache.values):
                x = block.next(x, turn, flip, keys, values, start)
            return self.unembed(F.layer_norm(x, x.shape[-1:], self.norm))[:, None], after
        x = self._embedded(tokens, start)
        cos, sin = self.cos[start : after.length], self.sin[start : after.length]
        mask = causal_mask(time, after.length)
        for layer, block in enumerate(self.blocks):
            q, k, v = block.queries_keys_values(x, cos, sin)
            x = block.think(
                x, F.scaled_dot_product_attention(q, *cache.write(layer, k, v), attn_mask=mask)
            )
        return self.unembed(F.layer_norm(x, x.shape[-1:], self.norm)), after

    def _embed(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        check_tokens("tokens", tokens, self.config.vocab_size)
        time = tokens.shape[1]
        if time > self.config.context:
            raise ValueError(f"tokens must fit the context of {self.config.context}; got {time}")
        return self._embedded(tokens, 0), self.cos[:time], self.sin[:time]

    def _embedded(self, tokens: Tensor, start: int) -> Tensor:
        x = F.embedding(tokens, self.embedding)
        return x if self.places is None else x + self.places[start : start + tokens.shape[1]]
