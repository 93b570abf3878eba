"""A small perceptron whose weights are an argument, so that each task can have its own."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.validation import check_count, check_generator

__all__ = ["MLP", "mlp"]


def mlp(weights: Sequence[Tensor], x: Float[Tensor, "*tasks points in"]) -> Tensor:
    r"""A perceptron with rectified hidden layers: :math:`h \mapsto \max(0, h W + b)`, then linear.

    Args:
        weights: W, b, W, b, …; W ``[in, out]`` and b ``[1, out]`` for all tasks, or ``[tasks, in,
            out]`` and ``[tasks, 1, out]`` with weights of each task's own.
        x: inputs of each task.

    Returns:
        ``[*tasks, points, out]``.

    Raises:
        ValueError: an odd number of weights, or none.
    """
    if len(weights) < 2 or len(weights) % 2:
        raise ValueError(f"weights must be pairs of W and b; got {len(weights)}")
    for i in range(0, len(weights), 2):
        x = (x.relu() if i else x) @ weights[i] + weights[i + 1]
    return x


class MLP(nn.Module):
    """The perceptron with one set of weights.

    Taught in: book/in-context-learning.ipynb.

    Args:
        sizes: of the layers, the input first.
        generator: where the initial weights are drawn from: uniform between
            -1 / sqrt(rows) and 1 / sqrt(rows), as in torch's ``nn.Linear``; the shifts b are 0.

    Raises:
        ValueError: fewer than two sizes, a size below 1, or no generator.

    >>> [tuple(w.shape) for w in MLP((1, 40, 1), torch.Generator()).weights]
    [(1, 40), (1, 40), (40, 1), (1, 1)]
    """

    def __init__(self, sizes: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        check_generator(generator)
        if len(sizes) < 2:
            raise ValueError(f"sizes must be at least an input and an output; got {sizes!r}")
        sizes = [check_count("sizes", size) for size in sizes]
        self.weights = nn.ParameterList()
        for rows, columns in itertools.pairwise(sizes):
            bound = rows**-0.5
            w = torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)
            self.weights.extend((nn.Parameter(w), nn.Parameter(torch.zeros(1, columns))))

    def forward(self, x: Float[Tensor, "*tasks points in"]) -> Tensor:
        """:func:`mlp` with the weights of this network."""
        return mlp(tuple(self.weights), x)
