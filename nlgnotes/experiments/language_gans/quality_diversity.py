r"""Two numbers for a generator, never one: how likely its texts are in the language, and how likely the language's are to it.

.. math:: \text{NLL}_{\text{oracle}} = -\mathbb E_{y \sim G}[\log P(y)], \qquad
   \text{NLL}_{\text{test}} = -\mathbb E_{x \sim P}[\log G(x)],

both per token. The first is low for good texts, however few they are; the second for a generator that forgets
none. Caccia et al. 2020 (arXiv:1811.02549) sweep the temperature and draw one against the other.
Taught in: book/language-gans.ipynb.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.batches import document_batch
from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.sampling import Sampler
from nlgnotes.intervals import Interval, ratio_of_totals
from nlgnotes.languages.base import Language
from nlgnotes.training.likelihood import token_nll
from nlgnotes.validation import check_count, check_positive

__all__ = [
    "Point",
    "Tempered",
    "at_equal_diversity",
    "branch",
    "likeliest_text",
    "per_token_kl",
    "quality_diversity",
    "written",
]


class Tempered(nn.Module):
    r"""A model at temperature T: its logits divided by T, in what it writes and in what it scores alike.

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


def written(model: Any, n: int, length: int, generator: torch.Generator) -> Documents:
    """``n`` texts of a model, each until its ``<eos>`` or cut at ``length`` tokens.

    Raises:
        ValueError: as ``generation.generate``.
    """
    check_count("n", n)
    start = torch.zeros(n, 1, dtype=torch.long)
    made = generate(
        model, start, max_new_tokens=length, sampler=Sampler(), generator=generator, stop_token=0
    )
    return Documents(made.tokens, made.lengths)


def quality_diversity(
    model: Any,
    oracle: Language,
    test: Documents,
    temperatures: Sequence[float | int],
    *,
    samples: int,
    generator: torch.Generator,
) -> tuple[Point, ...]:
    """NLL_oracle and NLL_test of a generator at each temperature; the model that writes is the model that scores.

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
        texts = written(tempered, samples, test.tokens.shape[1], generator)
        quality = ratio_of_totals(-oracle.log_prob(texts), texts.lengths.double())
        surprise = token_nll(tempered, test, 1000).double().sum(-1)
        points.append(
            Point(float(temperature), quality, ratio_of_totals(surprise, test.lengths.double()))
        )
    return tuple(points)


def branch(points: Sequence[Point]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    r"""The part of a sweep on which diversity buys quality: NLL_test, rising, and NLL_oracle at the same temperatures.

    It begins at the temperature of lowest NLL_test and cools from there. Above that temperature a generator loses quality
    and diversity together. On one set of test texts NLL_test is convex in :math:`1/T`, a mean of
    :math:`\log \sum_v e^{s_v/T} - s_y/T` with logits s, so that it cannot fall again on the way.

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
    if any(b <= a for a, b in zip(tests, tests[1:], strict=False)):
        raise ValueError(
            f"NLL_test must rise as the temperature falls; got {', '.join(f'{x:.4f}' for x in tests)}"
        )
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

    With ``texts`` written by ``before`` (at T = 1) this estimates the divergence of the two distributions over texts,
    divided by the length: by the chain rule the sum over t has that mean. Exact over the next token, an average over texts.

    Args:
        before, after: tokens to logits.
        texts: whose beginnings are looked at.
    """
    batch = document_batch(texts)
    moved = kl_divergence(before(batch.inputs).log_softmax(-1), after(batch.inputs).log_softmax(-1))
    return ratio_of_totals((moved * batch.mask).sum(-1), texts.lengths.double())


def likeliest_text(
    oracle: Language, length: int, beam: int = 100
) -> tuple[Int[Tensor, " time"], float]:
    """A text of ``length`` words that the language finds most likely, as far as a beam search sees, and its log-probability.

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
