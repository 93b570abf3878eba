"""Precision: sums and means of half-precision numbers are taken in float32."""

import torch
from torch import Tensor

from nlgnotes.validation import describe

__all__ = ["at_least_float32"]


def at_least_float32(x: Tensor) -> Tensor:
    """A tensor in float32 if it is in half precision or of integers, else as it is.

    In float16 a sum stops growing where the next term is below half a unit in its last place (a
    uniform distribution over 70,000 tokens never reaches 1), and at 65,504 it becomes infinite.

    >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    if not isinstance(x, Tensor) or (x.dtype.itemsize < 2 and x.is_floating_point()):
        raise ValueError(f"x must be a tensor that torch can compute with; got {describe(x)}")
    return x.to(torch.promote_types(x.dtype, torch.float32))
