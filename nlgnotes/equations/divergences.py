"""Divergences between distributions: Kullback–Leibler, total variation, Jensen–Shannon.

All take *log*-probabilities, row by row, so that a model's ``log_softmax`` and a language's
``next_log_probs`` go in as they are, and answer in float64. -inf is probability 0, and takes no
part: the gradient is that of the smaller vocabulary, and 0 at the forbidden token.
"""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from nlgnotes.validation import FLOATS, describe

__all__ = ["jensen_shannon", "kl_divergence", "total_variation"]

LogProbabilities = Float[Tensor, "*#batch vocab"]

PerRow = Float64[Tensor, "..."]


def kl_divergence(log_p: LogProbabilities, log_q: LogProbabilities) -> PerRow:
    r"""The Kullback–Leibler divergence, in nats:

    .. math:: D_{KL}(p \| q) = \sum_i p_i (\log p_i - \log q_i), \quad\text{with } 0 \log 0 = 0.

    It is infinite where q gives 0 to something that p does not. Never below 0 (what rounding leaves
    below is cut off), 0 only where p = q, and not symmetric.
    Taught in: book/likelihood.ipynb.

    Args:
        log_p, log_q: natural logarithms of distributions over the last axis; shapes that broadcast.

    Returns:
        One number per row, at least 0, in float64.

    Raises:
        ValueError: no tensor of floating point, no row, shapes that do not fit, or a row whose
            probabilities do not add up to 1.

    >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
    >>> kl_divergence(p.log(), q.log()).exp() ** 2  # 0.5 log(.25 / (.25 * .75)) = 0.5 log(4 / 3)
    tensor(1.3333, dtype=torch.float64)
    """
    log_p, log_q, p, _ = _checked(log_p, log_q)
    return _kl(log_p, log_q, p)


def total_variation(log_p: LogProbabilities, log_q: LogProbabilities) -> PerRow:
    r"""The total variation distance: :math:`d_{TV}(p, q) = \tfrac12 \sum_i |p_i - q_i|`, in [0, 1].

    The largest difference in probability that p and q give to any event. A metric. He et al. 2021
    (arXiv:1905.10617) use it to compare next-token distributions.
    Taught in: book/exposure-bias.ipynb.

    Args:
        log_p, log_q: as in :func:`kl_divergence`.

    Returns:
        One number per row, in [0, 1], in float64.

    Raises:
        ValueError: as :func:`kl_divergence`.

    >>> total_variation(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log())
    tensor(0.2500, dtype=torch.float64)
    """
    _, _, p, q = _checked(log_p, log_q)
    return (0.5 * (p - q).abs().sum(-1)).clamp(max=1.0)


def jensen_shannon(log_p: LogProbabilities, log_q: LogProbabilities) -> PerRow:
    r"""The Jensen–Shannon divergence, in nats, with :math:`m = \tfrac12 (p + q)`:

    .. math:: d_{JS}(p, q) = \tfrac12 D_{KL}(p \| m) + \tfrac12 D_{KL}(q \| m) \in [0, \log 2].

    Symmetric and always finite. A perfect discriminator of fair coin tosses between p and q is
    worth exactly this: the value of the game of Goodfellow et al. 2014 at its best D is
    :math:`2 d_{JS} - 2 \log 2`.
    Taught in: book/language-gans.ipynb.

    Args:
        log_p, log_q: as in :func:`kl_divergence`.

    Returns:
        One number per row, in float64.

    Raises:
        ValueError: as :func:`kl_divergence`.

    >>> jensen_shannon(torch.tensor([1.0, 0.0]).log(), torch.tensor([0.0, 1.0]).log())  # log 2
    tensor(0.6931, dtype=torch.float64)
    """
    log_p, log_q, p, q = _checked(log_p, log_q)
    # Where both are -inf, logaddexp has the right value and a gradient of NaN.
    neither = log_p.isneginf() & log_q.isneginf()
    x, y = log_p, log_q
    if bool(neither.any()):
        x, y = x.masked_fill(neither, 0.0), y.masked_fill(neither, 0.0)
    log_m = torch.logaddexp(x, y) - math.log(2)
    return (0.5 * (_kl(log_p, log_m, p) + _kl(log_q, log_m, q))).clamp(max=math.log(2))


def _kl(log_p: Tensor, log_q: Tensor, p: Tensor) -> PerRow:
    # The difference is masked before it is multiplied: a NaN or an infinity that is masked only
    # afterwards comes back in the gradient, times 0.
    return (p * (log_p - log_q).masked_fill(p == 0, 0.0)).sum(-1).clamp(min=0.0)


def _checked(log_p: object, log_q: object) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both in float64, and p and q, after a check that every row is a distribution."""
    for name, x in (("log_p", log_p), ("log_q", log_q)):
        if not isinstance(x, Tensor) or x.dtype not in FLOATS or not x.dim() or not x.numel():
            raise ValueError(
                f"{name} must hold at least one row of log-probabilities, in floating point; "
                f"got {describe(x)}"
            )
    try:
        torch.broadcast_shapes(log_p.shape, log_q.shape)
    except RuntimeError:
        shapes = f"{tuple(log_p.shape)} and {tuple(log_q.shape)}"
        raise ValueError(f"log_p and log_q must have shapes that fit; got {shapes}") from None
    if log_p.shape[-1] != log_q.shape[-1]:
        sizes = f"{log_p.shape[-1]} and {log_q.shape[-1]}"
        raise ValueError(f"log_p and log_q must be over the same tokens; got {sizes}")
    exact = log_p.double(), log_q.double()
    p, q = (x.exp() for x in exact)
    for name, x, probabilities in (("log_p", log_p, p), ("log_q", log_q, q)):
        total = probabilities.detach().sum(-1)
        wrong = ~((total - 1).abs() <= 1e-4 + 8 * torch.finfo(x.dtype).eps)  # NaN is wrong too
        if bool(wrong.any()):
            raise ValueError(
                f"{name} must hold log-probabilities that add up to 1 in every row; "
                f"got {float(total[wrong][0]):g}"
            )
    return *exact, p, q
