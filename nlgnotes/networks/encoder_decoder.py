"""The encoder-decoder: one half reads the source in both directions, the other writes, and cross-attention looks from one into the other."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nlgnotes.networks.attention import Cache, causal_mask, scaled_dot_product_attention
from nlgnotes.networks.base import Config, normal_matrix
from nlgnotes.networks.cross_attention import CrossAttention
from nlgnotes.networks.rotary import rotary_angles
from nlgnotes.networks.transformer import Block, DecoderConfig
from nlgnotes.validation import check_count, check_positive, check_tokens

__all__ = ["EncoderDecoder", "EncoderDecoderConfig", "Memory", "Reader"]


@dataclass(frozen=True)
class EncoderDecoderConfig(Config):
    """The sizes of an encoder-decoder.

    Args:
        vocab_size: ids run from 0 to ``vocab_size - 1``, the same for source and target.
        context: the longest source, and the longest target.
        width: of both residual streams; a multiple of ``2 * heads``.
        encoder_layers, layers: how many blocks read, and how many write.
        heads: attention heads in a block.
        hidden: width inside the feed-forward networks.
        rope_base: base of the rotary angles, in self-attention (cross-attention sees no positions).

    Raises:
        ValueError: a count below 1, or a width that does not divide.
    """

    vocab_size: int
    context: int
    width: int = 128
    encoder_layers: int = 2
    layers: int = 2
    heads: int = 4
    hidden: int = 512
    rope_base: float | int = 10000.0

    def __post_init__(self) -> None:
        for name in (
            "vocab_size",
            "context",
            "width",
            "encoder_layers",
            "layers",
            "heads",
            "hidden",
        ):
            check_count(name, getattr(self, name))
        check_positive("rope_base", self.rope_base)
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of 2 * heads = {2 * self.heads}; got {self.width}"
            )


@dataclass(frozen=True)
class Memory:
    """A source as every layer of the decoder sees it, projected once, and the tokens written so far.

    Args:
        keys, values: of the encoder's output, for each decoder layer.
        mask: which positions of the source are tokens.
        past: the self-attention's cache.
    """

    keys: Float[Tensor, "layers batch heads source width"]
    values: Float[Tensor, "layers batch heads source width"]
    mask: Bool[Tensor, "batch source"]
    past: Cache

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.past.batch

    def rows(self, index: Int[Tensor, " chosen"]) -> "Memory":
        """A copy that holds the given rows, in that order (repeated rows too): for beams."""
        return Memory(
            self.keys[:, index], self.values[:, index], self.mask[index], self.past.rows(index)
        )


class EncoderDecoder(nn.Module):
    """Logits for each token of a target, given its source and the target before it (Vaswani et al. 2017, arXiv:1706.03762).

    Layer norms come first, positions are rotary, and one matrix embeds source and target and reads out the logits.
    All initial weights come from ``generator``. Taught in: book/architectures.ipynb.

    Args:
        config: the sizes.
        generator: where the initial weights are drawn from.

    >>> config = EncoderDecoderConfig(vocab_size=256, context=64)
    >>> model = EncoderDecoder(config, torch.Generator().manual_seed(0))
    >>> model.parameter_count
    951808
    >>> source, target = torch.ones(1, 5, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)
    >>> model((source, source > 0, target)).shape
    torch.Size([1, 3, 256])
    """

    def __init__(self, config: EncoderDecoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.embedding = normal_matrix(config.vocab_size, config.width, 0.02, generator)
        self.encoder = _blocks(config, config.encoder_layers, generator)
        self.encoder_norm = nn.Parameter(torch.ones(config.width))
        self.decoder = _blocks(config, config.layers, generator)
        self.across = nn.ModuleList(
            CrossAttention(config.width, config.heads, config.layers, generator)
            for _ in range(config.layers)
        )
        self.norm = nn.Parameter(torch.ones(config.width))
        angles = rotary_angles(
            torch.arange(config.context), config.width // config.heads, config.rope_base
        )
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, pair: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position of the target.

        Args:
            pair: ``source`` (int64 ``[batch, source]``), its ``mask`` (bool, True at tokens) and the ``target`` so far (int64
                ``[batch, time]``, the start token first): one argument, so that ``training.fit`` can hand it over.

        Raises:
            ValueError: ids outside the vocabulary, shapes that do not fit each other or the context, or a source without a token.
        """
        return self._decode(pair, F.scaled_dot_product_attention)

    def encode(
        self, source: Int[Tensor, "batch source"], mask: Bool[Tensor, "..."]
    ) -> Float[Tensor, "batch source width"]:
        """The source's vectors after the encoder: each position has seen all the others.

        Raises:
            ValueError: as :meth:`forward`.
        """
        self._check("source", source)
        if mask.shape != source.shape or not bool(mask.any(-1).all()):
            raise ValueError(
                f"mask must have the source's shape {tuple(source.shape)} and a token in each row; got {tuple(mask.shape)}"
            )
        x, time = F.embedding(source, self.embedding), source.shape[1]
        for block in self.encoder:
            q, k, v = block.queries_keys_values(x, self.cos[:time], self.sin[:time])
            x = block.think(
                x, F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
            )
        return F.layer_norm(x, x.shape[-1:], self.encoder_norm)

    def cross_attention_weights(
        self, pair: tuple[Tensor, Tensor, Tensor]
    ) -> Float[Tensor, "layers batch heads time source"]:
        """How much each position of the target looks at each of the source, by layer and head: the slow road, written out.

        Arguments and errors as :meth:`forward`.
        """
        weights: list[Tensor] = []

        def noted(query: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor) -> Tensor:
            found, w = scaled_dot_product_attention(query, keys, values, attn_mask)
            weights.append(w)
            return found

        self._decode(pair, noted)
        return torch.stack(weights)

    def read(
        self, source: Int[Tensor, "batch source"], mask: Bool[Tensor, "..."] | None = None
    ) -> "Reader":
        """The model with its source read: what ``generation.generate`` and a beam can write from.

        Args:
            source: one row per row to be written, or a single row for all of them.
            mask: True at tokens; all of them when None.

        Raises:
            ValueError: as :meth:`forward`.
        """
        return Reader(
            self, source, torch.ones_like(source, dtype=torch.bool) if mask is None else mask
        )

    def _decode(self, pair: tuple[Tensor, Tensor, Tensor], attend: Callable[..., Tensor]) -> Tensor:
        source, mask, target = pair
        self._check("target", target)
        read, time = self.encode(source, mask), target.shape[1]
        if len(target) != len(source):
            raise ValueError(
                f"target must have as many rows as the source, {len(source)}; got {len(target)}"
            )
        x = F.embedding(target, self.embedding)
        for block, cross in zip(self.decoder, self.across):
            q, k, v = block.queries_keys_values(x, self.cos[:time], self.sin[:time])
            x = block.found(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))
            x = block.feed(cross(x, *cross.memory(read), mask[:, None, None], attend))
        return self.unembed(x)

    def unembed(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time vocab"]:
        """Logits from the decoder's stream, the last norm included."""
        return F.linear(F.layer_norm(x, x.shape[-1:], self.norm), self.embedding)

    def _check(self, name: str, tokens: Tensor) -> None:
        check_tokens(name, tokens, self.config.vocab_size)
        if tokens.shape[1] > self.config.context:
            raise ValueError(
                f"{name} must fit the context of {self.config.context}; got {tokens.shape[1]}"
            )


class Reader:
    """An encoder-decoder that has read its source: the encoder runs once, then each token costs one step of the decoder.

    Args:
        model: the encoder-decoder; nothing of it is copied.
        source, mask: as in :meth:`EncoderDecoder.encode`.
    """

    @torch.no_grad()
    def __init__(
        self, model: EncoderDecoder, source: Int[Tensor, "batch source"], mask: Bool[Tensor, "..."]
    ) -> None:
        read = model.encode(source, mask)
        self.model, self.config, self.mask = model, model.config, mask
        self.keys, self.values = (
            torch.stack(t) for t in zip(*(cross.memory(read) for cross in model.across))
        )

    def empty_cache(self, batch: int, capacity: int | None = None) -> Memory:
        """The source, with room for ``capacity`` tokens in ``batch`` rows (the model's whole context when None).

        Raises:
            ValueError: a count below 1, a capacity above the context, or a batch other than the source's (one row serves any).
        """
        c, rows = self.config, len(self.mask)
        capacity = c.context if capacity is None else capacity
        check_count("capacity", capacity)
        if capacity > c.context:
            raise ValueError(
                f"capacity must not exceed the model's context of {c.context}; got {capacity}"
            )
        if rows not in (1, batch):
            raise ValueError(f"batch must be the source's {rows} rows; got {batch}")
        past = Cache.empty(c.layers, batch, c.heads, capacity, c.width // c.heads, self.keys.dtype)
        index = torch.arange(batch) if rows == batch else torch.zeros(batch, dtype=torch.long)
        return Memory(self.keys[:, index], self.values[:, index], self.mask[index], past)

    @torch.no_grad()
    def step(
        self, tokens: Int[Tensor, "batch time"], cache: Memory
    ) -> tuple[Float[Tensor, "batch time vocab"], Memory]:
        """Logits after each of the new tokens, given the source and those in the cache; and the cache with them added.

        Raises:
            ValueError: shapes differ from the cache's, or the tokens do not fit it.
        """
        if tokens.dim() != 2 or tokens.shape[0] != cache.batch or tokens.shape[1] == 0:
            raise ValueError(
                f"tokens must have shape [{cache.batch}, time] like the cache; got {tuple(tokens.shape)}"
            )
        model, past, after = self.model, cache.past, cache.past.advanced(tokens.shape[1])
        cos, sin = model.cos[past.length : after.length], model.sin[past.length : after.length]
        x, mask, seen = (
            F.embedding(tokens, model.embedding),
            causal_mask(tokens.shape[1], after.length),
            cache.mask[:, None, None],
        )
        for layer, (block, cross) in enumerate(zip(model.decoder, model.across)):
            q, k, v = block.queries_keys_values(x, cos, sin)
            x = block.found(
                x, F.scaled_dot_product_attention(q, *past.write(layer, k, v), attn_mask=mask)
            )
            x = block.feed(
                cross(
                    x, cache.keys[layer], cache.values[layer], seen, F.scaled_dot_product_attention
                )
            )
        return model.unembed(x), Memory(cache.keys, cache.values, cache.mask, after)


def _blocks(config: EncoderDecoderConfig, layers: int, generator: torch.Generator) -> nn.ModuleList:
    sizes = DecoderConfig(
        config.vocab_size, config.context, config.width, layers, config.heads, config.hidden
    )
    return nn.ModuleList(Block(sizes, generator) for _ in range(layers))
