"""Documents of labelled examples, and the exact belief about the next label."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.equations.urn import urn_log_prior
from nlgnotes.validation import (
    check_count,
    check_floats,
    check_generator,
    check_ids,
    check_interval,
    check_kind,
    check_scores,
    describe,
    is_int64,
)

__all__ = ["Examples", "LabelledExamples"]

MAPPINGS = ("fixed", "per document")


class Examples(NamedTuple):
    """Documents in parts, as :meth:`LabelledExamples.sample` draws them.

    Args:
        words: token ids, int64 ``[n, examples, words]``.
        labels: 0 to ``kinds - 1``, int64 ``[n, examples]``.
        mapping: the label of each kind, int64 ``[n, kinds]``.
    """

    words: Tensor
    labels: Tensor
    mapping: Tensor


@dataclass(frozen=True)
class LabelledExamples:
    """A family of classification tasks, written as documents that a decoder can read.

    A document is a row of examples, each a few words, a separator and a label:
    ``w w w w | y  w w w w | y  …``. The words of an example come from one of ``kinds``
    distributions, which are the same in all documents:

        p(w | k) ∝ exp(tilt · s_w · 1[w belongs to k]),

    where the words belong to the kinds in turn and their strengths s_w rise evenly to 1. The label
    says the kind, through a mapping that is the same in all documents or a permutation drawn
    anew for each; then only the demonstrations can tell it. Labels are drawn from an urn
    (:func:`urn_log_prior`): with ``burst = 0`` each is uniform, otherwise a label that has
    occurred becomes likelier.

    A share of the examples has no words that tell: one of a few null tokens, repeated.

    Token ids: 0 the start, 1 to ``kinds`` the labels, then the separator, the words, the null
    tokens, and as the last id a null token that never occurs.
    Taught in: book/in-context-learning.ipynb.

    Args:
        kinds: how many kinds, and labels; 2 to 5.
        words: size of the vocabulary of words, a multiple of ``kinds``.
        words_per_example: m, drawn independently given the kind.
        tilt: log-odds between the kind's strongest word and a word of another kind; at least 0.
        mapping: ``"fixed"`` or ``"per document"``.
        burst: strength of the urn, at least 0.
        decay: of the urn, in [0, 1]: what an occurrence counts after each further example.
        null_share: probability that an example is null, in [0, 1).
        null_tilts: one number for each null token that occurs: p(null j | kind k) ∝
            exp(null_tilts[j] · 1[k = 0]). Tokens that all have 0 tell nothing.

    Raises:
        ValueError: an argument out of range, or a null share without null tokens.

    >>> family = LabelledExamples(kinds=2, words=4, words_per_example=2)
    >>> family.vocab_size, family.separator, family.length(10)
    (9, 3, 40)
    """

    kinds: int = 4
    words: int = 32
    words_per_example: int = 4
    tilt: float | int = 2.0
    mapping: str = "per document"
    burst: float | int = 0.0
    decay: float | int = 1.0
    null_share: float | int = 0.0
    null_tilts: tuple[float | int, ...] = ()

    def __post_init__(self) -> None:
        plain = {"kinds": check_count("kinds", self.kinds, 2, 5)}
        for name in ("words", "words_per_example"):
            plain[name] = check_count(name, getattr(self, name))
        if self.words % self.kinds:
            raise ValueError(f"words must be a multiple of kinds = {self.kinds}; got {self.words}")
        for name, high in (("tilt", 100), ("burst", 1e6), ("decay", 1)):
            plain[name] = check_interval(name, getattr(self, name), 0, high)
        plain["null_share"] = check_interval("null_share", self.null_share, 0, 1, closed="left")
        check_kind("null_tilts", self.null_tilts, Sequence)
        for tilt in self.null_tilts:
            check_interval("null_tilts", tilt, -100, 100)
        if self.mapping not in MAPPINGS:
            raise ValueError(f"mapping must be one of {', '.join(MAPPINGS)}; got {self.mapping!r}")
        if self.null_share and not self.null_tilts:
            raise ValueError(f"null_share must be 0 without null_tilts; got {self.null_share}")
        for name, number in plain.items():
            object.__setattr__(self, name, number)

    @property
    def separator(self) -> int:
        """The token between words and label."""
        return self.kinds + 1

    @property
    def first_word(self) -> int:
        """The id of the first word."""
        return self.kinds + 2

    @property
    def first_null(self) -> int:
        """The id of the first null token."""
        return self.first_word + self.words

    @property
    def vocab_size(self) -> int:
        """All ids, with the null token that never occurs."""
        return self.first_null + len(self.null_tilts) + 1

    def length(self, examples: int) -> int:
        """Tokens of a document of so many examples, the start not counted."""
        return check_count("examples", examples) * (self.words_per_example + 2)

    def word_log_probs(self) -> Float[Tensor, "kinds words"]:
        """log p(w | k), of the words alone."""
        word = torch.arange(self.words)
        strength = (word // self.kinds + 1) / (self.words // self.kinds)
        belongs = word % self.kinds == torch.arange(self.kinds)[:, None]
        return (self.tilt * strength * belongs).log_softmax(-1)

    def null_log_probs(self) -> Float[Tensor, "kinds nulls"]:
        """log p(null j | k), given that the example is null."""
        first = torch.arange(self.kinds)[:, None] == 0
        return (torch.tensor(self.null_tilts, dtype=torch.float32) * first).log_softmax(-1)

    def sample(self, n: int, examples: int, generator: torch.Generator) -> Examples:
        """Draw documents.

        Args:
            n: documents.
            examples: in each.
            generator: where mappings, labels and words are drawn from.

        Raises:
            ValueError: a count below 1, or no generator.
        """
        n, examples = check_count("n", n), check_count("examples", examples)
        check_generator(generator)
        mapping = torch.arange(self.kinds).repeat(n, 1)
        if self.mapping == "per document":
            mapping = torch.rand(n, self.kinds, generator=generator).argsort(-1)
        labels = self._draw_labels(n, examples, generator)
        kinds = mapping.argsort(-1).gather(-1, labels)
        return Examples(self.draw_words(kinds, generator), labels, mapping)

    def draw_words(
        self, kinds: Int[Tensor, "n examples"], generator: torch.Generator
    ) -> Int[Tensor, "n examples words"]:
        """Words for examples of given kinds; a share of them null.

        Raises:
            ValueError: no generator.
        """
        check_generator(generator)
        if not is_int64(kinds) or kinds.dim() != 2:
            raise ValueError(f"kinds must be int64 of shape [n, examples]; got {describe(kinds)}")
        check_ids("kinds", kinds, kinds.shape, self.kinds)
        m, (n, examples) = self.words_per_example, kinds.shape
        probs = self.word_log_probs().exp()[kinds.flatten()]
        words = self.first_word + torch.multinomial(probs, m, True, generator=generator)
        words = words.view(n, examples, m)
        if not self.null_share:
            return words
        is_null = torch.rand(n, examples, 1, generator=generator) < self.null_share
        probs = self.null_log_probs().exp()[kinds.flatten()]
        nulls = self.first_null + torch.multinomial(probs, 1, generator=generator)
        return torch.where(is_null, nulls.view(n, examples, 1), words)

    def tokens(
        self, words: Int[Tensor, "n examples words"], labels: Int[Tensor, "n examples"]
    ) -> Int[Tensor, "n time"]:
        """The documents as token ids, without the start token.

        Raises:
            ValueError: shapes that do not belong together, or a label out of range.
        """
        self.check(words, labels)
        separator = torch.full_like(labels, self.separator)
        return torch.cat((words, separator[..., None], labels[..., None] + 1), -1).flatten(1)

    def batch(self, examples: Examples, *, signal: str = "label") -> Batch:
        """The documents for ``training.loop.fit``: start token and all but the last token in.

        Args:
            examples: of :meth:`sample`.
            signal: what the loss counts: each ``"label"``, or ``"all"`` tokens.

        Raises:
            ValueError: another signal.
        """
        if signal not in ("label", "all"):
            raise ValueError(f"signal must be 'label' or 'all'; got {signal!r}")
        check_kind("examples", examples, Examples)
        tokens = self.tokens(examples.words, examples.labels)
        mask = torch.ones_like(tokens, dtype=torch.bool)
        if signal == "label":
            mask[:] = torch.arange(tokens.shape[1]) % (self.words_per_example + 2) == (
                self.words_per_example + 1
            )
        return Batch(F.pad(tokens[:, :-1], (1, 0)), tokens, mask)

    def label_log_probs(
        self, logits: Float[Tensor, "n time vocab"]
    ) -> Float[Tensor, "n examples kinds"]:
        """A decoder's belief about each label: its logits on a batch, over the labels alone."""
        check_floats("logits", logits)
        if logits.dim() != 3 or logits.shape[2] <= self.kinds:
            raise ValueError(f"logits must be [n, time, vocab]; got {describe(logits)}")
        at = slice(self.words_per_example + 1, None, self.words_per_example + 2)
        labels = logits[:, at, 1 : self.kinds + 1]
        check_scores("logits", labels)
        return labels.log_softmax(-1)

    def log_likelihood(
        self, words: Int[Tensor, "n examples words"]
    ) -> Float[Tensor, "n examples kinds"]:
        """log p(words of an example | kind), up to what all kinds share.

        The null token that never occurs tells nothing.
        """
        self._check_words(words)
        silent = torch.zeros(self.kinds, 1)
        table = torch.cat((self.word_log_probs(), self.null_log_probs(), silent), -1).double()
        scores = table.t()[words - self.first_word]
        # A null token is drawn once and repeated.
        return torch.where(words[..., :1] >= self.first_null, scores[..., 0, :], scores.sum(-2))

    def log_posterior(
        self, words: Int[Tensor, "n examples words"], labels: Int[Tensor, "n examples"]
    ) -> Float[Tensor, "n examples kinds"]:
        """What the best predictor believes about each label before it is read.

        log p(y_e | words 1 … e, y_1 … y_{e-1}), by summing over every mapping π:

            p(y_e = l | …) ∝ p(l | y_{<e}) Σ_π p(x_e | π⁻¹(l)) Π_{j<e} p(x_j | π⁻¹(y_j)).

        Args:
            words, labels: a document need not have been drawn from the family: its labels may be
                wrong, and the belief is then what a reader who does not know that would think.

        Returns:
            float64, normalised over the labels.

        Raises:
            ValueError: shapes that do not belong together, or a label out of range.
        """
        self.check(words, labels)
        fixed = [tuple(range(self.kinds))]
        per_document = self.mapping == "per document"
        # Row π holds the kind of each label.
        kinds = torch.tensor(
            list(itertools.permutations(range(self.kinds))) if per_document else fixed
        )
        by_label = self.log_likelihood(words)[..., kinds]  # [n, examples, mappings, labels]
        at_label = labels[..., None, None].expand(*by_label.shape[:-1], 1)
        told = by_label.gather(-1, at_label)[..., 0].cumsum(1)
        before = F.pad(told[:, :-1], (0, 0, 1, 0))
        scores = (before[..., None] + by_label).logsumexp(2)
        prior = urn_log_prior(labels, self.kinds, self.burst, self.decay)
        return (prior + scores).log_softmax(-1)

    def _draw_labels(self, n: int, examples: int, generator: torch.Generator) -> Tensor:
        counts = torch.zeros(n, self.kinds)
        labels = []
        for _ in range(examples):
            label = torch.multinomial(1 + self.burst * counts, 1, generator=generator)
            counts = self.decay * counts
            counts.scatter_add_(-1, label, torch.ones_like(label, dtype=counts.dtype))
            labels.append(label)
        return torch.cat(labels, -1)

    def _check_words(self, words: Tensor) -> None:
        if not is_int64(words) or words.dim() != 3 or not words.shape[2]:
            raise ValueError(
                f"words must be int64 of shape [n, examples, words]; got {describe(words)}"
            )
        if words.numel() and not (
            self.first_word <= int(words.min()) <= int(words.max()) < self.vocab_size
        ):
            raise ValueError(
                f"words must be ids from {self.first_word} to {self.vocab_size - 1}; got "
                f"{int(words.min())} to {int(words.max())}"
            )

    def check(self, words: Tensor, labels: Tensor) -> None:
        """Check that words and labels are those of documents, else raise ``ValueError``."""
        self._check_words(words)
        check_ids("labels", labels, words.shape[:2], self.kinds)
