"""The n-grams of a set of texts: numbered, so that equal ones have one number, and counted."""

from typing import SupportsIndex

import numpy as np
from jaxtyping import Int
from torch import Tensor

from nlgnotes.validation import check_count, check_lengths, describe

__all__ = ["ngram_counts", "ngrams", "two_largest"]


def ngrams(
    tokens: Int[Tensor, "documents time"], lengths: Int[Tensor, " documents"], n: SupportsIndex
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every m-gram of a corpus, for m = 1..n: the text that it stands in, and its number.

    Args:
        tokens, lengths: the texts; what stands after a text's length is not looked at.
        n: length of the longest n-grams, at least 1; beyond the longest text it counts as one more
            than that.

    Returns:
        For each m the texts and the numbers; equal m-grams have one number, from 0.

    Raises:
        ValueError: ``n`` below 1, or tokens and lengths that are no texts.

    >>> import torch
    >>> words, pairs = ngrams(torch.tensor([[5, 6, 5]]), torch.tensor([3]), 2)
    >>> words[1].tolist(), pairs[1].tolist()
    ([0, 1, 0], [0, 1])
    """
    n = check_count("n", n)
    check_lengths(tokens, lengths)
    size, ids = lengths.cpu().numpy(), tokens.cpu().numpy()
    time = ids.shape[1]
    place, longest = np.arange(time), min(n, time + 1)
    word = _numbered(ids.astype(np.int64).ravel()).reshape(ids.shape)
    ahead = np.pad(word, ((0, 0), (0, longest)))
    code, out = np.zeros_like(word), []
    for m in range(1, longest + 1):
        inside = place[None] + m <= size[:, None]
        # The (m-1)-gram that starts here, then one word more; numbered anew at each turn, or the
        # codes of long n-grams would overflow.
        code = code * (word.max(initial=0) + 1) + ahead[:, m - 1 : m - 1 + time]
        numbers = _numbered(code[inside])
        code = np.zeros_like(word)
        code[inside] = numbers
        out.append((np.nonzero(inside)[0], numbers))
    return out


def _numbered(codes: np.ndarray) -> np.ndarray:
    """The rank of each code among the different ones, from 0: ``np.unique``'s inverse."""
    low, high = int(codes.min(initial=0)), int(codes.max(initial=0))
    if high - low > 32 * codes.size + 1024:
        return np.unique(codes, return_inverse=True)[1]
    # A table of all the codes that there could be is several times faster than sorting them.
    there = np.zeros(high - low + 1, dtype=bool)
    there[codes - low] = True
    return (there.cumsum() - 1)[codes - low]


def ngram_counts(
    documents: np.ndarray, grams: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often each n-gram stands in each text.

    Args:
        documents, grams: texts and numbers, as :func:`ngrams` gives them.

    Returns:
        Of every pair that occurs: the text, the n-gram, how often.

    >>> [x.tolist() for x in ngram_counts(np.array([0, 0, 1]), np.array([4, 4, 4]))]
    [[0, 1], [4, 4], [2, 1]]
    """
    _check_numbers(documents=documents, grams=grams)
    base = int(grams.max(initial=0)) + 1
    keys, count = np.unique(documents * base + grams, return_counts=True)
    return keys // base, keys % base, count


def _check_numbers(**arrays: object) -> None:
    """That all are arrays of whole numbers, at least 0, of one length."""
    (first, pattern), *_ = arrays.items()
    for name, x in arrays.items():
        whole = isinstance(x, np.ndarray) and x.ndim == 1 and x.dtype.kind in "iu"
        if not whole or len(x) != len(pattern) or x.min(initial=0) < 0:
            raise ValueError(
                f"{name} must be integers of at least 0 in one dimension, as many as {first}; "
                f"got {describe(x)}"
            )


def two_largest(
    owner: np.ndarray, gram: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest count of every n-gram in a text, that text, and the largest in another.

    Args:
        owner, gram, count: as :func:`ngram_counts` gives them, numbers from 0 without a gap.

    Returns:
        Three numbers per n-gram; the last is 0 where no other text has it.

    >>> [x.tolist() for x in two_largest(np.array([0, 1]), np.array([0, 0]), np.array([2, 3]))]
    [[3], [1], [2]]
    """
    _check_numbers(owner=owner, gram=gram, count=count)
    order = np.lexsort((-count, gram))
    gram, owner, count = gram[order], owner[order], count[order]
    first = np.flatnonzero(np.diff(gram, prepend=-1))
    after = np.minimum(first + 1, max(len(gram) - 1, 0))
    second = np.where((first + 1 < len(gram)) & (gram[after] == gram[first]), count[after], 0)
    return count[first], owner[first], second
