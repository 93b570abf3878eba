"""What the networks check of their inputs: ids, masks, and whose cache it is."""

import weakref
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import check_count, check_tokens, describe

__all__ = [
    "check_capacity",
    "check_hidden",
    "check_owner",
    "check_row_index",
    "check_step",
    "embed",
]


def embed(
    tokens: Tensor, embedding: Float[Tensor, "vocab width"], dtype: torch.dtype | None = None
) -> Tensor:
    """The rows of the embedding for some ids.

    Args:
        tokens: the ids.
        embedding: one row for each id.
        dtype: of the cache that the tokens go into; None where there is none.

    Raises:
        ValueError: an id outside the vocabulary, or a cache of another dtype than the embedding's.
    """
    try:
        x = F.embedding(tokens, embedding)
    except (IndexError, RuntimeError, TypeError):
        # The look-up tests every id anyway, so a step need not test them a second time.
        check_tokens("tokens", tokens, len(embedding))
        raise
    if dtype is not None and dtype != x.dtype:
        raise ValueError(f"cache must be of the model's dtype {x.dtype}; got {dtype}")
    return x


def check_hidden(name: str, x: object, width: int, like: Tensor, rank: int | None = None) -> None:
    """Raise ``ValueError`` unless ``x`` is [..., width], of some rank, in the type of the weights.

    Its numbers are not looked at: a network answers NaN with NaN, and what reads its answers,
    ``generate`` and the losses, refuses it.
    """
    fits = isinstance(x, Tensor) and x.dtype == like.dtype and x.dim() and x.shape[-1] == width
    if not fits or (rank is not None and x.dim() != rank):
        axes = "..." if rank is None else f"{rank - 1} more"
        raise ValueError(
            f"{name} must be {like.dtype} of shape [{axes}, {width}]; got {describe(x)}"
        )


def check_step(tokens: object, batch: int) -> None:
    """Raise ``ValueError`` unless ``tokens`` is int64 ``[batch, time]``, with time at least 1."""
    if isinstance(tokens, Tensor) and tokens.dtype == torch.long and tokens.dim() == 2:
        rows, time = tokens.shape
        if rows == batch and time:
            return
    kind = (
        f"{tokens.dtype} of shape {tuple(tokens.shape)}" if isinstance(tokens, Tensor) else tokens
    )
    raise ValueError(
        f"tokens must be int64 of shape [{batch}, time] like the cache, time at least 1; got {kind}"
    )


def check_capacity(capacity: int | None, context: int) -> int:
    """How many tokens a new cache is for: ``capacity``, or the model's context when None.

    Raises:
        ValueError: a capacity below 1 or above the context.
    """
    if capacity is None:
        return context
    capacity = check_count("capacity", capacity)
    if capacity > context:
        raise ValueError(
            f"capacity must not exceed the model's context of {context}; got {capacity}"
        )
    return capacity


def check_owner(cache: Any, kind: type, model: object) -> None:
    """Raise ``ValueError`` unless ``cache`` is of this kind and from this very model.

    Another model's cache of the same sizes would be read without a complaint, and mean nothing.
    """
    if not isinstance(cache, kind):
        raise ValueError(
            f"cache must be a {kind.__name__} from the model's empty_cache; "
            f"got {type(cache).__name__}"
        )
    owner: weakref.ref | None = cache.owner
    if owner is None or owner() is not model:
        raise ValueError("cache must come from this model's empty_cache; got another model's")


def check_row_index(index: object, batch: int) -> None:
    """Raise ``ValueError`` unless ``index`` is a tensor of row numbers below ``batch``."""
    if not isinstance(index, Tensor) or index.dtype != torch.long or index.dim() != 1:
        kind = index.dtype if isinstance(index, Tensor) else type(index).__name__
        raise ValueError(f"index must be an int64 tensor of shape [rows]; got {kind}")
    if not len(index) or int(index.min()) < 0 or int(index.max()) >= batch:
        span = f"{int(index.min())} to {int(index.max())}" if len(index) else "none"
        raise ValueError(f"index must hold rows in [0, {batch}); got {span}")
