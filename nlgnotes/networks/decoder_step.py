"""One new position of a decoder, as fast as torch's calls allow.

The same numbers as :meth:`Block.forward <nlgnotes.networks.transformer.Block.forward>` gives for
the last position, which the tests compare. At one position the arithmetic of a small model is
little: what costs is each call, each new tensor, and reading the cache. So:

* queries and keys keep the two partners of each rotated pair next to each other, as one complex
  number. Turning them is then one product, for all heads at once; the values are multiplied by 1.
  Scores do not depend on the order of coordinates, as long as queries and keys share it. The rows
  of the projection are brought into that order once for each cache.
* the query's part of the projection is divided by the root of its width.
* the projection is written into a buffer whose views are made once; the stream is added to in
  place.
* positions that are not written yet are read too, and hidden by -inf, so that memory is read from
  end to end (:class:`Cache <nlgnotes.networks.cache.Cache>` says why).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import gelu

from nlgnotes.networks.cache import Cache

__all__ = ["StepWeights", "paired", "prepare_step", "read_one"]


@dataclass(frozen=True, eq=False)
class StepWeights:
    """A decoder's weights as :func:`read_one` takes them; they are those of when it was made.

    Args:
        blocks: of each layer: norm, projection, output, norm, up, down; matrices transposed.
        turns: for each position the factors of queries, keys and values, complex.
        hidden: as many zeros as a block has positions, then as many -inf.
        rooms: buffers and their views, by the number of rows and whether inference mode is on.
    """

    blocks: tuple[tuple[Tensor, ...], ...]
    turns: Tensor
    hidden: Tensor
    rooms: dict[tuple[int, bool], "_Room"] = field(default_factory=dict)


def paired(x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
    """Coordinates of two halves, ``(a_1 … a_n, b_1 … b_n)``, as pairs ``(a_1, b_1, … a_n, b_n)``.

    >>> paired(torch.arange(6.0))
    tensor([0., 3., 1., 4., 2., 5.])
    """
    return x.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)


def prepare_step(
    blocks: Iterable[Any], cos: Float[Tensor, "time half"], sin: Float[Tensor, "time half"], block: int
) -> StepWeights:
    """What :func:`read_one` needs of a decoder's blocks.

    Args:
        blocks: the layers.
        cos, sin: of the rotary angles of every position that the cache holds.
        block: positions in a block of the cache.
    """
    chosen = []
    for b in blocks:
        width = b.qkv.shape[1]
        qkv = b.qkv.detach().view(3, b.heads, b.size, width).clone()
        qkv[:2] = paired(qkv[:2].transpose(-1, -2)).transpose(-1, -2)
        qkv[0] *= b.size**-0.5
        matrices = [m.detach().t() for m in (qkv.view(3 * width, width), b.out, b.up, b.down)]
        norms = b.norm1.detach(), b.norm2.detach()
        chosen.append((norms[0], matrices[0], matrices[1], norms[1], matrices[2], matrices[3]))
    turn = torch.complex(cos, sin).repeat(1, 2 * b.heads)
    turns = torch.cat((turn, torch.ones(len(cos), width // 2, dtype=turn.dtype)), 1)
    hidden = torch.zeros(2 * block, dtype=cos.dtype)
    hidden[block:] = -math.inf
    return StepWeights(tuple(chosen), turns, hidden)


class _Room:
    """Where the projection of a batch is written, and the views of it; then the cache's views."""

    def __init__(self, batch: int, heads: int, size: int, dtype: torch.dtype) -> None:
        self.qkv = torch.empty(batch, 3 * heads * size, dtype=dtype)
        self.pairs = torch.view_as_complex(self.qkv.view(batch, -1, 2))
        roles = self.qkv.view(batch, 3, heads, size)
        self.query, self.kept = roles[:, 0], roles[:, 1:].transpose(0, 1)
        self.attended = torch.empty(batch * heads, 1, size, dtype=dtype)
        self.found = self.attended.view(batch, heads * size)
        self.buffers, self.blocks = None, 0

    def look(self, buffers: Tensor, blocks: int) -> None:
        """Views of the first blocks of a cache's buffers, for each layer."""
        if self.buffers is not buffers or self.blocks != blocks:
            self.buffers, self.blocks = buffers, blocks
            keys, values = buffers[:, :, :blocks].flatten(2, 4)
            self.keys, self.values = keys.transpose(-1, -2).unbind(0), values.unbind(0)


def read_one(
    x: Float[Tensor, "batch width"], cache: Cache, weights: StepWeights
) -> Float[Tensor, "batch width"]:
    """The stream after all blocks at one new position, which is written into the cache.

    Args:
        x: the embedded token; changed in place.
        cache: :meth:`advanced <nlgnotes.networks.cache.Cache.advance>` by this position.
        weights: of :func:`prepare_step`.
    """
    batch, width = x.shape
    buffers, block, at = cache.buffers, cache.block, cache.length - 1
    heads, size = buffers.shape[4], buffers.shape[6]
    # What inference mode makes cannot be written to outside of it.
    key = batch, torch.is_inference_mode_enabled()
    room = weights.rooms.get(key)
    if room is None:
        room = weights.rooms[key] = _Room(batch, heads, size, x.dtype)
    blocks, place = at // block + 1, at % block
    room.look(buffers, blocks)
    slots = buffers[:, :, blocks - 1].select(-2, place).unbind(1)
    turn, hidden = weights.turns[at], weights.hidden.narrow(0, block - 1 - place, block)
    attend = _attend_to_one if blocks == 1 else _attend_to_many
    qkv, pairs, kept, found, shape = room.qkv, room.pairs, room.kept, room.found, (width,)
    layers = zip(weights.blocks, room.keys, room.values, slots, strict=True)
    for (norm1, project, out, norm2, up, down), keys, values, slot in layers:
        torch.mm(torch.layer_norm(x, shape, norm1), project, out=qkv)
        pairs.mul_(turn)
        slot.copy_(kept)
        attend(room, keys, values, hidden)
        x.addmm_(found, out)
        x.addmm_(gelu(torch.mm(torch.layer_norm(x, shape, norm2), up)), down)
    return x


def _attend_to_one(room: _Room, keys: Tensor, values: Tensor, hidden: Tensor) -> None:
    """Attention over a single block."""
    query = room.query.reshape(room.attended.shape)
    weights = torch.baddbmm(hidden, query, keys).softmax(-1)
    torch.bmm(weights, values, out=room.attended)


def _attend_to_many(room: _Room, keys: Tensor, values: Tensor, hidden: Tensor) -> None:
    """Attention over several blocks: products block by block, one softmax over all of them."""
    blocks, (rows, _, size), block = room.blocks, room.attended.shape, len(hidden)
    query = room.query.reshape(1, rows, size).expand(blocks, -1, -1).reshape(-1, 1, size)
    scores = torch.bmm(query, keys).view(blocks, rows, block)
    scores[-1].add_(hidden)
    weights = scores.transpose(0, 1).flatten(1).softmax(-1).view(rows, blocks, block)
    weights = weights.transpose(0, 1).reshape(-1, 1, block)
    torch.sum(torch.bmm(weights, values).view(blocks, rows, 1, size), 0, out=room.attended)
