"""Attention: weigh the values by how well their keys match the query; masks, rotary positions, the cache."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.autograd.function import once_differentiable

from nlgnotes.validation import check_count, check_positive

__all__ = ["Cache", "apply_rotary", "causal_mask", "rotary", "rotary_alignment", "rotary_angles", "rotary_bound",
           "scaled_dot_product_attention", "split_rotary"]  # fmt: skip


def causal_mask(queries: int, keys: int | None = None) -> Bool[Tensor, "queries keys"]:
    """Which keys each query may see: those at its own position or before.

    The last query stands at the last key, so that with a cache (``keys > queries``) the new
    tokens see all of the old ones.

    Args:
        queries: how many queries.
        keys: how many keys, at least ``queries``; the same number when None.

    Raises:
        ValueError: a count below 1, or fewer keys than queries.

    >>> causal_mask(2, 3).int()
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    check_count("queries", queries)
    keys = queries if keys is None else keys
    check_count("keys", keys, queries)
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)


def scaled_dot_product_attention(
    query: Float[Tensor, "*batch queries width"],
    key: Float[Tensor, "*batch keys width"],
    value: Float[Tensor, "*batch keys size"],
    mask: Bool[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "*batch queries size"], Float[Tensor, "*batch queries keys"]]:
    r"""Attention with its weights: :math:`\mathrm{softmax}(Q K^\top / \sqrt d)\, V` (Vaswani et al. 2017, arXiv:1706.03762).

    A masked score becomes -inf, never a large negative number: its weight is exactly 0. A query
    that may see no key gets weights 0 and output 0 (as torch's fused attention does), not NaN
    and not a uniform look at the padding. Taught in: book/decoder.ipynb.

    Args:
        query, key, value: the three roles, with the same leading shape.
        mask: True where a query may see a key; broadcasts to ``[*batch, queries, keys]``.

    Returns:
        The output and the weights; each row of weights adds up to 1, or to 0 where all is masked.

    Raises:
        ValueError: the mask does not broadcast to the scores.

    >>> q, k = torch.ones(1, 1), torch.tensor([[0.0], [1.0]])
    >>> scaled_dot_product_attention(q, k, k)[1]  # [1, e] / (1 + e)
    tensor([[0.2689, 0.7311]])
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is None:
        weights = scores.softmax(-1)
    else:
        try:
            mask = mask.broadcast_to(scores.shape)
        except RuntimeError:
            raise ValueError(f"mask must broadcast to {tuple(scores.shape)}; got shape {tuple(mask.shape)}") from None
        blind = ~mask.any(-1, keepdim=True)
        # A blind row is opened before the softmax and zeroed after it: no NaN, in the gradient either.
        weights = scores.masked_fill(~(mask | blind), -math.inf).softmax(-1).masked_fill(blind, 0.0)
    return weights @ value, weights


def rotary_angles(positions: Real[Tensor, " time"], width: int, base: float | int = 10000.0) -> Float[Tensor, "time half"]:
    r"""The angles of rotary positions: :math:`m\,\theta_i` with :math:`\theta_i = b^{-2i/d}` (Su et al. 2021, arXiv:2104.09864).

    Args:
        positions: *m*, one per token.
        width: *d*, of one head; even.
        base: *b*, above 0.

    Returns:
        ``width / 2`` angles per position, in float64, to be rounded once, after the cosine.

    Raises:
        ValueError: ``width`` odd or below 2, or ``base`` not positive.

    >>> rotary_angles(torch.tensor([0, 1]), 4)
    tensor([[0.0000, 0.0000],
            [1.0000, 0.0100]], dtype=torch.float64)
    """
    check_count("width", width, 2)
    check_positive("base", base)
    if width % 2:
        raise ValueError(f"width must be even, to be rotated in pairs; got {width}")
    theta = base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    return positions.double()[:, None] * theta


def apply_rotary(
    x: Float[Tensor, "*batch time width"], cos: Float[Tensor, "time half"], sin: Float[Tensor, "time half"]
) -> Float[Tensor, "*batch time width"]:
    """Rotate each pair ``(x[i], x[i + width / 2])``, given the cosines and sines of its angles.

    Raises:
        ValueError: the last axis of ``x`` is not twice the tables' width.
    """
    if x.shape[-1] != 2 * cos.shape[-1]:
        raise ValueError(f"x must have a last axis of {2 * cos.shape[-1]}, twice the tables'; got {x.shape[-1]}")
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def rotary(
    x: Float[Tensor, "*batch time width"], positions: Real[Tensor, " time"], base: float | int = 10000.0
) -> Float[Tensor, "*batch time width"]:
    r"""Rotary position embedding: turn each pair of coordinates of a query or key by the angle of its position.

    :math:`\langle R_m q, R_n k\rangle = \langle R_{m-n} q, k\rangle`: the score depends on the distance only
    (Su et al. 2021, arXiv:2104.09864). The pairs are the two halves of the head, as in Llama and ``transformers``;
    the paper pairs neighbours: the same up to the order of the coordinates. Taught in: book/architectures.ipynb.

    Args:
        x: queries or keys; the next-to-last axis is time.
        positions: of each token, not necessarily whole.
        base: of the angles.

    Raises:
        ValueError: as :func:`rotary_angles`.

    >>> rotary(torch.tensor([[1.0, 0.0]]), torch.tensor([2]))  # (cos 2, sin 2)
    tensor([[-0.4161,  0.9093]])
    """
    angles = rotary_angles(positions, x.shape[-1], base)
    return apply_rotary(x, angles.cos().to(x.dtype), angles.sin().to(x.dtype))


def rotary_bound(
    distances: Real[Tensor, " time"], width: int, base: float | int = 10000.0
) -> Float[Tensor, " time"]:
    r"""What the "long-term decay" of rotary positions is a property of: :math:`\frac{2}{d} \sum_{j=1}^{d/2} |S_j|`, a bound.

    With :math:`S_j = \sum_{i<j} e^{\mathrm{i} (m-n) \theta_i}` and :math:`h_i` the product of the *i*-th pair of the query, as a complex
    number, with the conjugate of the key's (:math:`h_{d/2} = 0`), summation by parts gives
    :math:`|\langle R_m q, R_n k\rangle| \le \max_i |h_{i+1} - h_i| \sum_j |S_j|` (Su et al. 2021, arXiv:2104.09864, section 3.4.3).
    The score itself need not fall with the distance. Taught in: book/architectures.ipynb.

    Args:
        distances: *m - n*, not necessarily whole.
        width: *d*, of one head; even.
        base: of the angles.

    Returns:
        One value per distance, float64; at distance 0 it is ``(d/2 + 1) / 2``.

    Raises:
        ValueError: as :func:`rotary_angles`.

    >>> rotary_bound(torch.tensor([0]), 6)  # (1 + 2 + 3) / 3
    tensor([2.], dtype=torch.float64)
    """
    angles = rotary_angles(distances, width, base)
    return torch.polar(torch.ones_like(angles), angles).cumsum(-1).abs().mean(-1)


def rotary_alignment(
    distances: Real[Tensor, " time"], width: int, base: float | int = 10000.0
) -> Float[Tensor, " time"]:
    r"""The mean score of a random query with itself as key, over its value at distance 0: :math:`\frac{2}{d}\sum_i \cos((m-n)\theta_i)`.

    For independent normal coordinates :math:`E\langle R_m q, R_n q\rangle = 2 \sum_i \cos((m-n)\theta_i)`: aligned vectors lose with the
    distance, on average and not steadily. An independent key scores 0 on average, with variance *d*, at *every* distance: it has
    nothing to lose. Arguments and errors as :func:`rotary_bound`. Taught in: book/architectures.ipynb.

    >>> rotary_alignment(torch.tensor([0.0, math.pi]), 2).round(decimals=6)
    tensor([ 1., -1.], dtype=torch.float64)
    """
    return rotary_angles(distances, width, base).cos().mean(-1)


def split_rotary(
    qkv: Float[Tensor, "batch time three heads width"], cos: Float[Tensor, "time half"], sin: Float[Tensor, "time half"]
) -> tuple[Float[Tensor, "batch heads time width"], Float[Tensor, "batch heads time width"], Float[Tensor, "batch heads time width"]]:
    """Queries and keys, rotated by :func:`apply_rotary`, and values, from one projection.

    The same numbers in half the memory traffic, forward and backward: with slices and concatenations
    the rotation would cost as much time as the matrix products around it.

    Args:
        qkv: the projection; its third axis holds queries, keys and values.
        cos, sin: of the angles of these positions.
    """
    q, k, v = _SplitRotary.apply(qkv, cos[:, None], sin[:, None])
    return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


class _SplitRotary(torch.autograd.Function):
    @staticmethod
    def forward(ctx, qkv, cos, sin):
        ctx.save_for_backward(cos, sin)
        q, k, v = qkv.unbind(2)
        out = qkv.new_empty(2, *q.shape)
        _turn(q, cos, sin, out[0])
        _turn(k, cos, sin, out[1])
        return out[0], out[1], v

    @staticmethod
    @once_differentiable
    def backward(ctx, dq, dk, dv):
        cos, sin = ctx.saved_tensors
        batch, time, heads, width = dq.shape
        out = dq.new_empty(batch, time, 3, heads, width)
        # The transpose of a rotation turns back.
        _turn(dq, cos, -sin, out[:, :, 0])
        _turn(dk, cos, -sin, out[:, :, 1])
        out[:, :, 2] = dv
        return out, None, None


def _turn(x: Tensor, cos: Tensor, sin: Tensor, out: Tensor) -> None:
    (a, b), (to_a, to_b) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(a, cos, out=to_a).addcmul_(b, sin, value=-1)
    torch.mul(b, cos, out=to_b).addcmul_(a, sin)


@dataclass(frozen=True)
class Cache:
    """The keys and values of the ``length`` tokens read so far, in buffers made once for ``capacity`` tokens.

    A step writes its tokens behind the old ones and returns the cache with a greater length. The value it was
    given still describes its own tokens, so one prefix can be continued again and again; the buffers keep only
    the latest continuation.

    Args:
        keys, values: the buffers.
        length: how many positions are filled.
    """

    keys: Float[Tensor, "layers batch heads capacity width"]
    values: Float[Tensor, "layers batch heads capacity width"]
    length: int = 0

    @classmethod
    def empty(cls, layers: int, batch: int, heads: int, capacity: int, width: int, dtype: torch.dtype = torch.float32) -> "Cache":
        """Buffers with nothing in them.

        Raises:
            ValueError: a count below 1.
        """
        shape = {"layers": layers, "batch": batch, "heads": heads, "capacity": capacity, "width": width}
        for name, value in shape.items():
            check_count(name, value)
        return cls(torch.zeros(*shape.values(), dtype=dtype), torch.zeros(*shape.values(), dtype=dtype))

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.keys.shape[1]

    @property
    def capacity(self) -> int:
        """How many tokens fit."""
        return self.keys.shape[3]

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put one layer's new tokens ``[batch, heads, time, width]`` behind the old; returns all of that layer's so far."""
        end = self.length + keys.shape[2]
        all_keys, all_values = self.keys[layer, :, :, :end], self.values[layer, :, :, :end]
        all_keys[:, :, self.length :] = keys
        all_values[:, :, self.length :] = values
        return all_keys, all_values

    def advanced(self, time: int) -> "Cache":
        """The cache that counts ``time`` more tokens.

        Raises:
            ValueError: they do not fit.
        """
        if self.length + time > self.capacity:
            raise ValueError(f"tokens must fit the cache's capacity of {self.capacity}; got {time} after {self.length}")
        return Cache(self.keys, self.values, self.length + time)

    def rows(self, index: Int[Tensor, " chosen"]) -> "Cache":
        """A copy that holds the given rows, in that order (repeated rows too): for beams and repeated prompts."""
        return Cache(self.keys[:, index], self.values[:, index], self.length)
