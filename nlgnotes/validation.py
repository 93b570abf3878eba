"""Checks of arguments: every error gives the argument, the rule and the value.

``name`` is the argument as its caller wrote it. The checks of one number return it as a plain
Python number, so that NumPy's scalars and tensors of no dimension are taken wherever a number is
asked for: ``k = check_count("k", k)``. Booleans and longer arrays are no numbers.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "check_continuation",
    "check_count",
    "check_counts",
    "check_generator",
    "check_ids",
    "check_interval",
    "check_keys",
    "check_lengths",
    "check_log_probs",
    "check_mask",
    "check_positive",
    "check_scores",
    "check_tokens",
    "describe",
    "is_int64",
]

# torch can store numbers of eight bits but not compute with them.
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_count(name: str, value: object, low: int = 1, high: int | None = None) -> int:
    """Check that a value is an integer of at least ``low``, and return it as an int.

    Raises:
        ValueError: the value is no integer (2.0 is none), below ``low`` or above ``high``.

    >>> check_count("k", torch.tensor(3))
    3
    """
    number = _plain(value)
    if not isinstance(number, int) or number < low or (high is not None and number > high):
        rule = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be an integer {rule}; got {_shown(value)}")
    return number


def check_counts(**counts: object) -> None:
    """Check that several arguments are integers of at least 1, else raise ``ValueError``."""
    for name, value in counts.items():
        check_count(name, value)


def check_positive(name: str, value: object) -> float | int:
    """Check that a value is a finite number above zero, and return it as an int or float.

    Raises:
        ValueError: the value is no number, not finite, or not above zero.
    """
    number = _plain(value)
    if number is None or not math.isfinite(number) or number <= 0:
        raise ValueError(f"{name} must be a finite number above 0; got {_shown(value)}")
    return _small(number)


def check_interval(
    name: str, value: object, low: float | int, high: float | int, *, closed: str = "both"
) -> float | int:
    """Check that a value lies between ``low`` and ``high``, and return it as an int or float.

    ``closed`` says which ends belong to the interval: ``"both"``, ``"left"``, ``"right"`` or
    ``"neither"``.

    Raises:
        ValueError: the value is no number or lies outside; NaN lies outside.
    """
    left, right = closed in ("both", "left"), closed in ("both", "right")
    number = _plain(value)
    inside = (
        number is not None
        and (number >= low if left else number > low)
        and (number <= high if right else number < high)
    )
    if not inside:
        ends = f"{'[' if left else '('}{low:g}, {high:g}{']' if right else ')'}"
        raise ValueError(f"{name} must lie in {ends}; got {_shown(value)}")
    return _small(number)


def _plain(value: object) -> float | int | None:
    """A number as Python's own int or float; None for what is no number, or no finite float."""
    if isinstance(value, Tensor | np.ndarray) and not value.ndim:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the floats would overflow in the next division
        return None
    return int(value) if isinstance(value, Integral) else number


def _small(number: float | int) -> float | int:
    """An integer beyond those of 64 bits, which torch cannot multiply with, as a float."""
    return number if abs(number) < 2**63 else float(number)


def _shown(value: object) -> str:
    """What an error says of a value: itself, or its size where that would fill the screen."""
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return describe(value)
    if isinstance(value, int) and value.bit_length() > 1023:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def describe(value: object) -> str:
    """What an error says of a tensor: its dtype and shape; of anything else: its type.

    >>> describe(torch.zeros(2, 3)), describe([1])
    ('torch.float32 of shape (2, 3)', 'list')
    """
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array, {value.dtype} of shape {value.shape}"
    return type(value).__name__


def is_int64(value: object) -> bool:
    """Whether a value is a tensor of int64, which is what ids and lengths are stored in."""
    return isinstance(value, Tensor) and value.dtype == torch.long


def check_generator(generator: object) -> None:
    """Check that chance comes from a generator and not, by default, from torch's global one.

    Raises:
        ValueError: ``generator`` is no ``torch.Generator``; None is none.
    """
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator; got {_shown(generator)}")


def check_scores(name: str, scores: object) -> Tensor:
    """Check that every row can be a distribution, and return the maximum of each.

    A row must hold no NaN, no +inf and one finite entry.

    Raises:
        ValueError: no tensor of floating point, no row of at least one entry, or an ill row.
    """
    _check_float(name, scores)
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
    _check_float(name, log_probs)
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


def check_ids(name: str, ids: object, shape: Sequence[int], vocab_size: int) -> None:
    """Check that a tensor of a given shape holds ids from 0 to ``vocab_size - 1``.

    Raises:
        ValueError: no int64 tensor, another shape, or an id outside the vocabulary.
    """
    if not is_int64(ids) or ids.shape != torch.Size(shape):
        raise ValueError(
            f"{name} must be an int64 tensor of shape {tuple(shape)}; got {describe(ids)}"
        )
    _check_vocabulary(name, ids, vocab_size)


def check_tokens(name: str, tokens: object, vocab_size: int, *, empty: bool = False) -> None:
    """Check that a [batch, time] tensor holds ids from 0 to ``vocab_size - 1``.

    ``empty`` allows a time of zero; a batch of zero is never allowed.

    Raises:
        ValueError: no int64 tensor of two dimensions, an empty one, or an id outside.
    """
    if not is_int64(tokens) or tokens.dim() != 2:
        raise ValueError(
            f"{name} must be an int64 tensor of shape [batch, time]; got {describe(tokens)}"
        )
    if tokens.shape[0] == 0 or (tokens.shape[1] == 0 and not empty):
        raise ValueError(f"{name} must not be empty; got shape {tuple(tokens.shape)}")
    _check_vocabulary(name, tokens, vocab_size)


def check_lengths(tokens: object, lengths: object) -> None:
    """Check that ``tokens`` [documents, time] and ``lengths`` [documents] are texts.

    Raises:
        ValueError: no tensors of integers, no text, another number of lengths than texts, or a
            length outside [0, time].
    """
    if not _is_integer(tokens) or tokens.dim() != 2 or tokens.shape[0] == 0:
        raise ValueError(
            "tokens must be an integer tensor of shape [documents, time] with at least one row; "
            f"got {describe(tokens)}"
        )
    if not _is_integer(lengths) or lengths.shape != tokens.shape[:1]:
        raise ValueError(
            f"lengths must be an integer tensor of {len(tokens)} lengths, one per text; "
            f"got {describe(lengths)}"
        )
    low, high = int(lengths.min()), int(lengths.max())
    if low < 0 or high > tokens.shape[1]:
        raise ValueError(f"lengths must lie in [0, {tokens.shape[1]}]; got {low} to {high}")


def check_continuation(
    prompt: object, max_new_tokens: object, stop_token: object, *, vocab_size: int, context: int
) -> tuple[int, int | None]:
    """Check that a model of that vocabulary and context can write so many tokens after the prompt.

    The last new token is written and never read. ``stop_token`` may be None.

    Returns:
        ``max_new_tokens`` and ``stop_token`` as ints.

    Raises:
        ValueError: an ill prompt, an id outside the vocabulary, a count below 1, or more tokens
            than the context holds.
    """
    check_tokens("prompt", prompt, vocab_size)
    many = check_count("max_new_tokens", max_new_tokens)
    stop = None if stop_token is None else check_count("stop_token", stop_token, 0)
    if stop is not None and stop >= vocab_size:
        raise ValueError(f"stop_token must lie in [0, {vocab_size}); got {stop}")
    time = prompt.shape[1]
    if time + many - 1 > context:
        raise ValueError(
            f"prompt and new tokens must fit the context of {context}; "
            f"got {time} + {many} (the last is not read)"
        )
    return many, stop


def _check_float(name: str, value: object) -> None:
    if not isinstance(value, Tensor) or value.dtype not in FLOATS:
        kind = value.dtype if isinstance(value, Tensor) else describe(value)
        raise ValueError(f"{name} must be a floating-point tensor; got {kind}")


def _check_vocabulary(name: str, ids: Tensor, vocab_size: int) -> None:
    if ids.numel():
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= vocab_size:
            raise ValueError(f"{name} must hold ids in [0, {vocab_size}); got {low} to {high}")


def _is_integer(value: object) -> bool:
    """Whether a value is a tensor of whole numbers; booleans are none."""
    if not isinstance(value, Tensor) or value.dtype == torch.bool:
        return False
    return not value.is_floating_point() and not value.is_complex()


def check_keys(name: str, values: Mapping[str, object], known: Iterable[str]) -> None:
    """Check that a mapping holds exactly the ``known`` keys, else raise ``ValueError``."""
    wanted = set(known)
    if values.keys() != wanted:
        # By their text: keys of several types have no order among themselves.
        strange = sorted(values.keys() - wanted, key=str)
        missing = sorted(wanted - values.keys())
        raise ValueError(
            f"{name} must hold the keys {sorted(wanted)}; got unknown {strange}, missing {missing}"
        )
