"""The base of the synthetic languages: sampling, and the exact likelihood of any text."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.documents import Documents
from nlgnotes.intervals import Interval, ratio_of_totals
from nlgnotes.validation import (
    check_count,
    check_generator,
    check_id_lists,
    check_kind,
    check_tokens,
    describe,
    is_int64,
    shown,
)

__all__ = ["Language", "check_sample", "extended", "inside"]


class Language(ABC):
    r"""A distribution over documents: strings of tokens that end at the first ``<eos>``, id 0.

    Log-probabilities are natural logarithms in float64, and the answer for a row does not depend on
    the rows beside it. A *prefix* is an int64 tensor [batch, time] without the start token; time
    may be 0. After an ``<eos>`` in a prefix only ``<eos>`` can come: the distribution there is the
    point mass on it.

    A subclass gives :meth:`sample` and :meth:`all_next_log_probs`; the rest follows from these, and
    a subclass with a faster road to one of them overrides it.

    Args:
        words: the vocabulary in the order of the ids; ``words[0]`` is ``"<eos>"``. Words are
            distinct, in lower case, without white space, and hold ``.`` or ``,`` only alone.

    Raises:
        ValueError: the words break one of these rules.
    """

    eos = 0

    def __init__(self, words: Sequence[str]):
        texts = isinstance(words, Iterable) and not isinstance(words, str | bytes)
        if not texts or not all(isinstance(word, str) for word in words):
            raise ValueError(f"words must be strings; got {shown(words)}")
        self.words: tuple[str, ...] = tuple(words)
        if len(self.words) < 2 or self.words[0] != "<eos>":
            raise ValueError(
                f"words must be at least 2 and start with '<eos>'; got {list(self.words[:2])}"
            )
        self._ids = {word: i for i, word in enumerate(self.words)}
        for i, word in enumerate(self.words):
            if self._ids[word] != i:
                raise ValueError(f"words must be distinct; got {word!r} twice")
            if _split(word) != [word] or word != word.lower():
                raise ValueError(
                    "words must be in lower case, without white space, '.' and ',' alone; got "
                    f"{word!r}"
                )

    @property
    def vocab_size(self) -> int:
        """How many words there are, ``<eos>`` counted."""
        return len(self.words)

    @abstractmethod
    def sample(
        self, n: int, generator: torch.Generator, max_length: int | None = None
    ) -> Documents:
        """Draw ``n`` documents.

        One that would be longer than ``max_length`` tokens is cut there and has no ``<eos>``.
        """

    @abstractmethod
    def all_next_log_probs(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        r"""The distribution after every part of a prefix.

        Entry t is :math:`\log P(\cdot \mid x_{<t})`, for t = 0 … time.
        """

    def next_log_probs(self, prefix: Int64[Tensor, "batch time"]) -> Float64[Tensor, "batch vocab"]:
        r"""The distribution after each whole prefix: :math:`\log P(\cdot \mid x)`."""
        return self.all_next_log_probs(prefix)[:, -1]

    def token_log_probs(self, documents: Documents) -> Float64[Tensor, "batch time"]:
        r"""The log-probability of each token, :math:`\log P(x_t \mid x_{<t})`; 0 where padded.

        Raises:
            ValueError: an id outside the vocabulary, or an ``<eos>`` before the end of a document.
        """
        self._check(documents)
        scores = self.all_next_log_probs(documents.tokens[:, :-1]).gather(
            -1, documents.tokens[..., None]
        )[..., 0]
        return torch.where(documents.mask, scores, 0.0)

    def log_prob(self, documents: Documents) -> Float64[Tensor, " batch"]:
        r"""The log-probability of each document: :math:`\sum_t \log P(x_t \mid x_{<t})`.

        For a document without ``<eos>`` it is that of all documents which start so.
        """
        return self.token_log_probs(documents).sum(-1)

    def entropy_rate(
        self, n: int, generator: torch.Generator, max_length: int | None = None
    ) -> Interval:
        r"""Nats per token on ``n`` fresh documents: :math:`-\sum_d \log P(x_d) / \sum_d |x_d|`.

        ``<eos>`` is counted. This is the floor of every model's expected loss. The 95 % interval is
        over documents.
        """
        n = check_count("n", n, 2)
        documents = self.sample(n, generator, max_length)
        return ratio_of_totals(-self.log_prob(documents), documents.lengths.double())

    def encode(self, text: str) -> list[int]:
        """The ids of a text; letter case and the space before ``.`` and ``,`` do not matter.

        Raises:
            ValueError: ``text`` holds a word that the language does not have.
        """
        check_kind("text", text, str)
        pieces = _split(text.lower())
        unknown = [piece for piece in pieces if piece not in self._ids]
        if unknown:
            raise ValueError(f"text must hold words of the vocabulary only; got {unknown[0]!r}")
        return [self._ids[piece] for piece in pieces]

    def decode(self, ids: Sequence[int] | Tensor) -> str:
        """The text of some ids, with capitals at the start and after a full stop.

        There is no space before ``.`` and ``,``.

        Raises:
            ValueError: an id is no integer, or outside the vocabulary.
        """
        text, capital = "", True
        [ids] = check_id_lists("ids", [ids])
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise ValueError(f"ids must lie in [0, {self.vocab_size}); got {i}")
            word = self.words[i]
            text += ("" if word in ".," or not text else " ") + (
                word.capitalize() if capital else word
            )
            capital = word == "."
        return text

    def _check(self, documents: Documents) -> None:
        """Raise unless these can be documents of this language."""
        check_kind("documents", documents, Documents)
        check_tokens("documents.tokens", documents.tokens, self.vocab_size)
        if bool((inside(documents.tokens).sum(-1) < documents.lengths).any()):
            raise ValueError(
                "documents must hold <eos> as their last token only; got one before the end"
            )


def check_sample(
    n: int, generator: torch.Generator, max_length: int | None = None
) -> tuple[int, int | None]:
    """What every ``sample`` checks: the counts come back as Python's own integers.

    Raises:
        ValueError: ``n`` or ``max_length`` below 1, or no ``torch.Generator``.
    """
    check_generator(generator)
    longest = None if max_length is None else check_count("max_length", max_length)
    return check_count("n", n), longest


def inside(tokens: Int64[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """Which tokens stand at or before the first ``<eos>`` of their row."""
    if not is_int64(tokens) or tokens.dim() != 2:
        raise ValueError(f"tokens must be int64 of shape [batch, time]; got {describe(tokens)}")
    ended = tokens == Language.eos
    return ended.cumsum(-1) - ended.long() == 0


def extended(prefix: Int64[Tensor, "batch time"], vocab_size: int) -> Int64[Tensor, "batch time+1"]:
    """A checked prefix with one more ``<eos>``: a place for the token that comes next."""
    check_tokens("prefix", prefix, vocab_size, empty=True)
    return pad(prefix, (0, 1), value=Language.eos)


def _split(text: str) -> list[str]:
    """Words and punctuation marks."""
    return re.findall(r"[.,]|[^\s.,]+", text)
