"""Scores of attention heads: prefix matching, copying, the previous token; in-context learning.

Taught in: book/induction-heads.ipynb.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import (
    check_count,
    check_finite,
    check_floats,
    check_scores,
    check_tokens,
    describe,
    is_int64,
)

__all__ = [
    "copying_score",
    "in_context_learning_score",
    "prefix_matching_score",
    "previous_token_score",
]


def prefix_matching_score(
    weights: Float[Tensor, "*layers batch heads time time"], tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "*layers heads"]:
    r"""How much a head looks at what followed earlier copies of the token it stands at.

    .. math:: \frac{1}{|Q|} \sum_{(b, i) \in Q} \; \sum_{j \le i,\; x_{j-1} = x_i} A_{ij}

    over the queries *Q* whose token has an earlier copy in their text. The paper's evaluator reads
    25 random tokens, written four times after a start token, in ten examples (Olsson et al. 2022,
    arXiv:2209.11895). It averages single entries of the pattern: on those texts, which have three
    queries for six entries, exactly half of this number. Taught in: book/induction-heads.ipynb.

    Args:
        weights: attention weights, the query's axis before the key's.
        tokens: what was read.

    Returns:
        One number in [0, 1] for each head.

    Raises:
        ValueError: shapes that do not fit, or no token with an earlier copy.

    >>> looks = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.1, 0.8, 0.1]])
    >>> prefix_matching_score(looks[None, None], torch.tensor([[7, 8, 7]]))
    tensor([0.8000])
    """
    _check(weights, tokens)
    time = tokens.shape[1]
    follows = torch.zeros(len(tokens), time, time, dtype=torch.bool)
    # Key j follows a copy of query i's token: x[j - 1] = x[i], with j - 1 before i.
    follows[:, :, 1:] = tokens[:, :, None] == tokens[:, None, :-1]
    follows &= torch.ones(time, time, dtype=torch.bool).tril()
    asked = follows.any(-1)
    if not bool(asked.any()):
        raise ValueError("tokens must hold a token with an earlier copy; got none")
    found = (weights * follows[:, None]).sum(-1)
    return _mean_over(found, asked[:, None])


def previous_token_score(
    weights: Float[Tensor, "*layers batch heads time time"],
) -> Float[Tensor, "*layers heads"]:
    r"""How much a head looks at the token just before, :math:`A_{i,i-1}`, over positions and texts.

    The first position, which has none before it, does not count. Source: Olsson et al. 2022,
    arXiv:2209.11895. Taught in: book/induction-heads.ipynb.

    Raises:
        ValueError: weights that are not square in their last axes, or of fewer than two positions.

    >>> previous_token_score(torch.tensor([[1.0, 0, 0], [0.6, 0.4, 0], [0, 1, 0]])[None, None])
    tensor([0.8000])
    """
    check_finite("weights", weights)
    square = weights.dim() >= 4 and weights.shape[-1] == weights.shape[-2]
    if not square or weights.shape[-1] < 2 or not weights.numel():
        raise ValueError(
            "weights must be [..., batch, heads, time, time] of at least 2 positions; "
            f"got shape {tuple(weights.shape)}"
        )
    return weights.diagonal(-1, -2, -1).mean((-3, -1))


def copying_score(
    logits: Float[Tensor, "*layers batch heads time vocab"],
    weights: Float[Tensor, "*layers batch heads time time"],
    tokens: Int[Tensor, "batch time"],
) -> Float[Tensor, "*layers heads"]:
    r"""How much of what a head raises is the token that it looks at.

    Let :math:`\ell_j` be what the head adds to the logits by reading position *j*, minus its mean
    over the vocabulary, and :math:`r_j(x) = \max(0, \ell_j(x))`. With weights *A*

    .. math:: a = \sum_{i,j} A_{ij}\, r_j(x_j), \qquad
              t = \sum_{i,j} A_{ij} \sum_{x \in X} r_j(x), \qquad
              \text{score} = 4\,\frac{a}{a + t} - 1,

    where *X* are the different tokens of the text: -1 if only others are raised, +1 if only the
    token looked at. The paper's evaluator reads 25 random tokens that do *not* repeat, without a
    start token, in ten examples, whose scores are averaged. It says in words that the ratio runs
    from 0 to 0.5 and is scaled to [-1, 1] (Olsson et al. 2022, arXiv:2209.11895); the formula, and
    that the token looked at is weighed by the attention, are our reading.
    Taught in: book/induction-heads.ipynb.

    Args:
        logits: of each head and position, on the direct path
            (``networks.attention_only.AttentionOnly.direct_logits``).
        weights: attention weights, the query's axis before the key's.
        tokens: what was read.

    Returns:
        One number in [-1, 1] for each head; 0 in a text in which nothing is raised.

    Raises:
        ValueError: shapes that do not fit.
    """
    _check(weights, tokens)
    check_scores("logits", logits)
    if logits.shape[:-1] != weights.shape[:-1]:
        raise ValueError(
            f"logits must be [..., batch, heads, time, vocab] for weights of shape "
            f"{tuple(weights.shape)}; got {tuple(logits.shape)}"
        )
    check_tokens("tokens", tokens, logits.shape[-1])
    raised = (logits - logits.mean(-1, keepdim=True)).relu()
    batch, vocab = len(tokens), logits.shape[-1]
    present = torch.zeros(batch, vocab, dtype=torch.bool)
    present[torch.arange(batch)[:, None], tokens] = True
    index = tokens[:, None, :, None].expand(*raised.shape[:-1], 1)
    own = raised.gather(-1, index)[..., 0]
    every = (raised * present[:, None, None]).sum(-1)
    looked = weights.sum(-2)
    attended, total = (looked * own).sum(-1), (looked * every).sum(-1)
    check_finite("weights, times what the head raises,", attended + total)
    share = attended / (attended + total).clamp(min=torch.finfo(total.dtype).tiny)
    return torch.where(total > 0, 4 * share - 1, 0.0).mean(-2)


def in_context_learning_score(
    nats: Float[Tensor, "texts time"], early: int, late: int
) -> Float[Tensor, ""]:
    r"""The loss late in a text minus the loss early in it: **negative** where reading on helps.

    .. math:: \frac{1}{n} \sum_{\text{texts}} \left( L_{\text{late}} - L_{\text{early}} \right)

    The paper compares the 500th with the 50th token of texts of 512 (Olsson et al. 2022,
    arXiv:2209.11895). Taught in: book/induction-heads.ipynb.

    Args:
        nats: the loss at each token, in nats.
        early, late: two positions, counted from 0, the early one first.

    Raises:
        ValueError: positions outside the texts, or not in order.

    >>> in_context_learning_score(torch.tensor([[4.0, 4.0, 1.0], [4.0, 3.0, 0.0]]), 0, 2)
    tensor(-3.5000)
    """
    check_floats("nats", nats)
    if nats.dim() != 2 or not nats.numel():
        raise ValueError(f"nats must be [texts, time], not empty; got shape {tuple(nats.shape)}")
    late = check_count("late", late, 1, nats.shape[1] - 1)
    early = check_count("early", early, 0, late - 1)
    check_finite("nats at early and late", nats[:, [early, late]])
    return (nats[:, late] - nats[:, early]).mean()


def _check(weights: Tensor, tokens: Tensor) -> None:
    if not is_int64(tokens) or tokens.dim() != 2:
        raise ValueError(f"tokens must be int64 of shape [batch, time]; got {describe(tokens)}")
    check_finite("weights", weights)
    batch, time = tokens.shape
    wanted = (batch, time, time)
    if weights.dim() < 4 or (weights.shape[-4], *weights.shape[-2:]) != wanted:
        raise ValueError(
            f"weights must be [..., batch, heads, time, time] for tokens of shape "
            f"{(batch, time)}; got {tuple(weights.shape)}"
        )


def _mean_over(values: Tensor, counted: Tensor) -> Tensor:
    """The mean over batch and time, where ``counted``; values are [..., batch, heads, time]."""
    return (values * counted).sum((-3, -1)) / counted.sum()
