"""Rotary position embedding (Su et al. 2021, arXiv:2104.09864), and what decays with distance."""

import torch
from jaxtyping import Float, Real
from torch import Tensor

from nlgnotes.validation import check_count, check_floats, check_positive, describe

__all__ = [
    "apply_rotary",
    "rotary",
    "rotary_alignment",
    "rotary_angles",
    "rotary_bound",
    "split_rotary",
]


def rotary_angles(
    positions: Real[Tensor, " time"], width: int, base: float | int = 10000.0
) -> Float[Tensor, "time half"]:
    r"""The angles of rotary positions: :math:`m\,\theta_i` with :math:`\theta_i = b^{-2i/d}`.

    Source: Su et al. 2021, arXiv:2104.09864.

    Args:
        positions: *m*, one per token.
        width: *d*, of one head; even.
        base: *b*, above 0.

    Returns:
        ``width / 2`` angles per position, in float64, to be rounded once, after the cosine.

    Raises:
        ValueError: ``width`` odd or below 2, ``base`` not positive, or positions that are not one
            row of real numbers or have no finite angle.

    >>> rotary_angles(torch.tensor([0, 1]), 4)
    tensor([[0.0000, 0.0000],
            [1.0000, 0.0100]], dtype=torch.float64)
    """
    width, base = check_count("width", width, 2, 2**31), check_positive("base", base)
    if width % 2:
        raise ValueError(f"width must be even, to be rotated in pairs; got {width}")
    if not isinstance(positions, Tensor) or positions.dim() != 1 or not _is_real(positions):
        kind = getattr(positions, "dtype", type(positions).__name__)
        shape = tuple(getattr(positions, "shape", ()))
        raise ValueError(
            f"positions must be real numbers of shape [time]; got {kind} of shape {shape}"
        )
    theta = float(base) ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = positions.double()[:, None] * theta
    if not bool(torch.isfinite(angles).all()):
        raise ValueError(f"positions and base must give finite angles; got base {base!r}")
    return angles


def apply_rotary(
    x: Float[Tensor, "*batch time width"],
    cos: Float[Tensor, "time half"],
    sin: Float[Tensor, "time half"],
) -> Float[Tensor, "*batch time width"]:
    """Rotate each pair ``(x[i], x[i + width / 2])``, given the cosines and sines of its angles.

    Raises:
        ValueError: the tables differ in shape, or ``x`` is not ``[..., time, width]`` of their
            time and twice their width.
    """
    check_floats("cos", cos)
    check_floats("sin", sin)
    check_floats("x", x)
    if cos.dim() != 2 or cos.shape != sin.shape:
        raise ValueError(
            f"cos and sin must be two tables of one shape [time, half]; "
            f"got {tuple(cos.shape)} and {tuple(sin.shape)}"
        )
    wanted = (cos.shape[0], 2 * cos.shape[1])
    if tuple(x.shape[-2:]) != wanted:
        raise ValueError(
            f"x must be floating-point with the last axes {wanted}, the width twice the tables'; "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def rotary(
    x: Float[Tensor, "*batch time width"],
    positions: Real[Tensor, " time"],
    base: float | int = 10000.0,
) -> Float[Tensor, "*batch time width"]:
    r"""Rotary position embedding: turn each pair of coordinates by the angle of its position.

    Turned so, the score of a query and a key depends on their distance only:
    :math:`\langle R_m q, R_n k\rangle = \langle R_{m-n} q, k\rangle` (Su et al. 2021,
    arXiv:2104.09864). The pairs are the two halves of the head, as in Llama and ``transformers``;
    the paper pairs neighbours: the same up to the order of the coordinates.
    Taught in: book/positions.ipynb.

    Args:
        x: queries or keys; the next-to-last axis is time.
        positions: of each token, not necessarily whole.
        base: of the angles.

    Raises:
        ValueError: as :func:`rotary_angles` and :func:`apply_rotary`.

    >>> rotary(torch.tensor([[1.0, 0.0]]), torch.tensor([2]))  # (cos 2, sin 2)
    tensor([[-0.4161,  0.9093]])
    """
    check_floats("x", x)
    if x.dim() < 2:
        raise ValueError(f"x must be [..., time, width]; got {describe(x)}")
    angles = rotary_angles(positions, x.shape[-1], base)
    return apply_rotary(x, angles.cos().to(x.dtype), angles.sin().to(x.dtype))


def rotary_bound(
    distances: Real[Tensor, " time"], width: int, base: float | int = 10000.0
) -> Float[Tensor, " time"]:
    r"""The bound behind rotary's "long-term decay": :math:`\frac{2}{d} \sum_{j=1}^{d/2} |S_j|`.

    Here :math:`S_j = \sum_{i<j} e^{\mathrm{i} (m-n) \theta_i}`. Let :math:`h_i` be the product of
    the *i*-th pair of the query, as a complex number, with the conjugate of the key's, and
    :math:`h_{d/2} = 0`. Summation by parts then gives
    :math:`|\langle R_m q, R_n k\rangle| \le \max_i |h_{i+1} - h_i| \sum_j |S_j|`
    (Su et al. 2021, arXiv:2104.09864, section 3.4.3). The score itself need not fall with the
    distance. Taught in: book/positions.ipynb.

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
    r"""The mean score of a query with itself as key: :math:`\frac{2}{d}\sum_i\cos((m-n)\theta_i)`.

    It is given as a fraction of the mean score at distance 0. For independent normal coordinates
    :math:`E\langle R_m q, R_n q\rangle = 2 \sum_i \cos((m-n)\theta_i)`: aligned vectors lose with
    the distance, on average and not steadily. An independent key scores 0 on average, with variance
    *d*, at *every* distance: it has nothing to lose. Arguments and errors as :func:`rotary_bound`.
    Taught in: book/positions.ipynb.

    >>> rotary_alignment(torch.tensor([0.0, torch.pi]), 2).round(decimals=6)
    tensor([ 1., -1.], dtype=torch.float64)
    """
    return rotary_angles(distances, width, base).cos().mean(-1)


def split_rotary(
    qkv: Float[Tensor, "batch time three heads width"],
    cos: Float[Tensor, "time half"],
    sin: Float[Tensor, "time half"],
) -> tuple[
    Float[Tensor, "batch heads time width"],
    Float[Tensor, "batch heads time width"],
    Float[Tensor, "batch heads time width"],
]:
    """Queries and keys, rotated by :func:`apply_rotary`, and values, from one projection.

    The same numbers in half the memory traffic, forward and backward: with slices and
    concatenations the rotation would cost as much time as the matrix products around it.

    Args:
        qkv: the projection; its third axis holds queries, keys and values.
        cos, sin: of the angles of these positions.
    """
    # One row of the tables for a token's heads side by side: x * turn + swapped(x) * flip.
    heads = qkv.shape[3]
    turn = cos.repeat(1, 2 * heads)
    flip = torch.cat((-sin, sin), -1).repeat(1, heads)
    q, k, v = _SplitRotary.apply(qkv, turn, flip)
    return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


class _SplitRotary(torch.autograd.Function):
    """The rotation with its own gradient: autograd's would keep every product's factors."""

    @staticmethod
    def forward(ctx, qkv, turn, flip):
        # A rotation is linear: its gradient needs the tables, and none of the activations.
        ctx.save_for_backward(turn, flip)
        qk = qkv[:, :, :2]
        # Calls on whole rows: torch is several times slower on rows of half a head.
        out = qkv.new_empty(qk.shape)
        _turn(qk.flatten(3), _swapped(qk).flatten(3), turn[:, None], flip[:, None], out.flatten(3))
        return *out.unbind(2), qkv[:, :, 2]

    @staticmethod
    def backward(ctx, dq, dk, dv):
        turn, flip = ctx.saved_tensors
        if torch.is_grad_enabled():  # of `create_graph`: a second derivative flows through this
            parts = [d.flatten(2) * turn - _swapped(d).flatten(2) * flip for d in (dq, dk)]
            return torch.stack((*(part.view_as(dv) for part in parts), dv), 2), None, None
        out = dq.new_empty(*dq.shape[:2], 3, *dq.shape[2:])
        # The transpose of a rotation turns back.
        for place, d in enumerate((dq, dk)):
            _turn(d.flatten(2), _swapped(d).flatten(2), turn, -flip, out[:, :, place].flatten(2))
        out[:, :, 2] = dv
        return out, None, None


def _turn(x: Tensor, swapped: Tensor, turn: Tensor, flip: Tensor, out: Tensor) -> None:
    torch.mul(x, turn, out=out).addcmul_(swapped, flip)


def _swapped(x: Tensor) -> Tensor:
    """The two halves of each head in each other's place."""
    return x.roll(x.shape[-1] // 2, -1)


def _is_real(x: Tensor) -> bool:
    return not x.is_complex() and x.dtype != torch.bool
