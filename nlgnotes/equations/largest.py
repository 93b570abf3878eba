"""The largest scores of every row, and dropping all that is smaller: what transforms spend time on.

Each function gives what one call of torch gives (``topk``, ``sort``, ``where``), in a fraction of
the time: over a vocabulary of tens of thousands these calls take many times as long as reading it.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import FLOATS, check_count, check_floats, describe, is_int64

__all__ = ["drop_below", "keep_first", "largest", "sorted_downwards"]

WIDE = 4096  # from here on a few calls more, or one for each row, cost less than they save
# A call of this size stays in one thread: to wait for another one at each call would take longer
# than all the rest, as soon as another program runs.
SERIAL = 30_000
PLAIN = torch.float32, torch.float64  # NumPy's own types


def largest(x: Float[Tensor, "rows vocab"], k: int) -> Float[Tensor, "rows k"]:
    """Every row's k largest values, downwards: ``x.topk(k).values``.

    A wide row is folded: entries that stand ``vocab / 2**folds`` apart are one group. Of the groups
    with the k largest maxima, each has an entry as large as any outside of them, so that the values
    of the k largest stand in these groups.

    Args:
        x: scores; NaN counts as the largest.
        k: from 1 to vocab.

    Raises:
        ValueError: no floating-point rows, or ``k`` out of range.

    >>> largest(torch.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[3., 2.]])
    """
    _check("x", x)
    vocab = x.shape[-1]
    k = check_count("k", k, 1, vocab)
    if 8 * k >= vocab:
        return sorted_downwards(x)[:, :k]
    # Each fold halves the groups to select among, and doubles the candidates in the chosen ones.
    folds = int(math.log2(vocab / k) / 2 - 1) if vocab >= WIDE else 0
    if folds < 1:
        return x.topk(k).values
    size = 2**folds
    groups = vocab // size
    best = x[:, : groups * size]
    for _ in range(folds):
        best = torch.maximum(*best.chunk(2, -1))
    chosen = best.topk(k, sorted=False).indices[:, None].expand(-1, size, -1)
    candidates = x[:, : groups * size].unflatten(-1, (size, groups)).gather(-1, chosen)
    return torch.cat([candidates.flatten(1), x[:, groups * size :]], -1).topk(k).values


def sorted_downwards(x: Float[Tensor, "rows vocab"]) -> Float[Tensor, "rows vocab"]:
    """Every row's values downwards; without their ids NumPy sorts several times faster.

    Raises:
        ValueError: no floating-point rows.

    >>> sorted_downwards(torch.tensor([[1.0, 3.0, 2.0]]))
    tensor([[3., 2., 1.]])
    """
    _check("x", x)
    if x.device.type != "cpu" or x.dtype not in PLAIN or x.requires_grad:
        return x.sort(-1, descending=True).values
    return torch.from_numpy(np.sort(x.numpy(), -1)).flip(-1)


def drop_below(
    x: Float[Tensor, "rows vocab"], least: Float[Tensor, "rows 1"]
) -> Float[Tensor, "rows vocab"]:
    """What is smaller than its row's ``least`` at -inf: ``torch.where(x < least, -inf, x)``.

    Args:
        x: scores, without NaN.
        least: the smallest score that stays, in the type of the scores.

    Raises:
        ValueError: no floating-point rows, or not one ``least`` for each.

    >>> drop_below(torch.tensor([[1.0, 3.0, 2.0]]), torch.tensor([[2.0]]))
    tensor([[-inf, 3., 2.]])
    """
    _check("x", x)
    check_floats("least", least, (len(x), 1))
    if x.device.type != "cpu" or x.dtype not in PLAIN or x.requires_grad or x.shape[-1] < WIDE:
        return torch.where(x < least, -math.inf, x)
    # `where` reads a mask that has to be written first, and uses no vector instructions;
    # `threshold` does, in one pass, but takes one number. It drops what equals that number too.
    below = torch.nextafter(least, torch.full_like(least, -math.inf)).flatten().tolist()
    out, parts = torch.empty_like(x), 1 + x.shape[-1] // SERIAL
    for part, to in zip(x.chunk(parts, -1), out.chunk(parts, -1), strict=True):
        for row, to_row, value in zip(part, to, below, strict=True):
            torch.threshold(row, value, -math.inf, out=to_row)
    return out


def keep_first(x: Tensor, values: Tensor, n: Tensor) -> Tensor:
    """Keep the first n of every row as sorted downwards, of equals the smaller ids first.

    Args:
        x: scores [rows, vocab].
        values: the row's largest, downwards: n + 1 of them at least, or all.
        n: how many of each row, [rows, 1], from 1 to vocab.

    Returns:
        The scores with the dropped entries at -inf.

    Raises:
        ValueError: no floating-point rows, or an ``n`` that the values do not reach.
    """
    _check("x", x)
    _check("values", values)
    low, high = map(int, n.aminmax()) if is_int64(n) and n.shape == (len(x), 1) else (0, 0)
    if len(values) != len(x) or low < 1 or high > x.shape[-1] or high > values.shape[-1]:
        raise ValueError(
            f"n must be int64 of shape {(len(x), 1)}, from 1 to as many as x and values have in a "
            f"row; got {describe(n)} from {low} to {high}, for values that are {describe(values)}"
        )
    after = values.gather(-1, n.clamp(max=values.shape[-1] - 1))
    last = values.gather(-1, n - 1)
    out = drop_below(x, last)
    ties = ((after == last) & (n < values.shape[-1]) & (last > -math.inf)).squeeze(-1)
    if bool(ties.any()):  # rare: the token after the last one kept is its equal
        equal = x[ties] == last[ties]
        left = n[ties] - (values[ties] > last[ties]).sum(-1, keepdim=True)
        out[ties] = out[ties].masked_fill(equal & (equal.cumsum(-1) > left), -math.inf)
    return out


def _check(name: str, x: object) -> None:
    if not isinstance(x, Tensor) or x.dtype not in FLOATS or x.dim() != 2 or not x.numel():
        raise ValueError(
            f"{name} must be a floating-point tensor [rows, vocab], not empty; got {describe(x)}"
        )
