"""Samples: numbers read as arrays of float64, and what can be wrong with them."""

from typing import SupportsFloat

import numpy as np
import torch

from nlgnotes.validation import check_interval, describe

__all__ = [
    "check_confidence",
    "check_finite",
    "read_numbers",
    "read_pairs",
    "read_sample",
    "zeros_and_ones",
]


def read_numbers(name: str, values) -> np.ndarray:
    """Values as an array of float64, from an array, a tensor of any precision, or lists.

    Raises ``ValueError`` for what is no real number.
    """
    # NumPy has no bfloat16, and reads no tensor that is part of a graph.
    if isinstance(values, torch.Tensor) and not values.is_complex():
        return values.detach().cpu().double().numpy()
    try:
        if not np.iscomplexobj(values):
            return np.asarray(values, dtype=float)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        pass
    raise ValueError(f"{name} must be real numbers; got {describe(values)}")


def read_sample(name: str, values) -> np.ndarray:
    """One finite number for each of at least two units, as an array; else ``ValueError``."""
    x = read_numbers(name, values)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"{name} must be one-dimensional, at least 2 numbers; got shape {x.shape}")
    check_finite(name, x)
    return x


def read_pairs(names: tuple[str, str], a, b) -> tuple[np.ndarray, np.ndarray]:
    """Two finite numbers for each of at least two units, as two arrays; else ``ValueError``."""
    x, y = (read_sample(name, values) for name, values in zip(names, (a, b), strict=True))
    if len(x) != len(y):
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same length; got {len(x)} and {len(y)}"
        )
    return x, y


def check_finite(name: str, x: np.ndarray) -> None:
    """Raise ``ValueError`` where a number is NaN or infinite."""
    if (ill := int((~np.isfinite(x)).sum())) > 0:
        raise ValueError(f"{name} must be finite; {ill} of {x.size} are not")


def check_confidence(confidence: SupportsFloat) -> float:
    """The coverage as a float in (0, 1); else ``ValueError``."""
    return float(check_interval("confidence", confidence, 0, 1, closed="neither"))


def zeros_and_ones(x: np.ndarray) -> bool:
    """Whether every value is 0 or 1, as those of yes-or-no questions are."""
    return bool(((x == 0) | (x == 1)).all())
