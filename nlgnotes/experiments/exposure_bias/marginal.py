r"""Scores of what a model writes after a prefix: quality, diversity, consistency, and EB-M.

A score is kept as a table with one row per unit, so that it can be bootstrapped; :data:`SCORES`
says how the means of its columns make the number. The unit is a text, a prefix of ``length`` tokens
and a continuation, as :func:`prefixes.continue_prefixes` gives them. Only the two diversity scores,
which say how alike texts are to each other, have *groups* of texts as units: a resample of texts
would hold doubles, and the scores of texts that share a pool are not independent.

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
from nlgnotes.equations.metrics import bleu, bleu_counts, distinct_n, self_bleu
from nlgnotes.experiments.exposure_bias.conditional import bootstrap_both
from nlgnotes.languages.base import Language
from nlgnotes.validation import check_count

__all__ = [
    "SCORES",
    "Score",
    "continuation",
    "continuation_scores",
    "diversity",
    "eb_m",
    "link",
    "nats",
    "topic_evidence",
]

N = 3  # of the n-grams of BLEU, distinct-n and self-BLEU
GROUP = 50
"""Texts of a group: as many as make diversity a matter of the pool, few enough for many groups."""


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


DIVERSITY = ("distinct", "self-bleu")
SCORES: dict[str, Score] = {
    "nats": Score(
        "quality",
        "nats per token under the language, after the prefix that was read",
        _ratio,
        high=False,
    ),
    "bleu": Score("quality", "corpus-BLEU-3 against held-out text of the same place", _bleu),
    "distinct": Score("diversity", "distinct-3 of a group of continuations", lambda m: m[:, 0]),
    "self-bleu": Score("diversity", "1 - self-BLEU-3 of a group", lambda m: m[:, 0]),
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
    r"""How much better its own ``original`` prefix explains a continuation than the row before's.

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


def diversity(written: Documents, group: int = GROUP) -> dict[str, Float64[Tensor, "groups one"]]:
    """Distinct-3 and 1 - self-BLEU-3 of every ``group`` consecutive texts; a last part is left out.

    A text of fewer than 3 tokens has no 3-gram: it is neither diverse nor repeated, and left out.
    A group with fewer than two longer ones is NaN, a missing value.

    Raises:
        ValueError: fewer texts than ``group``, or a ``group`` of fewer than two.
    """
    check_count("group", group, 2)
    if len(written) < group:
        raise ValueError(f"written must hold at least one group of {group}; got {len(written)}")
    rows = torch.arange(len(written) // group * group).split(group)
    result = {name: torch.full((len(rows), 1), torch.nan).double() for name in DIVERSITY}
    for i, part in enumerate(rows):
        part = part[written.lengths[part] >= N]
        if len(part) > 1:
            texts = written.select(part)
            result["distinct"][i] = distinct_n(texts.tokens, texts.lengths, N)
            result["self-bleu"][i] = 1 - self_bleu(texts.tokens, texts.lengths, N)
    return result


def continuation_scores(
    language: Language,
    documents: Documents,
    length: int,
    original: Int64[Tensor, "batch length"],
    references: Documents,
    *,
    group: int = GROUP,
) -> dict[str, Float64[Tensor, "units columns"]]:
    """The table of every score in ``SCORES`` (``topic`` only where the language has topics).

    Args:
        language: the truth.
        documents: prefixes and continuations, all longer than ``length``.
        length: of the prefixes.
        original: what a consistent continuation should go on from: the prefix itself, or what it
            was before it was shuffled.
        references: held-out text of the language, for BLEU.
        group: texts in each group of :func:`diversity`.

    Returns:
        One row per text; of both diversity scores one row per group.

    Raises:
        ValueError: a text without a continuation, or as :func:`diversity`.
    """
    written = continuation(documents, length)
    result = {
        "nats": nats(language, documents, length),
        "bleu": bleu_counts(written, references, N).double(),
        **diversity(written, group),
        "link": link(language, documents, original),
    }
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
        generator: where the bootstrap over the rows draws from.
        paired: row i of both comes from the same prefixes: they are resampled together.
        resamples: of the bootstrap.

    Returns:
        Bootstrap draws [1 + resamples], the estimate first. BLEU's are given the references, which
        both tables share.

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
