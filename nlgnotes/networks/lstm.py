"""A recurrent language model, SeqGAN's generator: embedding, one LSTM layer, output layer."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.networks.base import Config, normal_matrix
from nlgnotes.networks.inputs import (
    check_capacity,
    check_owner,
    check_row_index,
    check_step,
    embed,
)
from nlgnotes.validation import check_count, check_kind, check_tokens

__all__ = ["LSTMConfig", "LSTMModel", "LSTMState"]


@dataclass(frozen=True)
class LSTMConfig(Config):
    """The sizes of a recurrent language model.

    Args:
        vocab_size: ids run from 0 to ``vocab_size - 1``.
        context: the longest sequence that it is asked to read. (The recurrence itself has no
            limit.)
        width: of the embedding and of the state; SeqGAN has 32.

    Raises:
        ValueError: a count below 1.
    """

    vocab_size: int
    context: int
    width: int = 32

    def __post_init__(self) -> None:
        self._check_counts("vocab_size", "context", "width")

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """As :meth:`Config.weight_shapes`."""
        vocab, width = self.vocab_size, self.width
        yield "embedding", (vocab, width)
        for name in ("ih", "hh"):
            yield f"lstm.weight_{name}_l0", (4 * width, width)
            yield f"lstm.bias_{name}_l0", (4 * width,)
        yield "output.weight", (vocab, width)
        yield "output.bias", (vocab,)


@dataclass(frozen=True, eq=False)
class LSTMState:
    """All that the model remembers of what it read: a value, never changed in place.

    Args:
        hidden, cell: *h* and *c* of Hochreiter & Schmidhuber (1997).
        length: how many tokens it has read.
        capacity: how many it may read.
        owner: the model that it belongs to.
    """

    hidden: Float[Tensor, "batch width"]
    cell: Float[Tensor, "batch width"]
    length: int
    capacity: int
    owner: weakref.ref | None = field(default=None, repr=False)

    @property
    def dtype(self) -> torch.dtype:
        """Of the state."""
        return self.hidden.dtype

    def rows(self, index: Int[Tensor, " chosen"]) -> "LSTMState":
        """The state of the given rows, in that order (repeated rows too): for beams.

        Raises:
            ValueError: a row that is not there.
        """
        check_row_index(index, len(self.hidden))
        hidden, cell = self.hidden[index], self.cell[index]
        return LSTMState(hidden, cell, self.length, self.capacity, self.owner)


class LSTMModel(nn.Module):
    r"""Logits for the next token from a state of fixed size.

    .. math:: h_t, c_t = \text{LSTM}(E x_t, h_{t-1}, c_{t-1}), \qquad \text{logits} = W h_t + b .

    All initial weights come from ``generator``, uniform within :math:`\pm 1/\sqrt{\text{width}}`
    (torch's own law for an LSTM) but for the embedding, N(0, 1/4), and the forget gate's bias, 1,
    so that the state starts out remembering. Taught in: book/language-gans.ipynb.

    Args:
        config: the sizes.
        generator: where the initial weights are drawn from.

    >>> model = LSTMModel(LSTMConfig(vocab_size=50, context=20), torch.Generator().manual_seed(0))
    >>> model(torch.zeros(2, 3, dtype=torch.long)).shape
    torch.Size([2, 3, 50])
    """

    reads_rows_alike = True  # for ``generation.generate``: equal prompts are read once

    def __init__(self, config: LSTMConfig, generator: torch.Generator) -> None:
        super().__init__()
        check_kind("config", config, LSTMConfig)
        self.config = config
        width, bound = config.width, config.width**-0.5
        self.embedding = normal_matrix(config.vocab_size, width, 0.5, generator)
        # On "meta" first, without numbers: the constructors draw theirs from the global generator.
        self.lstm = nn.LSTM(width, width, batch_first=True, device="meta").to_empty(device="cpu")
        self.output = nn.Linear(width, config.vocab_size, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            for part in (self.lstm, self.output):
                for parameter in part.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)
            # torch adds two biases; the second quarter of each belongs to the forget gate.
            self.lstm.bias_ih_l0[width : 2 * width] = 1.0
            self.lstm.bias_hh_l0[width : 2 * width] = 0.0

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position, by torch's fused LSTM.

        Raises:
            ValueError: ``tokens`` is not ``[batch, time]`` of int64 in the vocabulary, or longer
                than the context.
        """
        check_tokens("tokens", tokens, self.config.vocab_size)
        if tokens.shape[1] > self.config.context:
            raise ValueError(
                f"tokens must fit the context of {self.config.context}; got {tokens.shape[1]}"
            )
        return self.output(self.lstm(F.embedding(tokens, self.embedding))[0])

    def empty_cache(self, batch: int, capacity: int | None = None) -> LSTMState:
        """The state before anything is read, for up to ``capacity`` tokens (the context when None).

        Raises:
            ValueError: ``batch`` or ``capacity`` below 1, or a capacity above the model's context.
        """
        check_count("batch", batch)
        capacity = check_capacity(capacity, self.config.context)
        zeros = self.embedding.new_zeros(batch, self.config.width)
        return LSTMState(zeros, zeros, 0, capacity, weakref.ref(self))

    @torch.no_grad()
    def step(
        self, tokens: Int[Tensor, "batch time"], cache: LSTMState
    ) -> tuple[Float[Tensor, "batch time vocab"], LSTMState]:
        """Logits after each of the new tokens, and the state with them read. No gradient flows.

        Raises:
            ValueError: ids outside the vocabulary, rows that differ from the state's, tokens that
                do not fit its capacity, or another model's state.
        """
        check_owner(cache, LSTMState, self)
        check_step(tokens, len(cache.hidden))
        length = cache.length + tokens.shape[1]
        if length > cache.capacity:
            raise ValueError(
                f"tokens must fit the capacity of {cache.capacity}; "
                f"got {cache.length} read and {tokens.shape[1]} new"
            )
        state = cache.hidden[None], cache.cell[None]
        x = embed(tokens, self.embedding, cache.dtype)
        read, (hidden, cell) = self.lstm(x, state)
        after = LSTMState(hidden[0], cell[0], length, cache.capacity, cache.owner)
        return self.output(read), after
