r"""Scores of what a model writes after a prefix: quality, diversity, consistency, and EB-M.

A score is kept as a table with one row per text, so that it can be bootstrapped over texts;
:data:`SCORES` says how the means of its columns make the number. A text is a prefix of ``length``
tokens and a continuation, as :func:`prefixes.continue_prefixes` gives them, and only texts with a
continuation are scored.

Taught in: book/exposure-bias.ipynb.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from nlgnotes.documents import Documents
from nlgnotes.equations.metrics import (
    bleu,
    bleu_counts,
    distinct_n_per_document,
    self_bleu_per_document,
)
from nlgnotes.experiments.exposure_bias.conditional import bootstrap_both
from nlgnotes.languages.base import Language

__all__ = [
    "SCORES",
    "Score",
    "continuation",
    "continuation_scores",
    "eb_m",
    "link",
    "nats",
    "topic_evidence",
]

N = 3  # of the n-grams of BLEU, distinct-n and self-BLEU


@dataclass(frozen=True)
class Score:
    """How a score is read.

    Args:
        aspect: quality, diversity or consistency.
        meaning: for people.
        of: from mean rows [resamples, columns] to one number each.
        high: whether high is good.
    """

    aspect: str
    meaning: str
    of: Callable[[np.ndarray], np.ndarray]
    high: bool = True


def _ratio(means: np.ndarray) -> np.ndarray:
    return means[:, 0] / means[:, 1]


def _bleu(means: np.ndarray) -> np.ndarray:
    return np.array([bleu(1e6 * row[None]) for row in means])


SCORES: dict[str, Score] = {
    "nats": Score(
        "quality",
        "nats per token under the language, after the prefix that was read",
        _ratio,
        high=False,
    ),
    "bleu": Score("quality", "corpus-BLEU-3 against held-out text of the same place", _bleu),
    "distinct": Score("diversity", "distinct-3 of all continuations together", lambda m: m[:, 0]),
    "self-bleu": Score("diversity", "1 - self-BLEU-3", lambda m: m[:, 0]),
    "link": Score(
        "consistency",
        "nats per token by which the original prefix explains it better than a stranger's",
        _ratio,
    ),
    "topic": Score(
        "consistency",
        "posterior mass, from the continuation alone, on the original topic",
        lambda m: m[:, 0],
    ),
}


def continuation(documents: Documents, length: int) -> Documents:
    """What stands after the first ``length`` tokens.

    Raises:
        ValueError: a text that is not longer.
    """
    if int(documents.lengths.min()) <= length:
        raise ValueError(
            f"documents must all be longer than {length} tokens; "
            f"got one of {int(documents.lengths.min())}"
        )
    return Documents(documents.tokens[:, length:], documents.lengths - length)


def nats(language: Language, documents: Documents, length: int) -> Float64[Tensor, "batch two"]:
    r"""Each text's :math:`-\log P_D(W_{l+1:} | W_{1:l})` in nats, and how many tokens that is."""
    cost = -language.token_log_probs(documents)[:, length:].sum(-1)
    return torch.stack([cost, (documents.lengths - length).double()], -1)


def link(
    language: Language, documents: Documents, original: Int64[Tensor, "batch length"]
) -> Float64[Tensor, "batch two"]:
    r"""How much better its own ``original`` prefix explains each continuation than the next row's.

    .. math:: \log P_D(W_{l+1:} | O) - \log P_D(W_{l+1:} | O'),

    in nats, and the number of tokens.
    Zero on average where the continuation has nothing to do with the original.
    """
    own, strange = (
        nats(
            language,
            Documents(torch.cat([o, documents.tokens[:, o.shape[1] :]], 1), documents.lengths),
            o.shape[1],
        )
        for o in (original, original.roll(1, 0))
    )
    return torch.stack([strange[:, 0] - own[:, 0], own[:, 1]], -1)


def topic_evidence(
    language: Any, documents: Documents, length: int
) -> Float64[Tensor, "batch topics"]:
    r"""The posterior of each topic from the continuation alone.

    What it would be if all topics were equally likely after the prefix:

    .. math:: \frac{P_D(W_{l+1:} | W_{1:l}, z)}{\sum_{z'} P_D(W_{l+1:} | W_{1:l}, z')}, \qquad
              P_D(W_{l+1:} | W_{1:l}, z) \propto \frac{P_D(z | W)}{P_D(z | W_{1:l})}.

    Exact. 1 / topics everywhere where the continuation says nothing.

    Args:
        language: one with ``topic_posterior``.
        documents, length: texts, and how long their prefixes are.
    """
    posterior = language.topic_posterior(documents.tokens).log()
    rows = torch.arange(len(documents))
    return (posterior[rows, documents.lengths] - posterior[:, length]).softmax(-1)


def continuation_scores(
    language: Language,
    documents: Documents,
    length: int,
    original: Int64[Tensor, "batch length"],
    references: Documents,
) -> dict[str, Float64[Tensor, "batch columns"]]:
    """The table of every score in ``SCORES`` (``topic`` only where the language has topics).

    Args:
        language: the truth.
        documents: prefixes and continuations, all longer than ``length``.
        length: of the prefixes.
        original: what a consistent continuation should go on from: the prefix itself, or what it
            was before it was shuffled.
        references: held-out text of the language, for BLEU.

    Returns:
        One row per text. A continuation of fewer than 3 tokens has no 3-gram: it is neither
        diverse nor repeated, and its rows of both diversity scores are NaN, a missing value.

    Raises:
        ValueError: a text without a continuation.
    """
    written = continuation(documents, length)
    result = {
        "nats": nats(language, documents, length),
        "bleu": bleu_counts(written, references, N).double(),
        "distinct": distinct_n_per_document(written.tokens, written.lengths, N),
        "self-bleu": 1 - self_bleu_per_document(written.tokens, written.lengths, N),
        "link": link(language, documents, original),
    }
    for name in ("distinct", "self-bleu"):
        result[name] = result[name].masked_fill(written.lengths < N, torch.nan)[:, None]
    if hasattr(language, "topic_posterior"):
        topic = language.topic_posterior(original)[:, -1].argmax(-1)
        result["topic"] = topic_evidence(language, documents, length).gather(-1, topic[:, None])
    return result


def eb_m(
    name: str,
    after: Tensor | np.ndarray,
    data: Tensor | np.ndarray,
    generator: torch.Generator,
    *,
    paired: bool = False,
    resamples: int = 1000,
) -> np.ndarray:
    r"""How much better the model writes after data than after another kind of prefix.

    .. math:: \text{EB-M}(l) = \frac{f(P_{M|D(l)})}{f(P_{M|H(l)})}

    for a score f where high is good, and the inverse where low is good: above 1, the prefix hurts.
    f looks at the continuations only. Drop their first words and it is the gap version. Ours, after
    He et al. 2021.

    Args:
        name: of a score in ``SCORES``.
        after, data: its tables after prefixes of kind H and D.
        generator: where the bootstrap over texts draws from.
        paired: row i of both comes from the same prefix: they are resampled together.
        resamples: of the bootstrap.

    Returns:
        Bootstrap draws [1 + resamples], the estimate first. (Distinct-n and self-BLEU of a resample
        are means of the sample's per-text values: a text is not its own double.)

    Raises:
        ValueError: an unknown score.

    Source: He, Zhang, Zhou & Glass 2021 (arXiv:1905.10617); their form of the ratio was not seen.
    """
    if name not in SCORES:
        raise ValueError(f"name must be one of {', '.join(SCORES)}; got {name!r}")
    own, true = bootstrap_both(after, data, generator, paired=paired, resamples=resamples)
    score = SCORES[name]
    high, low = (score.of(true), score.of(own)) if score.high else (score.of(own), score.of(true))
    return high / low
