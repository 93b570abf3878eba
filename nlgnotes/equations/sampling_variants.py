"""Further transforms of a next-token distribution: by entropy, by noise, and tempered top-k.

Five of them are those of Nadeem et al. 2020 (arXiv:2009.07243).
Taught in: book/sampling.ipynb.
"""

import math
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.equations.largest import keep_first, largest
from nlgnotes.equations.precision import at_least_float32
from nlgnotes.equations.sampling import Temperature, TopK, Transform
from nlgnotes.validation import (
    check_count,
    check_flag,
    check_interval,
    check_positive,
    check_scores,
)

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
    """Lower the temperature of the rows whose entropy exceeds ``E`` nats until it is E.

    The other rows stay as they are. Nadeem et al. 2020; their code starts only at 1.3 E, this is
    the definition. If m tokens share the maximum, no temperature goes below log m: such a row stops
    at the limit, uniform over the m.

    Args:
        E: nats, above 0.

    Raises:
        ValueError: ``E`` is not a finite number above 0.
    """

    E: SupportsFloat
    raises = False

    def __post_init__(self):
        object.__setattr__(self, "E", check_positive("E", self.E))

    def _apply(self, x, top, generator):
        return temper_to_entropy(x, self.E, upwards=self.raises)


@dataclass(frozen=True)
class TargetEntropy(MaxEntropy):
    """Give every row the entropy ``E`` nats by its own temperature: breaks entropy reduction.

    Nadeem et al. 2020. A row of n possible tokens, m of them most likely, can only have between
    log m and log n nats: beyond, it stops at the nearer limit, uniform over the m or over the n.

    Args:
        E: nats, above 0.

    Raises:
        ValueError: ``E`` is not a finite number above 0.
    """

    raises = True


@dataclass(frozen=True)
class RandomMask(Transform):
    """Drop every token with probability ``rate``, the most likely only if not ``keep_top``.

    Nadeem et al. 2020. Should every token of a row be dropped, one possible token stays, each
    equally likely.

    Args:
        rate: the probability, in [0, 1].
        keep_top: whether the most likely token always stays.

    Raises:
        ValueError: ``rate`` is outside [0, 1].
    """

    rate: SupportsFloat
    keep_top: bool = True
    random = True

    def __post_init__(self):
        object.__setattr__(self, "rate", check_interval("rate", self.rate, 0, 1))

    def _apply(self, x, top, generator):
        u = torch.rand(x.shape, generator=generator, device=x.device).masked_fill_(x == -INF, -1)
        if self.keep_top:
            u.scatter_(-1, x.argmax(-1, keepdim=True), 1)
        # The token with the largest draw always stays: the survivor where all others are dropped.
        return x.masked_fill((u < self.rate) & (u < u.amax(-1, keepdim=True)), -INF)


@dataclass(frozen=True)
class NoisedTopK(Transform):
    r"""Mix noise into the top k: :math:`\hat p = (1 - W) p_{\text{top-}k} + W z`, W = ``weight``.

    z is uniform on the simplex and sorted downwards. Nadeem et al. 2020. Sorted noise keeps the
    order and breaks the slopes; on a peaked row it raises the entropy as well.

    Args:
        k: how many tokens stay, at least 1.
        weight: W, in [0, 1].

    Raises:
        ValueError: ``k`` is no integer of at least 1, or ``weight`` is outside [0, 1].
    """

    k: SupportsIndex
    weight: SupportsFloat
    random = True

    def __post_init__(self):
        object.__setattr__(self, "k", check_count("k", self.k))
        object.__setattr__(self, "weight", check_interval("weight", self.weight, 0, 1))

    def _apply(self, x, top, generator):
        values, ids = TopK(self.k)._apply(x, top, None).topk(min(self.k, x.shape[-1]))
        values = at_least_float32(values)
        # Independent exponentials over their sum are uniform on the simplex.
        z = torch.empty_like(values).exponential_(generator=generator)
        z = z.clamp(min=torch.finfo(z.dtype).tiny).masked_fill(values == -INF, 0)
        z = z.sort(descending=True).values
        mixed = (1 - self.weight) * values.softmax(-1) + self.weight * z / z.sum(-1, keepdim=True)
        return torch.full_like(x, -INF).scatter_(-1, ids, mixed.log().to(x.dtype))


@dataclass(frozen=True)
class TemperedTopK(Transform):
    """Top-k, then the temperature T; the other order gives the same.

    T moves no token past another.

    Args:
        k: how many tokens stay, at least 1.
        T: the temperature, above 0.

    Raises:
        ValueError: ``k`` is no integer of at least 1, or ``T`` is not a finite number above 0.
    """

    k: SupportsIndex
    T: SupportsFloat

    def __post_init__(self):
        object.__setattr__(self, "k", check_count("k", self.k))
        object.__setattr__(self, "T", check_positive("T", self.T))

    def _apply(self, x, top, generator):
        return Temperature(self.T)._apply(TopK(self.k)._apply(x, top, None), top, None)


@dataclass(frozen=True)
class RandomTopK(Transform):
    """Top-k whose k is drawn for every row from 1 to ``max_k``, each equally likely.

    Nadeem et al. 2020.

    Args:
        max_k: the largest k, at least 1.

    Raises:
        ValueError: ``max_k`` is no integer from 1 to 2^63 - 2.
    """

    max_k: SupportsIndex
    random = True

    def __post_init__(self):
        # torch draws integers of 64 bits, and names the one after the last.
        object.__setattr__(self, "max_k", check_count("max_k", self.max_k, 1, 2**63 - 2))

    def _apply(self, x, top, generator):
        size = x.shape[-1]
        k = torch.randint(1, self.max_k + 1, (len(x), 1), generator=generator, device=x.device)
        return keep_first(x, largest(x, min(self.max_k + 1, size)), k.clamp(max=size))


def temper_to_entropy(
    logits: Float[Tensor, "*batch vocab"], E: SupportsFloat, *, upwards: bool
) -> Float[Tensor, "*batch vocab"]:
    r"""Every row at the temperature T at which its entropy is ``E``: :math:`H(p^{1/T} / Z) = E`.

    Solved in b = 1/T, by Newton's method in log b inside a shrinking bracket, in float64; H falls
    with b, since :math:`dH/db = -b\, \mathrm{Var}_b(\log p)`.
    Taught in: book/sampling.ipynb.

    Args:
        logits: scores before softmax, in nats.
        E: nats, above 0.
        upwards: whether rows of less than E are heated; if not, they stay as they are.

    Returns:
        New scores. A row of n possible tokens, m of them most likely, reaches only what lies
        between log m and log n nats; beyond, it stops at the nearer limit, uniform over the m or
        over the n.

    Raises:
        ValueError: a row holds NaN, +inf or no finite entry, or ``E`` is not above 0.

    >>> p = temper_to_entropy(torch.tensor([0.0, 1.0, 2.0]), math.log(2), upwards=False).softmax(-1)
    >>> round(float(-(p * p.log()).sum()), 4)  # log 2
    0.6931
    """
    upwards = check_flag("upwards", upwards)
    check_scores("logits", logits)
    E = check_positive("E", E)
    x = logits.reshape(-1, logits.shape[-1])
    possible, wide = x > -INF, x.double()
    # The squares of differences beyond 1e100 would overflow: such rows are solved in a larger unit.
    largest = wide.abs().masked_fill(~possible, 0).amax(-1, keepdim=True)
    unit = torch.ones_like(largest).masked_fill(largest > 1e100, 2.0**600)
    wide = wide / unit
    z = (wide - wide.amax(-1, keepdim=True)).masked_fill(~possible, 0)
    high, low = possible.sum(-1).double().log(), ((z == 0) & possible).sum(-1).double().log()
    b = unit.squeeze(-1).clone()
    todo = torch.ones_like(b, dtype=torch.bool) if upwards else _entropy(z, possible, b)[0] > E
    to_top, to_flat = todo & (E <= low), todo & (E >= high) & (E > low)
    rows = (todo & ~to_top & ~to_flat).nonzero().squeeze(-1)
    if len(rows):
        b[rows] = _solve(z[rows], possible[rows], E)
    b[to_flat] = 0
    dropped = ~possible | (to_top[:, None] & (z < 0))
    tempered = (b[:, None] * z).to(x.dtype).masked_fill(dropped, -INF)
    return torch.where(todo[:, None], tempered, x).reshape(logits.shape)


def _solve(z: Tensor, possible: Tensor, E: float) -> Tensor:
    """The b of every row at which softmax(b z) has E nats; z is 0 at the top and below it else."""
    # The gap to the second-largest score: beyond b = 750 / gap only the maximum is left. An
    # exponent above 700 would leave the numbers of float64.
    gap = z.masked_fill(z == 0, -INF).amax(-1).neg()
    lo = (1e-9 / z.amin(-1).neg()).log().clamp(max=700)
    hi = (750 / gap).log().clamp(max=700)
    u = torch.zeros_like(lo).clamp(lo, hi)
    for step in range(200):
        H, slope = _entropy(z, possible, u.exp())
        lo, hi = torch.where(H > E, u, lo), torch.where(H > E, hi, u)
        done = (H - E).abs() < 1e-9
        if bool((done | (hi - lo < 1e-14)).all()):
            break
        # Every fourth step halves the bracket, where Newton's would creep along it.
        newton = u - (H - E) / slope
        inside = (newton > lo) & (newton < hi) & (step % 4 != 3)
        u = torch.where(done, u, torch.where(inside, newton, (lo + hi) / 2))
    return u.exp()


def _entropy(z: Tensor, possible: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Entropy of softmax(b z) over the possible tokens, and its derivative in log b."""
    w = (b[:, None] * z).exp() * possible
    total = w.sum(-1)
    mean = (w * z).sum(-1) / total
    variance = (w * z * z).sum(-1) / total - mean**2
    return total.log() - b * mean, -(b**2) * variance
