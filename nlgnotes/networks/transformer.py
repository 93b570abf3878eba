"""A decoder-only transformer: GPT-2's plan with rotary positions, learned ones or none."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.networks.attention import HALF, causal_mask, scaled_dot_product_attention
from nlgnotes.networks.base import Config, normal_matrix
from nlgnotes.networks.cache import Cache
from nlgnotes.networks.decoder_step import paired, prepare_step, read_one
from nlgnotes.networks.inputs import check_capacity, check_owner, check_step, embed
from nlgnotes.networks.rotary import rotary_angles, split_rotary
from nlgnotes.validation import check_kind, check_tokens

__all__ = ["Block", "Decoder", "DecoderConfig", "block_shapes"]

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
        positions: how the model knows the order: ``"rotary"`` (queries and keys turn),
            ``"learned"`` (a vector for each place is added to the embedding, as in GPT-2) or
            ``"none"`` (only the causal mask tells).

    Raises:
        ValueError: a count below 1, a width that does not divide, positions of another kind, or
            ``context * width / heads`` above 2**24.
    """

    vocab_size: int
    context: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 512
    rope_base: float | int = 10000.0
    positions: str = "rotary"

    def __post_init__(self) -> None:
        self._check_counts("vocab_size", "context", "width", "layers", "heads", "hidden")
        self._check_heads()
        if self.positions not in POSITIONS:
            raise ValueError(
                f"positions must be one of {', '.join(POSITIONS)}; got {self.positions!r}"
            )

    @classmethod
    def from_dict(cls, values: Any) -> "DecoderConfig":
        """As :meth:`Config.from_dict`. Without ``positions``, as once written, they are rotary."""
        old = isinstance(values, Mapping) and "positions" not in values
        return super().from_dict({**values, "positions": "rotary"} if old else values)

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """As :meth:`Config.weight_shapes`."""
        yield "embedding", (self.vocab_size, self.width)
        for layer in range(self.layers):
            yield from block_shapes(f"blocks.{layer}", self.width, self.hidden)
        yield "norm", (self.width,)
        if self.positions == "learned":
            yield "places", (self.context, self.width)


def block_shapes(name: str, width: int, hidden: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of one :class:`Block`'s weights."""
    yield f"{name}.norm1", (width,)
    yield f"{name}.qkv", (3 * width, width)
    yield f"{name}.out", (width, width)
    yield f"{name}.norm2", (width,)
    yield f"{name}.up", (hidden, width)
    yield f"{name}.down", (width, hidden)


class Block(nn.Module):
    """One layer: ``x + attention(norm(x))``, then ``x + mlp(norm(x))`` (pre-norm, no biases)."""

    def __init__(self, config: DecoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        check_kind("config", config, Config)
        width = config.width
        # GPT-2: what writes into the residual stream starts smaller by the root of the number of
        # writers, so that the stream's size does not grow with the depth.
        small = 0.02 / math.sqrt(2 * config.layers)
        self.heads, self.size = config.heads, width // config.heads
        self.norm1 = nn.Parameter(torch.ones(width))
        self.qkv = normal_matrix(3 * width, width, 0.02, generator)
        self.out = normal_matrix(width, width, small, generator)
        self.norm2 = nn.Parameter(torch.ones(width))
        self._make_mlp(config, small, generator)

    def _make_mlp(self, config: DecoderConfig, small: float, generator: torch.Generator) -> None:
        self.up = normal_matrix(config.hidden, config.width, 0.02, generator)
        self.down = normal_matrix(config.width, config.hidden, small, generator)

    def queries_keys_values(
        self, x: Tensor, cos: Tensor | None, sin: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Project the normed stream, rotate queries and keys: each [batch, heads, time, size].

        Without tables nothing is rotated.
        """
        batch, time, width = x.shape
        qkv = F.linear(F.layer_norm(x, (width,), self.norm1), self.qkv)
        qkv = qkv.view(batch, time, 3, self.heads, self.size)
        if cos is None or sin is None:
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            return q, k, v
        return split_rotary(qkv, cos, sin)

    def add_attention(self, x: Tensor, attended: Tensor) -> Tensor:
        """The stream plus what attention found: the heads side by side, through one matrix.

        Args:
            x: the stream, ``[batch, time, width]``.
            attended: the heads, ``[batch, heads, time, size]``.
        """
        return x + F.linear(attended.transpose(1, 2).flatten(2), self.out)

    def add_mlp(self, x: Tensor) -> Tensor:
        """The stream plus the feed-forward network's answer to it."""
        up = F.gelu(F.linear(F.layer_norm(x, x.shape[-1:], self.norm2), self.up))
        return x + F.linear(up, self.down)

    def forward(
        self, x: Float[Tensor, "batch time width"], cos: Tensor | None, sin: Tensor | None
    ) -> Float[Tensor, "batch time width"]:
        """All positions at once, each seeing itself and the past, by torch's fused attention."""
        return self.add_mlp(self.attend(x, cos, sin))

    def attend(self, x: Tensor, cos: Tensor | None, sin: Tensor | None) -> Tensor:
        """The stream plus what causal attention found, at all positions at once."""
        q, k, v = self.queries_keys_values(x, cos, sin)
        return self.add_attention(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))


class Decoder(nn.Module):
    """A language model: logits for the next token from all the tokens before it.

    Input and output embedding are one matrix. All initial weights come from ``generator``.
    Taught in: book/decoder.ipynb.

    Args:
        config: the sizes.
        generator: where the initial weights are drawn from.

    >>> model = Decoder(DecoderConfig(vocab_size=256, context=64), torch.Generator().manual_seed(0))
    >>> model.parameter_count
    820352
    >>> model(torch.zeros(1, 3, dtype=torch.long)).shape
    torch.Size([1, 3, 256])
    """

    block = Block  # what :attr:`blocks` are made of
    reads_rows_alike = True  # for ``generation.generate``: equal prompts are read once

    plain_steps = False
    """Whether the caches made from now on are stepped through as :meth:`forward` reads.

    It is slower, attention is over the read tokens only, and torch's counter of FLOPs knows every
    call of it.
    """

    def __init__(self, config: DecoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        check_kind("config", config, DecoderConfig)
        self.config, size = config, config.width // config.heads
        self.embedding = normal_matrix(config.vocab_size, config.width, 0.02, generator)
        self.blocks = nn.ModuleList(self.block(config, generator) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.places = None
        if config.positions == "learned":
            # Drawn last, so that the other weights are the same with and without.
            self.places = normal_matrix(config.context, config.width, 0.02, generator)
        angles = rotary_angles(torch.arange(config.context), size, config.rope_base)
        if config.positions != "rotary":
            angles = torch.zeros_like(angles)  # every query and key stays as it is
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position.

        Raises:
            ValueError: ``tokens`` is not ``[batch, time]`` of int64 in the vocabulary, or longer
                than the context.
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
        """How much each position (first time axis) looks at each other, by layer and head.

        The slow road: attention written out, for the fused one gives no weights.

        Raises:
            ValueError: as :meth:`forward`.
        """
        x, cos, sin = self._embed(tokens)
        mask, weights = causal_mask(tokens.shape[1]), []
        for block in self.blocks:
            roles = block.queries_keys_values(x, cos, sin)
            attended, layer_weights = scaled_dot_product_attention(*roles, mask)
            x = block.add_mlp(block.add_attention(x, attended))
            weights.append(layer_weights)
        return torch.stack(weights)

    def empty_cache(self, batch: int, capacity: int | None = None) -> Cache:
        """Buffers for ``batch`` rows of up to ``capacity`` tokens (the context when None).

        Raises:
            ValueError: ``batch`` or ``capacity`` below 1, or a capacity above the model's context.
        """
        c, dtype = self.config, self.embedding.dtype
        capacity, size, prepared = check_capacity(capacity, c.context), c.width // c.heads, None
        # torch has no complex numbers of half precision.
        if dtype not in HALF and not self.plain_steps:
            prepared = prepare_step(self.blocks, self.cos[:capacity], self.sin[:capacity])
        return Cache.empty(c.layers, batch, c.heads, capacity, size, dtype, self, prepared)

    @torch.no_grad()
    def step(
        self, tokens: Int[Tensor, "batch time"], cache: Cache
    ) -> tuple[Float[Tensor, "batch time vocab"], Cache]:
        """Logits after each of the new tokens, and the cache with them added.

        No gradient flows: a step is for generating.

        Args:
            tokens: the new ones, at least one in each of the cache's rows.
            cache: of :meth:`empty_cache` or of an earlier step; it keeps its own tokens.

        Raises:
            ValueError: ids outside the vocabulary, shapes that differ from the cache's, tokens that
                do not fit it, or another model's cache.
        """
        check_owner(cache, Cache, self)
        check_step(tokens, cache.batch)
        start, time = cache.length, tokens.shape[1]
        after = cache.advance(time)
        x = self._embedded(tokens, start, cache.dtype)
        if time == 1 and cache.prepared is not None:
            x = read_one(x[:, 0], after, cache.prepared)[:, None]
        else:
            x = self._read(x, after)
        return self.unembed(F.layer_norm(x, x.shape[-1:], self.norm)), after

    def _read(self, x: Tensor, after: Cache) -> Tensor:
        """All blocks at the cache's newest positions, whose keys and values are written there."""
        time = x.shape[1]
        start = after.length - time
        cos, sin = self.cos[start : after.length], self.sin[start : after.length]
        mask = causal_mask(time, after.length)
        for layer, block in enumerate(self.blocks):
            q, k, v = block.queries_keys_values(x, cos, sin)
            if after.prepared is not None:  # the order that `read_one` keeps them in
                q, k = paired(q), paired(k)
            keys, values = after.write(layer, k, v)
            attended = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
            x = block.add_mlp(block.add_attention(x, attended))
        return x

    def _embed(self, tokens: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        check_tokens("tokens", tokens, self.config.vocab_size)
        time = tokens.shape[1]
        if time > self.config.context:
            raise ValueError(f"tokens must fit the context of {self.config.context}; got {time}")
        if self.config.positions != "rotary":
            return self._embedded(tokens, 0), None, None
        return self._embedded(tokens, 0), self.cos[:time], self.sin[:time]

    def _embedded(self, tokens: Tensor, start: int, dtype: torch.dtype | None = None) -> Tensor:
        x = embed(tokens, self.embedding, dtype)
        return x if self.places is None else x + self.places[start : start + tokens.shape[1]]
