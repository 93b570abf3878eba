"""Which temperature gives a distribution the entropy that one asks for?"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["retempered"]

INF = math.inf


def retempered(logits: Float[Tensor, "batch vocab"], E: float | int, *, upwards: bool) -> Float[Tensor, "batch vocab"]:
    r"""Every row at the temperature T at which its entropy is ``E``: :math:`H(p^{1/T} / Z) = E`.

    Solved in b = 1/T, by Newton's method in log b inside a shrinking bracket, in float64; H falls with b, since
    :math:`dH/db = -b\, \mathrm{Var}_b(\log p)`. Taught in: book/sampling.ipynb.

    Args:
        logits: scores before softmax; every row has a finite entry.
        E: nats.
        upwards: whether rows of less than E are heated; if not, they stay as they are.

    Returns:
        New scores. A row of n possible tokens, m of them most likely, reaches only what lies between log m and
        log n nats; beyond, it stops at the nearer limit, uniform over the m or over the n.

    >>> p = retempered(torch.tensor([[0.0, 1.0, 2.0]]), math.log(2), upwards=False).softmax(-1)
    >>> round(float(-(p * p.log()).sum()), 4)  # log 2
    0.6931
    """
    possible = logits > -INF
    z = (logits.double() - logits.double().amax(-1, keepdim=True)).masked_fill(~possible, 0)
    high, low = possible.sum(-1).double().log(), ((z == 0) & possible).sum(-1).double().log()
    b = torch.ones_like(high)
    todo = torch.ones_like(b, dtype=torch.bool) if upwards else _entropy(z, possible, b)[0] > E
    to_top, to_flat = todo & (E <= low), todo & (E >= high) & (E > low)
    rows = (todo & ~to_top & ~to_flat).nonzero().squeeze(-1)
    if len(rows):
        b[rows] = _solve(z[rows], possible[rows], E)
    b[to_flat] = 0
    dropped = ~possible | (to_top[:, None] & (z < 0))
    return torch.where(todo[:, None], (b[:, None] * z).to(logits.dtype).masked_fill(dropped, -INF), logits)


def _solve(z: Tensor, possible: Tensor, E: float) -> Tensor:
    gap = z.masked_fill(z == 0, -INF).amax(-1).neg()  # to the second-largest score: beyond 750 / gap only the maximum is left
    lo, hi = (1e-9 / z.amin(-1).neg()).log(), (750 / gap).log()
    u = torch.zeros_like(lo).clamp(lo, hi)
    for step in range(200):
        H, slope = _entropy(z, possible, u.exp())
        lo, hi = torch.where(H > E, u, lo), torch.where(H > E, hi, u)
        if bool(((H - E).abs() < 1e-9).logical_or(hi - lo < 1e-14).all()):
            break
        newton = u - (H - E) / slope
        inside = (newton > lo) & (newton < hi)
        u = torch.where((H - E).abs() < 1e-9, u, torch.where(inside & (step % 4 != 3), newton, (lo + hi) / 2))
    return u.exp()


def _entropy(z: Tensor, possible: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Entropy of softmax(b z) over the possible tokens, and its derivative with respect to log b."""
    w = (b[:, None] * z).exp() * possible
    total = w.sum(-1)
    mean = (w * z).sum(-1) / total
    variance = (w * z * z).sum(-1) / total - mean**2
    return total.log() - b * mean, -(b**2) * variance
