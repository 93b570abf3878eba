"""Maximum mutual information: rank a reply by how much it has to do with what was said.

Pure functions of log-probabilities (natural logarithms), one number a text, in shapes that broadcast. S is the source, what
was said to the model; T the target, its reply. Taught in: book/degeneration.ipynb.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import check_count, check_interval

__all__ = [
    "first_words_log_prob",
    "mmi_anti_lm",
    "mmi_bidi",
    "mmi_switch_point",
    "pointwise_mutual_information",
]

INF = math.inf


PerText = Float[Tensor, "*#texts"]


def pointwise_mutual_information(
    log_joint: PerText, log_source: PerText, log_target: PerText
) -> PerText:
    r"""How much more often S and T meet than by chance: :math:`\log \frac{P(S, T)}{P(S) P(T)} = \log P(T|S) - \log P(T)`.

    The notes call this MMI(S; T); mutual information is its mean over P(S, T). One pair's value can be negative.

    >>> half = torch.tensor([0.5]).log()  # S and T only ever meet each other: 0.5 / (0.5 * 0.5)
    >>> pointwise_mutual_information(half, half, half).exp()
    tensor([2.])
    """
    return log_joint - log_source - log_target


def mmi_anti_lm(log_target_given_source: PerText, log_target: PerText, lam: float | int) -> PerText:
    r"""MMI-antiLM, a score to rank replies by: :math:`\log P(T|S) - \lambda \log P(T)` (Li et al. 2016, arXiv:1510.03055).

    λ = 0 is the model's own ranking, λ = 1 the pointwise mutual information. Above 1 rare strings of any kind win.

    Args:
        log_target_given_source: log P(T|S).
        log_target: log P(T), or of its first words only: :func:`first_words_log_prob`.
        lam: λ, at least 0.

    Raises:
        ValueError: ``lam`` below 0.
    """
    check_interval("lam", lam, 0, INF, closed="left")
    return log_target_given_source - lam * log_target


def mmi_bidi(
    log_target_given_source: PerText, log_source_given_target: PerText, lam: float | int
) -> PerText:
    r"""MMI-bidi: :math:`(1 - \lambda) \log P(T|S) + \lambda \log P(S|T)` (Li et al. 2016, arXiv:1510.03055).

    By Bayes this is :func:`mmi_anti_lm` plus :math:`\lambda \log P(S)`, the same for all replies to one S: with exact
    probabilities the two rank alike. Learned models P(T), P(T|S) and P(S|T) need not obey Bayes, and there they part.

    Raises:
        ValueError: ``lam`` below 0.
    """
    check_interval("lam", lam, 0, INF, closed="left")
    return (1 - lam) * log_target_given_source + lam * log_source_given_target


def first_words_log_prob(
    token_log_probs: Float[Tensor, "*batch time"], gamma: int
) -> Float[Tensor, "*batch"]:
    r"""Li's :math:`\log U(T) = \sum_{k \le \gamma} \log p(t_k \mid t_{<k})`: only the first γ words are held against a reply.

    Later words of fluent text are likely whatever comes before; to penalise them would be to penalise grammar. (As a
    product of p(t_k) g(k) with g(k) = 0 for k > γ, U would be 0 for every longer reply: this sum is what is meant.)

    Args:
        token_log_probs: of each word of T, 0 where padded.
        gamma: γ, at least 1.

    Raises:
        ValueError: ``gamma`` below 1.
    """
    check_count("gamma", gamma)
    return token_log_probs[..., :gamma].sum(-1)


def mmi_switch_point(
    specific_given: PerText, specific: PerText, generic_given: PerText, generic: PerText
) -> PerText:
    r"""From which λ on :func:`mmi_anti_lm` ranks a specific reply T at least as high as a generic one G:

    .. math:: \lambda^* = \frac{\log P(G|S) - \log P(T|S)}{\log P(G) - \log P(T)},

    0 if T wins from the start; infinite if no λ helps, or if T is itself the more common of the two and λ works against it.
    With C equally likely classes, 20 specific replies to each, and one generic reply that takes half of every class,
    :math:`\lambda^* = \log 20 / (\log 20 + \log C)`.

    Args:
        specific_given, specific: log P(T|S) and log P(T).
        generic_given, generic: log P(G|S) and log P(G).

    >>> p = torch.tensor([0.025, 0.0025, 0.5, 0.5]).log()  # C = 10
    >>> mmi_switch_point(*p[:, None])
    tensor([0.5654])
    """
    behind, common = generic_given - specific_given, generic - specific
    ratio = torch.where(common > 0, behind / torch.where(common > 0, common, 1.0), INF)
    ratio = torch.where((common == 0) & (behind <= 0), 0.0, ratio)
    return ratio.clamp(min=0.0)
