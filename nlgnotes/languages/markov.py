"""Markov chains with an explicit table, of even or uneven entropy."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.documents import Documents
from nlgnotes.languages.base import Language, extended, inside
from nlgnotes.languages.tables import RowSampler, check_rows, sample_walks
from nlgnotes.validation import check_count, check_generator, check_interval, check_positive, shown

__all__ = ["Markov"]


LARGEST_TABLE = 2**26  # half a gigabyte


class Markov(Language):
    r"""An order-k chain: :math:`P(x_t \mid x_{<t}) = A(x_t \mid x_{t-k}, \dots, x_{t-1})`.

    What stands before the document counts as ``<eos>``. A document ends when ``<eos>`` is emitted,
    which every context does with a probability of its own.

    Args:
        words: the vocabulary, ``"<eos>"`` first.
        table: A, [contexts, vocab]: ``vocab ** k`` rows that add up to 1, no entry 0 (full
            support). The context :math:`(c_1, \dots, c_k)`, oldest first, is row
            :math:`\sum_i c_i |V|^{k-i}`.

    Raises:
        ValueError: the table has a wrong shape, an entry that is not above 0, or a row that does
            not add up to 1.
    """

    def __init__(self, words: Sequence[str], table: Tensor):
        super().__init__(words)
        if not isinstance(table, Tensor) or table.dim() != 2 or table.shape[1] != self.vocab_size:
            raise ValueError(
                f"table must have shape [contexts, {self.vocab_size}]; got "
                f"{getattr(table, 'shape', table)}"
            )
        order = 1
        while self.vocab_size**order < len(table):
            order += 1
        if self.vocab_size**order != len(table):
            raise ValueError(
                f"table must have {self.vocab_size} ** k rows with k >= 1; got {len(table)}"
            )
        table = check_rows("table", table, tuple(table.shape))
        if not bool((table > 0).all()):
            raise ValueError(f"table must hold numbers above 0 only; got {float(table.min())}")
        self.order = order
        self.table = table
        self._log = table.log()
        self._sampler = RowSampler(table)
        self._place = self.vocab_size ** torch.arange(order - 1, -1, -1)

    @classmethod
    def even(
        cls,
        vocab_size: int,
        generator: torch.Generator,
        *,
        order: int = 1,
        exponent: float | int = 1.0,
        end: float = 0.02,
    ) -> "Markov":
        r"""The same entropy after every context: each row is Zipf's law in an order of its own.

        ``<eos>`` has the constant probability ``end``, so a document has 1 / ``end`` tokens on
        average; the other words share the rest by :math:`r^{-\text{exponent}}` over a random
        permutation.
        """
        words, rows = _words(vocab_size, order, end)
        return cls(words, _with_end(_zipf_rows(rows, len(words) - 1, exponent, generator), end))

    @classmethod
    def uneven(
        cls,
        vocab_size: int,
        generator: torch.Generator,
        *,
        order: int = 1,
        exponent: float | int = 1.0,
        end: float = 0.02,
        sure: float = 0.6,
        top: float = 0.98,
    ) -> "Markov":
        """Uneven entropy: a share ``sure`` of contexts nearly certain, others as in :meth:`even`.

        A certain context gives one word the share ``top`` of what ``<eos>`` leaves. The sure word
        of a context is a random one; the other words share 1 - ``top`` equally.
        """
        words, rows = _words(vocab_size, order, end)
        vocab_size = check_count("vocab_size", vocab_size, 3)
        sure = check_interval("sure", sure, 0.0, 1.0)
        top = check_interval("top", top, 0.0, 1.0, closed="neither")
        open_rows = _zipf_rows(rows, vocab_size - 1, exponent, generator)
        chosen = torch.randperm(rows, generator=generator)[: round(sure * rows)]
        best = torch.randint(vocab_size - 1, (len(chosen),), generator=generator)
        open_rows[chosen] = (1 - top) / (vocab_size - 2)
        open_rows[chosen, best] = top
        return cls(words, _with_end(open_rows, end))

    def sample(
        self, n: int, generator: torch.Generator, max_length: int | None = None
    ) -> Documents:
        """Draw ``n`` documents; see :meth:`Language.sample`."""

        def follow(context: Tensor, word: Tensor) -> Tensor:
            return (context * self.vocab_size + word) % len(self.table)

        return sample_walks(self._sampler, follow, n, generator, max_length)

    def all_next_log_probs(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        """The rows of the table; see :meth:`Language.all_next_log_probs`."""
        tokens = extended(prefix, self.vocab_size)
        result = self._log[self._contexts(tokens)]
        over = ~inside(tokens)
        result[over] = -torch.inf
        result[..., self.eos] = torch.where(over, 0.0, result[..., self.eos])
        return result

    def token_log_probs(self, documents: Documents) -> Float64[Tensor, "batch time"]:
        """The log-probability of each token; see :meth:`Language.token_log_probs`."""
        self._check(documents)
        scores = self._log[self._contexts(documents.tokens), documents.tokens]
        return torch.where(documents.mask, scores, 0.0)

    def _contexts(self, tokens: Tensor) -> Int64[Tensor, "batch time"]:
        """The row of the table that each token is drawn from."""
        before = pad(tokens, (self.order, 0), value=self.eos)[:, :-1]
        return (before.unfold(1, self.order, 1) * self._place).sum(-1)


def _words(vocab_size: int, order: int, end: float) -> tuple[list[str], int]:
    """Names for the words, and the number of contexts."""
    vocab_size = check_count("vocab_size", vocab_size, 2)
    order = check_count("order", order)
    check_interval("end", end, 0.0, 1.0, closed="neither")
    if (order + 1) * math.log(vocab_size) > math.log(LARGEST_TABLE):
        raise ValueError(
            f"vocab_size ** (order + 1) must be at most {LARGEST_TABLE}, the entries of the table; "
            f"got {shown(vocab_size)} and {shown(order)}"
        )
    return ["<eos>", *(f"w{i}" for i in range(1, vocab_size))], vocab_size**order


def _zipf_rows(rows: int, width: int, exponent: float | int, generator: torch.Generator) -> Tensor:
    """Zipf's law, in a random order for each row."""
    check_generator(generator)
    exponent = check_positive("exponent", exponent)
    law = torch.arange(1, width + 1, dtype=torch.float64) ** -exponent
    order = torch.rand(rows, width, generator=generator, dtype=torch.float64).argsort(-1)
    return (law / law.sum())[order]


def _with_end(rows: Tensor, end: float) -> Tensor:
    """The rows with a first column of ``end``, what is left shared as before."""
    end = float(end)
    return torch.cat([torch.full((len(rows), 1), end, dtype=torch.float64), (1 - end) * rows], -1)
