"""Maximum mutual information: rank a reply by how much it has to do with what was said.

Pure functions of log-probabilities (natural logarithms), one number a text, in shapes that
broadcast. S is the source, what was said to the model; T the target, its reply. -inf is
probability 0: a reply that is impossible after S is ranked last, at -inf.
Taught in: book/generic-replies.ipynb.
"""

import math
from typing import SupportsFloat

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import check_interval, check_log_probs

__all__ = ["mmi_anti_lm", "mmi_bidi", "mmi_switch_point", "pointwise_mutual_information"]

INF = math.inf

PerText = Float[Tensor, "*#texts"]


def pointwise_mutual_information(
    log_joint: PerText, log_source: PerText, log_target: PerText
) -> PerText:
    r"""How much more often S and T meet than by chance: :math:`\log \frac{P(S, T)}{P(S) P(T)}`.

    :math:`= \log P(T|S) - \log P(T)`. The notes call this MMI(S; T); mutual information is its mean
    over P(S, T). One pair's value can be negative.

    Args:
        log_joint, log_source, log_target: log P(S, T), log P(S) and log P(T).

    Returns:
        One number per text; -inf where S and T never meet.

    Raises:
        ValueError: no number, NaN or +inf among the log-probabilities, or shapes that do not fit.

    >>> half = torch.tensor([0.5]).log()  # S and T only ever meet each other: 0.5 / (0.5 * 0.5)
    >>> pointwise_mutual_information(half, half, half).exp()
    tensor([2.])
    """
    _check(log_joint=log_joint, log_source=log_source, log_target=log_target)
    return _impossible(log_joint, log_joint - log_source - log_target)


def mmi_anti_lm(
    log_target_given_source: PerText, log_target: PerText, lam: SupportsFloat
) -> PerText:
    r"""MMI-antiLM, a score to rank replies by: :math:`\log P(T|S) - \lambda \log P(T)`.

    Li et al. 2016 (arXiv:1510.03055). λ = 0 is the model's own ranking, λ = 1 the pointwise mutual
    information. Above 1 rare strings of any kind win. Li holds only the first γ words against a
    reply, :math:`\log U(T) = \sum_{k \le \gamma} \log p(t_k \mid t_{<k})`: later words of fluent
    text are likely whatever comes before, and to penalise them would be to penalise grammar.

    Args:
        log_target_given_source: log P(T|S).
        log_target: log P(T), or log U(T) of its first words only.
        lam: λ, at least 0; 0 leaves the second term out.

    Returns:
        One score per text; -inf where P(T|S) = 0.

    Raises:
        ValueError: ``lam`` below 0; no number, NaN or +inf among the log-probabilities; or shapes
            that do not fit.
    """
    lam = check_interval("lam", lam, 0, INF, closed="left")
    _check(log_target_given_source=log_target_given_source, log_target=log_target)
    if lam == 0:  # 0 times -inf would be NaN
        return log_target_given_source.expand(
            torch.broadcast_shapes(log_target_given_source.shape, log_target.shape)
        )
    return _impossible(log_target_given_source, log_target_given_source - lam * log_target)


def mmi_bidi(
    log_target_given_source: PerText, log_source_given_target: PerText, lam: SupportsFloat
) -> PerText:
    r"""MMI-bidi: :math:`(1 - \lambda) \log P(T|S) + \lambda \log P(S|T)`.

    Li et al. 2016 (arXiv:1510.03055). By Bayes this is :func:`mmi_anti_lm` plus
    :math:`\lambda \log P(S)`, the same for all replies to one S: with exact probabilities the two
    rank alike. Learned models P(T), P(T|S) and P(S|T) need not obey Bayes, and there they part.

    Args:
        log_target_given_source: log P(T|S).
        log_source_given_target: log P(S|T).
        lam: λ, at least 0; 0 leaves the second term out, 1 the first.

    Returns:
        One score per text.

    Raises:
        ValueError: as :func:`mmi_anti_lm`.
    """
    lam = check_interval("lam", lam, 0, INF, closed="left")
    given, turned = log_target_given_source, log_source_given_target
    _check(log_target_given_source=given, log_source_given_target=turned)
    if lam in (0, 1):
        shape = torch.broadcast_shapes(given.shape, turned.shape)
        return (given if lam == 0 else turned).expand(shape)
    score = (1 - lam) * given + lam * turned
    finite = given.isfinite() & turned.isfinite()
    if bool((finite & score.isnan()).any()):
        raise ValueError(f"lam must leave the scores finite; got {lam:g}")
    # Above 1 the first term's sign turns, and what is impossible after S would come first.
    return _impossible(torch.minimum(*torch.broadcast_tensors(given, turned)), score)


def mmi_switch_point(
    specific_given: PerText, specific: PerText, generic_given: PerText, generic: PerText
) -> PerText:
    r"""The λ from which :func:`mmi_anti_lm` ranks a specific reply T no lower than a generic G:

    .. math:: \lambda^* = \frac{\log P(G|S) - \log P(T|S)}{\log P(G) - \log P(T)},

    0 if T wins from the start; infinite if no λ helps, or if T is itself the more common of the two
    and λ works against it. With C equally likely classes, 20 specific replies to each, and one
    generic reply that takes half of every class,
    :math:`\lambda^* = \log 20 / (\log 20 + \log C)`.

    Args:
        specific_given, specific: log P(T|S) and log P(T).
        generic_given, generic: log P(G|S) and log P(G).

    Returns:
        One λ per text, from 0 to infinity.

    Raises:
        ValueError: no number, NaN or +inf among the log-probabilities, or shapes that do not fit.

    >>> p = torch.tensor([0.025, 0.0025, 0.5, 0.5]).log()  # C = 10
    >>> mmi_switch_point(*p[:, None])
    tensor([0.5654])
    """
    _check(specific_given=specific_given, specific=specific)
    _check(generic_given=generic_given, generic=generic)
    behind, common = _difference(generic_given, specific_given), _difference(generic, specific)
    ratio = torch.where(common > 0, behind / torch.where(common > 0, common, 1.0), INF)
    ratio = torch.where((common == 0) & (behind <= 0), 0.0, ratio)
    # A specific reply that is impossible after S stays last; a generic one loses from the start.
    ratio = torch.where(behind.isinf(), behind, ratio)
    return ratio.clamp(min=0.0)


def _difference(a: Tensor, b: Tensor) -> Tensor:
    """a - b, 0 where both are -inf."""
    return torch.where(a == b, 0.0, a - b)


def _impossible(log_prob: Tensor, score: Tensor) -> Tensor:
    """The score, -inf where a probability is 0."""
    return torch.where(log_prob == -INF, -INF, score)


def _check(**log_probs: object) -> None:
    for name, values in log_probs.items():
        check_log_probs(name, values)
    shapes = [tuple(values.shape) for values in log_probs.values()]
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        raise ValueError(
            f"{', '.join(log_probs)} must have shapes that fit; got {shapes}"
        ) from None
