"""Sources and targets as batches: side by side for an encoder-decoder, one behind the other for a decoder."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Examples", "Pair", "exact_match", "joined", "paired"]


class Pair(NamedTuple):
    """What an encoder-decoder reads: the source, where its tokens are, and the target so far (the start token 0 first)."""

    source: Tensor
    mask: Tensor
    target: Tensor


class Examples(NamedTuple):
    """A batch as ``training.fit`` takes it: what the model reads, what it should have said, and which positions count.

    Args:
        inputs: int64 ``[batch, time]`` for a decoder, a :class:`Pair` for an encoder-decoder.
        targets: int64 ``[batch, time]``.
        mask: bool ``[batch, time]``; its sum is the number of training signals.
    """

    inputs: Any
    targets: Tensor
    mask: Tensor


def paired(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Examples:
    """For an encoder-decoder: it reads the source in its encoder, and each token of the target, and the end 0, is a signal.

    A source of *s* and a target of *t* tokens take ``s + t + 1`` positions, of which ``t + 1`` carry a signal.

    Args:
        sources, targets: token ids, 0 not among them.

    Raises:
        ValueError: no rows, unequal numbers of them, or an empty source.

    >>> paired([[5, 6, 7]], [[8, 9]]).inputs.target, paired([[5, 6, 7]], [[8, 9]]).targets
    (tensor([[0, 8, 9]]), tensor([[8, 9, 0]]))
    """
    _check(sources, targets)
    source, mask = _padded(sources)
    inputs, _ = _padded([[0, *t] for t in targets])
    outputs, counts = _padded([[*t, 0] for t in targets])
    return Examples(Pair(source, mask, inputs), outputs, counts)


def joined(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], *, signal: str = "all") -> Examples:
    """For a decoder: source, 0, target, 0 in one row, each token read but the last.

    A source of *s* and a target of *t* tokens take ``s + t + 1`` positions. With ``signal="all"`` each of them carries a
    signal, since the model also learns to go on with the source; with ``"target"`` the ``t + 1`` that write the target do.

    Args:
        sources, targets: token ids, 0 not among them.
        signal: ``"all"`` or ``"target"``.

    Raises:
        ValueError: no rows, unequal numbers of them, an empty source, or another signal.

    >>> batch = joined([[5, 6]], [[8]], signal="target")
    >>> batch.inputs, batch.targets, batch.mask.int()
    (tensor([[5, 6, 0, 8]]), tensor([[6, 0, 8, 0]]), tensor([[0, 0, 1, 1]], dtype=torch.int32))
    """
    _check(sources, targets)
    if signal not in ("all", "target"):
        raise ValueError(f"signal must be 'all' or 'target'; got {signal!r}")
    inputs, mask = _padded([[*s, 0, *t] for s, t in zip(sources, targets)])
    outputs, _ = _padded([[*s[1:], 0, *t, 0] for s, t in zip(sources, targets)])
    if signal == "target":
        starts = torch.tensor([len(s) for s in sources])
        mask = mask & (torch.arange(inputs.shape[1]) >= starts[:, None])
    return Examples(inputs, outputs, mask)


def exact_match(
    logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]
) -> Bool[Tensor, " batch"]:
    """Whether greedy writing would give exactly the target: each token is the most likely one after the target before it.

    No text need be written for it: as long as the greedy text agrees with the target, both have the same past.
    For a decoder fed by :func:`joined` the mask must be that of ``signal="target"``. Taught in: book/architectures.ipynb.

    >>> logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    >>> exact_match(logits, torch.tensor([[1, 1]]), torch.tensor([[True, False]]))
    tensor([True])
    """
    return ((logits.argmax(-1) == targets) | ~mask).all(-1)


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    longest = int(lengths.max())
    tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.long)
    return tokens, torch.arange(longest) < lengths[:, None]


def _check(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> None:
    if not len(sources) or len(sources) != len(targets):
        raise ValueError(f"sources and targets must be equally many, at least one; got {len(sources)} and {len(targets)}")
    if not all(len(s) for s in sources):
        raise ValueError(f"sources must hold at least one token each; got {sum(not len(s) for s in sources)} empty")
