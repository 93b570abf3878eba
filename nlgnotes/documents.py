"""Documents: a batch of texts as ids, with their lengths."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["Documents", "concatenate", "replace_rows"]


@dataclass(frozen=True)
class Documents:
    """A batch of documents.

    Args:
        tokens: ids without the start token; positions from the length on hold 0.
        lengths: how many tokens each document has, at least 1; the ``<eos>`` of a finished document
            counts. A document that was cut has none.

    Raises:
        ValueError: a wrong dtype or shape, no document, a length out of range, or padding that is not 0.
    """

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]

    def __post_init__(self):
        if not _is_int64(self.tokens) or self.tokens.dim() != 2 or not self.tokens.numel():
            raise ValueError(
                f"tokens must be a non-empty int64 tensor of shape [batch, time]; got {_kind(self.tokens)}"
            )
        if not _is_int64(self.lengths) or self.lengths.shape != self.tokens.shape[:1]:
            raise ValueError(
                f"lengths must be an int64 tensor of {len(self.tokens)} lengths; got {_kind(self.lengths)}"
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
    def from_lists(cls, lists: Sequence[Sequence[int]]) -> "Documents":
        """Documents from lists of ids.

        >>> Documents.from_lists([[3, 1, 0], [2, 0]]).tokens.tolist()
        [[3, 1, 0], [2, 0, 0]]
        """
        if not len(lists):
            raise ValueError("lists must hold at least 1 document; got 0")
        rows = [torch.tensor(list(ids), dtype=torch.long) for ids in lists]
        return cls(
            torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
            torch.tensor([len(r) for r in rows]),
        )

    def select(self, rows: Tensor) -> "Documents":
        """The documents at ``rows`` (ids or a mask), cut to the longest of them."""
        tokens, lengths = self.tokens[rows], self.lengths[rows]
        return Documents(tokens[:, : int(lengths.max())] if len(lengths) else tokens, lengths)


def _is_int64(value: object) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.long


def _kind(value: object) -> str:
    return (
        f"{value.dtype} of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else type(value).__name__
    )


def replace_rows(
    documents: Documents, rows: Int64[Tensor, " chosen"], others: Documents
) -> Documents:
    """The documents, with others at the rows."""
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
        ValueError: different numbers of documents.
    """
    if len(first) != len(second):
        raise ValueError(f"documents must be pairs; got {len(first)} and {len(second)}")
    more = second.lengths if where is None else second.lengths * where
    lengths = first.lengths + more
    place = torch.arange(int(lengths.max()))
    at = place - first.lengths[:, None]
    ours = first.tokens.gather(1, place.clamp(max=first.tokens.shape[1] - 1).expand(len(first), -1))
    theirs = second.tokens.gather(1, at.clamp(0, second.tokens.shape[1] - 1))
    return Documents(torch.where(at < 0, ours, torch.where(at < more[:, None], theirs, 0)), lengths)
