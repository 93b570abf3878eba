"""Penalties at decoding time: three rules that make what was already said less likely.

Taught in: book/repetition.ipynb.
"""

import math
from collections.abc import Callable
from typing import SupportsFloat, SupportsIndex

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.validation import (
    check_count,
    check_interval,
    check_mask,
    check_positive,
    check_scores,
    check_tokens,
)

__all__ = ["ctrl_penalty", "presence_penalty", "repetition_penalty", "seen_tokens"]

INF = math.inf
LOG_THETA = math.log(1.2)  # what divides the odds by the usual theta

Scores = Float[Tensor, "*batch vocab"]
Seen = Bool[Tensor, "*batch vocab"]


def seen_tokens(
    tokens: Int[Tensor, "batch time"], vocab_size: SupportsIndex
) -> Bool[Tensor, "batch vocab"]:
    """The set g of the tokens that stand in each row, as a penalty asks for it.

    Args:
        tokens: int64 ids; the time may be 0.
        vocab_size: how many ids there are, at least 1.

    Returns:
        True where the token stands in the row.

    Raises:
        ValueError: an empty batch, an id outside the vocabulary, or a vocabulary of none.

    >>> seen_tokens(torch.tensor([[2, 0, 2]]), 4)
    tensor([[ True, False,  True, False]])
    """
    vocab_size = check_count("vocab_size", vocab_size)
    check_tokens("tokens", tokens, vocab_size, empty=True)
    seen = torch.zeros(len(tokens), vocab_size, dtype=torch.bool, device=tokens.device)
    return seen.scatter_(1, tokens, True)


def ctrl_penalty(logits: Scores, seen: Seen, theta: SupportsFloat = 1.2) -> Scores:
    r"""The penalty of CTRL and of the notes: :math:`x_i / \theta` for i in g.

    Keskar et al. 2019 (arXiv:1909.05858). It lowers a token whose logit is positive and *raises*
    one whose logit is negative. The softmax does not change when a constant is added to all logits;
    this rule does, so its effect hangs on a constant that means nothing.

    Args:
        logits: x, scores before softmax, in nats; -inf forbids a token.
        seen: g, True where the token was already said.
        theta: θ, above 0; 1 changes nothing.

    Returns:
        New scores; what was -inf stays so.

    Raises:
        ValueError: ``theta`` is no normal number above 0 in the precision of the logits, or makes
            one of them infinite; a row of ``logits`` holds NaN, +inf or no finite entry; ``seen``
            is no booleans of its shape.

    >>> ctrl_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), theta=2)
    tensor([ 1.5000, -1.0000,  1.0000])
    """
    theta = _checked(logits, seen, theta)
    return _changed(logits, seen, lambda x: x / theta, "theta", theta)


def repetition_penalty(logits: Scores, seen: Seen, theta: SupportsFloat = 1.2) -> Scores:
    r"""The rule of ``transformers``, by the sign of the logit, for i in g:

    .. math:: x_i / \theta \text{ if } x_i \ge 0, \quad x_i \theta \text{ if } x_i < 0.

    For θ > 1 no seen logit rises. A constant added to all logits still changes the result.

    Args:
        logits, seen, theta: as in :func:`ctrl_penalty`.

    Returns:
        New scores; what was -inf stays so.

    Raises:
        ValueError: as :func:`ctrl_penalty`.

    >>> said = torch.tensor([True, True, False])
    >>> repetition_penalty(torch.tensor([3.0, -2.0, 1.0]), said, theta=2)
    tensor([ 1.5000, -4.0000,  1.0000])
    """
    theta = _checked(logits, seen, theta)

    def rule(x: Tensor) -> Tensor:
        return torch.where(x < 0, x * theta, x / theta)

    return _changed(logits, seen, rule, "theta", theta)


def presence_penalty(logits: Scores, seen: Seen, amount: SupportsFloat = LOG_THETA) -> Scores:
    r"""Subtract a constant: :math:`x_i - a` for i in g.

    The odds of i against a new token fall by :math:`e^{-a}`. Whatever is added to all logits drops
    out: the one rule of the three that is a function of the distribution.

    Args:
        logits, seen: as in :func:`ctrl_penalty`.
        amount: a, in nats; log θ divides the odds by θ. Below 0 it rewards.

    Returns:
        New scores; what was -inf stays so.

    Raises:
        ValueError: ``amount`` is not finite or makes a logit infinite; a row of ``logits`` holds
            NaN, +inf or no finite entry; ``seen`` is no booleans of its shape.

    >>> said = torch.tensor([True, True, False])
    >>> presence_penalty(torch.tensor([3.0, -2.0, 1.0]), said, amount=1)
    tensor([ 2., -3.,  1.])
    """
    check_scores("logits", logits)
    check_mask("seen", seen, logits.shape)
    amount = check_interval("amount", amount, -INF, INF, closed="neither")
    return _changed(logits, seen, lambda x: x - amount, "amount", amount)


def _checked(logits: object, seen: object, theta: object) -> float | int:
    """theta as a plain number, after a check of all three."""
    check_scores("logits", logits)
    check_mask("seen", seen, logits.shape)
    theta = check_positive("theta", theta)
    # torch multiplies in this precision, in which a smaller number would count as 0.
    limits = torch.finfo(torch.promote_types(logits.dtype, torch.float32))
    return check_interval("theta", theta, limits.tiny, limits.max)


def _changed(
    logits: Tensor, seen: Tensor, rule: Callable[[Tensor], Tensor], name: str, value: float | int
) -> Tensor:
    """``torch.where(seen, rule(logits), logits)``, if it leaves distributions.

    Few tokens of a vocabulary have been said: only these are computed and checked.
    """
    at = _places(seen.flatten())
    flat = logits.flatten()
    old = flat.index_select(0, at)
    new = rule(old)
    scores = flat.index_copy(0, at, new).view(logits.shape)
    # A penalty can overflow the precision; what it leaves finite makes no row ill. A sum is finite
    # only if all that it adds is.
    if not math.isfinite(float(new.detach().sum())):
        check_scores(f"logits after the penalty of {name} = {value:g}", scores)
        if bool((new.isinf() & old.isfinite()).any()):
            raise ValueError(f"{name} must leave finite logits finite; got {value:g}")
    return scores


def _places(mask: Tensor) -> Tensor:
    """Where a flat mask is True; NumPy looks for it several times faster than torch."""
    if mask.device.type != "cpu":
        return mask.nonzero().squeeze(-1)
    return torch.from_numpy(np.flatnonzero(mask.numpy()))
