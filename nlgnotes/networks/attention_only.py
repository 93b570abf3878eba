"""A network of attention alone: no feed-forward layers, so that its heads can be taken apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.networks.attention import causal_mask, scaled_dot_product_attention
from nlgnotes.networks.base import Config, normal_matrix
from nlgnotes.networks.inputs import check_hidden, embed
from nlgnotes.networks.rotary import rotary_angles, split_rotary
from nlgnotes.validation import check_count, check_finite, check_kind, check_tokens, shown

__all__ = ["AttentionLayer", "AttentionOnly", "AttentionOnlyConfig", "HeadRun"]


@dataclass(frozen=True)
class AttentionOnlyConfig(Config):
    """The sizes of a network of attention alone.

    Args:
        vocab_size: ids run from 0 to ``vocab_size - 1``.
        context: the longest sequence.
        width: of the residual stream; a multiple of ``2 * heads``.
        layers: how many.
        heads: attention heads in a layer.
        smeared: whether each head mixes a key with the key before it.
        rope_base: base of the rotary angles.

    Raises:
        ValueError: a count below 1, a width that does not divide, ``smeared`` no boolean, or
            ``context * width / heads`` above 2**24.
    """

    vocab_size: int
    context: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    smeared: bool = False
    rope_base: float | int = 10000.0

    def __post_init__(self) -> None:
        self._check_counts("vocab_size", "context", "width", "layers", "heads")
        self._check_heads()
        if not isinstance(self.smeared, bool):
            raise ValueError(f"smeared must be True or False; got {self.smeared!r}")

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """As :meth:`Config.weight_shapes`."""
        yield "embedding", (self.vocab_size, self.width)
        for layer in range(self.layers):
            yield f"layers.{layer}.norm", (self.width,)
            yield f"layers.{layer}.qkv", (3 * self.width, self.width)
            yield f"layers.{layer}.out", (self.width, self.width)
            if self.smeared:
                yield f"layers.{layer}.smear", (self.heads,)
        yield "norm", (self.width,)
        yield "unembedding", (self.vocab_size, self.width)


class HeadRun(NamedTuple):
    """What a run that can be intervened in gives.

    Args:
        logits: for the token after each position.
        patterns: the attention weights that were used, of each layer and head.
    """

    logits: Float[Tensor, "batch time vocab"]
    patterns: Float[Tensor, "layers batch heads time time"]


class AttentionLayer(nn.Module):
    """One layer: ``x + attention(norm(x))``, without biases and without a feed-forward network."""

    def __init__(self, config: AttentionOnlyConfig, generator: torch.Generator) -> None:
        super().__init__()
        check_kind("config", config, AttentionOnlyConfig)
        width, self.heads = config.width, config.heads
        self.norm = nn.Parameter(torch.ones(width))
        self.qkv = normal_matrix(3 * width, width, 0.02, generator)
        self.out = normal_matrix(width, width, 0.02 / (2 * config.layers) ** 0.5, generator)
        self.smear = nn.Parameter(torch.zeros(config.heads)) if config.smeared else None

    def queries_keys_values(
        self, x: Float[Tensor, "batch time width"], cos: Tensor, sin: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Project the normed stream, smear the keys, rotate: each [batch, heads, time, size]."""
        batch, time, width = x.shape
        qkv = F.linear(F.layer_norm(x, (width,), self.norm), self.qkv)
        qkv = qkv.view(batch, time, 3, self.heads, width // self.heads)
        if self.smear is not None:
            q, k, v = qkv.unbind(2)
            own = self.smear.sigmoid()[:, None]
            # Before the rotation: the mixed key stands at its own position, with another content.
            k = torch.cat((k[:, :1], own * k[:, 1:] + (1 - own) * k[:, :-1]), 1)
            qkv = torch.stack((q, k, v), 2)
        return split_rotary(qkv, cos, sin)

    def add(self, x: Tensor, attended: Float[Tensor, "batch heads time size"]) -> Tensor:
        """The stream plus what the heads found."""
        return x + F.linear(attended.transpose(1, 2).flatten(2), self.out)


class AttentionOnly(nn.Module):
    r"""Layers of attention and nothing else, with rotary positions and a norm before each layer.

    With ``smeared`` keys each head mixes a key with the one before it,
    :math:`k_j \leftarrow \sigma(\alpha) k_j + (1 - \sigma(\alpha)) k_{j-1}`, with one learned
    :math:`\alpha` for each head, 0 at first; the first key stays (Olsson et al. 2022,
    arXiv:2209.11895). All initial weights come from ``generator``.
    Taught in: book/induction-heads.ipynb.

    Args:
        config: the sizes.
        generator: where the initial weights are drawn from.

    >>> config = AttentionOnlyConfig(vocab_size=65, context=128)
    >>> model = AttentionOnly(config, torch.Generator().manual_seed(0))
    >>> model(torch.zeros(1, 3, dtype=torch.long)).shape
    torch.Size([1, 3, 65])
    """

    def __init__(self, config: AttentionOnlyConfig, generator: torch.Generator) -> None:
        super().__init__()
        check_kind("config", config, AttentionOnlyConfig)
        self.config = config
        self.embedding = normal_matrix(config.vocab_size, config.width, 0.02, generator)
        self.layers = nn.ModuleList(AttentionLayer(config, generator) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.unembedding = normal_matrix(config.vocab_size, config.width, 0.02, generator)
        size = config.width // config.heads
        angles = rotary_angles(torch.arange(config.context), size, config.rope_base)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position, by torch's fused attention.

        Raises:
            ValueError: ``tokens`` is not ``[batch, time]`` of int64 in the vocabulary, or longer
                than the context.
        """
        x, cos, sin = self._embed(tokens)
        for layer in self.layers:
            roles = layer.queries_keys_values(x, cos, sin)
            x = layer.add(x, F.scaled_dot_product_attention(*roles, is_causal=True))
        return self._logits(x)

    @torch.no_grad()
    def run(
        self,
        tokens: Int[Tensor, "batch time"],
        ablated: Sequence[tuple[int, int]] = (),
        patterns: Float[Tensor, "layers batch heads time time"] | None = None,
    ) -> HeadRun:
        """Logits and attention patterns, with some heads taken out.

        *Full ablation*: the output of each head in ``ablated`` is 0, and everything after it is
        computed from what is left. *Pattern-preserving ablation*: the same with ``patterns`` from a
        run without ablation. All heads then look where they looked before; only what they bring
        can change (Olsson et al. 2022, arXiv:2209.11895). No gradient flows.
        Taught in: book/induction-heads.ipynb.

        Args:
            tokens: as in :meth:`forward`.
            ablated: pairs of layer and head, both from 0.
            patterns: attention weights to use in the place of the computed ones.

        Raises:
            ValueError: as :meth:`forward`; a head that is none; patterns of another shape.
        """
        c = self.config
        if not isinstance(ablated, Sequence | set) or any(
            not isinstance(pair, Sequence) or len(pair) != 2 for pair in ablated
        ):
            raise ValueError(f"ablated must be pairs of layer and head; got {shown(ablated)}")
        for layer, head in ablated:
            check_count("the layer of an ablated head", layer, 0, c.layers - 1)
            check_count("the head of an ablated head", head, 0, c.heads - 1)
        x, cos, sin = self._embed(tokens)
        batch, time = tokens.shape
        shape = (c.layers, batch, c.heads, time, time)
        if patterns is not None:
            check_finite("patterns", patterns, shape)
            check_hidden("patterns", patterns, time, self.embedding)
        mask, used = causal_mask(time), []
        for i, layer in enumerate(self.layers):
            q, k, v = layer.queries_keys_values(x, cos, sin)
            attended, weights = scaled_dot_product_attention(q, k, v, mask)
            if patterns is not None:
                weights = patterns[i]
                attended = weights @ v
            gone = [head for where, head in ablated if where == i]
            if gone:
                attended = attended.clone()
                attended[:, gone] = 0
            x = layer.add(x, attended)
            used.append(weights)
        return HeadRun(self._logits(x), torch.stack(used))

    @torch.no_grad()
    def direct_logits(
        self, tokens: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "layers batch heads time vocab"]:
        """What each head would add to the logits by reading one position alone, on the direct path.

        That is the value vector of that position, through the head's part of the output matrix and
        the unembedding: not through later heads. The last norm's centring and gain are applied, its
        division by the size of the stream is not. No gradient flows.

        Raises:
            ValueError: as :meth:`forward`.
        """
        x, cos, sin = self._embed(tokens)
        found = []
        for layer in self.layers:
            q, k, v = layer.queries_keys_values(x, cos, sin)
            ways = layer.out.view(self.config.width, self.config.heads, -1)
            writes = torch.einsum("bhts,whs->bhtw", v, ways)
            writes = (writes - writes.mean(-1, keepdim=True)) * self.norm
            found.append(F.linear(writes, self.unembedding))
            x = layer.add(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return torch.stack(found)

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(F.layer_norm(x, x.shape[-1:], self.norm), self.unembedding)

    def _embed(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        check_tokens("tokens", tokens, self.config.vocab_size)
        time = tokens.shape[1]
        if time > self.config.context:
            raise ValueError(f"tokens must fit the context of {self.config.context}; got {time}")
        return embed(tokens, self.embedding), self.cos[:time], self.sin[:time]
