"""A small perceptron whose weights are an argument, so that each task can have its own."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.networks.inputs import check_hidden
from nlgnotes.validation import check_count, check_floats, check_generator, describe, shown

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
        ValueError: an odd number of weights, or none, or layers and inputs that do not fit.
    """
    if not isinstance(weights, Sequence) or isinstance(weights, str | bytes):
        raise ValueError(f"weights must be a sequence of tensors; got {shown(weights)}")
    if len(weights) < 2 or len(weights) % 2:
        raise ValueError(f"weights must be pairs of W and b; got {len(weights)}")
    _check_layers(weights, x)
    for i in range(0, len(weights), 2):
        x = (x.relu() if i else x) @ weights[i] + weights[i + 1]
    return x


def _check_layers(weights: Sequence[Tensor], x: object) -> None:
    """That each layer has one type with the one before it, and takes what that one gives."""
    width = getattr(x, "shape", (0,))[-1:]
    for i, (w, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        for name, each in ((f"weights[{2 * i}]", w), (f"weights[{2 * i + 1}]", b)):
            check_floats(name, each)
            if each.dim() < 2:
                raise ValueError(f"{name} must have two axes or more; got {describe(each)}")
        if i == 0:
            check_hidden("x", x, w.shape[-2], w)
        fits = w.dtype == b.dtype == x.dtype and (w.shape[-2],) == tuple(width)
        if not fits or b.shape != (*w.shape[:-2], 1, w.shape[-1]) or not _broadcast(w, x):
            raise ValueError(
                f"weights must be layers that fit in type and shape; "
                f"got {describe(w)} and {describe(b)} for {tuple(width)} numbers of {x.dtype}"
            )
        width = w.shape[-1:]


def _broadcast(w: Tensor, x: Tensor) -> bool:
    """Whether weights of each task's own are as many as there are tasks."""
    return w.dim() == 2 or w.shape[:-2] == x.shape[:-2]


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
        if not isinstance(sizes, Sequence) or len(sizes) < 2:
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
