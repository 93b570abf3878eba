"""The base of the networks: sizes that become JSON and come back, and initial weights."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import nn

from nlgnotes.validation import (
    check_count,
    check_generator,
    check_interval,
    check_keys,
    check_positive,
)

__all__ = ["Config", "normal_matrix"]

# The tables of rotary positions stand in no file of weights: the config alone makes them large.
LARGEST_TABLE = 2**24


class Config:
    """A base for frozen dataclasses of sizes: to JSON and strictly back, as checkpoints need it.

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
    def from_dict(cls, values: Any) -> "Config":
        """The inverse of :meth:`to_dict`, strict.

        Raises:
            ValueError: no mapping, an unknown or a missing key, or a value out of range.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"config must be a mapping of sizes; got {type(values).__name__}")
        check_keys("config", values, (f.name for f in fields(cls)))
        return cls(**values)

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The names and shapes of a model's weights, from its sizes alone.

        A file of weights is compared with them before a model of those sizes is built.
        """
        raise NotImplementedError

    def _check_counts(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            check_count(name, value)
            # NumPy's integers count too, but JSON does not know them.
            object.__setattr__(self, name, int(value))

    def _check_heads(self) -> None:
        # As a plain number: a NumPy array of one could not be written as JSON.
        object.__setattr__(self, "rope_base", check_positive("rope_base", self.rope_base))
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of 2 * heads = {2 * self.heads}; got {self.width}"
            )
        size = self.width // self.heads
        if self.context * size > LARGEST_TABLE:
            raise ValueError(
                f"context must be at most {LARGEST_TABLE // size} with heads of width {size}; "
                f"got {self.context}"
            )


def normal_matrix(rows: int, columns: int, std: float, generator: torch.Generator) -> nn.Parameter:
    """A matrix of initial weights, [rows, columns], independent normal with deviation ``std``.

    Raises:
        ValueError: a count below 1, a deviation below 0 or infinite, or ``generator`` is no
            ``torch.Generator``.
    """
    check_generator(generator)
    rows, columns = check_count("rows", rows), check_count("columns", columns)
    std = float(check_interval("std", std, 0, math.inf, closed="left"))
    return nn.Parameter(torch.empty(rows, columns).normal_(0.0, std, generator=generator))
