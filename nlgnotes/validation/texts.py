"""Checks of ids, of texts as ids, and of the prompts of a generation."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from nlgnotes.validation.numbers import check_count
from nlgnotes.validation.words import describe, shown

__all__ = [
    "check_continuation",
    "check_id_lists",
    "check_ids",
    "check_lengths",
    "check_tokens",
    "is_int64",
]

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def is_int64(value: object) -> bool:
    """Whether a value is a tensor of int64, which is what ids and lengths are stored in."""
    return isinstance(value, Tensor) and value.dtype == torch.long


def check_id_lists(name: str, lists: object) -> list[list[int]]:
    """Check that something holds rows of integers of 64 bits, and return it as lists of ints.

    A row is a list, a tensor, an array or whatever gives one integer after another.

    Raises:
        ValueError: no rows, or one that holds something else: 1.5 is not cut to 1.
    """
    if isinstance(lists, str | bytes) or not isinstance(lists, Iterable):
        raise ValueError(f"{name} must hold lists of integers; got {shown(lists)}")
    return [_id_list(name, ids) for ids in lists]


def _id_list(name: str, ids: object) -> list[int]:
    try:
        ids = list(ids)
        row = torch.zeros(0, 0) if any(isinstance(i, bool) for i in ids) else torch.tensor(ids)
    except (TypeError, ValueError, RuntimeError):
        row = torch.zeros(0, 0)
    # torch would cut 1.5 to 1 without a word; a list of nothing has floating point for a dtype.
    whole = row.dtype in WHOLE or not row.numel()
    if row.dim() != 1 or not whole:
        raise ValueError(f"{name} must hold lists of integers; got {shown(ids)}")
    return row.tolist()


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
