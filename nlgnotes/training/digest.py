"""A digest of a batch, by which a resumed run is told from one on other data."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["batch_digest"]


def batch_digest(value: Any) -> str:
    """The SHA-256 of a batch: tensors bit by bit, in tuples, lists, mappings and dataclasses.

    Raises:
        ValueError: a value that holds itself.

    >>> batch_digest((torch.tensor([1]), None)) == batch_digest((torch.tensor([1]), None))
    True
    >>> batch_digest(torch.tensor([1])) == batch_digest(torch.tensor([1.0]))
    False
    """
    digest = hashlib.sha256()
    try:
        _add(digest, value)
    except RecursionError:
        raise ValueError(f"a batch must not hold itself; got {type(value).__name__}") from None
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    """Feed a value to a hash."""
    if isinstance(value, Tensor):
        digest.update(f"tensor {value.dtype} {tuple(value.shape)} ".encode())
        plain = value.detach().cpu().contiguous().flatten()
        digest.update(plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
    elif isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype} {value.shape} ".encode() + value.tobytes())
    elif isinstance(value, Mapping):
        digest.update(f"mapping {len(value)} ".encode())
        # Sorted: a mapping that was written to a file and read again may come in another order.
        for key in sorted(value, key=repr):
            _add(digest, key)
            _add(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"row {len(value)} ".encode())
        for item in value:
            _add(digest, item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _add(digest, {f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    elif hasattr(value, "__dict__"):
        # An object of no known kind: by what it holds, for its repr may hold its address.
        _add(digest, (type(value).__name__, vars(value)))
    else:
        digest.update(f"{type(value).__name__} {value!r} ".encode())
