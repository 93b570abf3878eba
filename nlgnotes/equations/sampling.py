"""Transforms of a next-token distribution, and the sampler that composes them in the open.

Taught in: book/sampling.ipynb.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_interval, check_positive, check_scores

__all__ = ["MinP", "Sampler", "Temperature", "TopK", "TopP", "Transform", "keep_first"]

INF = math.inf


Scores = Float[Tensor, "*batch vocab"]


class Transform:
    """A map of scores before softmax to such scores, the dropped tokens at -inf; what is at -inf stays there.

    A subclass is a frozen dataclass that validates itself and writes its equation in ``_apply``. The argument is never
    changed, and may itself be the result where nothing changes.
    """

    random = False

    def __call__(self, logits: Scores, generator: torch.Generator | None = None) -> Scores:
        """Apply to every row; ``generator`` is where a random transform draws from.

        Raises:
            ValueError: a row holds NaN, +inf or no finite entry, or a random transform is given no generator.
        """
        check_scores("logits", logits)
        if self.random and generator is None:
            raise ValueError(
                f"generator must be a torch.Generator, because {type(self).__name__} is random; got None"
            )
        return self._apply(logits.reshape(-1, logits.shape[-1]), generator).reshape(logits.shape)

    def _apply(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Temperature(Transform):
    r""":math:`\hat p_i \propto p_i^{1/T}`: below 1 sharpens, above 1 flattens (and raises the entropy).

    >>> Temperature(0.5)(torch.tensor([2.0, 1.0]))
    tensor([4., 2.])
    """

    T: float | int

    def __post_init__(self):
        check_positive("T", self.T)

    def _apply(self, x, generator):
        return x if self.T == 1 else x / self.T


@dataclass(frozen=True)
class TopK(Transform):
    """Keep the ``k`` most likely tokens: exactly k, of equals the smaller ids (Fan et al. 2018, arXiv:1805.04833).

    ``transformers`` keeps *every* token that equals the k-th: the two differ at exact ties only.

    >>> TopK(2)(torch.tensor([0.0, 3.0, 1.0, 1.0]))
    tensor([-inf, 3., 1., -inf])
    """

    k: int

    def __post_init__(self):
        check_count("k", self.k)

    def _apply(self, x, generator):
        if self.k >= x.shape[-1]:
            return x
        return keep_first(
            x, x.topk(self.k + 1).values, torch.full((len(x), 1), self.k, device=x.device)
        )


@dataclass(frozen=True)
class TopP(Transform):
    r"""Keep the nucleus (Holtzman et al. 2020, arXiv:1904.09751): :math:`\{i: \sum_{j<i} p_j < P\}`, p sorted downwards.

    This is the smallest set of mass at least P = ``p``, and is never empty. Equals sort by id. A sum that rounding
    leaves within 5e-7 of P counts as P, so that P = .5 keeps one token of (.5, .3, .2); P = 1 changes nothing.

    >>> TopP(0.7)(torch.tensor([0.2, 0.5, 0.3]).log()).exp()
    tensor([0.0000, 0.5000, 0.3000])
    """

    p: float | int

    def __post_init__(self):
        check_interval("p", self.p, 0, 1, closed="right")

    def _apply(self, x, generator):
        if self.p == 1:
            return x
        top = x.amax(-1, keepdim=True)
        total = (x - top).exp().sum(-1, keepdim=True).double()
        need = self.p - 4 * min(torch.finfo(x.dtype).eps, torch.finfo(torch.float32).eps)
        k = min(
            256, x.shape[-1]
        )  # a nucleus is mostly small: only the rows where it is not are sorted in full
        values = x.topk(k).values
        n = _nucleus(values, top, total, need)
        out, wide = keep_first(x, values, n), (n == k).squeeze(-1)
        if k < x.shape[-1] and bool(wide.any()):
            values = _descending(x[wide])
            out[wide] = keep_first(x[wide], values, _nucleus(values, top[wide], total[wide], need))
        return out


def _nucleus(values: Tensor, top: Tensor, total: Tensor, need: float) -> Tensor:
    """How many tokens have less than ``need`` of the mass before them."""
    mass = (values - top).exp().cumsum(-1, dtype=torch.float64)
    return 1 + (mass[:, :-1] < need * total).sum(-1, keepdim=True)


@dataclass(frozen=True)
class MinP(Transform):
    r"""Keep :math:`\{i: p_i \ge P \max_j p_j\}`, P = ``p`` (Nguyen et al. 2024, arXiv:2407.01082): 0 keeps all, 1 the top.

    >>> MinP(0.4)(torch.tensor([0.6, 0.3, 0.1]).log()).exp()
    tensor([0.6000, 0.3000, 0.0000])
    """

    p: float | int

    def __post_init__(self):
        check_interval("p", self.p, 0, 1)

    def _apply(self, x, generator):
        if self.p == 0:
            return x
        return torch.where(x < x.amax(-1, keepdim=True) + math.log(self.p), -INF, x)


@dataclass(frozen=True)
class Sampler:
    """Transforms applied from left to right, then a draw: ``Sampler((Temperature(0.7), TopP(0.9)))``.

    The order is part of the sampler. ``Sampler()`` samples the model itself.
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
        """The scores after every transform; raises as :meth:`Transform.__call__` does."""
        check_scores("logits", logits)
        for transform in self.transforms:
            logits = transform(logits, generator)
        return logits

    def sample(self, logits: Scores, generator: torch.Generator) -> Int[Tensor, "*batch"]:
        """One token of every row: the first whose cumulative probability exceeds a uniform draw.

        Raises:
            ValueError: as in :meth:`Transform.__call__`.
        """
        x = self.transform(logits, generator)
        mass = (x - x.amax(-1, keepdim=True)).exp().cumsum(-1, dtype=torch.float64)
        u = (
            torch.rand(
                (*x.shape[:-1], 1), generator=generator, dtype=torch.float64, device=x.device
            )
            * mass[..., -1:]
        )
        # A token of probability zero does not move the sum, so it is never the first above u.
        return torch.searchsorted(mass, u, right=True).squeeze(-1)


def keep_first(x: Tensor, values: Tensor, n: Tensor) -> Tensor:
    """Keep the first n of every row as sorted downwards, of equals the smaller ids first.

    ``values`` holds the row's largest, downwards: n + 1 of them at least, or all.
    """
    after = values.gather(-1, n.clamp(max=values.shape[-1] - 1))
    last = values.gather(-1, n - 1)
    out = torch.where(x < last, -INF, x)
    ties = ((after == last) & (n < values.shape[-1]) & (last > -INF)).squeeze(-1)
    if bool(ties.any()):  # rare: the token after the last one kept is its equal
        equal = x[ties] == last[ties]
        room = n[ties] - (values[ties] > last[ties]).sum(-1, keepdim=True)
        out[ties] = out[ties].masked_fill(equal & (equal.cumsum(-1) > room), -INF)
    return out


def _descending(x: Tensor) -> Tensor:
    """Every row's values downwards; without their ids NumPy sorts several times faster than torch."""
    plain = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    return (
        torch.from_numpy(np.sort(x.detach().numpy(), -1)).flip(-1)
        if plain
        else x.sort(-1, descending=True).values
    )
