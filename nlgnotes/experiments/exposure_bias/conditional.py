r"""Divergences of model and language after prefixes: exposure bias, exactly.

A prefix of length *l* is of one of four kinds: from the language (``data``), from the model itself
(``model``), a data prefix with its words in random order (``shuffled``), or words drawn uniformly
(``random``). All four hold exactly *l* tokens and no ``<eos>``: data and model prefixes are those
documents, drawn by rejection, which have not ended after *l* tokens, and the others never can have.
Each kind is so conditioned on the same event. Then both :math:`P_M(\cdot|W_{1:l})` and
:math:`P_D(\cdot|W_{1:l})` are known, and so is any divergence between them.

Taught in: book/exposure-bias.ipynb.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.documents import Documents
from nlgnotes.equations.divergences import jensen_shannon, kl_divergence, total_variation
from nlgnotes.experiments.exposure_bias.prefixes import alive_before
from nlgnotes.intervals import Interval, bootstrap_means, percentile_interval
from nlgnotes.languages.base import Language
from nlgnotes.validation import check_scores

__all__ = [
    "DIVERGENCES",
    "accumulate",
    "accumulated_error",
    "bootstrap_both",
    "bootstrap_kinds",
    "divergences_after",
    "eb_c",
    "excess_share",
    "intervals",
    "relative_growth",
    "slopes",
]

DIVERGENCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "tv": total_variation,
    "js": jensen_shannon,
    "kl": kl_divergence,
}
"""Of (log P_D, log P_M): total variation, Jensen–Shannon, :math:`D_{KL}(P_D \\| P_M)`."""


ROWS = 128
"""Rows whose whole distributions are compared at a time: little memory, and no slower."""


@torch.no_grad()
def divergences_after(
    model: Any, language: Language, documents: Documents, at: Sequence[int]
) -> dict[str, Float64[Tensor, "batch places"]]:
    r"""Each of ``DIVERGENCES`` of model from language after t tokens, for each t in ``at``.

    Between :math:`P_D(\cdot|W_{1:t})` and :math:`P_M(\cdot|W_{1:t})`. Nothing is sampled: both
    distributions are known. The model's is the one it was trained to give (temperature 1), whatever
    decoder wrote the text. NaN where the document had ended before.

    Raises:
        ValueError: a place beyond the text, or logits of the model that are no distribution.
    """
    at = list(at)
    if not at or min(at) < 0 or max(at) > documents.tokens.shape[1]:
        raise ValueError(f"at must hold places in [0, {documents.tokens.shape[1]}]; got {at}")
    read = documents.tokens[:, : max(at)]
    result = {
        name: torch.full((len(documents), len(at)), torch.nan, dtype=torch.float64)
        for name in DIVERGENCES
    }
    alive = alive_before(documents)[:, at]
    for rows in torch.arange(len(read)).split(ROWS):
        truth = (
            language.all_next_log_probs(read[rows])[:, at]
            if len(at) > 1
            else language.next_log_probs(read[rows])[:, None]
        )
        logits, here = model(pad(read[rows], (1, 0)))[:, at], alive[rows]
        if bool(here.any()):  # NaN stands for what has ended, so ill logits must not become NaN
            check_scores("the model's logits", logits[here])
        guess = logits.double().log_softmax(-1)
        for name, divergence in DIVERGENCES.items():
            values = torch.full(here.shape, torch.nan, dtype=torch.float64)
            values[here] = divergence(truth[here], guess[here])
            result[name][rows] = values
    return result


def eb_c(
    after: Tensor | np.ndarray,
    data: Tensor | np.ndarray,
    generator: torch.Generator,
    *,
    paired: bool = False,
    resamples: int = 1000,
) -> np.ndarray:
    r"""How much worse the next-token distribution is after another kind of prefix than after data.

    .. math:: \text{EB-C}(l) = \frac{\text{CGD}(M|H(l))}{\text{CGD}(M|D(l))}, \qquad
              \text{CGD}(M|H(l)) = \mathbb E_{W \sim P_H}\,
              f\big(P_D(\cdot|W_{1:l}), P_M(\cdot|W_{1:l})\big).

    Above 1 the prefix hurts. With H = M this is the exposure bias; with texts of
    :func:`continue_prefixes`, the gap version. Ours, after He et al. 2021.

    Args:
        after, data: the divergences after prefixes of kind H and D, [prefixes, columns]; NaN is
            missing.
        generator: where the bootstrap over prefixes draws from.
        paired: row i of both comes from the same prefix (shuffled and data): they are resampled
            together.
        resamples: of the bootstrap.

    Returns:
        [1 + resamples, columns], the estimate first: for :func:`intervals` and :func:`slopes`.

    Source: He, Zhang, Zhou & Glass 2021 (arXiv:1905.10617); their form of the ratio was not seen.
    """
    top, bottom = bootstrap_both(after, data, generator, paired=paired, resamples=resamples)
    return top / bottom


def bootstrap_both(
    after: Tensor | np.ndarray,
    data: Tensor | np.ndarray,
    generator: torch.Generator,
    *,
    paired: bool,
    resamples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Means of two tables [prefixes, columns] and of resamples of their rows, for a ratio.

    Args:
        after, data: the tables; NaN is missing.
        generator: where the resampling draws from.
        paired: whether row i of both is resampled together.
        resamples: how many.

    Returns:
        For each table [1 + resamples, columns], as ``intervals.bootstrap_means`` gives it.
    """
    tables = np.asarray(after), np.asarray(data)
    if not paired:
        own, true = (bootstrap_means(x, generator, resamples=resamples) for x in tables)
        return own, true
    both = bootstrap_means(np.concatenate(tables, 1), generator, resamples=resamples)
    own, true = np.split(both, 2, axis=1)
    return own, true


def bootstrap_kinds(
    table: Mapping[str, Mapping[str, Tensor]],
    generator: torch.Generator,
    *,
    resamples: int = 1000,
) -> dict[str, dict[str, np.ndarray]]:
    """Mean divergences of every kind of prefix and of resamples of its prefixes, for any ratio.

    All divergences and columns of a prefix are resampled together; so are the shuffled prefixes
    and the data prefixes that they were made from. The other kinds are drawn apart.

    Args:
        table: kind -> divergence -> [prefixes, columns]; NaN is missing. Of the shuffled prefixes,
            row i was row i of the data; there may be fewer of them.
        generator: where the resampling draws from.
        resamples: how many.

    Returns:
        kind -> divergence -> [1 + resamples, columns], the sample's own means first.
    """
    pairs = [kind for kind in ("data", "shuffled") if kind in table]
    result: dict[str, dict[str, np.ndarray]] = {}
    for kinds in [pairs, *([kind] for kind in table if kind not in pairs)]:
        blocks = {(k, f): np.asarray(x) for k in kinds for f, x in table[k].items()}
        n = max(map(len, blocks.values()), default=0)
        wide = [
            np.pad(x, ((0, n - len(x)), (0, 0)), constant_values=np.nan) for x in blocks.values()
        ]
        ends = np.cumsum([x.shape[1] for x in wide])[:-1]
        draws = bootstrap_means(np.concatenate(wide, 1), generator, resamples=resamples)
        for (kind, f), means in zip(blocks, np.split(draws, ends, axis=1), strict=True):
            result.setdefault(kind, {})[f] = means
    return {kind: result[kind] for kind in table}


def excess_share(after: np.ndarray, data: np.ndarray, shuffled: np.ndarray) -> np.ndarray:
    r"""The harm of a kind of prefix as a share of that of shuffled words.

    .. math:: \frac{\text{EB-C}(H) - 1}{\text{EB-C}(\text{shuffled}) - 1} =
              \frac{\text{CGD}(M|H(l)) - \text{CGD}(M|D(l))}
                   {\text{CGD}(M|\text{shuffled}(l)) - \text{CGD}(M|D(l))}.

    0 is no harm, 1 as much as shuffled words do. Ours.

    Args:
        after, data, shuffled: the draws that :func:`bootstrap_kinds` gives for the three kinds.
    """
    return (after - data) / (shuffled - data)


def relative_growth(ratio: np.ndarray, lengths: Sequence[float | int]) -> np.ndarray:
    r"""How the harm grows with the length, as a share of growth in proportion to it.

    .. math:: \frac{\sum_i (l_i - \bar l)\, e_i \big/ \sum_i (l_i - \bar l)^2}
                   {\sum_i l_i\, e_i \big/ \sum_i l_i^2}, \qquad e_i = \text{EB-C}(l_i) - 1:

    the least-squares slope over that of the line through the origin. 1 where every word adds the
    same harm, 0 where the harm does not depend on the length, below 0 where it falls. Ours.

    Args:
        ratio: draws of EB-C, [1 + resamples, lengths].
        lengths: of the prefixes.

    Raises:
        ValueError: as :func:`slopes`.
    """
    excess, place = np.asarray(ratio) - 1, np.asarray(lengths, dtype=float)
    return slopes(excess, lengths) / (excess @ place / (place**2).sum())


def accumulated_error(
    after: Tensor | np.ndarray,
    data: Tensor | np.ndarray,
    generator: torch.Generator,
    *,
    resamples: int = 1000,
) -> dict[str, np.ndarray]:
    r"""The accumulated measure of Arora et al. 2022 (arXiv:2204.01171), for every length l.

    .. math:: R(l) = \sum_{t=1}^{l} \mathbb E_{W \sim M}\,
              D_{KL}\big(P_D(\cdot|W_{<t}) \| P_M(\cdot|W_{<t})\big), \quad
              \epsilon(l) = \frac1l \sum_{t=1}^{l} \mathbb E_{W \sim D}\, D_{KL}(\ldots), \quad
              \text{AccErr}(l) = \frac{R(l)}{\epsilon(l)}, \quad
              \%\text{ExAccErr}(l) = 100\, \frac{R(l) - l\,\epsilon(l)}{l\,\epsilon(l)}.

    W ~ M are texts that the model wrote with some decoder, each from a few true words. The decoder
    chooses contexts only: the distribution inside the KL is the model's own. Checked in the
    authors' program (their quantifying_exposure_bias repository):
    ``F.kl_div(model log-probabilities, oracle probabilities)``, which is this direction, AccErr as
    l times and ExAccErr as 100 times (less 1) the ratio of the two accumulated sums. Their sums
    start at the second token of the 50 true ones of the context; here the context is left out, for
    both. A text that has ended is left out from there on, so each expectation is over texts that
    still run.

    Args:
        after, data: the KL after 0, 1, … tokens (past the context) of texts of the model, and of
            the language, [texts, l].
        generator: where the bootstrap over texts draws from.
        resamples: of the bootstrap.

    Returns:
        Bootstrap draws [1 + resamples, l], the estimate first, of ``regret`` (R), ``accumulated``
        (AccErr) and ``excess`` (%ExAccErr).
    """
    own, true = (
        bootstrap_means(np.asarray(x), generator, resamples=resamples) for x in (after, data)
    )
    return accumulate(own, true)


def accumulate(after: np.ndarray, data: np.ndarray) -> dict[str, np.ndarray]:
    """What :func:`accumulated_error` returns, from draws of the mean KL at every step."""
    own, true = after.cumsum(1), data.cumsum(1)
    ratio = own / true
    return {
        "regret": own,
        "accumulated": ratio * np.arange(1, own.shape[1] + 1),
        "excess": 100 * (ratio - 1),
    }


def intervals(draws: np.ndarray, n: int) -> list[Interval]:
    """The interval of each column of bootstrap draws [1 + resamples, columns], of ``n`` units."""
    return [percentile_interval(column, n) for column in np.asarray(draws).T]


def slopes(draws: np.ndarray, x: Sequence[float | int]) -> np.ndarray:
    """The least-squares slope over ``x`` of each row of draws [1 + resamples, columns].

    Raises:
        ValueError: fewer than two different ``x``, or another number of columns.
    """
    place = np.asarray(x, dtype=float)
    if np.ndim(draws) != 2 or np.shape(draws)[1] != len(place) or len(place) < 2:
        raise ValueError(
            f"draws must have one column per x ({len(place)}), at least 2; "
            f"got shape {np.shape(draws)}"
        )
    if not np.isfinite(place).all() or place.min() == place.max():
        raise ValueError(f"x must hold finite numbers, two of them different; got {place.tolist()}")
    centred = place - place.mean()
    return np.asarray(draws) @ centred / (centred**2).sum()
