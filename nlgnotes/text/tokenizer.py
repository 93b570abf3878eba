"""Byte-level byte-pair encoding: text to ids, and back without loss."""

import functools
import heapq
import itertools
import json
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nlgnotes.files import write_whole
from nlgnotes.reading import JSON_LIMIT, parse_json, read_bytes
from nlgnotes.validation import check_count

__all__ = ["ByteBPE", "pieces"]

FIRST_MERGE = 257  # id 0 is <eos>, ids 1 to 256 are the bytes
FORMAT = {"format": "nlgnotes byte-level BPE", "version": 1}

# GPT-2's idea in the standard library's ``re``: contractions, then runs of letters, digits or other
# marks with the space before them, then white space. Every character belongs to one class, and no
# run is longer than 40, which keeps encoding linear in the length of any text.
_PIECE = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)\b| ?[^\W\d_]{1,40}| ?\d{1,3}| ?(?:[^\s\w]|_){1,40}"
    r"|\s{1,40}(?!\S)|\s{1,40}"
)
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)

# No merge crosses pieces, so none needs more bytes than the longest: a space and 40 characters.
# (Unbounded, forty merges that each double the last would ask for a terabyte.)
LONGEST_TOKEN = 1 + 40 * 4


def pieces(text: str) -> list[str]:
    """Cut a text where no merge may cross; the pieces joined are the text.

    Raises:
        ValueError: ``text`` is no string.

    >>> pieces("It's 1984, again")
    ['It', "'s", ' 198', '4', ',', ' again']
    """
    if not isinstance(text, str):
        raise ValueError(f"text must be a string; got {type(text).__name__}")
    return _PIECE.findall(text)


class ByteBPE:
    """Byte-pair encoding over UTF-8 (Sennrich et al. 2016, arXiv:1508.07909; bytes as in GPT-2).

    Ids: 0 is ``<eos>``, which no text ever encodes to (not even the literal ``"<eos>"``); 1 to 256
    are the bytes 0 to 255; 257 + i is the i-th merge, a pair of earlier ids.

    Args:
        merges: pairs of ids (integers of any kind) in the order in which they were learned.

    Raises:
        ValueError: a merge of ids that do not exist yet, of ``<eos>``, twice the same, or of more
            than 161 bytes, the longest that a text can be cut into.

    >>> tokenizer = ByteBPE.train(["aaabdaaabac"], vocab_size=258)
    >>> tokenizer.merges, tokenizer.decode(tokenizer.encode("aab"))
    (((98, 98),), 'aab')
    """

    eos = 0

    def __init__(self, merges: Iterable[Any] = ()) -> None:
        self._bytes = [b""] + [bytes([b]) for b in range(256)]
        self._ids: dict[tuple[int, int], int] = {}
        for given in _listed("merges", merges):
            pair = tuple(_whole(i) for i in _listed("merges", given))
            known = range(1, len(self._bytes))
            if len(pair) != 2 or any(i not in known for i in pair) or pair in self._ids:
                raise ValueError(
                    f"merges must be new pairs of ids in [1, {len(self._bytes)}); got {given!r}"
                )
            token = self._bytes[pair[0]] + self._bytes[pair[1]]
            if len(token) > LONGEST_TOKEN:
                raise ValueError(
                    f"merges must make tokens of at most {LONGEST_TOKEN} bytes; "
                    f"got {len(token)} of {pair!r}"
                )
            self._ids[pair] = len(self._bytes)
            self._bytes.append(token)
        self.merges = tuple(self._ids)
        self._encoded = functools.lru_cache(maxsize=65536)(self._encode_piece)

    @property
    def vocab_size(self) -> int:
        """How many ids there are: 257 and the merges."""
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteBPE) and self.merges == other.merges

    def __hash__(self) -> int:
        return hash(self.merges)

    def __repr__(self) -> str:
        return f"ByteBPE({self.vocab_size} ids)"

    def __reduce__(self) -> tuple:
        return ByteBPE, (self.merges,)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "ByteBPE":
        """Learn merges: again and again the most frequent pair of neighbours becomes one id.

        Counts are over distinct pieces and are kept up to date, so a merge costs what it changes.
        Among equally frequent pairs the smaller ids win; learning stops early when no pair occurs
        twice.

        Args:
            texts: the training texts.
            vocab_size: the most ids to have, at least 257.

        Raises:
            ValueError: ``vocab_size`` is below 257, or a text is no string or holds a lone
                surrogate.
        """
        check_count("vocab_size", vocab_size, FIRST_MERGE)
        if isinstance(texts, str | bytes):
            raise ValueError(f"texts must be several strings, not one; got {texts[:20]!r}")
        if not isinstance(texts, Iterable):
            raise ValueError(f"texts must be strings in a list; got {texts!r}")
        counts = Counter(piece for text in texts for piece in pieces(text))
        words = [[b + 1 for b in _utf8(piece)] for piece in counts]
        times = list(counts.values())
        # How often each pair stands in the corpus, and in which words: a merge then looks only at
        # the words that hold its pair, not at the corpus.
        pairs: Counter[tuple[int, int]] = Counter()
        where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for index, word in enumerate(words):
            for pair in itertools.pairwise(word):
                pairs[pair] += times[index]
                where[pair].add(index)
        heap = [(-count, pair) for pair, count in pairs.items()]
        heapq.heapify(heap)
        merges: list[tuple[int, int]] = []
        while heap and FIRST_MERGE + len(merges) < vocab_size:
            count, best = heapq.heappop(heap)
            # An entry of a heap cannot be changed, so a pair is pushed again when its count has
            # moved: where the two differ, this is an old entry, and the right one comes later.
            if -count != pairs[best]:
                continue
            if -count < 2:
                break
            changed = set()
            for index in where.pop(best):
                old = words[index]
                new = _merge(old, best, FIRST_MERGE + len(merges))
                # A word's pairs are taken away and put back as a whole: overlaps (aaa) and pairs
                # that stand in it twice need no case of their own.
                for sign, word in ((-1, old), (1, new)):
                    for pair in itertools.pairwise(word):
                        pairs[pair] += sign * times[index]
                        changed.add(pair)
                        if sign > 0:
                            where[pair].add(index)
                words[index] = new
            merges.append(best)
            for pair in changed:
                if pairs[pair] > 0:
                    heapq.heappush(heap, (-pairs[pair], pair))
        return cls(merges)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, none of them 0.

        Raises:
            ValueError: ``text`` is no string, or holds a lone surrogate, which has no UTF-8.
        """
        return [i for piece in pieces(text) for i in self._encoded(piece)]

    def decode(self, ids: Iterable[Any]) -> str:
        """The text of some ids; ``<eos>`` has none.

        Bytes that are not UTF-8 (a cut character) become U+FFFD.

        Args:
            ids: a row of integers: Python's, NumPy's or torch's.

        Raises:
            ValueError: no row of integers, or an id outside the vocabulary.
        """
        return b"".join(map(self.token_bytes, _row(ids))).decode("utf-8", errors="replace")

    def token_bytes(self, token: Any) -> bytes:
        """The bytes that one id stands for (``b""`` for ``<eos>``), an integer of any kind.

        Raises:
            ValueError: no integer, or an id outside the vocabulary.
        """
        index = token if type(token) is int else _whole(token)
        if index is None:
            raise ValueError(f"ids must be integers; got {token!r}")
        if not 0 <= index < len(self._bytes):
            raise ValueError(f"ids must lie in [0, {self.vocab_size}); got {token!r}")
        return self._bytes[index]

    def to_json(self) -> str:
        """The tokenizer as JSON: the merges are all there is to it."""
        return json.dumps({**FORMAT, "merges": self.merges})

    @classmethod
    def from_json(cls, text: str) -> "ByteBPE":
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: anything else.
        """
        return cls._from_data("a tokenizer", text)

    def save(self, path: Path | str) -> None:
        """Write :meth:`to_json`; the file is whole or not there."""
        write_whole(path, self.to_json())

    @classmethod
    def load(cls, path: Path | str) -> "ByteBPE":
        """Read a file that :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else.
        """
        return cls._from_data(str(path), read_bytes(path, JSON_LIMIT))

    @classmethod
    def _from_data(cls, name: str, text: str | bytes) -> "ByteBPE":
        data = parse_json(name, text)
        keys = {*FORMAT, "merges"}
        # By their types too: to Python, 1, 1.0 and True are equal.
        known = isinstance(data, dict) and data.keys() == keys
        if not known or any((type(data[k]), data[k]) != (type(v), v) for k, v in FORMAT.items()):
            found = sorted(data) if isinstance(data, dict) else type(data).__name__
            raise ValueError(f"{name} must hold {FORMAT} and merges, nothing else; got {found}")
        if not isinstance(data["merges"], list):
            raise ValueError(f"{name}: merges must be a list of pairs")
        try:
            return cls(data["merges"])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _encode_piece(self, piece: str) -> tuple[int, ...]:
        """Apply to one piece the earliest-learned merge that fits, until none does."""
        ids = [b + 1 for b in _utf8(piece)]
        none = self.vocab_size
        while len(ids) > 1:
            best = min(self._ids.get(pair, none) for pair in itertools.pairwise(ids))
            if best == none:
                break
            ids = _merge(ids, self.merges[best - FIRST_MERGE], best)
        return tuple(ids)


def _merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """``ids`` with each occurrence of ``pair``, from the left, replaced by ``new``."""
    merged, i, (left, right) = [], 0, pair
    while i < len(ids):
        if ids[i] == left and i + 1 < len(ids) and ids[i + 1] == right:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text must not hold a lone surrogate; got {text[error.start : error.start + 1]!r}"
        ) from None


def _listed(name: str, values: Any) -> list[Any]:
    """What can be walked through, and is no text: of a string the letters are never meant."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a list; got {values!r}")
    if isinstance(values, Tensor | np.ndarray) and values.ndim == 0:
        raise ValueError(f"{name} must be a list; got {values!r}")
    return list(values)


def _whole(value: Any) -> int | None:
    """An integer of Python, of NumPy or in a tensor of no dimension; None for anything else."""
    # NumPy and torch would turn a boolean into an index, too.
    if isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == torch.bool:
        return None
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return None  # of one element torch would make an index, too
    try:
        return operator.index(value)
    except TypeError:
        return None


def _row(ids: Any) -> list[Any]:
    """The ids of a row as a list; of a tensor or an array at once, which is faster."""
    if not isinstance(ids, Tensor | np.ndarray):
        return _listed("ids", ids)
    whole = ids.dtype in _INTEGERS if isinstance(ids, Tensor) else ids.dtype.kind in "iu"
    if ids.ndim != 1 or not whole:
        raise ValueError(
            f"ids must be a row of integers; got {ids.dtype} of shape {tuple(ids.shape)}"
        )
    return ids.tolist()
