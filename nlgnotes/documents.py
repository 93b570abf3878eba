"""Documents: a batch of texts as ids, with their lengths."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.validation import check_id_lists, check_kind, check_mask, describe, is_int64

__all__ = ["Documents", "concatenate", "replace_rows"]


@dataclass(frozen=True)
class Documents:
    """A batch of documents.

    Args:
        tokens: ids without the start token; positions from the length on hold 0.
        lengths: how many tokens each document has, at least 1; the ``<eos>`` of a finished document
            counts. A document that was cut has none.

    Raises:
        ValueError: a wrong dtype or shape, no document, a length out of range, or padding that is
            not 0.
    """

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]

    def __post_init__(self):
        if not is_int64(self.tokens) or self.tokens.dim() != 2 or not self.tokens.numel():
            raise ValueError(
                "tokens must be a non-empty int64 tensor of shape [batch, time]; "
                f"got {describe(self.tokens)}"
            )
        if not is_int64(self.lengths) or self.lengths.shape != self.tokens.shape[:1]:
            raise ValueError(
                f"lengths must be an int64 tensor of {len(self.tokens)} lengths; "
                f"got {describe(self.lengths)}"
            )
        low, high = int(self.lengths.min()), int(self.lengths.max())
        if low < 1 or high > self.tokens.shape[1]:
            raise ValueError(
                f"lengths must lie in [1, {self.tokens.shape[1]}]; got {low} to {high}"
            )
        if bool((self.tokens[~self.mask] != 0).any()):
            raise ValueError("tokens must be 0 from the length on; got another id there")

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def mask(self) -> Bool[Tensor, "batch time"]:
        """Where there is a token rather than padding."""
        return torch.arange(self.tokens.shape[1]) < self.lengths[:, None]

    @property
    def total(self) -> int:
        """How many tokens all documents have together."""
        return int(self.lengths.sum())

    @classmethod
    def from_lists(cls, lists: Sequence[Iterable[SupportsIndex]]) -> "Documents":
        """Documents from lists of ids.

        Raises:
            ValueError: no document, an empty one, or one that holds something else than integers.

        >>> Documents.from_lists([[3, 1, 0], [2, 0]]).tokens.tolist()
        [[3, 1, 0], [2, 0, 0]]
        """
        rows = [torch.tensor(ids, dtype=torch.long) for ids in check_id_lists("lists", lists)]
        if not rows:
            raise ValueError("lists must hold at least 1 document; got 0")
        return cls(
            torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
            torch.tensor([len(r) for r in rows]),
        )

    def select(self, rows: Tensor) -> "Documents":
        """The documents at ``rows`` (ids or a mask), cut to the longest of them.

        Raises:
            ValueError: ``rows`` is neither a mask of the documents nor ids of some, or chooses
                none.
        """
        if isinstance(rows, Tensor) and rows.dtype == torch.bool:
            check_mask("rows", rows, self.lengths.shape)
        else:
            _check_rows(rows, len(self))
        tokens, lengths = self.tokens[rows], self.lengths[rows]
        return Documents(tokens[:, : int(lengths.max())] if len(lengths) else tokens, lengths)


def replace_rows(
    documents: Documents, rows: Int64[Tensor, " chosen"], others: Documents
) -> Documents:
    """The documents, with others at the rows.

    Raises:
        ValueError: ``rows`` are not ids of documents, or not one for each of the others.
    """
    check_kind("documents", documents, Documents)
    check_kind("others", others, Documents)
    _check_rows(rows, len(documents))
    if rows.shape != (len(others),):
        raise ValueError(f"rows must be one id for each of {len(others)}; got {describe(rows)}")
    width = max(documents.tokens.shape[1], others.tokens.shape[1])
    tokens = pad(documents.tokens, (0, width - documents.tokens.shape[1]))
    tokens[rows] = pad(others.tokens, (0, width - others.tokens.shape[1]))
    lengths = documents.lengths.clone()
    lengths[rows] = others.lengths
    return Documents(tokens[:, : int(lengths.max())], lengths)


def concatenate(
    first: Documents, second: Documents, where: Bool[Tensor, " batch"] | None = None
) -> Documents:
    """Row by row the second document behind the first, or only the first where ``where`` is False.

    Raises:
        ValueError: different numbers of documents, or ``where`` is not a mask of them.
    """
    check_kind("first", first, Documents)
    check_kind("second", second, Documents)
    if len(first) != len(second):
        raise ValueError(f"documents must be pairs; got {len(first)} and {len(second)}")
    if where is not None:
        check_mask("where", where, first.lengths.shape)
    more = second.lengths if where is None else second.lengths * where
    lengths = first.lengths + more
    place = torch.arange(int(lengths.max()))
    at = place - first.lengths[:, None]
    # Every position reads a token of both, clamped where there is none, and then one is chosen.
    ours = first.tokens.gather(1, place.clamp(max=first.tokens.shape[1] - 1).expand(len(first), -1))
    theirs = second.tokens.gather(1, at.clamp(0, second.tokens.shape[1] - 1))
    return Documents(torch.where(at < 0, ours, torch.where(at < more[:, None], theirs, 0)), lengths)


def _check_rows(rows: object, count: int) -> None:
    if not is_int64(rows) or rows.dim() != 1:
        raise ValueError(f"rows must be int64 ids in one dimension; got {describe(rows)}")
    if rows.numel() and not (-count <= int(rows.min()) and int(rows.max()) < count):
        raise ValueError(
            f"rows must lie in [{-count}, {count}); got {int(rows.min())} to {int(rows.max())}"
        )
