"""Further transforms of a next-token distribution: five of Nadeem et al. 2020 (arXiv:2009.07243), and tempered top-k.

Taught in: book/sampling.ipynb.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.equations.sampling import Temperature, TopK, Transform, keep_first
from nlgnotes.validation import check_count, check_interval, check_positive

__all__ = [
    "MaxEntropy",
    "NoisedTopK",
    "RandomMask",
    "RandomTopK",
    "TargetEntropy",
    "TemperedTopK",
    "temper_to_entropy",
]

INF = math.inf


@dataclass(frozen=True)
class MaxEntropy(Transform):
    """Lower the temperature of the rows whose entropy exceeds ``E`` nats until it is E; leave the others as they are.

    Nadeem et al. 2020 (arXiv:2009.07243); their code starts only at 1.3 E, this is the definition. If m tokens share
    the maximum, no temperature goes below log m: such a row stops at the limit, uniform over the m.
    """

    E: float | int
    raises = False

    def __post_init__(self):
        check_positive("E", self.E)

    def _apply(self, x, generator):
        return temper_to_entropy(x, self.E, upwards=self.raises)


@dataclass(frozen=True)
class TargetEntropy(MaxEntropy):
    """Give every row the entropy ``E`` nats by its own temperature, upwards too: breaks entropy reduction.

    Nadeem et al. 2020. A row of n possible tokens, m of them most likely, can only have between log m and log n nats:
    beyond, it stops at the nearer limit, uniform over the m or over the n.
    """

    raises = True


@dataclass(frozen=True)
class RandomMask(Transform):
    """Drop every token with probability ``rate``, but the most likely only if ``keep_top`` is false.

    Nadeem et al. 2020. Should every token of a row fall, one possible token stays, each equally likely.
    """

    rate: float | int
    keep_top: bool = True
    random = True

    def __post_init__(self):
        check_interval("rate", self.rate, 0, 1)

    def _apply(self, x, generator):
        u = torch.rand(x.shape, generator=generator, device=x.device).masked_fill_(x == -INF, -1)
        if self.keep_top:
            u.scatter_(-1, x.argmax(-1, keepdim=True), 1)
        return x.masked_fill((u < self.rate) & (u < u.amax(-1, keepdim=True)), -INF)


@dataclass(frozen=True)
class NoisedTopK(Transform):
    r""":math:`\hat p = (1 - W) p_{\text{top-}k} + W z`, z uniform on the simplex and sorted downwards, W = ``weight``.

    Nadeem et al. 2020. Sorted noise keeps the order and breaks the slopes; on a peaked row it raises the entropy as well.
    """

    k: int
    weight: float | int
    random = True

    def __post_init__(self):
        check_count("k", self.k)
        check_interval("weight", self.weight, 0, 1)

    def _apply(self, x, generator):
        values, ids = TopK(self.k)._apply(x, None).topk(min(self.k, x.shape[-1]))
        z = (
            torch.empty_like(values)
            .exponential_(generator=generator)
            .masked_fill(values == -INF, 0)
        )
        z = z.sort(descending=True).values
        mixed = (1 - self.weight) * values.softmax(-1) + self.weight * z / z.sum(-1, keepdim=True)
        return torch.full_like(x, -INF).scatter_(-1, ids, mixed.log())


@dataclass(frozen=True)
class TemperedTopK(Transform):
    """Top-k, then the temperature T; the other order gives the same, since T moves no token past another."""

    k: int
    T: float | int

    def __post_init__(self):
        TopK(self.k), Temperature(self.T)

    def _apply(self, x, generator):
        return TopK(self.k)._apply(x, generator) / self.T


@dataclass(frozen=True)
class RandomTopK(Transform):
    """Top-k whose k is drawn for every row from 1 to ``max_k``, each equally likely (Nadeem et al. 2020)."""

    max_k: int
    random = True

    def __post_init__(self):
        check_count("max_k", self.max_k)

    def _apply(self, x, generator):
        k = torch.randint(1, self.max_k + 1, (len(x), 1), generator=generator, device=x.device)
        return keep_first(
            x, x.topk(min(self.max_k + 1, x.shape[-1])).values, k.clamp(max=x.shape[-1])
        )


INF = math.inf


def temper_to_entropy(
    logits: Float[Tensor, "batch vocab"], E: float | int, *, upwards: bool
) -> Float[Tensor, "batch vocab"]:
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

    >>> p = temper_to_entropy(torch.tensor([[0.0, 1.0, 2.0]]), math.log(2), upwards=False).softmax(-1)
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
    return torch.where(
        todo[:, None], (b[:, None] * z).to(logits.dtype).masked_fill(dropped, -INF), logits
    )


def _solve(z: Tensor, possible: Tensor, E: float) -> Tensor:
    gap = (
        z.masked_fill(z == 0, -INF).amax(-1).neg()
    )  # to the second-largest score: beyond 750 / gap only the maximum is left
    lo, hi = (1e-9 / z.amin(-1).neg()).log(), (750 / gap).log()
    u = torch.zeros_like(lo).clamp(lo, hi)
    for step in range(200):
        H, slope = _entropy(z, possible, u.exp())
        lo, hi = torch.where(H > E, u, lo), torch.where(H > E, hi, u)
        if bool(((H - E).abs() < 1e-9).logical_or(hi - lo < 1e-14).all()):
            break
        newton = u - (H - E) / slope
        inside = (newton > lo) & (newton < hi)
        u = torch.where(
            (H - E).abs() < 1e-9, u, torch.where(inside & (step % 4 != 3), newton, (lo + hi) / 2)
        )
    return u.exp()


def _entropy(z: Tensor, possible: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Entropy of softmax(b z) over the possible tokens, and its derivative with respect to log b."""
    w = (b[:, None] * z).exp() * possible
    total = w.sum(-1)
    mean = (w * z).sum(-1) / total
    variance = (w * z * z).sum(-1) / total - mean**2
    return total.log() - b * mean, -(b**2) * variance
