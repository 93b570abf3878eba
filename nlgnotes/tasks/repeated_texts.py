"""Texts of random tokens, of which some repeat themselves with a period of their own."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int64
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.validation import check_count, check_counts, check_generator, check_interval

__all__ = ["RepeatedTexts", "TextsDrawn"]


class TextsDrawn(NamedTuple):
    """Some texts, and what can be known of them.

    Args:
        tokens: ids, the start token 0 first.
        copied: where a token is written again that induction can tell: it and the token before it
            stood one period earlier.
        periods: the length of the block that repeats; 0 in a text that does not.
    """

    tokens: Int64[Tensor, "texts time"]
    copied: Bool[Tensor, "texts time"]
    periods: Int64[Tensor, " texts"]

    @property
    def batch(self) -> Batch:
        """Each token but the last read, each but the start token predicted."""
        targets = self.tokens[:, 1:]
        return Batch(self.tokens[:, :-1], targets, torch.ones_like(targets, dtype=torch.bool))


class RepeatedTexts:
    """A task: random tokens, and in a share of the texts one block over and over.

    A text is the start token 0 and ``length`` tokens, each drawn uniformly from 1 to ``symbols``.
    In a text that repeats, the first ``period`` tokens are a block, and the rest is the block
    again. The period is drawn anew for each text, so no fixed distance copies. Nothing but the
    block tells what comes next: without reading back the loss is ``log(symbols)`` everywhere.
    Taught in: book/induction-heads.ipynb.

    Args:
        symbols: how many tokens there are beside the start token.
        length: of a text, the start token not counted.
        shortest, longest: the period is drawn uniformly from these and those between.
        share: of the texts that repeat, in [0, 1].

    Raises:
        ValueError: a count below 1, ``longest`` below ``shortest`` or not below ``length``, or a
            share outside [0, 1].

    >>> RepeatedTexts(symbols=9, length=7, shortest=3, longest=3).share
    1.0
    """

    def __init__(
        self,
        symbols: int = 64,
        length: int = 128,
        shortest: int = 12,
        longest: int = 48,
        share: float | int = 1.0,
    ) -> None:
        check_counts(symbols=symbols, length=length, shortest=shortest)
        check_count("longest", longest, shortest, length - 1)
        self.symbols, self.length = int(symbols), int(length)
        self.shortest, self.longest = int(shortest), int(longest)
        self.share = float(check_interval("share", share, 0, 1))

    def draw(self, n: int, generator: torch.Generator) -> TextsDrawn:
        """``n`` texts.

        Raises:
            ValueError: ``n`` below 1, or no generator.
        """
        check_count("n", n)
        check_generator(generator)
        tokens = torch.randint(1, self.symbols + 1, (n, self.length), generator=generator)
        periods = torch.randint(self.shortest, self.longest + 1, (n,), generator=generator)
        repeats = torch.rand(n, generator=generator) < self.share
        place = torch.arange(self.length)
        source = torch.where(repeats[:, None], place % periods[:, None], place)
        copied = repeats[:, None] & (place > periods[:, None])
        return TextsDrawn(
            F.pad(tokens.gather(1, source), (1, 0)),
            F.pad(copied, (1, 0)),
            torch.where(repeats, periods, 0),
        )

    def block_texts(
        self, n: int, block: int, times: int, generator: torch.Generator
    ) -> Int64[Tensor, "texts time"]:
        """Blocks of *different* random tokens, written ``times`` times after the start token.

        With blocks of 25, written four times, these are the texts of the published evaluator of
        prefix matching (Olsson et al. 2022, arXiv:2209.11895); written once and without the start
        token, those of the evaluator of copying.

        Raises:
            ValueError: a count below 1, a block longer than ``symbols``, or no generator.
        """
        check_counts(n=n, times=times)
        check_count("block", block, 1, self.symbols)
        check_generator(generator)
        order = torch.rand(n, self.symbols, generator=generator).argsort(1)
        return F.pad(order[:, :block].repeat(1, times) + 1, (1, 0))
