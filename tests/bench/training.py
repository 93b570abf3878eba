"""Training: our decoder against GPT-2 of transformers in one loop, and against a plain product."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.gpt2 import check_same_logits, decoder, same_gpt2
from bench.timing import Comparison
from nlgnotes.batches import Batch
from nlgnotes.networks.flops import decoder_flops
from nlgnotes.randomness import generator
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit

SHAPES = ((32, 64), (64, 96))  # batch, time
STEPS = 2
SIDE = 1024  # of the product that says what the machine can do
COUNTED = (
    "Three times the products of a forward pass, for the gradient takes two more; norms, softmax, "
    "GELU and AdamW take time and count nothing."
)


def comparisons() -> Iterator[Comparison]:
    """Steps of ``fit`` with either model, and the same steps counted in FLOP."""
    for batch, time in SHAPES:
        ours = decoder(context=time)
        theirs = same_gpt2(ours)
        check_same_logits(ours, theirs)
        draw = texts(batch, time, ours.config.vocab_size)
        yield Comparison(
            name=f"steps, batch {batch} of {time} tokens",
            unit="tokens",
            work=STEPS * batch * time,
            ours=partial(train, ours, draw),
            peer=partial(train, Logits(theirs), draw),
            peer_name="transformers' GPT-2 in the same loop",
            aim=1.0,
            agree=same_losses,
        )
        yield Comparison(
            name=f"share of a product's rate, batch {batch} of {time} tokens",
            unit="FLOP",
            work=3 * STEPS * batch * decoder_flops(ours.config, time),
            ours=partial(train, ours, draw),
            peer=product(),
            peer_name=f"torch's product of matrices [{SIDE}, {SIDE}]",
            peer_work=2 * SIDE**3,
            aim=0.6,
            agree=finite,
            note=COUNTED,
        )


class Logits(nn.Module):
    """GPT-2 of transformers as ``fit`` calls a model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits alone, and no cache kept."""
        return self.model(tokens, use_cache=False).logits


def texts(batch: int, time: int, vocab_size: int) -> Callable[[torch.Generator], Batch]:
    """A drawer of batches of random tokens, without padding."""
    mask = torch.ones(batch, time, dtype=torch.bool)

    def draw(chance: torch.Generator) -> Batch:
        tokens = torch.randint(vocab_size, (batch, time + 1), generator=chance)
        return Batch(tokens[:, :-1], tokens[:, 1:], mask)

    return draw


def train(model: nn.Module, draw: Callable[[torch.Generator], Batch]) -> History:
    """A few steps of a copy: from the same weights each time, on the same batches."""
    chance, model = generator(0, "training"), copy.deepcopy(model)
    return fit(model, draw, steps=STEPS, learning_rate=1e-4, generator=chance, progress=False)


def product() -> Callable[[], Tensor]:
    """What multiplies two matrices."""
    a, b = torch.randn(2, SIDE, SIDE, generator=generator(0, "matrices"))
    return lambda: a @ b


def same_losses(ours: History, theirs: History) -> None:
    """The losses from the same weights on the same batch; then theirs moves its biases too."""
    torch.testing.assert_close(ours.losses[0], theirs.losses[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.losses, theirs.losses, atol=1e-2, rtol=0)


def finite(ours: History, theirs: Tensor) -> None:
    """There is nothing to agree on: both have done their work."""
    assert ours.steps == STEPS and bool(theirs.isfinite().all())
