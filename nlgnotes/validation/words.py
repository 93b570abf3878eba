"""What an error says of a value."""

import numpy as np
from torch import Tensor

__all__ = [
    "describe",
    "shown",
]


def shown(value: object) -> str:
    """What an error says of a value: itself, or its size where that would fill the screen."""
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return describe(value)
    if isinstance(value, int) and value.bit_length() > 1023:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def describe(value: object) -> str:
    """What an error says of a tensor: its dtype and shape; of anything else: its type.

    >>> import torch
    >>> describe(torch.zeros(2, 3)), describe([1])
    ('torch.float32 of shape (2, 3)', 'list')
    """
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array, {value.dtype} of shape {value.shape}"
    return type(value).__name__
