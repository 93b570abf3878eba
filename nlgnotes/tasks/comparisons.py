"""Prompts, all their answers, a gold reward, and comparisons of answers.

Taught in: book/rlhf.ipynb.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.tasks.rankings import Pairs, Rankings, draw_answers, draw_rankings, ranked_pairs
from nlgnotes.validation import (
    check_count,
    check_generator,
    check_ids,
    check_interval,
    check_kind,
    describe,
)

__all__ = [
    "Pairs",
    "Rankings",
    "RatedAnswers",
    "draw_answers",
    "draw_rankings",
    "ranked_pairs",
    "text_batch",
]


@dataclass(frozen=True)
class RatedAnswers:
    r"""Prompts of one word, answers of a few words, a formula that rates them, and a writer.

    The words are 0 to ``vocab_size - 1``, and prompts are words too, so that a model has no other
    token. The gold reward reads all words of an answer but its first. With :math:`c_w` the count of
    word w among them,

    .. math:: r(x, y) = \sum_w \left[ v_{(w - x) \bmod V}\, c_w
       - b\, \tfrac{c_w (c_w - 1)}{2} \right],

    which is concave in every count: a word is worth less each time it comes again. The writer of
    the texts likes what gold likes, a little, has habits, and avoids repetition:

    .. math:: P(y_t = w \mid x, y_{<t}) \propto
       e^{\alpha v_{(w - x) \bmod V} + h_w - \rho\, c_w(y_{<t})},

    with :math:`c_w(y_{<t})` its count among those before, the first left out, and draws the first
    word independently of all the others. Texts may be longer than answers.
    Taught in: book/rlhf.ipynb.

    Args:
        words: how the words are written.
        prompts: how many words are prompts: the first ones.
        read: how many words of an answer gold reads; the answer has one more.
        values: v, one a word.
        repetition: b, at least 0.
        helpfulness: :math:`\alpha`.
        habits: h, one a word.
        variety: :math:`\rho`.
        openings: log-weights of the first word.

    Raises:
        ValueError: counts that do not fit, or numbers that are not finite.
    """

    words: tuple[str, ...] = ("sun", "rain", "sea", "hill", "road", "song", "bread", "fire")
    prompts: int = 6
    read: int = 4
    values: tuple[float, ...] = (1.0, 2.5, 1.5, 0.0, -1.5, 1.0, -1.0, 0.0)
    repetition: float = 2.5
    helpfulness: float = 0.25
    habits: tuple[float, ...] = (0.8, 0.2, -0.3, 0.5, 0.0, -0.5, 0.4, -0.2)
    variety: float = 1.5
    openings: tuple[float, ...] = (1.0, 0.5, 0.0, 0.5, -0.5, 0.0, -1.0, 0.2)

    def __post_init__(self) -> None:
        check_kind("words", self.words, Sequence)
        for word in self.words:
            check_kind("words", word, str)
        size = check_count("words", len(self.words), 2)
        plain = {
            "prompts": check_count("prompts", self.prompts, 1, size),
            "read": check_count("read", self.read, 1, 20),  # 2 ** 21 answers are too many
        }
        check_count("answers, words ** (read + 1),", size ** (plain["read"] + 1), 1, 300_000)
        for name in ("values", "habits", "openings"):
            row = getattr(self, name)
            check_kind(name, row, Sequence)
            for number in row:
                check_interval(name, number, -math.inf, math.inf, closed="neither")
            if len(row) != size:
                raise ValueError(f"{name} must be {size} finite numbers, one a word; got {row!r}")
        for name in ("repetition", "helpfulness", "variety"):
            low = 0 if name == "repetition" else -sys.float_info.max
            number = getattr(self, name)
            plain[name] = check_interval(name, number, low, math.inf, closed="left")
        for name, number in plain.items():
            object.__setattr__(self, name, number)

    @property
    def vocab_size(self) -> int:
        """How many words there are, V."""
        return len(self.words)

    @property
    def length(self) -> int:
        """How many words an answer has."""
        return self.read + 1

    @property
    def prompt_tokens(self) -> Int[Tensor, "prompts one"]:
        """The prompts as a model reads them."""
        return torch.arange(self.prompts)[:, None]

    @cached_property
    def answers(self) -> Int[Tensor, "answers length"]:
        """All answers; the number of an answer is its place here, the last word running fastest."""
        return torch.cartesian_prod(*[torch.arange(self.vocab_size)] * self.length)

    @cached_property
    def counts(self) -> Float64[Tensor, "answers vocab"]:
        """How often each word stands among those that gold reads."""
        return F.one_hot(self.answers[:, 1:], self.vocab_size).sum(1).double()

    @cached_property
    def word_values(self) -> Float64[Tensor, "prompts vocab"]:
        """v for each prompt: what the first occurrence of each word is worth."""
        turns = torch.arange(self.vocab_size) - torch.arange(self.prompts)[:, None]
        return torch.tensor(self.values, dtype=torch.float64)[turns % self.vocab_size]

    @cached_property
    def gold(self) -> Float64[Tensor, "prompts answers"]:
        """The gold reward of every answer."""
        again = (self.counts * (self.counts - 1) / 2).sum(1)
        return self.word_values @ self.counts.T - self.repetition * again

    @cached_property
    def opening_score(self) -> Float64[Tensor, " answers"]:
        """A score of the first word alone, not in gold: mean 0, variance 1 under the writer."""
        p = torch.tensor(self.openings, dtype=torch.float64).softmax(0)
        word = torch.arange(self.vocab_size, dtype=torch.float64)
        score = word % 2 + word / self.vocab_size
        centred = score - (p * score).sum()
        return (centred / (p * centred**2).sum().sqrt())[self.answers[:, 0]]

    @cached_property
    def writer_log_probs(self) -> Float64[Tensor, "prompts answers"]:
        """The writer's law of the first words of a text, exactly: log P(y | x)."""
        first = torch.tensor(self.openings, dtype=torch.float64).log_softmax(0)
        total = first[self.answers[:, 0]].expand(self.prompts, -1).clone()
        seen = torch.zeros(len(self.answers), self.vocab_size, dtype=torch.float64)
        for word in self.answers[:, 1:].T:
            scores = self._scores(torch.arange(self.prompts)[:, None], seen)
            total += scores.gather(-1, word.expand(self.prompts, -1)[..., None])[..., 0]
            seen.scatter_add_(1, word[:, None], torch.ones_like(seen[:, :1]))
        return total

    def draw_texts(
        self, many: SupportsIndex, words: SupportsIndex, generator: torch.Generator
    ) -> Int[Tensor, "many time"]:
        """Texts of the writer: a prompt, drawn uniformly, and ``words`` words.

        Raises:
            ValueError: a count below 1.
        """
        many, words = check_count("many", many), check_count("words", words)
        check_generator(generator)
        prompts = torch.randint(self.prompts, (many,), generator=generator)
        opening = torch.tensor(self.openings, dtype=torch.float64).softmax(0)
        columns = [prompts, torch.multinomial(opening, many, True, generator=generator)]
        seen = torch.zeros(many, self.vocab_size, dtype=torch.float64)
        for _ in range(words - 1):
            scores = self._scores(prompts, seen)
            word = torch.multinomial(scores.exp(), 1, generator=generator)
            seen.scatter_add_(1, word, torch.ones_like(seen[:, :1]))
            columns.append(word[:, 0])
        return torch.stack(columns, 1)

    def _scores(self, prompts: Tensor, seen: Tensor) -> Tensor:
        """The writer's log-probabilities of the next word, after the counts so far."""
        base = self.helpfulness * self.word_values[prompts]
        habits = torch.tensor(self.habits, dtype=torch.float64)
        return (base + habits - self.variety * seen).log_softmax(-1)

    def text(self, prompt: SupportsIndex, answer: SupportsIndex) -> str:
        """A prompt and one of its answers, as they are read."""
        x = check_count("prompt", prompt, 0, self.prompts - 1)
        y = check_count("answer", answer, 0, len(self.answers) - 1)
        return f"{self.words[x]}: {' '.join(self.words[w] for w in self.answers[y])}"

    def tokens(
        self, prompts: Int[Tensor, "*batch"], answers: Int[Tensor, "*batch"]
    ) -> Int[Tensor, "*batch time"]:
        """Prompt and answer as a model reads them, from their numbers.

        Raises:
            ValueError: other shapes, or numbers out of range.
        """
        check_ids("prompts", prompts, getattr(prompts, "shape", ()), self.prompts)
        check_ids("answers", answers, prompts.shape, len(self.answers))
        return torch.cat((prompts[..., None], self.answers[answers]), -1)

    def numbers(self, answers: Int[Tensor, "*batch length"]) -> Int[Tensor, "*batch"]:
        """The numbers of answers that are given as words.

        Raises:
            ValueError: another length, or ids out of range.
        """
        batch = getattr(answers, "shape", ())[:-1]
        check_ids("answers", answers, (*batch, self.length), self.vocab_size)
        powers = self.vocab_size ** torch.arange(self.length - 1, -1, -1)
        return (answers * powers).sum(-1)


def text_batch(tokens: Int[Tensor, "batch time"]) -> Batch:
    """Prompts and what follows as ``training.loop.fit`` takes them; all but the prompts counts.

    Args:
        tokens: a prompt of one word, then the text.

    Raises:
        ValueError: nothing after the prompts.
    """
    if not isinstance(tokens, Tensor) or tokens.dim() != 2 or tokens.shape[1] < 2:
        raise ValueError(f"tokens must be prompts and their texts; got {describe(tokens)}")
    targets = tokens[:, 1:]
    return Batch(tokens[:, :-1], targets, torch.ones_like(targets, dtype=torch.bool))
