"""Sinusoids: a family of regression tasks, and what is best to say about one of them."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import (
    check_count,
    check_finite,
    check_generator,
    check_interval,
    check_kind,
    describe,
)

__all__ = ["Points", "Sinusoids"]


class Points(NamedTuple):
    """Points of several functions.

    Args:
        x: ``[tasks, points, 1]``, between -5 and 5.
        y: the functions' values there, of the same shape.
    """

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Sinusoids:
    r"""The functions of one family of tasks, each of them a task.

    .. math:: f(x) = A \sin(x - \varphi), \quad A \sim U(\text{low}, \text{high}), \quad
        \varphi \sim U(0, \pi), \quad x \sim U(-5, 5),

    without noise. Finn, Abbeel, Levine 2017 (arXiv:1703.03400), section 5.1; the minus sign is
    that of their code. Taught in: book/in-context-learning.ipynb.

    Args:
        low, high: range of the amplitude, 0 < low < high.

    Raises:
        ValueError: an amplitude out of range.

    >>> round(Sinusoids().error_of_mean(), 3)
    3.006
    """

    low: float | int = 0.1
    high: float | int = 5.0

    def __post_init__(self) -> None:
        low = check_interval("low", self.low, 0, math.inf, closed="neither")
        high = check_interval("high", self.high, low, math.inf, closed="neither")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def draw(self, n: int, generator: torch.Generator) -> Float[Tensor, "tasks 2"]:
        """Amplitude and phase of ``n`` tasks.

        Raises:
            ValueError: ``n`` below 1, or no generator.
        """
        n = check_count("n", n)
        check_generator(generator)
        share = torch.rand(n, 2, generator=generator)
        return torch.stack(
            (self.low + (self.high - self.low) * share[:, 0], math.pi * share[:, 1]), 1
        )

    def values(
        self, tasks: Float[Tensor, "tasks 2"], x: Float[Tensor, "tasks points 1"]
    ) -> Float[Tensor, "tasks points 1"]:
        """What an oracle says that knows amplitude and phase: the functions themselves."""
        _check_tasks(tasks)
        _check_places("x", x, len(tasks))
        return tasks[:, :1, None] * torch.sin(x - tasks[:, 1:, None])

    def sample(
        self, tasks: Float[Tensor, "tasks 2"], points: int, generator: torch.Generator
    ) -> Points:
        """Points of each task at independent places.

        Raises:
            ValueError: ``points`` below 1, or no generator.
        """
        points = check_count("points", points)
        _check_tasks(tasks)
        check_generator(generator)
        x = 10 * torch.rand(len(tasks), points, 1, generator=generator) - 5
        return Points(x, self.values(tasks, x))

    def grid(self, tasks: Float[Tensor, "tasks 2"], points: int) -> Points:
        """Points of each task at the same even places: the middles of equal parts of [-5, 5].

        Raises:
            ValueError: ``points`` below 1.
        """
        points = check_count("points", points)
        _check_tasks(tasks)
        x = 10 * (torch.arange(points) + 0.5) / points - 5
        x = x[None, :, None].expand(len(tasks), points, 1)
        return Points(x, self.values(tasks, x))

    def mean(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        r"""The mean of all tasks, the best prediction before any example.

        .. math:: E f(x) = E A \cdot \frac1\pi \int_0^\pi \sin(x - \varphi)\, d\varphi
            = -\frac{\text{low} + \text{high}}{\pi} \cos x
        """
        check_finite("x", x)
        return -(self.low + self.high) / math.pi * torch.cos(x)

    def error_of_mean(self) -> float:
        r"""The mean squared error of :meth:`mean`: no prediction without examples has less.

        .. math:: E f(x)^2 - E[(E f)(x)^2] = \frac{E A^2}{2} -
            \frac{(\text{low} + \text{high})^2}{\pi^2}
            \left(\frac12 + \frac{\sin 10}{20}\right)
        """
        square = (self.low**2 + self.low * self.high + self.high**2) / 3
        cosine = 0.5 + math.sin(10) / 20
        return square / 2 - ((self.low + self.high) / math.pi) ** 2 * cosine

    def best_prediction(
        self, shown: Points, x: Float[Tensor, "tasks points 1"], cells: int = 20_000
    ) -> Float[Tensor, "tasks points 1"]:
        r"""The posterior mean at ``x``, the prediction with least squared error given ``shown``.

        *Two points or more* leave one function, where not all places differ by multiples of pi:
        f(x) = a sin x + b cos x has two unknowns, and least squares finds them. *One point* (u, v)
        leaves a curve of them, for each amplitude A from the size of v on the two phases with
        A sin(u - phase) = v that lie in (0, pi), or one or none of them. The posterior of A on each
        branch is proportional to ``1 / sqrt(A^2 - v^2)``; the mean is a sum over ``cells`` cells
        of equal probability in each.

        Args:
            shown: one point or more of each task.
            x: where to predict.
            cells: of the amplitude, only used with one point.

        Raises:
            ValueError: no point, or ``cells`` below 1; with one point a value that no task has
                there; with more, places that all differ by multiples of pi.
        """
        cells = check_count("cells", cells)
        check_kind("shown", shown, Points)
        check_finite("shown.x", shown.x)
        _check_places("shown.x", shown.x, len(shown.x) if shown.x.dim() else 0)
        check_finite("shown.y", shown.y, shown.x.shape)
        _check_places("x", x, len(shown.x))
        if shown.x.shape[1] < 1:
            raise ValueError("shown must hold at least 1 point of each task; got 0")
        u, v, places = shown.x.double(), shown.y.double(), x.double()
        if u.shape[1] > 1:
            if not bool((torch.sin(u - u[:, :1]).abs() > 1e-6).any(1).all()):
                raise ValueError("shown must hold places that do not differ by multiples of pi")
            waves = torch.cat((u.sin(), u.cos()), 2)
            found = torch.linalg.lstsq(waves, v).solution
            return (torch.cat((places.sin(), places.cos()), 2) @ found).to(x.dtype)
        # With A = |v| cosh w the posterior of w is uniform on both branches of the phase,
        # since dA / sqrt(A^2 - v^2) = dw. Instead of 0 the size stands close to it.
        size = v[..., 0].abs().clamp(min=1e-12 * self.low)
        low = torch.acosh((self.low / size).clamp(min=1))
        high = torch.acosh((self.high / size).clamp(min=1))
        even = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
        amplitudes = size * torch.cosh(low + (high - low) * even)
        angles = torch.asin((v[..., 0] / amplitudes).clamp(-1, 1))
        phases = torch.cat((u[..., 0] - angles, u[..., 0] - math.pi + angles), 1) % (2 * math.pi)
        amplitudes = torch.cat((amplitudes, amplitudes), 1)
        density = ((phases < math.pi) & (size <= self.high)).double()
        if not bool(density.any(1).all()):
            raise ValueError("shown must be points of the family's functions; one is of none")
        density = density / density.sum(1, keepdim=True)
        # A sin(x - phase) = A cos(phase) sin x - A sin(phase) cos x: two means say it for all x.
        weighted = density * amplitudes
        a = (weighted * phases.cos()).sum(1)[:, None, None]
        b = -(weighted * phases.sin()).sum(1)[:, None, None]
        return (a * places.sin() + b * places.cos()).to(x.dtype)


def _check_tasks(tasks: object) -> None:
    """Check that there is an amplitude and a phase of each task."""
    check_finite("tasks", tasks)
    if tasks.dim() != 2 or tasks.shape[1] != 2:
        raise ValueError(f"tasks must be [tasks, 2], amplitude and phase; got {describe(tasks)}")


def _check_places(name: str, x: object, tasks: int) -> None:
    """Check that there are points of as many tasks."""
    check_finite(name, x)
    if x.dim() != 3 or x.shape[0] != tasks or x.shape[2] != 1:
        raise ValueError(f"{name} must be [{tasks} tasks, points, 1]; got {describe(x)}")
