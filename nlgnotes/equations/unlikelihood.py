"""Losses that push a probability down: unlikelihood, token by token or on repeated n-grams, and negative training.

Taught in: book/degeneration.ipynb.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.equations.repetition import repeated_ngrams
from nlgnotes.validation import check_interval, check_scores

__all__ = [
    "log_complement",
    "negative_training_loss",
    "repetition_loss",
    "unlikelihood",
    "unlikelihood_loss",
]

Scores = Float[Tensor, "*batch vocab"]


INF = math.inf


Seen = Bool[Tensor, "*batch vocab"]


# -- losses that push down --------------------------------------------------------------------


def log_complement(logits: Scores) -> Scores:
    r"""The logarithm of what all the *other* tokens have, :math:`\log(1 - p_c)`, without cancellation.

    In float32, 1 - p is 0 from p = 1 - 3e-8 on, where a clamp then has no gradient: in the middle of a loop. Only the most
    likely token can have p > 1/2, and for that one the others are added up instead. The gradient stays right.

    Raises:
        ValueError: a row is no distribution.

    >>> log_complement(torch.tensor([30.0, 0.0]))  # 1 - p = 1 / (1 + exp(30)) for the first
    tensor([-3.0000e+01, -9.3576e-14])
    """
    check_scores("logits", logits)
    top = logits.argmax(-1, keepdim=True)
    others = logits.scatter(-1, top, -INF).logsumexp(-1, keepdim=True) - logits.logsumexp(
        -1, keepdim=True
    )
    return torch.log1p(-logits.softmax(-1).scatter(-1, top, 0.0)).scatter(-1, top, others)


def unlikelihood(logits: Scores, candidates: Seen) -> Float[Tensor, "*batch"]:
    r"""The unlikelihood loss :math:`-\sum_{c \in C} \log(1 - p(c))` of Welleck et al. 2020 (arXiv:1908.04319), Eq. 3.

    Never below 0, and 0 only where no candidate has any probability: there is a best to reach.

    Args:
        logits: scores before softmax.
        candidates: C, True for the tokens that shall become unlikely; none gives 0.

    Raises:
        ValueError: a row of ``logits`` is no distribution.

    >>> unlikelihood(torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor([True, False, False]))  # log 2
    tensor(0.6931)
    """
    return -torch.where(candidates, log_complement(logits), 0.0).sum(-1)


def unlikelihood_loss(
    logits: Scores, targets: Int[Tensor, "*batch"], candidates: Seen, alpha: float | int = 1.0
) -> Float[Tensor, "*batch"]:
    r"""The token-level loss: :math:`-\alpha \sum_{c \in C^t} \log(1 - p(c \mid x_{<t})) - \log p(x_t \mid x_{<t})`.

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 4; the candidates are :func:`previous_tokens`. At sequence level, the
    candidate of a generated token in :func:`repeated_ngrams` is the token itself, and the last term is left out.

    Args:
        logits: scores of each position.
        targets: x_t.
        candidates: C^t.
        alpha: weight of the unlikelihood, at least 0.

    Returns:
        One loss per position, in nats.

    Raises:
        ValueError: ``alpha`` below 0, or a row of ``logits`` is no distribution.
    """
    check_interval("alpha", alpha, 0, INF, closed="left")
    likelihood = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    return alpha * unlikelihood(logits, candidates) - likelihood


def negative_training_loss(
    positive: Float[Tensor, " positives"] | None,
    negative: Float[Tensor, " negatives"],
    weight: float | int = 1.0,
) -> Float[Tensor, ""]:
    r"""Negative training: :math:`-\log P(y_{pos} \mid x_{pos}) + w \log P(y_{neg} \mid x_{neg})`, a mean over each batch.

    He & Glass 2020 (arXiv:1903.02134). The second term has no lower bound: the loss goes to -inf as P(y_neg) goes to 0,
    and its gradient never rests. :func:`unlikelihood` is the bounded alternative.

    Args:
        positive: log-probabilities of good replies; None trains on bad ones alone.
        negative: log-probabilities of bad replies.
        weight: w, at least 0.

    Raises:
        ValueError: an empty batch, or ``weight`` below 0.

    >>> negative_training_loss(torch.tensor([-2.0, -4.0]), torch.tensor([-1.0]))  # 3 - 1
    tensor(2.)
    """
    check_interval("weight", weight, 0, INF, closed="left")
    for name, batch in (("positive", positive), ("negative", negative)):
        if batch is not None and not len(batch):
            raise ValueError(f"{name} must hold at least 1 log-probability; got 0")
    loss = weight * negative.mean()
    return loss if positive is None else loss - positive.mean()


def repetition_loss(
    logits: Float[Tensor, "batch new vocab"],
    tokens: Int[Tensor, "batch new"],
    lengths: Int[Tensor, " batch"],
    n: int = 4,
) -> Float[Tensor, ""]:
    r"""Sequence-level unlikelihood: :math:`-\frac{1}{N}\sum_{t \in R} \log(1 - p(x_t \mid x_{<t}))`, R the tokens in repeated n-grams.

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 7 and 8, per generated token. N counts all tokens of all continuations, so
    that a text without repetition costs nothing; the loss is never below 0.

    Args:
        logits: of the new tokens.
        tokens, lengths: as :class:`Continuations` holds them.
        n: length of the n-grams.

    Raises:
        ValueError: as ``degeneration.repeated_ngrams``.

    >>> tokens, lengths = torch.tensor([[1, 2, 1, 2]]), torch.tensor([4])
    >>> repetition_loss(torch.zeros(1, 4, 4), tokens, lengths, n=2)  # 2 of the 4 tokens, -log(3/4) each
    tensor(0.1438)
    """
    repeated = repeated_ngrams(tokens, lengths, n)
    if not bool(repeated.any()):
        return logits.sum() * 0.0
    candidates = F.one_hot(tokens[repeated], logits.shape[-1]).bool()
    return unlikelihood(logits[repeated], candidates).sum() / lengths.sum()
