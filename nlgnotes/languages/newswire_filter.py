"""The forward algorithm of the newswire, over (slot x hidden), by the few entries that matter."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

__all__ = ["ForwardFilter", "Step"]

CHUNK = 64
"""Documents scored side by side: more share the cost of calls, fewer stay in the cache."""


class Step(NamedTuple):
    """One token of some documents.

    ``predicted`` is reused: it is to be read before the next step is asked for.
    """

    rows: Int64[Tensor, " running"]
    """Which documents."""
    t: int
    """Which token."""
    predicted: Float64[Tensor, "slots running hidden"]
    """P(slot, hidden | x_<t)."""
    total: Float64[Tensor, " running"]
    """P(x_t | x_<t)."""


class ForwardFilter:
    r"""The forward algorithm (Rabiner 1989), scaled: each step's states add up to 1.

    A word has the probability :math:`(1-\epsilon) B + \epsilon/|V|` in each of 63 x 48 states, and
    B is 0 in nearly all of them. So a step multiplies by the second term alone, a constant that
    the scaling absorbs, and adds the first where there is one: in four slots of 63, for a word of
    the standard newswire. Likewise most slots have one predecessor, so that a step of the chain is
    a shift of rows and a few additions, much cheaper than a product with the whole matrix.

    Args:
        start: P(first slot), [slots].
        transition: A, [slots, slots].
        emission: B by slot, [slots, hidden, vocab].
        hidden_prior: P(hidden), [hidden].
        epsilon: the probability that a word is replaced, above 0.
    """

    def __init__(
        self,
        start: Float64[Tensor, " slots"],
        transition: Float64[Tensor, "slots slots"],
        emission: Float64[Tensor, "slots hidden vocab"],
        hidden_prior: Float64[Tensor, " hidden"],
        epsilon: float,
    ):
        vocab_size = emission.shape[-1]
        self._first = (start[:, None] * hidden_prior)[:, None]
        self._floor = epsilon / vocab_size
        # The pairs of word and slot in which B is not 0 for some hidden, sorted by word.
        word, self._slot = (emission > 0).any(1).T.nonzero().T
        self._gain = emission[self._slot, :, word] * ((1 - epsilon) / self._floor)
        self._many = torch.bincount(word, minlength=vocab_size)
        self._begin = self._many.cumsum(0) - self._many
        # One predecessor of each slot, and what other predecessors there are.
        source, target = transition.nonzero().T
        first = torch.tensor(
            [i for i, t in enumerate(target.tolist()) if t not in target[:i].tolist()]
        )
        rest = torch.ones(len(target), dtype=torch.bool)
        rest[first] = False
        self._shift = torch.zeros(len(start), dtype=torch.long)
        self._shift[target[first]] = source[first]
        self._shift_weight = torch.zeros(len(start), 1, 1, dtype=torch.float64)
        self._shift_weight[target[first], 0, 0] = transition[source[first], target[first]]
        self._extra, self._extra_target = source[rest], target[rest]
        self._extra_weight = transition[source[rest], target[rest]][:, None, None]

    def steps(
        self, tokens: Int64[Tensor, "batch time"], long: Int64[Tensor, " batch"]
    ) -> Iterator[Step]:
        """All tokens of all documents, the longest first, chunk by chunk.

        Args:
            tokens: ids.
            long: how many of each row are read.
        """
        order = long.argsort(descending=True, stable=True)
        for rows in order.split(CHUNK):
            yield from self._chunk(rows, tokens[rows].T, long[rows])

    def _chunk(self, rows: Tensor, read: Tensor, left: Tensor) -> Iterator[Step]:
        running = left > torch.arange(int(left[0]))[:, None]
        many = running.sum(-1).tolist()
        state = self._first.repeat(1, len(rows), 1)
        for t, (at, entry, row) in enumerate(self._gains(read[: len(many)], running)):
            flat, n = state.view(-1, state.shape[-1]), many[t]
            gained = flat.index_select(0, at).mul_(self._gain.index_select(0, entry))
            relative = torch.ones(n, dtype=torch.float64).index_add_(0, row, gained.sum(-1))
            yield Step(rows[:n], t, state, relative * self._floor)
            if t + 1 < len(many):
                flat.index_add_(0, at, gained)
                state = self._moved(state[:, : many[t + 1]], relative[: many[t + 1], None])

    def _moved(self, state: Tensor, relative: Tensor) -> Tensor:
        """The states one step of the chain further, scaled."""
        state, scale = state.contiguous(), 1 / relative
        moved = state.index_select(0, self._shift).mul_(self._shift_weight * scale)
        if len(self._extra):
            extra = state.index_select(0, self._extra).mul_(self._extra_weight * scale)
            moved.index_add_(0, self._extra_target, extra)
        return moved

    def _gains(self, read: Tensor, running: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Where B is not 0, token by token, for the words that are read [time, rows].

        Gives the places in the flat states, the entries of the table, and the rows.
        """
        word, row = read[running], running.nonzero()[:, 1]
        many = self._many[word]
        token = torch.arange(len(word)).repeat_interleave(many)
        place = torch.arange(len(token)) - (many.cumsum(0) - many)[token]
        entry, row = self._begin[word[token]] + place, row[token]
        sizes = torch.zeros_like(read).masked_scatter_(running, many).sum(-1)
        at = self._slot[entry] * running.sum(-1).repeat_interleave(sizes) + row
        return zip(*(each.split(sizes.tolist()) for each in (at, entry, row)), strict=True)
