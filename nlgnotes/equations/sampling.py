"""Transforms of a next-token distribution, and the sampler that composes them in the open.

Taught in: book/sampling.ipynb.
"""

import math
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.largest import drop_below, keep_first, largest, sorted_downwards
from nlgnotes.equations.precision import at_least_float32
from nlgnotes.validation import (
    check_count,
    check_floats,
    check_generator,
    check_interval,
    check_positive,
    check_scores,
)

__all__ = ["MinP", "Sampler", "Temperature", "TopK", "TopP", "Transform", "draw"]

INF = math.inf
FLOAT32 = torch.finfo(torch.float32)

Scores = Float[Tensor, "*batch vocab"]


class Transform:
    """A map of scores before softmax to such scores, the dropped tokens at -inf.

    What is at -inf stays there. A subclass is a frozen dataclass that validates itself and writes
    its equation in ``_apply``, for scores [rows, vocab] and their rows' maxima [rows, 1]. The
    argument is never changed, and may itself be the result where nothing changes.
    """

    random = False

    def __call__(self, logits: Scores, generator: torch.Generator | None = None) -> Scores:
        """Apply to every row.

        Args:
            logits: scores before softmax, in nats, of any floating-point type.
            generator: where a random transform draws from; the others need none.

        Returns:
            Scores of the same shape and type.

        Raises:
            ValueError: a row holds NaN, +inf or no finite entry, or a random transform is given no
                generator.
        """
        top = check_scores("logits", logits)
        if self.random:
            check_generator(generator)
        x = logits.reshape(-1, logits.shape[-1])
        return self._apply(x, top.reshape(-1, 1), generator).reshape(logits.shape)

    def _apply(self, x: Tensor, top: Tensor, generator: torch.Generator | None) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Temperature(Transform):
    r"""The temperature: :math:`\hat p_i \propto p_i^{1/T}`; below 1 sharpens, above 1 flattens.

    The entropy rises with T. A row whose division by T would overflow has its maximum taken away
    first, which changes no probability.

    Args:
        T: the temperature, above 0; 1 changes nothing.

    Raises:
        ValueError: ``T`` is not a finite number above 0.

    >>> Temperature(0.5)(torch.tensor([2.0, 1.0]))
    tensor([4., 2.])
    """

    T: SupportsFloat

    def __post_init__(self):
        object.__setattr__(self, "T", check_positive("T", self.T))

    def _apply(self, x, top, generator):
        if self.T == 1:
            return x
        out, limit = x / self.T, torch.finfo(torch.promote_types(x.dtype, torch.float32)).max
        # From 1 on nothing grows, as long as T itself is a number in the precision of the division.
        if 1 <= self.T <= limit:
            return out
        # A row overflows where its maximum does: to +inf, to -inf if negative, to 0 / 0 = NaN.
        finite = torch.isfinite(top / self.T) & (self.T < 1)
        if bool(finite.all()):
            return out
        shifted = (x.double() - top.double()) / self.T
        return torch.where(finite, out, shifted.to(x.dtype))


@dataclass(frozen=True)
class TopK(Transform):
    """Keep the ``k`` most likely tokens: exactly k, of equals the smaller ids.

    Fan et al. 2018 (arXiv:1805.04833). ``transformers`` keeps *every* token that equals the k-th:
    the two differ at exact ties only.

    Args:
        k: how many, at least 1; as many as there are tokens changes nothing.

    Raises:
        ValueError: ``k`` is no integer of at least 1.

    >>> TopK(2)(torch.tensor([0.0, 3.0, 1.0, 1.0]))
    tensor([-inf, 3., 1., -inf])
    """

    k: SupportsIndex

    def __post_init__(self):
        object.__setattr__(self, "k", check_count("k", self.k))

    def _apply(self, x, top, generator):
        if self.k >= x.shape[-1]:
            return x
        n = torch.full((len(x), 1), self.k, device=x.device)
        return keep_first(x, largest(x, self.k + 1), n)


@dataclass(frozen=True)
class TopP(Transform):
    r"""Keep the nucleus: :math:`\{i: \sum_{j<i} p_j < P\}`, p sorted downwards, P = ``p``.

    Holtzman et al. 2020 (arXiv:1904.09751). This is the smallest set of mass at least P, and is
    never empty. Equals sort by id. A sum that rounding leaves within 5e-7 of P counts as P, so that
    P = .5 keeps one token of (.5, .3, .2); P = 1 changes nothing. (Of float64 scores: 9e-16.)

    Args:
        p: the mass P, in (0, 1].

    Raises:
        ValueError: ``p`` is outside (0, 1].

    >>> TopP(0.7)(torch.tensor([0.2, 0.5, 0.3]).log()).exp()
    tensor([0.0000, 0.5000, 0.3000])
    """

    p: SupportsFloat

    def __post_init__(self):
        object.__setattr__(self, "p", check_interval("p", self.p, 0, 1, closed="right"))

    def _apply(self, x, top, generator):
        if self.p == 1:
            return x
        top = at_least_float32(top)
        total = (at_least_float32(x) - top).exp_().sum(-1, keepdim=True).double()
        need = self.p - 4 * min(torch.finfo(x.dtype).eps, FLOAT32.eps)
        # A nucleus is mostly small: only the rows where it is not are sorted in full.
        k = min(256, x.shape[-1])
        values = largest(x, k)
        n = _nucleus(values, top, total, need)
        out, large = keep_first(x, values, n), (n == k).squeeze(-1)
        if k < x.shape[-1] and bool(large.any()):
            values = sorted_downwards(x[large])
            n = _nucleus(values, top[large], total[large], need)
            out[large] = keep_first(x[large], values, n)
        return out


@dataclass(frozen=True)
class MinP(Transform):
    r"""Keep the tokens at least P times as likely as the top: :math:`\{i: p_i \ge P \max_j p_j\}`.

    Nguyen et al. 2024 (arXiv:2407.01082), P = ``p``. A token that stands exactly at the threshold
    is kept, also where rounding of the logarithms leaves it below: half a unit in the last place of
    each of the two, and 5e-7 (of float64 scores 9e-16).

    Args:
        p: the ratio P, in [0, 1]: 0 keeps all, 1 the top and its equals.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    >>> MinP(0.4)(torch.tensor([0.6, 0.3, 0.1]).log()).exp()
    tensor([0.6000, 0.3000, 0.0000])
    """

    p: SupportsFloat

    def __post_init__(self):
        object.__setattr__(self, "p", check_interval("p", self.p, 0, 1))

    def _apply(self, x, top, generator):
        if self.p == 0:
            return x
        if self.p == 1:
            return drop_below(x, top)
        high, eps = top.double(), torch.finfo(x.dtype).eps
        least = high + math.log(self.p)
        # The threshold is rounded to the type of the scores, so a whole unit in its last place.
        rounding = eps * (high.abs() / 2 + least.abs()) + 4 * min(eps, FLOAT32.eps)
        return drop_below(x, (least - rounding).to(x.dtype))


@dataclass(frozen=True)
class Sampler:
    """Transforms applied from left to right, then a draw.

    The order is part of the sampler: ``Sampler((Temperature(0.7), TopP(0.9)))``. ``Sampler()``
    samples the model itself.

    Args:
        transforms: the transforms.

    Raises:
        ValueError: ``transforms`` is no tuple of transforms.
    """

    transforms: tuple[Transform, ...] = ()

    def __post_init__(self):
        if not isinstance(self.transforms, tuple) or not all(
            isinstance(t, Transform) for t in self.transforms
        ):
            raise ValueError(f"transforms must be a tuple of transforms; got {self.transforms!r}")

    @classmethod
    def greedy(cls) -> "Sampler":
        """Always take the most likely token, of equals the smallest id."""
        return cls((TopK(1),))

    def transform(self, logits: Scores, generator: torch.Generator | None = None) -> Scores:
        """The scores after every transform.

        Raises:
            ValueError: as in :meth:`Transform.__call__`.
        """
        if not self.transforms:
            check_scores("logits", logits)
        for transform in self.transforms:
            logits = transform(logits, generator)
        return logits

    def sample(self, logits: Scores, generator: torch.Generator) -> Int[Tensor, "*batch"]:
        """One token of every row: the first whose cumulative probability exceeds a uniform draw.

        Args:
            logits: scores before softmax.
            generator: where the draw, and every random transform, draws from.

        Returns:
            Ids from 0 to vocab - 1, none of probability 0.

        Raises:
            ValueError: as in :meth:`Transform.__call__`, no generator, or a transform that leaves
                a row with NaN, +inf or no finite entry.
        """
        check_generator(generator)
        x = self.transform(logits, generator) if self.transforms else logits
        u = torch.rand(x.shape[:-1], generator=generator, dtype=torch.float64, device=x.device)
        return draw(x, u, "logits after the transforms" if self.transforms else "logits")[0]


def draw(
    scores: Scores, u: Float[Tensor, "*batch"], name: str = "scores"
) -> tuple[Int[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    r"""Inverse transform sampling: the first token i of a row with :math:`\sum_{j \le i} p_j > u`.

    Args:
        scores: before softmax; p is their softmax.
        u: numbers in [0, 1), float64.
        name: what an error calls the scores.

    Returns:
        Ids from 0 to vocab - 1, none of probability 0, and their log p, in nats; in float32 where
        the scores are in half precision.

    Raises:
        ValueError: a row holds NaN, +inf or no finite entry, or a ``u`` that does not fit or lies
            outside [0, 1).

    >>> draw(torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log(), torch.tensor([0.4, 0.6]).double())
    (tensor([0, 1]), tensor([-0.6931, -0.6931]))
    """
    top = at_least_float32(check_scores(name, scores))[..., None]
    check_floats("u", u, scores.shape[:-1])
    low, high = map(float, u.aminmax())
    if not (low >= 0 and high < 1):  # NaN fails both
        raise ValueError(f"u must lie in [0, 1); got {low:g} to {high:g}")
    shifted = at_least_float32(scores) - top
    mass = shifted.exp().cumsum(-1, dtype=torch.float64)
    total = mass[..., -1:]
    # A token of probability zero does not move the sum, so it is never the first above u.
    chosen = torch.searchsorted(mass, u[..., None] * total, right=True)
    log_probs = shifted.gather(-1, chosen) - total.log()
    return chosen[..., 0], log_probs[..., 0].to(shifted.dtype)


def _nucleus(values: Tensor, top: Tensor, total: Tensor, need: float) -> Tensor:
    """How many tokens have less than ``need`` of the mass before them."""
    mass = (at_least_float32(values) - top).exp_().cumsum(-1, dtype=torch.float64)
    return 1 + (mass[:, :-1] < need * total).sum(-1, keepdim=True)
