"""Labelled examples, mixed with other text in which the label words occur unequally often."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.urn import urn_log_prior
from nlgnotes.tasks.in_context import Examples, LabelledExamples
from nlgnotes.validation import check_interval, check_kind

__all__ = ["MixedDocuments"]


@dataclass(frozen=True)
class MixedDocuments:
    """A share of the documents is other text, which only looks like labelled examples.

    In other text every word is drawn by itself, from the mean of the kinds' distributions, and what
    follows a separator is drawn from ``frequencies``, whatever the words say. So a reader who sees
    ``w w w w |`` does not know whether a label is asked for, and demonstrations tell:

        p(y_e = l | …) ∝ (1 - s) A_e p(l | y_{<e}) p(x_e | l) + s B_e frequencies_l p(x_e),

    with A_e and B_e what either kind of document gives the examples before, and s the share.
    Taught in: book/calibration.ipynb.

    Args:
        family: the labelled examples, of a fixed mapping.
        share: of other text, in [0, 1).
        frequencies: of the label words in other text; above 0, with sum 1.

    Raises:
        ValueError: an argument out of range, or another mapping.

    >>> family = LabelledExamples(2, 4, 2, mapping="fixed")
    >>> mixed = MixedDocuments(family, 0.5, (0.8, 0.2))
    >>> alike = torch.full((1, 1, 2), family.vocab_size - 1)  # a null token that tells nothing
    >>> mixed.log_posterior(alike, torch.tensor([[0]])).exp()
    tensor([[[0.6500, 0.3500]]], dtype=torch.float64)
    """

    family: LabelledExamples
    share: float | int
    frequencies: tuple[float | int, ...]

    def __post_init__(self) -> None:
        check_kind("family", self.family, LabelledExamples)
        check_kind("frequencies", self.frequencies, Sequence)
        if self.family.mapping != "fixed":
            raise ValueError(f"family must have a fixed mapping; got {self.family.mapping!r}")
        share = check_interval("share", self.share, 0, 1, closed="left")
        object.__setattr__(self, "share", share)
        for frequency in self.frequencies:
            check_interval("frequencies", frequency, 0, 1, closed="neither")
        if len(self.frequencies) != self.family.kinds or abs(sum(self.frequencies) - 1) > 1e-6:
            raise ValueError(
                f"frequencies must be {self.family.kinds} numbers with sum 1; "
                f"got {self.frequencies}"
            )

    def sample(self, n: int, examples: int, generator: torch.Generator) -> Examples:
        """Draw documents of both sorts; see :meth:`LabelledExamples.sample`."""
        f, documents = self.family, self.family.sample(n, examples, generator)
        kinds = torch.randint(f.kinds, (n, examples, f.words_per_example), generator=generator)
        mixed = self._one_word.draw_words(kinds.flatten(1), generator).view(documents.words.shape)
        nulls = f.draw_words(kinds[..., 0], generator)  # of which some examples are null
        words = torch.where(nulls[..., :1] >= f.first_null, nulls, mixed)
        chance = torch.tensor(self.frequencies).expand(n, -1)
        labels = torch.multinomial(chance, examples, True, generator=generator)
        other = torch.rand(n, 1, generator=generator) < self.share
        return Examples(
            torch.where(other[..., None], words, documents.words),
            torch.where(other, labels, documents.labels),
            documents.mapping,
        )

    def log_posterior(
        self, words: Int[Tensor, "n examples words"], labels: Int[Tensor, "n examples"]
    ) -> Float[Tensor, "n examples kinds"]:
        """What the best predictor believes about each label before it is read.

        Args:
            words, labels: as :meth:`LabelledExamples.log_posterior`.

        Returns:
            float64, normalised over the labels.
        """
        f = self.family
        f.check(words, labels)
        prior = urn_log_prior(labels, f.kinds, f.burst, f.decay)
        labelled = prior + f.log_likelihood(words)
        if not self.share:
            return labelled.log_softmax(-1)
        frequency = torch.tensor(self.frequencies, dtype=torch.float64).log()
        other = frequency + self._log_words(words)[..., None]
        scores = torch.stack((labelled, other))  # [sort of document, n, examples, kinds]
        at = labels[None, ..., None].expand(2, *labels.shape, 1)
        told = F.pad(scores.gather(-1, at)[..., 0].cumsum(-1)[..., :-1], (1, 0))
        shares = scores.new_tensor([math.log(1 - self.share), math.log(self.share)])
        return (shares[:, None, None, None] + told[..., None] + scores).logsumexp(0).log_softmax(-1)

    @property
    def _one_word(self) -> LabelledExamples:
        return replace(self.family, words_per_example=1, null_share=0.0)

    def _log_words(self, words: Tensor) -> Tensor:
        """log p(words of an example) in other text, up to what labelled examples share."""
        single = self._one_word.log_likelihood(words.flatten(1)[..., None]).view(*words.shape, -1)
        mean = single.logsumexp(-1) - math.log(self.family.kinds)
        # A null token is drawn once and repeated.
        return torch.where(words[..., 0] >= self.family.first_null, mean[..., 0], mean.sum(-1))
