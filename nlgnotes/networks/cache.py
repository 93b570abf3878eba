"""The cache of keys and values: what a decoder remembers of the tokens it has read."""

import weakref
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.networks.inputs import check_row_index
from nlgnotes.validation import check_count, check_counts, check_kind

__all__ = ["Cache"]

# How many positions stand together where there are many rows, and how many rows those are. Fewer
# rows fit the processor's own memory, where it matters little how they lie. (Measured: with 32 rows
# and 256 positions a step takes two thirds of the time, with 8 rows a little more.)
BLOCK, MANY_ROWS = 32, 16


@dataclass(frozen=True, eq=False)
class Cache:
    """The keys and values of the ``length`` tokens read so far, in buffers for ``capacity`` tokens.

    A cache is a value: it describes its own tokens for as long as it lives. A step writes behind
    them and returns a longer cache over the same buffers. Where another continuation has been
    written there before, the step copies the buffers first, so that one prefix can be continued
    again and again and every branch stays right. Taught in: book/architectures.ipynb.

    The buffers can stand in blocks of positions, a whole batch in each. Where one head's part of a
    block ends, the next head's begins, so that many rows are read from end to end; in one buffer of
    the whole capacity a reader jumps over all that is not written yet, and memory is slow at that.

    Args:
        buffers: keys, then values; zeros where nothing is written.
        capacity: how many tokens fit.
        length: how many positions are filled.
        owner: the model that they belong to; None for a cache that no model has made.
        prepared: what an owner that reads blocks keeps with its caches, such as its weights in
            another order.
        written: how far the buffers are written, shared by all the caches over them.
    """

    buffers: Float[Tensor, "two layers blocks batch heads positions width"]
    capacity: int
    length: int = 0
    owner: weakref.ref | None = field(default=None, repr=False)
    prepared: Any = field(default=None, repr=False)
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
        prepared: Any = None,
    ) -> "Cache":
        """Buffers with nothing in them: for many rows of an owner that reads blocks, in blocks.

        Raises:
            ValueError: a count below 1.
        """
        check_counts(layers=layers, batch=batch, heads=heads, capacity=capacity, width=width)
        check_kind("dtype", dtype, torch.dtype)
        block = capacity if prepared is None else _block(batch, capacity)
        blocks = -(-capacity // block)
        buffers = torch.zeros(2, layers, blocks, batch, heads, block, width, dtype=dtype)
        owner = None if owner is None else weakref.ref(owner)
        return cls(buffers, int(capacity), owner=owner, prepared=prepared)

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.buffers.shape[3]

    @property
    def block(self) -> int:
        """How many positions stand together."""
        return self.buffers.shape[5]

    @property
    def dtype(self) -> torch.dtype:
        """Of the buffers."""
        return self.buffers.dtype

    @property
    def keys(self) -> Float[Tensor, "layers batch heads time width"]:
        """The keys of all the tokens read so far."""
        return self._in_order(self.buffers[0])

    @property
    def values(self) -> Float[Tensor, "layers batch heads time width"]:
        """The values of all the tokens read so far."""
        return self._in_order(self.buffers[1])

    def advance(self, time: int) -> "Cache":
        """The cache of ``time`` more tokens, which the caller then writes layer by layer.

        Raises:
            ValueError: ``time`` below 1, or they do not fit.
        """
        time = check_count("time", time)
        end = self.length + time
        if end > self.capacity:
            raise ValueError(
                f"tokens must fit the cache's capacity of {self.capacity}; "
                f"got {time} after {self.length}"
            )
        buffers, written = self.buffers, self.written
        # Buffers that are written past this cache hold another continuation, which somebody may
        # still go on with. (Those of inference mode cannot be written to outside of it at all.)
        frozen = buffers.is_inference() and not torch.is_inference_mode_enabled()
        if written[0] != self.length or frozen:
            buffers, written = buffers.clone(), [self.length]
        written[0] = end
        return Cache(buffers, self.capacity, end, self.owner, self.prepared, written)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put one layer's newest tokens in their place, the last of the cache's positions.

        Args:
            layer: which one.
            keys, values: of the tokens that :meth:`advance` made place for,
                ``[batch, heads, time, width]``.

        Returns:
            All keys and values of that layer so far.
        """
        time, block = keys.shape[2], self.block
        start = self.length - time
        for first in range(start - start % block, self.length, block):
            low, high = max(first, start), min(first + block, self.length)
            place, part = slice(low - first, high - first), slice(low - start, high - start)
            for buffer, new in zip(self.buffers[:, layer], (keys, values), strict=True):
                buffer[first // block, :, :, place] = new[:, :, part]
        if not start:
            return keys, values
        return self._in_order(self.buffers[0, layer]), self._in_order(self.buffers[1, layer])

    def rows(self, index: Int[Tensor, " chosen"]) -> "Cache":
        """A copy of the given rows, in that order (repeated rows too): for beams.

        Raises:
            ValueError: a row that is not there.
        """
        check_row_index(index, self.batch)
        block = self.block if self.prepared is None else _block(len(index), self.capacity)
        if block == self.block:
            buffers = self.buffers[:, :, :, index]
            return Cache(buffers, self.capacity, self.length, self.owner, self.prepared)
        _, layers, _, _, heads, _, width = self.buffers.shape
        rows = Cache.empty(
            *(layers, len(index), heads, self.capacity, width, self.dtype), prepared=self.prepared
        )
        after = replace(rows, length=self.length, owner=self.owner, written=None)
        for layer in range(layers):
            after.write(layer, self.keys[layer][index], self.values[layer][index])
        return after

    def _in_order(self, buffer: Tensor) -> Tensor:
        """The filled positions of ``[..., blocks, batch, heads, positions, width]``, in a row."""
        return buffer.movedim(-5, -3).flatten(-3, -2)[..., : self.length, :]


def _block(batch: int, capacity: int) -> int:
    """How many positions stand together."""
    return min(BLOCK, capacity) if batch >= MANY_ROWS else capacity
