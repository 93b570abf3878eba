"""Batches: what a model reads, what it should have said, and which positions count."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nlgnotes.documents import Documents, concatenate
from nlgnotes.validation import check_id_lists, check_kind, check_mask, describe

__all__ = [
    "Batch",
    "Pair",
    "decoder_batch",
    "document_batch",
    "encoder_decoder_batch",
    "reply_batch",
]


class Batch(NamedTuple):
    """A batch as ``training.loop.fit`` takes it: inputs, targets, and which positions count.

    Args:
        inputs: int64 ``[batch, time]`` for a decoder, a :class:`Pair` for an encoder-decoder.
        targets: int64 ``[batch, time]``.
        mask: bool ``[batch, time]``; its sum is the number of training signals.
    """

    inputs: Any
    targets: Tensor
    mask: Tensor


def document_batch(documents: Any) -> Batch:
    """Documents as a batch: the start token 0 and all but the last token in, the document out.

    Columns that no document reaches are cut off.

    Args:
        documents: a ``Documents``, or anything with ``tokens`` and ``mask``, both ``[n, time]``.

    Returns:
        Inputs and targets, in the type of the tokens, and the documents' mask.

    Raises:
        ValueError: the mask is not boolean or not of the tokens' shape, or there is no token.
    """
    if not (hasattr(documents, "tokens") and hasattr(documents, "mask")):
        raise ValueError(f"documents must have tokens and a mask; got {describe(documents)}")
    mask = documents.mask
    check_mask("mask of the documents", mask, documents.tokens.shape)
    time = int(mask.any(0).nonzero().max()) + 1 if bool(mask.any()) else 0
    if time == 0:
        raise ValueError(
            f"documents must hold at least one token; got shape {tuple(documents.tokens.shape)}"
        )
    targets = documents.tokens[:, :time]
    return Batch(F.pad(targets[:, :-1], (1, 0)), targets, mask[:, :time])


class Pair(NamedTuple):
    """What an encoder-decoder reads.

    Args:
        source: int64 ``[batch, source]``, 0 where padded.
        mask: bool ``[batch, source]``, where the source has a token.
        target: int64 ``[batch, time]``: the target so far, the start token 0 first.
    """

    source: Tensor
    mask: Tensor
    target: Tensor


def encoder_decoder_batch(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> Batch:
    """A batch for an encoder-decoder: the source for its encoder, the target for its decoder.

    A source of *s* and a target of *t* tokens take ``s + t + 1`` positions, of which ``t + 1``
    carry a signal: each token of the target, and the end 0.

    Args:
        sources, targets: token ids, 0 not among them.

    Returns:
        The inputs are a :class:`Pair`.

    Raises:
        ValueError: no rows, unequal numbers of them, or an empty source.

    >>> batch = encoder_decoder_batch([[5, 6, 7]], [[8, 9]])
    >>> batch.inputs.target, batch.targets
    (tensor([[0, 8, 9]]), tensor([[8, 9, 0]]))
    """
    sources, targets = _checked(sources, targets)
    source, mask = _padded(sources)
    inputs, _ = _padded([[0, *t] for t in targets])
    outputs, counts = _padded([[*t, 0] for t in targets])
    return Batch(Pair(source, mask, inputs), outputs, counts)


def decoder_batch(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], *, signal: str = "all"
) -> Batch:
    """A batch for a decoder: source, 0, target, 0 in one row, each token read but the last.

    A source of *s* and a target of *t* tokens take ``s + t + 1`` positions. With ``signal="all"``
    each of them carries a signal, since the model also learns to go on with the source; with
    ``"target"`` the ``t + 1`` that write the target do.

    Args:
        sources, targets: token ids, 0 not among them.
        signal: ``"all"`` or ``"target"``.

    Returns:
        int64 inputs and targets, and which positions carry a signal.

    Raises:
        ValueError: no rows, unequal numbers of them, an empty source, or another signal.

    >>> batch = decoder_batch([[5, 6]], [[8]], signal="target")
    >>> batch.inputs, batch.targets, batch.mask.int()
    (tensor([[5, 6, 0, 8]]), tensor([[6, 0, 8, 0]]), tensor([[0, 0, 1, 1]], dtype=torch.int32))
    """
    sources, targets = _checked(sources, targets)
    if signal not in ("all", "target"):
        raise ValueError(f"signal must be 'all' or 'target'; got {signal!r}")
    inputs, mask = _padded([[*s, 0, *t] for s, t in zip(sources, targets, strict=True)])
    outputs, _ = _padded([[*s[1:], 0, *t, 0] for s, t in zip(sources, targets, strict=True)])
    if signal == "target":
        starts = torch.tensor([len(s) for s in sources])
        mask = mask & (torch.arange(inputs.shape[1]) >= starts[:, None])
    return Batch(inputs, outputs, mask)


def reply_batch(queries: Documents, replies: Documents) -> Batch:
    """Query and reply in one row, of which the reply's tokens count.

    A model trained on it learns P(reply | query) and no more.

    Args:
        queries, replies: pair by pair.

    Returns:
        int64 inputs and targets, and a mask of the replies.

    Raises:
        ValueError: different numbers of queries and replies.

    >>> batch = reply_batch(Documents.from_lists([[5, 1]]), Documents.from_lists([[7, 0]]))
    >>> batch.inputs.tolist(), batch.targets.tolist(), batch.mask.tolist()
    ([[0, 5, 1, 7]], [[5, 1, 7, 0]], [[False, False, True, True]])
    """
    check_kind("queries", queries, Documents)
    check_kind("replies", replies, Documents)
    both = concatenate(queries, replies)
    asked = torch.arange(both.tokens.shape[1]) < queries.lengths[:, None]
    return Batch(F.pad(both.tokens[:, :-1], (1, 0)), both.tokens, both.mask & ~asked)


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    longest = int(lengths.max())
    tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.long)
    return tokens, torch.arange(longest) < lengths[:, None]


def _checked(sources: object, targets: object) -> tuple[list[list[int]], list[list[int]]]:
    sources, targets = check_id_lists("sources", sources), check_id_lists("targets", targets)
    if not len(sources) or len(sources) != len(targets):
        raise ValueError(
            "sources and targets must be equally many, at least one; "
            f"got {len(sources)} and {len(targets)}"
        )
    if (empty := sum(not len(s) for s in sources)) > 0:
        raise ValueError(f"sources must hold at least one token each; got {empty} empty")
    return sources, targets
