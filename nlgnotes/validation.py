"""The clear errors: every message gives the argument, the rule and the value."""

import math
from collections.abc import Iterable, Mapping
from numbers import Real

import torch
from torch import Tensor

__all__ = [
    "check_continuation",
    "check_count",
    "check_counts",
    "check_interval",
    "check_keys",
    "check_positive",
    "check_scores",
    "check_tokens",
]


def check_count(name: str, value: object, low: int = 1) -> None:
    """Raise ``ValueError`` unless ``value`` is an integer of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"{name} must be an integer of at least {low}; got {value!r}")


def check_counts(**counts: object) -> None:
    """:func:`check_count`, at least 1, for several arguments by their names."""
    for name, value in counts.items():
        check_count(name, value)


def check_positive(name: str, value: object) -> None:
    """Raise ``ValueError`` unless ``value`` is a finite number above zero."""
    if not _number(value) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a finite number above 0; got {value!r}")


def check_interval(
    name: str, value: object, low: float | int, high: float | int, *, closed: str = "both"
) -> None:
    """Raise ``ValueError`` unless ``value`` lies between ``low`` and ``high``.

    Args:
        name: the argument, as its caller wrote it.
        value: what was given.
        low, high: the ends of the interval.
        closed: which ends belong to it: ``"both"``, ``"left"``, ``"right"`` or ``"neither"``.
    """
    left, right = closed in ("both", "left"), closed in ("both", "right")
    inside = (
        _number(value)
        and (value >= low if left else value > low)
        and (value <= high if right else value < high)
    )
    if not inside:
        raise ValueError(
            f"{name} must lie in {'[' if left else '('}{low:g}, {high:g}{']' if right else ')'}; got {value!r}"
        )


def check_keys(name: str, values: Mapping[str, object], known: Iterable[str]) -> None:
    """Raise ``ValueError`` unless a mapping holds exactly the ``known`` keys."""
    wanted = set(known)
    if values.keys() != wanted:
        strange, missing = sorted(values.keys() - wanted), sorted(wanted - values.keys())
        raise ValueError(
            f"{name} must hold the keys {sorted(wanted)}; got unknown {strange}, missing {missing}"
        )


def check_scores(name: str, scores: object) -> None:
    """Raise ``ValueError`` unless every row can be a distribution: no NaN, no +inf, one finite entry."""
    if not isinstance(scores, Tensor) or not scores.is_floating_point():
        raise ValueError(
            f"{name} must be a floating-point tensor; got {getattr(scores, 'dtype', type(scores).__name__)}"
        )
    if scores.dim() == 0 or scores.numel() == 0:
        raise ValueError(
            f"{name} must hold at least one row of at least one score; got shape {tuple(scores.shape)}"
        )
    # One pass answers all three: the largest entry of a row is NaN, +inf or -inf exactly when the row is ill.
    top = scores.amax(-1)
    if bool(torch.isfinite(top).all()):
        return
    if bool(torch.isnan(top).any()):
        raise ValueError(
            f"{name} must not hold NaN; {int(torch.isnan(scores).any(-1).sum())} row(s) do"
        )
    if bool((top == math.inf).any()):
        raise ValueError(f"{name} must not hold +inf; {int((top == math.inf).sum())} row(s) do")
    raise ValueError(
        f"{name} must have a finite entry in every row; {int((top == -math.inf).sum())} row(s) are all -inf"
    )


def check_tokens(name: str, tokens: object, vocab_size: int, *, empty: bool = False) -> None:
    """Raise ``ValueError`` unless ``tokens`` is a [batch, time] tensor of ids below ``vocab_size``.

    Args:
        name: the argument, as its caller wrote it.
        tokens: what was given.
        vocab_size: ids run from 0 to ``vocab_size - 1``.
        empty: whether a time of zero is allowed (a batch of zero never is).
    """
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.long or tokens.dim() != 2:
        shape = tuple(tokens.shape) if isinstance(tokens, Tensor) else type(tokens).__name__
        raise ValueError(f"{name} must be an int64 tensor of shape [batch, time]; got {shape}")
    if tokens.shape[0] == 0 or (tokens.shape[1] == 0 and not empty):
        raise ValueError(f"{name} must not be empty; got shape {tuple(tokens.shape)}")
    if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= vocab_size):
        raise ValueError(
            f"{name} must hold ids in [0, {vocab_size}); got {int(tokens.min())} to {int(tokens.max())}"
        )


def check_continuation(
    prompt: object, max_new_tokens: object, stop_token: object, *, vocab_size: int, context: int
) -> None:
    """Raise ``ValueError`` unless a model of that vocabulary and context can write so many tokens after the prompt.

    Args:
        prompt: rows of equal length, as for :func:`check_tokens`.
        max_new_tokens: at least 1; the last of them is written and never read.
        stop_token: an id, or None.
        vocab_size, context: the model's.
    """
    check_tokens("prompt", prompt, vocab_size)
    check_count("max_new_tokens", max_new_tokens)
    if stop_token is not None:
        check_count("stop_token", stop_token, 0)
        if stop_token >= vocab_size:
            raise ValueError(f"stop_token must lie in [0, {vocab_size}); got {stop_token}")
    time = prompt.shape[1]
    if time + max_new_tokens - 1 > context:
        raise ValueError(
            f"prompt and new tokens must fit the context of {context}; got {time} + {max_new_tokens} (the last is not read)"
        )


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
