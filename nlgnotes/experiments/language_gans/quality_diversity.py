r"""Quality and diversity of a generator: the NLL of its texts in the language, and the reverse.

.. math:: \text{NLL}_{\text{oracle}} = -\mathbb E_{y \sim G}[\log P(y)], \qquad
   \text{NLL}_{\text{test}} = -\mathbb E_{x \sim P}[\log G(x)],

both per token. The first is low for good texts, however few they are; the second for a generator
that forgets none. Caccia et al. 2020 (arXiv:1811.02549) sweep the temperature and draw one against
the other.
Taught in: book/language-gans.ipynb.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.batches import document_batch
from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.intervals import Interval, ratio_of_totals
from nlgnotes.languages.base import Language
from nlgnotes.training.likelihood import token_nll
from nlgnotes.validation import check_count, check_positive, check_scores

__all__ = [
    "Point",
    "Tempered",
    "at_equal_diversity",
    "branch",
    "likeliest_text",
    "nats_per_token",
    "per_token_kl",
    "quality_diversity",
]


class Tempered(nn.Module):
    r"""A model at temperature T: its logits divided by T, where it writes and where it scores.

    Args:
        model: see ``generation.Generates``; tokens to logits.
        temperature: T, above 0.

    Raises:
        ValueError: T is not above 0.
    """

    def __init__(self, model: Any, temperature: float | int) -> None:
        super().__init__()
        check_positive("temperature", temperature)
        self.model, self.temperature, self.config = model, temperature, model.config

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each position."""
        return self.model(tokens) / self.temperature

    def empty_cache(self, batch: int, capacity: int | None = None) -> Any:
        """The model's own."""
        return self.model.empty_cache(batch, capacity)

    def step(
        self, tokens: Int[Tensor, "batch time"], cache: Any
    ) -> tuple[Float[Tensor, "batch time vocab"], Any]:
        """As the model's, tempered."""
        logits, cache = self.model.step(tokens, cache)
        return logits / self.temperature, cache


@dataclass(frozen=True)
class Point:
    """A generator at one temperature, in nats per token, with 95 % intervals over texts.

    Args:
        temperature: T.
        oracle: NLL_oracle of what it writes: low is good quality.
        test: NLL_test of what the language says: low is great diversity.
    """

    temperature: float
    oracle: Interval
    test: Interval

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Point":
        """The inverse of :meth:`to_dict`."""
        return cls(values["temperature"], Interval(**values["oracle"]), Interval(**values["test"]))


def nats_per_token(language: Language, texts: Documents) -> Interval:
    """NLL_oracle of texts: nats per token under the language, with an interval over texts."""
    return ratio_of_totals(-language.log_prob(texts), texts.lengths.double())


def quality_diversity(
    model: Any,
    oracle: Language,
    test: Documents,
    temperatures: Sequence[float | int],
    *,
    samples: int,
    generator: torch.Generator,
) -> tuple[Point, ...]:
    """NLL_oracle and NLL_test of a generator at each temperature.

    The model that writes is the model that scores.

    Args:
        model: see ``generation.Generates``; tokens to logits.
        oracle: the language.
        test: fresh texts of it, never trained on. Generated texts are cut at the same length.
        temperatures: to sweep.
        samples: texts to write at each.
        generator: where they are drawn from.

    Raises:
        ValueError: no temperature, one that is not above 0, or fewer than two samples.
    """
    if not len(temperatures):
        raise ValueError("temperatures must hold at least one; got none")
    check_count("samples", samples, 2)
    points = []
    for temperature in temperatures:
        tempered = Tempered(model, temperature)
        texts = generate_documents(
            tempered, samples, max_new_tokens=test.tokens.shape[1], generator=generator
        )
        surprise = token_nll(tempered, test, 1000).double().sum(-1)
        diversity = ratio_of_totals(surprise, test.lengths.double())
        points.append(Point(float(temperature), nats_per_token(oracle, texts), diversity))
    return tuple(points)


def branch(points: Sequence[Point]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    r"""The part of a sweep on which quality is paid for with diversity: NLL_test and NLL_oracle.

    It begins at the temperature of lowest NLL_test and cools from there: NLL_test rises. Above that
    temperature a generator loses quality and diversity together. On one set of test texts NLL_test
    is convex in :math:`1/T`, a mean of :math:`\log \sum_v e^{s_v/T} - s_y/T` with logits s, so that
    it cannot fall again on the way.

    Args:
        points: a sweep, in any order.

    Raises:
        ValueError: no points, or NLL_test does not rise as the temperature falls.
    """
    if not len(points):
        raise ValueError("points must hold at least one; got none")
    ordered = sorted(points, key=lambda p: p.temperature)
    best = min(range(len(ordered)), key=lambda i: ordered[i].test.value)
    tests, oracles = zip(*((p.test.value, p.oracle.value) for p in ordered[best::-1]), strict=True)
    if not all(a < b for a, b in pairwise(tests)):
        got = ", ".join(f"{x:.4f}" for x in tests)
        raise ValueError(f"NLL_test must rise as the temperature falls; got {got}")
    return tests, oracles


def at_equal_diversity(
    points: Sequence[Point], levels: Float[np.ndarray, " n"] | Sequence[float]
) -> Float[np.ndarray, " n"]:
    """NLL_oracle at given levels of NLL_test, on straight lines between neighbouring temperatures.

    Args:
        points: a sweep; only its :func:`branch` counts.
        levels: values of NLL_test.

    Returns:
        One number for each level; NaN where the sweep does not reach it.

    Raises:
        ValueError: as :func:`branch`.
    """
    return np.interp(np.asarray(levels, dtype=float), *branch(points), left=np.nan, right=np.nan)


@torch.no_grad()
def per_token_kl(before: Any, after: Any, texts: Documents) -> Interval:
    r"""How far one model moved from another, in nats per token.

    .. math:: \frac{1}{|y|} \sum_t D_{KL}(G(\cdot \mid y_{<t}) \,\|\, G'(\cdot \mid y_{<t}))

    With ``texts`` written by ``before`` (at T = 1) this estimates the divergence of the two
    distributions over texts, divided by the length: by the chain rule the sum over t has that mean.
    Exact over the next token, an average over texts.

    Args:
        before, after: tokens to logits.
        texts: whose beginnings are looked at.

    Raises:
        ValueError: logits that are no distribution.
    """
    batch = document_batch(texts)
    ours, theirs = before(batch.inputs), after(batch.inputs)
    check_scores("the logits of before", ours)
    check_scores("the logits of after", theirs)
    moved = kl_divergence(ours.log_softmax(-1), theirs.log_softmax(-1))
    per_text = (moved * batch.mask).sum(-1)
    if not per_text.any():
        # One and the same model: 0 is no estimate, and no other text could have another number.
        return Interval(0.0, 0.0, 0.0, len(texts))
    return ratio_of_totals(per_text, texts.lengths.double())


def likeliest_text(
    oracle: Language, length: int, beam: int = 100
) -> tuple[Int[Tensor, " time"], float]:
    """The likeliest text of ``length`` words that a beam search finds, and its log-probability.

    Args:
        oracle: the language.
        length: words; the text does not end.
        beam: how many beginnings are kept; 1 is greedy.

    Raises:
        ValueError: a count below 1.
    """
    check_count("length", length)
    check_count("beam", beam)
    texts, scores = torch.zeros(1, 0, dtype=torch.long), torch.zeros(1, dtype=torch.float64)
    for _ in range(length):
        options = scores[:, None] + oracle.next_log_probs(texts)
        options[:, oracle.eos] = -torch.inf
        scores, at = options.flatten().topk(min(beam, options.numel() - len(options)))
        texts = torch.cat([texts[at // oracle.vocab_size], at[:, None] % oracle.vocab_size], -1)
    return texts[0], float(scores[0])
