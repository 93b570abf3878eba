"""Checks of tensors of scores, of other numbers, and of masks."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nlgnotes.validation.words import describe

__all__ = [
    "FLOATS",
    "check_finite",
    "check_floats",
    "check_log_probs",
    "check_mask",
    "check_scores",
]

# torch can store numbers of eight bits but not compute with them.
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_scores(name: str, scores: object) -> Tensor:
    """Check that every row can be a distribution, and return the maximum of each.

    A row must hold no NaN, no +inf and one finite entry.

    Raises:
        ValueError: no tensor of floating point, no row of at least one entry, or an ill row.
    """
    check_floats(name, scores)
    if scores.dim() == 0 or scores.numel() == 0:
        raise ValueError(
            f"{name} must hold at least one row of at least one score; "
            f"got shape {tuple(scores.shape)}"
        )
    # One pass answers all three: the largest entry of a row is NaN, +inf or -inf exactly when the
    # row is ill.
    top = scores.detach().amax(-1)
    # The sum, if finite, says that all maxima are; of large ones it may overflow.
    if math.isfinite(float(top.sum())) or bool(torch.isfinite(top).all()):
        return top
    if bool(torch.isnan(top).any()):
        raise ValueError(f"{name} must not hold NaN; {int(torch.isnan(top).sum())} row(s) do")
    if bool((top == math.inf).any()):
        raise ValueError(f"{name} must not hold +inf; {int((top == math.inf).sum())} row(s) do")
    raise ValueError(
        f"{name} must have a finite entry in every row; "
        f"{int((top == -math.inf).sum())} row(s) are all -inf"
    )


def check_log_probs(name: str, log_probs: object) -> None:
    """Check that a tensor can hold logarithms of probabilities; -inf is that of 0.

    Raises:
        ValueError: no tensor of floating point, no entry, or one that is NaN or +inf.
    """
    check_floats(name, log_probs)
    if not log_probs.numel():
        raise ValueError(f"{name} must hold at least 1 log-probability; got 0")
    top = float(log_probs.detach().amax())
    if math.isnan(top) or top == math.inf:
        raise ValueError(f"{name} must hold log-probabilities, no NaN or +inf; got {top:g}")


def check_mask(name: str, mask: object, shape: Sequence[int] | None = None) -> None:
    """Check that a mask is boolean and, where it is asked for, has the shape of what it masks.

    Zeros and ones of another type are refused, not converted: torch's attention adds a float mask
    to the scores, and ``~`` of 0 and 1 is -1 and -2, so both true.

    Raises:
        ValueError: no tensor of booleans, or another shape.
    """
    boolean = isinstance(mask, Tensor) and mask.dtype == torch.bool
    if not boolean or (shape is not None and mask.shape != torch.Size(shape)):
        wanted = "" if shape is None else f" of shape {tuple(shape)}"
        raise ValueError(f"{name} must be a boolean tensor{wanted}; got {describe(mask)}")


def check_floats(name: str, value: object, shape: Sequence[int] | None = None) -> None:
    """Check that a tensor is of floating point and, where it is asked for, has a shape.

    Raises:
        ValueError: no tensor, a type that torch cannot compute with, or another shape.
    """
    if not isinstance(value, Tensor) or value.dtype not in FLOATS:
        kind = value.dtype if isinstance(value, Tensor) else describe(value)
        raise ValueError(f"{name} must be a floating-point tensor; got {kind}")
    if shape is not None and value.shape != torch.Size(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}; got {describe(value)}")


def check_finite(name: str, value: object, shape: Sequence[int] | None = None) -> None:
    """Check that a tensor is of floating point, has a shape, and holds no NaN and no infinity.

    Raises:
        ValueError: as :func:`check_floats`, or a number that is not finite.
    """
    check_floats(name, value, shape)
    if not bool(value.isfinite().all()):
        raise ValueError(f"{name} must be finite; {int((~value.isfinite()).sum())} are not")
