"""A decoder whose feed-forward networks are layers of experts.

Taught in: book/mixture-of-experts.ipynb.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.networks.moe import GATES, MoELayer, Routing
from nlgnotes.networks.transformer import Block, Decoder, DecoderConfig
from nlgnotes.validation import check_count, check_mask

__all__ = ["MoEBlock", "MoEDecoder", "MoEDecoderConfig"]


@dataclass(frozen=True)
class MoEDecoderConfig(DecoderConfig):
    """The sizes of a decoder with experts in every block.

    Args:
        hidden: width inside *each* expert; the other sizes are those of ``DecoderConfig``.
        experts: in each block.
        k: how many of them a token uses.
        shared: how many more every token uses, of the same width.
        gates: ``"chosen"`` or ``"all"``, see ``networks.moe.MoELayer``.

    Raises:
        ValueError: as ``DecoderConfig``; ``k`` above ``experts``; ``gates`` of another kind.
    """

    experts: int = 8
    k: int = 2
    shared: int = 0
    gates: str = "chosen"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_counts("experts", "k")
        check_count("k", self.k, 1, self.experts)
        object.__setattr__(self, "shared", check_count("shared", self.shared, 0))
        if self.gates not in GATES:
            raise ValueError(f"gates must be one of {', '.join(GATES)}; got {self.gates!r}")

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """As :meth:`Config.weight_shapes`."""
        width, hidden, experts = self.width, self.hidden, self.experts
        dense = {f"blocks.{layer}.{name}" for layer in range(self.layers) for name in DENSE}
        yield from ((name, shape) for name, shape in super().weight_shapes() if name not in dense)
        for layer in range(self.layers):
            name = f"blocks.{layer}.moe"
            yield f"{name}.gate", (width, experts)
            yield f"{name}.noise", (width, experts)
            yield f"{name}.bias", (experts,)
            yield f"{name}.up", (experts, width, hidden)
            yield f"{name}.down", (experts, hidden, width)
            if self.shared:
                yield f"{name}.shared_up", (width, self.shared * hidden)
                yield f"{name}.shared_down", (self.shared * hidden, width)


DENSE = ("up", "down")


class MoEBlock(Block):
    """One layer: attention as in :class:`Block`, then experts on the normed stream."""

    def _make_mlp(self, config: MoEDecoderConfig, small: float, generator: torch.Generator) -> None:
        c = config
        sizes = (c.width, c.hidden, c.experts, c.k)
        kinds = {"shared": c.shared, "gates": c.gates}
        self.moe = MoELayer(*sizes, generator, out_std=small, **kinds)

    def add_mlp(self, x: Tensor) -> Tensor:
        """The stream plus the experts' answer: without noise, and no expert is ever full."""
        return self.add_experts(x)[0]

    def add_experts(
        self,
        x: Float[Tensor, "batch time width"],
        generator: torch.Generator | None = None,
        capacity: SupportsIndex | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], Routing]:
        """The stream plus the experts' answer, and the routing of all rows' tokens in a row."""
        normed = F.layer_norm(x, x.shape[-1:], self.norm2).flatten(0, 1)
        answers, routing = self.moe(normed, generator, capacity)
        return x + answers.view_as(x), routing


class MoEDecoder(Decoder):
    """A decoder of :class:`MoEBlock`: all that a :class:`Decoder` can do, and :meth:`routed`.

    Called as a decoder, and where it writes with a cache, it adds no noise to the gate and drops no
    token, so that what it says of a text does not depend on chance or on the texts beside it.
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        config: the sizes.
        generator: where the initial weights are drawn from.

    >>> sizes = MoEDecoderConfig(vocab_size=9, context=8, width=8, layers=1, heads=2, hidden=4)
    >>> model = MoEDecoder(sizes, torch.Generator().manual_seed(0))
    >>> model.parameter_count, model.active_parameter_count
    (992, 608)
    """

    block = MoEBlock
    plain_steps = True  # `decoder_step` knows dense networks only

    @property
    def active_parameter_count(self) -> int:
        """How many of the learned numbers one token meets: all but the experts not chosen."""
        c = self.config
        return self.parameter_count - 2 * c.layers * (c.experts - c.k) * c.width * c.hidden

    def routed(
        self,
        tokens: Int[Tensor, "batch time"],
        generator: torch.Generator | None = None,
        capacity: SupportsIndex | None = None,
        mask: Bool[Tensor, "batch time"] | None = None,
    ) -> tuple[Float[Tensor, "batch time vocab"], tuple[Routing, ...]]:
        """Logits as :meth:`forward` gives them, with each block's routing: for training.

        Args:
            tokens: the ids.
            generator: where the gates' noise comes from; None for none.
            capacity: how many tokens of the batch an expert takes; None for no limit.
            mask: where there is a token; what is padding is left out of the routings, though it
                takes up room where there is a capacity. None keeps all.

        Returns:
            The logits; for each block the routing of the tokens, row after row.

        Raises:
            ValueError: as :meth:`forward`, a capacity below 1, or a mask of another shape.
        """
        x, cos, sin = self._embed(tokens)
        if mask is not None:
            check_mask("mask", mask, tokens.shape)
        found = []
        for block in self.blocks:
            x, routing = block.add_experts(block.attend(x, cos, sin), generator, capacity)
            found.append(routing if mask is None else routing.at(mask.flatten()))
        return self.unembed(F.layer_norm(x, x.shape[-1:], self.norm)), tuple(found)
