"""The cache of keys and values: what a decoder remembers of the tokens it has read."""

import weakref
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.networks.inputs import check_row_index
from nlgnotes.validation import check_count, check_counts

__all__ = ["Cache"]


@dataclass(frozen=True, eq=False)
class Cache:
    """The keys and values of the ``length`` tokens read so far, in buffers for ``capacity`` tokens.

    A cache is a value: it describes its own tokens for as long as it lives. A step writes behind
    them and returns a longer cache over the same buffers. Where another continuation has been
    written there before, the step copies the buffers first, so that one prefix can be continued
    again and again and every branch stays right. Taught in: book/architectures.ipynb.

    Args:
        keys, values: the buffers.
        length: how many positions are filled.
        owner: the model that they belong to; None for a cache that no model has made.
        written: how far the buffers are written, shared by all the caches over them.
    """

    keys: Float[Tensor, "layers batch heads capacity width"]
    values: Float[Tensor, "layers batch heads capacity width"]
    length: int = 0
    owner: weakref.ref | None = field(default=None, repr=False)
    written: list[int] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.written is None:
            object.__setattr__(self, "written", [self.length])

    @classmethod
    def empty(
        cls,
        layers: int,
        batch: int,
        heads: int,
        capacity: int,
        width: int,
        dtype: torch.dtype = torch.float32,
        owner: object | None = None,
    ) -> "Cache":
        """Buffers with nothing in them.

        Raises:
            ValueError: a count below 1.
        """
        check_counts(layers=layers, batch=batch, heads=heads, capacity=capacity, width=width)
        shape = (2, layers, batch, heads, capacity, width)
        keys, values = torch.zeros(*shape, dtype=dtype)
        return cls(keys, values, owner=None if owner is None else weakref.ref(owner))

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.keys.shape[1]

    @property
    def capacity(self) -> int:
        """How many tokens fit."""
        return self.keys.shape[3]

    @property
    def dtype(self) -> torch.dtype:
        """Of the buffers."""
        return self.keys.dtype

    def advance(self, time: int) -> "Cache":
        """The cache of ``time`` more tokens, which the caller then writes layer by layer.

        Raises:
            ValueError: ``time`` below 1, or they do not fit.
        """
        check_count("time", time)
        end = self.length + time
        if end > self.capacity:
            raise ValueError(
                f"tokens must fit the cache's capacity of {self.capacity}; "
                f"got {time} after {self.length}"
            )
        keys, values, written = self.keys, self.values, self.written
        # Buffers that are written past this cache hold another continuation, which somebody may
        # still go on with. (Those of inference mode cannot be written to outside of it at all.)
        frozen = keys.is_inference() and not torch.is_inference_mode_enabled()
        if written[0] != self.length or frozen:
            keys, values, written = keys.clone(), values.clone(), [self.length]
        written[0] = end
        return Cache(keys, values, end, self.owner, written)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put one layer's newest tokens in their place, the last of the cache's positions.

        Args:
            layer: which one.
            keys, values: of the tokens that :meth:`advance` made place for,
                ``[batch, heads, time, width]``.

        Returns:
            All keys and values of that layer so far.
        """
        start = self.length - keys.shape[2]
        all_keys = self.keys[layer, :, :, : self.length]
        all_values = self.values[layer, :, :, : self.length]
        all_keys[:, :, start:] = keys
        all_values[:, :, start:] = values
        return all_keys, all_values

    def rows(self, index: Int[Tensor, " chosen"]) -> "Cache":
        """A copy of the given rows, in that order (repeated rows too): for beams.

        Raises:
            ValueError: a row that is not there.
        """
        check_row_index(index, self.batch)
        return Cache(self.keys[:, index], self.values[:, index], self.length, self.owner)
