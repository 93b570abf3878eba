"""The base of the networks: sizes that become JSON and come back, and initial weights."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import nn

from nlgnotes.validation import check_keys

__all__ = ["Config", "normal_matrix"]


class Config:
    """A base for frozen dataclasses of sizes. ``checkpoints`` writes and reads them by these two methods.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Sizes(Config):
    ...     width: int
    >>> Sizes(8).to_dict(), Sizes.from_dict({"width": 8})
    ({'width': 8}, Sizes(width=8))
    """

    def to_dict(self) -> dict[str, Any]:
        """The sizes by name, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """The inverse of :meth:`to_dict`, strict.

        Raises:
            ValueError: an unknown or a missing key, or a value out of range.
        """
        check_keys("config", values, (f.name for f in fields(cls)))
        return cls(**values)


def normal_matrix(rows: int, columns: int, std: float, generator: torch.Generator) -> nn.Parameter:
    """A matrix of initial weights, [rows, columns], independent normal with deviation ``std``."""
    return nn.Parameter(torch.empty(rows, columns).normal_(0.0, std, generator=generator))
