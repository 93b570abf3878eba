"""Small valid arguments that the calls of several floors share."""

from typing import NamedTuple

import torch
from torch import Tensor


class Fixed(NamedTuple):
    """An argument that is written in the code of a caller, and is not tried."""

    value: object


class Work(NamedTuple):
    """A number of steps, draws or units: millions of them are no fault but take their time."""

    value: int


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def logs(*shape: int, seed: int = 1) -> Tensor:
    """Logarithms of distributions over the last axis."""
    return normal(*shape, seed=seed).log_softmax(-1)


def shares(*shape: int, seed: int = 2) -> Tensor:
    """Distributions over the last axis."""
    return normal(*shape, seed=seed).softmax(-1)


def chance(seed: int = 0) -> torch.Generator:
    """A generator in a known state."""
    return torch.Generator().manual_seed(seed)


LOGITS = normal(2, 5)
TOKENS = torch.tensor([[1, 2, 1, 2, 3, 0], [4, 4, 4, 4, 0, 0]])
LENGTHS = torch.tensor([6, 5])
MASK = torch.tensor([[True, True, True], [True, False, False]])
