"""One new position of a decoder, as fast as torch's calls allow.

The same numbers as :meth:`Block.forward <nlgnotes.networks.transformer.Block.forward>` gives for
the last position, which the tests compare. At one position the arithmetic of a small model is
little: what costs is each call, each new tensor, and reading the cache. So:

* queries and keys keep the two partners of each rotated pair next to each other, as one complex
  number. Turning them is then one product, for all heads at once; the values are multiplied by 1.
  Scores do not depend on the order of coordinates, as long as queries and keys share it. The rows
  of the projection are brought into that order once for each cache.
* the query's part of the projection is divided by the root of a head's width.
* the projection is written into a buffer whose views are made once; the stream is added to in
  place.
* positions that are not written yet are read too, and hidden by -inf, so that memory is read from
  end to end (:class:`Cache <nlgnotes.networks.cache.Cache>` says why).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import gelu

from nlgnotes.networks.cache import Cache

__all__ = ["BlockWeights", "StepWeights", "paired", "prepare_step", "read_one"]


class BlockWeights(NamedTuple):
    """A layer's weights, the matrices transposed."""

    norm1: Float[Tensor, " width"]
    project: Float[Tensor, "width projected"]
    out: Float[Tensor, "width width"]
    norm2: Float[Tensor, " width"]
    up: Float[Tensor, "width hidden"]
    down: Float[Tensor, "hidden width"]


@dataclass(frozen=True, eq=False)
class StepWeights:
    """A decoder's weights as :func:`read_one` takes them.

    Those of queries, keys and values are as when it was made, the others are the model's own: a
    cache does not outlive an update of its model.

    Args:
        blocks: of each layer.
        turns: for each position the factors of queries, keys and values, complex.
        unwritten: a zero for each position, then as many -inf: what hides positions to come.
        workspaces: where the products are written, by the number of rows and whether inference
            mode is on; the last one only.
    """

    blocks: tuple[BlockWeights, ...]
    turns: Tensor
    unwritten: Tensor
    workspaces: dict[tuple[int, bool], "_Workspace"] = field(default_factory=dict)


def paired(x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
    """Coordinates of two halves, ``(a_1 … a_n, b_1 … b_n)``, as pairs ``(a_1, b_1, … a_n, b_n)``.

    >>> paired(torch.arange(6.0))
    tensor([0., 3., 1., 4., 2., 5.])
    """
    return x.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)


def prepare_step(
    blocks: Iterable[Any], cos: Float[Tensor, "time half"], sin: Float[Tensor, "time half"]
) -> StepWeights:
    """What :func:`read_one` needs of a decoder's blocks.

    Args:
        blocks: the layers.
        cos, sin: of the rotary angles of every position that the cache holds.
    """
    chosen = []
    for b in blocks:
        width = b.qkv.shape[1]
        qkv = b.qkv.detach().view(3, b.heads, b.size, width).clone()
        qkv[:2] = paired(qkv[:2].transpose(-1, -2)).transpose(-1, -2)
        qkv[0] *= b.size**-0.5
        project, out, up, down = (m.detach().t() for m in (qkv.flatten(0, 2), b.out, b.up, b.down))
        norms = b.norm1.detach(), b.norm2.detach()
        chosen.append(BlockWeights(norms[0], project, out, norms[1], up, down))
    turn = torch.complex(cos, sin).repeat(1, 2 * b.heads)
    turns = torch.cat((turn, torch.ones(len(cos), width // 2, dtype=turn.dtype)), 1)
    unwritten = torch.zeros(2 * len(cos), dtype=cos.dtype)
    unwritten[len(cos) :] = -math.inf
    return StepWeights(tuple(chosen), turns, unwritten)


class _Workspace:
    """Where the products of a batch are written, the views of that, and the views of its cache."""

    def __init__(self, x: Tensor, heads: int, hidden: int) -> None:
        batch, width = x.shape
        self.qkv, self.up = x.new_empty(batch, 3 * width), x.new_empty(batch, hidden)
        self.pairs = torch.view_as_complex(self.qkv.view(batch, -1, 2))
        roles = self.qkv.view(batch, 3, heads, width // heads)
        self.query, self.key_value = roles[:, 0], roles[:, 1:].transpose(0, 1)
        self.heads = x.new_empty(batch * heads, 1, width // heads)
        self.attended = self.heads.view(batch, width)
        self.buffers, self.blocks = None, 0

    def read_from(self, buffers: Tensor, blocks: int) -> None:
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
    heads = buffers.shape[4]
    # What inference mode makes cannot be written to outside of it.
    key = batch, torch.is_inference_mode_enabled()
    if key not in weights.workspaces:
        weights.workspaces.clear()  # an older one would keep its cache's buffers
        weights.workspaces[key] = _Workspace(x, heads, weights.blocks[0].up.shape[1])
    work = weights.workspaces[key]
    blocks, place = at // block + 1, at % block
    work.read_from(buffers, blocks)
    slots = buffers[:, :, blocks - 1].select(-2, place).unbind(1)
    turn = weights.turns[at]
    unwritten = weights.unwritten.narrow(0, len(weights.turns) - 1 - place, block)
    attend = _attend_to_one if blocks == 1 else _attend_to_many
    layers = zip(weights.blocks, work.keys, work.values, slots, strict=True)
    for (norm1, project, out, norm2, up, down), keys, values, slot in layers:
        torch.mm(torch.layer_norm(x, (width,), norm1), project, out=work.qkv)
        work.pairs.mul_(turn)
        slot.copy_(work.key_value)
        attend(work, keys, values, unwritten)
        x.addmm_(work.attended, out)
        torch.mm(torch.layer_norm(x, (width,), norm2), up, out=work.up)
        x.addmm_(gelu(work.up, out=work.up), down)
    return x


def _attend_to_one(work: _Workspace, keys: Tensor, values: Tensor, unwritten: Tensor) -> None:
    """Attention over a single block."""
    query = work.query.reshape(work.heads.shape)
    weights = torch.baddbmm(unwritten, query, keys).softmax(-1)
    torch.bmm(weights, values, out=work.heads)


def _attend_to_many(work: _Workspace, keys: Tensor, values: Tensor, unwritten: Tensor) -> None:
    """Attention over several blocks: products block by block, one softmax over all of them."""
    blocks, (rows, _, size), block = work.blocks, work.heads.shape, len(unwritten)
    query = work.query.reshape(1, rows, size).expand(blocks, -1, -1).reshape(-1, 1, size)
    scores = torch.bmm(query, keys).view(blocks, rows, block)
    scores[-1].add_(unwritten)
    weights = scores.transpose(0, 1).flatten(1).softmax(-1).view(rows, blocks, block)
    weights = weights.transpose(0, 1).reshape(-1, 1, block)
    torch.sum(torch.bmm(weights, values).view(blocks, rows, 1, size), 0, out=work.heads)
