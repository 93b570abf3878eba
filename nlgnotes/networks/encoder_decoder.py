"""The encoder-decoder: one half reads the source both ways, the other writes and looks into it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nlgnotes.networks.attention import scaled_dot_product_attention
from nlgnotes.networks.base import Config, normal_matrix
from nlgnotes.networks.cross_attention import CrossAttention, cross_attention_shapes
from nlgnotes.networks.reader import Reader
from nlgnotes.networks.rotary import rotary_angles
from nlgnotes.networks.transformer import Block, DecoderConfig, block_shapes
from nlgnotes.validation import check_kind, check_mask, check_tokens

__all__ = ["EncoderDecoder", "EncoderDecoderConfig"]


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
        ValueError: a count below 1, a width that does not divide, or ``context * width / heads``
            above 2**24.
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
        self._check_counts("vocab_size", "context", "width", "encoder_layers", "layers")
        self._check_counts("heads", "hidden")
        self._check_heads()

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """As :meth:`Config.weight_shapes`."""
        yield "embedding", (self.vocab_size, self.width)
        for layer in range(self.encoder_layers):
            yield from block_shapes(f"encoder.{layer}", self.width, self.hidden)
        yield "encoder_norm", (self.width,)
        for layer in range(self.layers):
            yield from block_shapes(f"decoder.{layer}", self.width, self.hidden)
            yield from cross_attention_shapes(f"across.{layer}", self.width)
        yield "norm", (self.width,)


class EncoderDecoder(nn.Module):
    """Logits for each token of a target, given its source and the target before it.

    Norms come first, positions are rotary, and one matrix embeds source and target and reads out
    the logits (Vaswani et al. 2017, arXiv:1706.03762). All initial weights come from ``generator``.
    Taught in: book/architectures.ipynb.

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
        check_kind("config", config, EncoderDecoderConfig)
        self.config, size = config, config.width // config.heads
        self.embedding = normal_matrix(config.vocab_size, config.width, 0.02, generator)
        self.encoder = _blocks(config, config.encoder_layers, generator)
        self.encoder_norm = nn.Parameter(torch.ones(config.width))
        self.decoder = _blocks(config, config.layers, generator)
        self.across = nn.ModuleList(
            CrossAttention(config.width, config.heads, config.layers, generator)
            for _ in range(config.layers)
        )
        self.norm = nn.Parameter(torch.ones(config.width))
        angles = rotary_angles(torch.arange(config.context), size, config.rope_base)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, pair: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position of the target.

        Args:
            pair: ``source`` (int64 ``[batch, source]``), its ``mask`` (bool, True at tokens) and
                the ``target`` so far (int64 ``[batch, time]``, the start token first): one
                argument, so that ``training.fit`` can hand it over.

        Raises:
            ValueError: ids outside the vocabulary, a mask that is not boolean, shapes that do not
                fit each other or the context, or a source without a token.
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
        check_mask("mask", mask)
        if mask.shape != source.shape or not bool(mask.any(-1).all()):
            raise ValueError(
                f"mask must have the source's shape {tuple(source.shape)} and a token in each row; "
                f"got shape {tuple(mask.shape)}, {int(mask.sum())} tokens"
            )
        x, time = F.embedding(source, self.embedding), source.shape[1]
        seen = mask[:, None, None]
        for block in self.encoder:
            q, k, v = block.queries_keys_values(x, self.cos[:time], self.sin[:time])
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
            x = block.add_mlp(block.add_attention(x, attended))
        return F.layer_norm(x, x.shape[-1:], self.encoder_norm)

    def cross_attention_weights(
        self, pair: tuple[Tensor, Tensor, Tensor]
    ) -> Float[Tensor, "layers batch heads time source"]:
        """How much each position of the target looks at each of the source, by layer and head.

        The slow road, written out. Arguments and errors as :meth:`forward`.
        """
        weights: list[Tensor] = []

        def attend(query: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor) -> Tensor:
            output, layer_weights = scaled_dot_product_attention(query, keys, values, attn_mask)
            weights.append(layer_weights)
            return output

        self._decode(pair, attend)
        return torch.stack(weights)

    def read(
        self, source: Int[Tensor, "batch source"], mask: Bool[Tensor, "..."] | None = None
    ) -> Reader:
        """The model with its source read: what ``generation.generate`` and a beam can write from.

        Args:
            source: one row per row to be written, or a single row for all of them.
            mask: True at tokens; all of them when None.

        Raises:
            ValueError: as :meth:`forward`.
        """
        if mask is None:
            self._check("source", source)
            mask = torch.ones_like(source, dtype=torch.bool)
        return Reader(self, source, mask)

    def unembed(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time vocab"]:
        """Logits from the decoder's stream, the last norm included."""
        return F.linear(F.layer_norm(x, x.shape[-1:], self.norm), self.embedding)

    def _decode(self, pair: tuple[Tensor, Tensor, Tensor], attend: Callable[..., Tensor]) -> Tensor:
        if not isinstance(pair, tuple | list) or len(pair) != 3:
            raise ValueError(f"pair must be (source, mask, target); got {type(pair).__name__}")
        source, mask, target = pair
        self._check("target", target)
        read, time = self.encode(source, mask), target.shape[1]
        if len(target) != len(source):
            raise ValueError(
                f"target must have as many rows as the source, {len(source)}; got {len(target)}"
            )
        x, seen = F.embedding(target, self.embedding), mask[:, None, None]
        for block, cross in zip(self.decoder, self.across, strict=True):
            q, k, v = block.queries_keys_values(x, self.cos[:time], self.sin[:time])
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = cross(block.add_attention(x, attended), *cross.memory(read), seen, attend)
            x = block.add_mlp(x)
        return self.unembed(x)

    def _check(self, name: str, tokens: Tensor) -> None:
        check_tokens(name, tokens, self.config.vocab_size)
        if tokens.shape[1] > self.config.context:
            raise ValueError(
                f"{name} must fit the context of {self.config.context}; got {tokens.shape[1]}"
            )


def _blocks(config: EncoderDecoderConfig, layers: int, generator: torch.Generator) -> nn.ModuleList:
    c = config
    sizes = DecoderConfig(c.vocab_size, c.context, c.width, layers, c.heads, c.hidden)
    return nn.ModuleList(Block(sizes, generator) for _ in range(layers))
