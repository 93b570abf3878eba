"""Losses that lower a probability: unlikelihood of tokens or of repetition, negative training.

Taught in: book/repetition.ipynb, book/generic-replies.ipynb.
"""

import math
from typing import SupportsFloat, SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.equations.precision import at_least_float32
from nlgnotes.equations.repetition import repeated_ngrams
from nlgnotes.validation import (
    check_ids,
    check_interval,
    check_log_probs,
    check_mask,
    check_scores,
)

__all__ = [
    "log_complement",
    "negative_training_loss",
    "repetition_loss",
    "unlikelihood",
    "unlikelihood_loss",
]

INF = math.inf

Scores = Float[Tensor, "*batch vocab"]
Seen = Bool[Tensor, "*batch vocab"]


def log_complement(logits: Scores) -> Scores:
    r"""The logarithm of what all *other* tokens have, :math:`\log(1 - p_c)`, without cancellation.

    In float32, 1 - p is 0 from p = 1 - 3e-8 on, where a clamp then has no gradient: in the middle
    of a loop. Only the most likely token can have p > 1/2, and for that one the others are added up
    instead. The gradient stays right. Where only one token is possible, its complement is -inf and
    has no gradient.

    Args:
        logits: scores before softmax, in nats; -inf forbids a token.

    Returns:
        One number per token, at most 0.

    Raises:
        ValueError: a row of ``logits`` holds NaN, +inf or no finite entry.

    >>> log_complement(torch.tensor([30.0, 0.0]))  # 1 - p = 1 / (1 + exp(30)) for the first
    tensor([-3.0000e+01, -9.3576e-14])
    """
    check_scores("logits", logits)
    return _log_complement(at_least_float32(logits)).to(logits.dtype)


def unlikelihood(logits: Scores, candidates: Seen) -> Float[Tensor, "*batch"]:
    r"""The unlikelihood loss: :math:`-\sum_{c \in C} \log(1 - p(c))`.

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 3. Never below 0, and 0 only where no candidate has
    any probability: there is a best to reach.

    Args:
        logits: scores before softmax, in nats; -inf forbids a token.
        candidates: C, True for the tokens that shall become unlikely; none gives 0.

    Returns:
        One loss per position, in nats; +inf where a candidate is certain.

    Raises:
        ValueError: a row of ``logits`` holds NaN, +inf or no finite entry, or ``candidates`` are no
            booleans of its shape.

    >>> unlikelihood(torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor([True, False, False]))
    tensor(0.6931)
    """
    check_scores("logits", logits)
    check_mask("candidates", candidates, logits.shape)
    return _unlikelihood(logits, candidates)


def unlikelihood_loss(
    logits: Scores, targets: Int[Tensor, "*batch"], candidates: Seen, alpha: SupportsFloat = 1.0
) -> Float[Tensor, "*batch"]:
    r"""The token-level loss: likelihood of the target, unlikelihood of the candidates.

    .. math:: -\alpha \sum_{c \in C^t} \log(1 - p(c \mid x_{<t})) - \log p(x_t \mid x_{<t}).

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 4; the candidates are :func:`previous_tokens`. At
    sequence level, the candidate of a generated token in :func:`repeated_ngrams` is the token
    itself, and the last term is left out.

    Args:
        logits: scores of each position; -inf forbids a token.
        targets: x_t, int64.
        candidates: C^t, True for the tokens that shall become unlikely.
        alpha: weight of the unlikelihood, at least 0; 0 leaves it out: plain training.

    Returns:
        One loss per position, in nats.

    Raises:
        ValueError: ``alpha`` below 0, a row of ``logits`` holds NaN, +inf or no finite entry, or
            targets or candidates of another type, shape or vocabulary.
    """
    alpha = check_interval("alpha", alpha, 0, INF, closed="left")
    check_scores("logits", logits)
    check_ids("targets", targets, logits.shape[:-1], logits.shape[-1])
    check_mask("candidates", candidates, logits.shape)
    likelihood = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    # 0 times the infinite loss of a certain candidate would be NaN.
    return -likelihood if alpha == 0 else alpha * _unlikelihood(logits, candidates) - likelihood


def negative_training_loss(
    positive: Float[Tensor, " positives"] | None,
    negative: Float[Tensor, " negatives"],
    weight: SupportsFloat = 1.0,
) -> Float[Tensor, ""]:
    r"""Negative training, a mean over each of two batches:

    .. math:: -\log P(y_{pos} \mid x_{pos}) + w \log P(y_{neg} \mid x_{neg}).

    He & Glass 2020 (arXiv:1903.02134). The second term has no lower bound: the loss goes to -inf as
    P(y_neg) goes to 0, and its gradient never rests. :func:`unlikelihood` is the bounded
    alternative.

    Args:
        positive: log-probabilities of good replies; None trains on bad ones alone.
        negative: log-probabilities of bad replies.
        weight: w, at least 0; 0 leaves the bad replies out.

    Returns:
        The loss, in nats.

    Raises:
        ValueError: an empty batch, one that holds NaN or +inf, ``weight`` below 0, or a reply of
            probability 0 in both batches, whose terms are +inf and -inf.

    >>> negative_training_loss(torch.tensor([-2.0, -4.0]), torch.tensor([-1.0]))  # 3 - 1
    tensor(2.)
    """
    weight = check_interval("weight", weight, 0, INF, closed="left")
    check_log_probs("negative", negative)
    dtype = negative.dtype
    # At weight 0 an empty sum stands for the term: -inf may not come in, and a graph stays.
    bad = at_least_float32(negative)
    loss = weight * bad.mean() if weight > 0 else bad[:0].sum()
    if positive is not None:
        check_log_probs("positive", positive)
        loss = loss - at_least_float32(positive).mean()
        dtype = torch.promote_types(dtype, positive.dtype)
        if bool(loss.isnan()):
            raise ValueError(
                "positive and negative must not both hold -inf, since +inf - inf is undefined; "
                "got a reply of probability 0 in each"
            )
    return loss.to(dtype)


def repetition_loss(
    logits: Float[Tensor, "batch new vocab"],
    tokens: Int[Tensor, "batch new"],
    lengths: Int[Tensor, " batch"],
    n: SupportsIndex = 4,
) -> Float[Tensor, ""]:
    r"""Sequence-level unlikelihood, of the tokens R in repeated n-grams:

    .. math:: -\frac{1}{N}\sum_{t \in R} \log(1 - p(x_t \mid x_{<t})).

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 7 and 8, per generated token. N counts all tokens of
    all continuations, so that a text without repetition costs nothing; the loss is never below 0.

    Args:
        logits: scores of the new tokens; -inf forbids a token.
        tokens, lengths: the new tokens, int64, and how many of each row count.
        n: length of the n-grams, at least 1.

    Returns:
        The loss, in nats per token; 0 where nothing repeats.

    Raises:
        ValueError: as :func:`repeated_ngrams`, or a row of ``logits`` holds NaN, +inf or no finite
            entry, or tokens of another type, shape or vocabulary.

    >>> tokens, lengths = torch.tensor([[1, 2, 1, 2]]), torch.tensor([4])
    >>> repetition_loss(torch.zeros(1, 4, 4), tokens, lengths, n=2)  # 2 of the 4 tokens, -log(3/4)
    tensor(0.1438)
    """
    check_scores("logits", logits)
    check_ids("tokens", tokens, logits.shape[:-1], logits.shape[-1])
    repeated = repeated_ngrams(tokens, lengths, n)
    if not bool(repeated.any()):
        # A sum over nothing: 0, with a graph, also where a logit is -inf.
        return logits[..., :0].sum()
    candidates = F.one_hot(tokens[repeated], logits.shape[-1]).bool()
    total = at_least_float32(unlikelihood(logits[repeated], candidates)).sum()
    return (total / lengths.sum()).to(logits.dtype)


def _unlikelihood(logits: Tensor, candidates: Tensor) -> Tensor:
    terms = torch.where(candidates, _log_complement(at_least_float32(logits)), 0.0)
    return -terms.sum(-1).to(logits.dtype)


def _log_complement(x: Tensor) -> Tensor:
    top = x.argmax(-1, keepdim=True)
    rest = x.scatter(-1, top, -INF)
    others = rest.logsumexp(-1, keepdim=True)
    alone = others == -INF
    if bool(alone.any()):
        # The gradient of logsumexp over nothing but -inf is NaN: such a row is summed over zeros.
        others = rest.masked_fill(alone, 0.0).logsumexp(-1, keepdim=True)
    others = (others - x.logsumexp(-1, keepdim=True)).masked_fill(alone, -INF)
    return torch.log1p(-x.softmax(-1).scatter(-1, top, 0.0)).scatter(-1, top, others)
