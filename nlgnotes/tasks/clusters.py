"""Clusters: points of several Gaussian clouds, each of which has a rule of its own."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_finite, check_generator, check_interval

__all__ = ["Clusters", "LabelledPoints"]


class LabelledPoints(NamedTuple):
    """Points, the class of each, and the cluster that it comes from.

    Args:
        x: ``[points, width]``.
        labels, clusters: ``[points]``.
    """

    x: Float[Tensor, "points width"]
    labels: Int[Tensor, " points"]
    clusters: Int[Tensor, " points"]


@dataclass(frozen=True, eq=False)
class Clusters:
    r"""A task for which experts are the natural thing: what to do depends on where one is.

    A point is :math:`x = m + \mu_c + z` with a cluster *c*, its centre :math:`\mu_c` and normal
    *z*. Its class is :math:`\arg\max z R_c`: each cluster has linear rules of its own. The centres
    have mean zero over the points, so the *common mean* of all points is *m*, which says nothing
    about the class. Taught in: book/mixture-of-experts.ipynb.

    Args:
        centres: :math:`\mu`, ``[clusters, width]``.
        rules: R, ``[clusters, width, classes]``.
        shares: of the points that each cluster has, ``[clusters]``.
        common: m, ``[width]``.
    """

    centres: Float[Tensor, "clusters width"]
    rules: Float[Tensor, "clusters width classes"]
    shares: Float[Tensor, " clusters"]
    common: Float[Tensor, " width"]

    def __post_init__(self) -> None:
        for name in ("centres", "rules", "shares", "common"):
            check_finite(name, getattr(self, name))

    @classmethod
    def draw(
        cls,
        generator: torch.Generator,
        *,
        clusters: int = 32,
        width: int = 16,
        classes: int = 10,
        distance: float = 2.0,
        common: float = 0.0,
        zipf: float = 0.0,
    ) -> "Clusters":
        """A random task.

        Args:
            generator: where centres, rules and the direction of the common mean come from; the
                same ones for every ``common``.
            clusters, width, classes: how many.
            distance: standard deviation of a centre's coordinates, before their mean is taken
                away; that of *z* is 1.
            common: length of the common mean, at least 0.
            zipf: cluster r has a share proportional to ``r ** -zipf``; 0 makes them equal.

        Raises:
            ValueError: a count below 1, a negative number, or no generator.
        """
        clusters, width, classes = (
            check_count(name, value)
            for name, value in (("clusters", clusters), ("width", width), ("classes", classes))
        )
        check_generator(generator)
        distance, common, zipf = (
            float(check_interval(name, value, 0, math.inf, closed="left"))
            for name, value in (("distance", distance), ("common", common), ("zipf", zipf))
        )
        shares = torch.arange(1.0, clusters + 1) ** -zipf
        shares = shares / shares.sum()
        centres = distance * torch.randn(clusters, width, generator=generator)
        rules = torch.randn(clusters, width, classes, generator=generator)
        direction = torch.randn(width, generator=generator)
        centres = centres - shares @ centres
        return cls(centres, rules, shares, common * direction / direction.norm())

    def sample(self, n: int, generator: torch.Generator) -> LabelledPoints:
        """``n`` points with their classes and clusters.

        Raises:
            ValueError: ``n`` below 1, or no generator.

        >>> task = Clusters.draw(torch.Generator().manual_seed(0), clusters=3, width=2, classes=4)
        >>> task.sample(5, torch.Generator()).x.shape
        torch.Size([5, 2])
        """
        n = check_count("n", n)
        check_generator(generator)
        clusters = torch.multinomial(self.shares, n, replacement=True, generator=generator)
        z = torch.randn(n, self.centres.shape[1], generator=generator)
        labels = torch.einsum("nw,nwc->nc", z, self.rules[clusters]).argmax(-1)
        return LabelledPoints(self.common + self.centres[clusters] + z, labels, clusters)
