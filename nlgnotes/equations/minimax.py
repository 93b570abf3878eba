r"""The game of a generator and a discriminator, solved where every text can be listed.

.. math:: \min_G \max_D V(D, G), \qquad
   V(D, G) = \mathbb E_{x \sim p}[\log D(x)] + \mathbb E_{y \sim q}[\log(1 - D(y))],

with p the language and q the generator. Goodfellow et al. 2014 (arXiv:1406.2661).
Taught in: book/language-gans.ipynb.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nlgnotes.equations.precision import at_least_float32
from nlgnotes.validation import FLOATS, check_floats, check_log_probs, describe

__all__ = ["exact_value", "minimax_value", "optimal_discriminator"]


def minimax_value(real: Float[Tensor, "*n"], fake: Float[Tensor, "*m"]) -> Float[Tensor, ""]:
    r"""V(D, G) from samples, by the discriminator's scores s of them.

    The mean of :math:`\log\sigma(s)` over texts, plus that of :math:`\log\sigma(-s)` over
    imitations.

    Args:
        real: the discriminator's scores *s* of texts, its log-odds that they are real, so that
            :math:`D = \sigma(s)`; ±inf is certainty.
        fake: its scores of imitations.

    Returns:
        At most 0; :math:`-2 \log 2` for a discriminator that tosses a coin, -inf for one that is
        certain and wrong.

    Raises:
        ValueError: either is empty, not of floating point, or holds NaN.

    >>> minimax_value(torch.zeros(2), torch.zeros(3))
    tensor(-1.3863)
    """
    for name, scores in (("real", real), ("fake", fake)):
        if not isinstance(scores, Tensor) or scores.dtype not in FLOATS or not scores.numel():
            raise ValueError(
                f"{name} must hold at least one score, in floating point; got {describe(scores)}"
            )
        if (ill := int(scores.isnan().sum())) > 0:
            raise ValueError(f"{name} must not hold NaN; {ill} of {scores.numel()} score(s) are")
    # The sum behind a mean of many scores leaves the range of half precision.
    right, wrong = (
        F.logsigmoid(at_least_float32(real)).mean(),
        F.logsigmoid(-at_least_float32(fake)).mean(),
    )
    return (right + wrong).to(torch.promote_types(real.dtype, fake.dtype))


def optimal_discriminator(
    log_p: Float[Tensor, "*n"], log_q: Float[Tensor, "*m"]
) -> Float[Tensor, "*n"]:
    r"""The discriminator that no other beats: :math:`D^*(x) = \frac{p(x)}{p(x) + q(x)}`.

    1/2 where both are 0.

    Args:
        log_p: log-probability of each text in the language.
        log_q: of the same text under the generator.

    Returns:
        The probability, in [0, 1], that each text is real.

    Raises:
        ValueError: shapes differ, a tensor is not of floating point, or holds NaN or +inf.

    >>> optimal_discriminator(torch.tensor([0.75, 0.25]).log(), torch.tensor([0.25, 0.75]).log())
    tensor([0.7500, 0.2500])
    """
    check_log_probs("log_p", log_p)
    check_log_probs("log_q", log_q)
    if log_p.shape != log_q.shape:
        shapes = f"{tuple(log_p.shape)} and {tuple(log_q.shape)}"
        raise ValueError(f"log_p and log_q must have the same shape; got {shapes}")
    neither = log_p.isneginf() & log_q.isneginf()
    odds = at_least_float32(log_p) - at_least_float32(log_q)
    best = torch.sigmoid(torch.where(neither, 0.0, odds))
    return best.to(torch.promote_types(log_p.dtype, log_q.dtype))


def exact_value(
    log_p: Float[Tensor, "*batch n"], log_q: Float[Tensor, "*batch n"], d: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""V(D, G) by adding up over all texts: :math:`\sum_x p(x) \log D(x) + q(x) \log(1 - D(x))`.

    With 0 log 0 = 0, also in the gradient. At :math:`D^*` it is
    :math:`2\, d_{JS}(p, q) - 2 \log 2`.

    Args:
        log_p, log_q: as for :func:`optimal_discriminator`, over the last axis.
        d: the discriminator's probability that each text is real, in [0, 1].

    Returns:
        One value per row, at most 0; -inf where D is certain and wrong of something possible.

    Raises:
        ValueError: shapes differ, a log-probability is NaN or +inf, or a ``d`` is outside [0, 1].
    """
    check_log_probs("log_p", log_p)
    check_log_probs("log_q", log_q)
    if not isinstance(d, Tensor) or log_p.shape != log_q.shape or log_p.shape != d.shape:
        shapes = f"{tuple(log_p.shape)}, {tuple(log_q.shape)} and {describe(d)}"
        raise ValueError(f"log_p, log_q and d must have the same shape; got {shapes}")
    check_floats("d", d)
    if not bool(((d >= 0) & (d <= 1)).all()):
        raise ValueError(f"d must lie in [0, 1]; got {float(d.min()):g} to {float(d.max()):g}")
    wide = at_least_float32(d)
    terms = _expected_log(at_least_float32(log_p), wide) + _expected_log(
        at_least_float32(log_q), 1 - wide
    )
    return terms.sum(-1).to(torch.promote_types(log_p.dtype, d.dtype))


def _expected_log(log_p: Tensor, d: Tensor) -> Tensor:
    """p log d, in which an impossible text takes no part: 0 over 0 would be its gradient."""
    p = log_p.exp()
    return torch.xlogy(p, torch.where(p > 0, d, 1.0))
