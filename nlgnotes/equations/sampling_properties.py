"""Properties of sampling algorithms: whether the entropy falls, the order and the slopes stay.

Each check takes probabilities, before (``p``) and after (``q``) a transform, and answers for every
row: ``q = sampler.transform(logits).softmax(-1)``. Its ``tolerance`` is what counts as rounding, by
default 16 units of the coarser precision times 1 + the largest -log probability: about 3e-5 in
float32 and 1e-13 in float64. The mathematics itself runs in float64.

Nadeem, He, Cho and Glass 2020 (arXiv:2009.07243). Taught in: book/sampling.ipynb.
"""

from typing import SupportsFloat

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from nlgnotes.validation import FLOATS, check_interval, describe

__all__ = ["entropy", "entropy_reduced", "order_preserved", "slope_preserved"]

INF = float("inf")

Probabilities = Float[Tensor, "*batch vocab"]

Verdict = Bool[Tensor, "*batch"]


def entropy(p: Probabilities) -> Float64[Tensor, "*batch"]:
    r"""Shannon's entropy of every row, in nats: :math:`H(p) = -\sum_i p_i \log p_i`, 0 log 0 = 0.

    Its gradient is that of the possible tokens alone: 0 where p is 0.

    Args:
        p: probabilities over the last axis.

    Returns:
        One number per row, in float64.

    Raises:
        ValueError: a row of ``p`` is not a distribution (negative, NaN, or not adding up to 1).

    >>> entropy(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    tensor([0.6931, 0.0000], dtype=torch.float64)
    """
    _check_distribution("p", p)
    # The derivative at 0 is infinite, and times the 0 of a softmax there it would be NaN.
    return torch.special.entr(torch.where(p > 0, p, 1.0).double()).sum(-1)


def entropy_reduced(
    p: Probabilities, q: Probabilities, tolerance: SupportsFloat | None = None
) -> Verdict:
    r"""Whether :math:`H(\hat p) \le H(p)`, row by row, up to ``tolerance`` nats.

    Args:
        p, q: probabilities before and after the transform, over the last axis.
        tolerance: nats, at least 0; None takes the default.

    Raises:
        ValueError: the shapes differ, a row is not a distribution, or the tolerance is negative.

    >>> entropy_reduced(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.6, 0.4, 0.0]))
    tensor(True)
    """
    allowed = _tolerance(p, q, tolerance)
    return entropy(q) <= entropy(p) + allowed


def order_preserved(
    p: Probabilities, q: Probabilities, tolerance: SupportsFloat | None = None
) -> Verdict:
    r"""Whether :math:`p_i > p_j \Rightarrow \hat p_i \ge \hat p_j`, row by row; in O(V log V).

    The notes ask it of :math:`p_i \ge p_j`; then a truncation that keeps one of two equals would
    break it.

    Args:
        p, q: probabilities before and after the transform, over the last axis.
        tolerance: what the ratio may fall below 1 by, at least 0; None takes the default.

    Raises:
        ValueError: the shapes differ, a row is not a distribution, or the tolerance is negative.

    >>> order_preserved(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.6, 0.0, 0.4]))
    tensor(False)
    """
    allowed = _tolerance(p, q, tolerance)
    x, order = p.sort(-1)
    y = q.double().gather(-1, order)
    # Upwards in p: no token may fall below the highest of those before its own group of equals.
    highest = y.cummax(-1).values
    place = torch.arange(x.shape[-1], device=x.device).expand(x.shape)
    starts = torch.cat(
        [torch.zeros_like(x[..., :1], dtype=torch.bool), x[..., 1:] != x[..., :-1]], -1
    )
    first = torch.where(starts, place, 0).cummax(-1).values
    before = highest.gather(-1, (first - 1).clamp(min=0)).masked_fill(first == 0, 0)
    return (y >= before * (1 - allowed[..., None]) - torch.finfo(q.dtype).tiny).all(-1)


def slope_preserved(
    p: Probabilities, q: Probabilities, tolerance: SupportsFloat | None = None
) -> Verdict:
    r"""Whether the ratios of differences of log-probabilities stay, among the tokens that q keeps:

    .. math:: \frac{\log p_i - \log p_j}{\log p_l - \log p_k}
       = \frac{\log\hat p_i - \log\hat p_j}{\log\hat p_l - \log\hat p_k}
       \quad\text{wherever } p_l \ne p_k.

    That is the same as :math:`\log\hat p = a \log p + c` on the support of q, which is checked
    against the line through the least and the most likely survivor. The slope a may be 0 (read the
    ratios multiplied out) and even negative: the order is another property. Survivors whose p were
    all equal, or only two of them, satisfy it always; a token with q > 0 = p never does.
    Probabilities below the smallest normal number of the precision have lost their logarithm and
    count as 0.

    Args:
        p, q: probabilities before and after the transform, over the last axis.
        tolerance: how far off the line a survivor may lie, in nats, at least 0; None
            takes ``1 + |a|`` times the default, because a rounding error in p counts a-fold in q.

    Raises:
        ValueError: the shapes differ, a row is not a distribution, or the tolerance is negative.

    >>> p = torch.tensor([0.5, 0.3, 0.2])
    >>> slope_preserved(p, p**2 / (p**2).sum()), slope_preserved(p, torch.tensor([0.5, 0.4, 0.1]))
    (tensor(True), tensor(False))
    """
    allowed = _tolerance(p, q, tolerance)
    x, y = _log(p), _log(q)
    new = ((p == 0) & (y > -INF)).any(-1)
    kept = (y > -INF) & (x > -INF)
    x_low, low = x.masked_fill(~kept, INF).min(-1, keepdim=True)
    x_high, high = x.masked_fill(~kept, -INF).max(-1, keepdim=True)
    y_low, y_high = y.gather(-1, low), y.gather(-1, high)
    run = x_high - x_low
    a = torch.where(run > 0, (y_high - y_low) / run, 0)
    off = (y - (y_low + a * (x - x_low))).abs().masked_fill(~kept, 0).amax(-1)
    if tolerance is None:
        allowed = allowed * (1 + a.abs().squeeze(-1))
    return ((off <= allowed) | (run.squeeze(-1) <= 0)) & ~new


def _check_distribution(name: str, p: object) -> None:
    if not isinstance(p, Tensor) or p.dtype not in FLOATS or not p.dim() or not p.numel():
        raise ValueError(
            f"{name} must hold at least one row of at least one probability, in floating point; "
            f"got {describe(p)}"
        )
    if not bool((p >= 0).all()):
        raise ValueError(
            f"{name} must hold probabilities, none negative or NaN; the least is {float(p.min()):g}"
        )
    total = p.detach().sum(-1, dtype=torch.float64)
    wrong = (total - 1).abs() > 1e-4 + 8 * torch.finfo(p.dtype).eps
    if bool(wrong.any()):
        raise ValueError(
            f"{name} must add up to 1 in every row; "
            f"got {float(total[wrong][0]):g} ({int(wrong.sum())} such row(s))"
        )


def _tolerance(p: object, q: object, given: object) -> Float64[Tensor, "..."]:
    """The tolerance of every row, after checking both arguments."""
    _check_distribution("p", p)
    _check_distribution("q", q)
    if p.shape != q.shape:
        raise ValueError(
            f"p and q must have the same shape; got {tuple(p.shape)} and {tuple(q.shape)}"
        )
    if given is not None:
        tolerance = float(check_interval("tolerance", given, 0, INF, closed="left"))
        return torch.full(p.shape[:-1], tolerance, dtype=torch.float64, device=p.device)
    logs = [_log(_ends(x)).abs().amax(-1) for x in (p, q)]
    eps = max(torch.finfo(p.dtype).eps, torch.finfo(q.dtype).eps)
    return 16 * eps * (1 + torch.maximum(*logs))


def _ends(p: Tensor) -> Float[Tensor, "*batch 2"]:
    """The least probability of every row that has a logarithm, and the largest."""
    least = p.masked_fill(p < torch.finfo(p.dtype).tiny, INF).amin(-1)
    return torch.stack([least, p.amax(-1)], -1)


def _log(p: Tensor) -> Float64[Tensor, "*batch vocab"]:
    return p.double().masked_fill(p < torch.finfo(p.dtype).tiny, 0).log()
