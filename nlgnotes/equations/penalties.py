"""Penalties at decoding time: what was already said becomes less likely, by three rules.

Taught in: book/degeneration.ipynb.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.validation import check_interval, check_positive, check_scores, check_tokens

__all__ = ["ctrl_penalty", "presence_penalty", "repetition_penalty", "seen_tokens"]

Seen = Bool[Tensor, "*batch vocab"]


Scores = Float[Tensor, "*batch vocab"]


INF = math.inf


# -- decoding: penalise what was already said -------------------------------------------------


def seen_tokens(tokens: Int[Tensor, "batch time"], vocab_size: int) -> Bool[Tensor, "batch vocab"]:
    """The set g of the tokens that stand in each row, as a penalty asks for it.

    Raises:
        ValueError: an empty batch, or an id outside the vocabulary.

    >>> seen_tokens(torch.tensor([[2, 0, 2]]), 4)
    tensor([[ True, False,  True, False]])
    """
    check_tokens("tokens", tokens, vocab_size, empty=True)
    return torch.zeros(len(tokens), vocab_size, dtype=torch.bool, device=tokens.device).scatter_(
        1, tokens, True
    )


def ctrl_penalty(logits: Scores, seen: Seen, theta: float | int = 1.2) -> Scores:
    r"""The penalty of CTRL (Keskar et al. 2019, arXiv:1909.05858) and of the notes: :math:`x_i / \theta` for i in g.

    It lowers a token whose logit is positive and *raises* one whose logit is negative. The softmax does not change
    when a constant is added to all logits; this rule does, so its effect hangs on a constant that means nothing.

    Args:
        logits: x, scores before softmax.
        seen: g, True where the token was already said.
        theta: θ, above 0; 1 changes nothing.

    Raises:
        ValueError: ``theta`` is not above 0, or a row of ``logits`` is no distribution.

    >>> ctrl_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), theta=2)
    tensor([ 1.5000, -1.0000,  1.0000])
    """
    check_scores("logits", logits)
    check_positive("theta", theta)
    return torch.where(seen, logits / theta, logits)


def repetition_penalty(logits: Scores, seen: Seen, theta: float | int = 1.2) -> Scores:
    r"""The rule of ``transformers``: for i in g, :math:`x_i / \theta` if :math:`x_i \ge 0`, else :math:`x_i \theta`.

    For θ > 1 no seen logit rises. A constant added to all logits still changes the result.

    Args:
        logits, seen, theta: as in :func:`ctrl_penalty`.

    Raises:
        ValueError: as :func:`ctrl_penalty`.

    >>> repetition_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), theta=2)
    tensor([ 1.5000, -4.0000,  1.0000])
    """
    check_scores("logits", logits)
    check_positive("theta", theta)
    return torch.where(seen, torch.where(logits < 0, logits * theta, logits / theta), logits)


def presence_penalty(logits: Scores, seen: Seen, amount: float | int = math.log(1.2)) -> Scores:
    r"""Subtract a constant: :math:`x_i - a` for i in g, so that the odds of i against a new token fall by :math:`e^{-a}`.

    Whatever is added to all logits drops out: the one rule of the three that is a function of the distribution.

    Args:
        logits, seen: as in :func:`ctrl_penalty`.
        amount: a, in nats; log θ divides the odds by θ. Below 0 it rewards.

    Raises:
        ValueError: ``amount`` is not finite, or a row of ``logits`` is no distribution.

    >>> presence_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), amount=1)
    tensor([ 2., -3.,  1.])
    """
    check_scores("logits", logits)
    check_interval("amount", amount, -INF, INF, closed="neither")
    return torch.where(seen, logits - amount, logits)
