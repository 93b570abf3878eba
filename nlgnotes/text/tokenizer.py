"""Byte-level byte-pair encoding: text in, ids out, and back without loss."""

import functools
import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from nlgnotes.files import write_whole
from nlgnotes.validation import check_count

__all__ = ["ByteBPE", "pieces"]

FIRST_MERGE = 257  # id 0 is <eos>, ids 1 to 256 are the bytes


FORMAT = {"format": "nlgnotes byte-level BPE", "version": 1}


# GPT-2's idea in the standard library's ``re``: contractions, then runs of letters, digits or other marks with
# the space before them, then white space. Every character belongs to one class, and no run is longer than 40,
# which keeps encoding linear in the length of any text.
_PIECE = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)\b| ?[^\W\d_]{1,40}| ?\d{1,3}| ?(?:[^\s\w]|_){1,40}|\s{1,40}(?!\S)|\s{1,40}"
)


def pieces(text: str) -> list[str]:
    """Cut a text where no merge may cross; the pieces joined are the text.

    >>> pieces("It's 1984, again")
    ['It', "'s", ' 198', '4', ',', ' again']
    """
    return _PIECE.findall(text)


class ByteBPE:
    """Byte-pair encoding over UTF-8 (Sennrich et al. 2016, arXiv:1508.07909; on bytes as in GPT-2).

    Ids: 0 is ``<eos>``, which no text ever encodes to (not even the literal ``"<eos>"``); 1 to 256
    are the bytes 0 to 255; 257 + i is the i-th merge, a pair of earlier ids.

    Args:
        merges: pairs of ids in the order in which they were learned.

    Raises:
        ValueError: a merge of ids that do not exist yet, of ``<eos>``, or twice the same.

    >>> tokenizer = ByteBPE.train(["aaabdaaabac"], vocab_size=258)
    >>> tokenizer.merges, tokenizer.decode(tokenizer.encode("aab"))
    (((98, 98),), 'aab')
    """

    eos = 0

    def __init__(self, merges: Iterable[tuple[int, int]] = ()) -> None:
        self.merges = tuple((left, right) for left, right in merges)
        self._bytes = [b""] + [bytes([b]) for b in range(256)]
        self._ids: dict[tuple[int, int], int] = {}
        for pair in self.merges:
            if (
                not all(type(i) is int and 1 <= i < len(self._bytes) for i in pair)
                or pair in self._ids
            ):
                raise ValueError(
                    f"merges must be new pairs of ids in [1, {len(self._bytes)}); got {pair!r}"
                )
            self._ids[pair] = len(self._bytes)
            self._bytes.append(self._bytes[pair[0]] + self._bytes[pair[1]])
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
        Among equally frequent pairs the smaller ids win; learning stops early when no pair occurs twice.

        Args:
            texts: the training texts.
            vocab_size: the most ids to have, at least 257.

        Raises:
            ValueError: ``vocab_size`` is below 257, or a text holds a lone surrogate.
        """
        check_count("vocab_size", vocab_size, FIRST_MERGE)
        if isinstance(texts, str):
            raise ValueError(f"texts must be several strings, not one; got {texts[:20]!r}")
        counts = Counter(piece for text in texts for piece in pieces(text))
        words = [[b + 1 for b in _utf8(piece)] for piece in counts]
        times = list(counts.values())
        pairs: Counter[tuple[int, int]] = Counter()
        where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for index, word in enumerate(words):
            for pair in zip(word, word[1:], strict=False):
                pairs[pair] += times[index]
                where[pair].add(index)
        heap = [(-count, pair) for pair, count in pairs.items()]
        heapq.heapify(heap)
        merges: list[tuple[int, int]] = []
        while heap and FIRST_MERGE + len(merges) < vocab_size:
            count, best = heapq.heappop(heap)
            if (
                -count != pairs[best]
            ):  # an old entry: its pair has changed since and stands elsewhere in the heap
                continue
            if -count < 2:
                break
            changed = set()
            for index in where.pop(best):
                old = words[index]
                new = _merge(old, best, FIRST_MERGE + len(merges))
                for sign, word in ((-1, old), (1, new)):
                    for pair in zip(word, word[1:], strict=False):
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
            ValueError: the text holds a lone surrogate, which has no UTF-8.
        """
        return [i for piece in pieces(text) for i in self._encoded(piece)]

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of some ids; ``<eos>`` has none, and bytes that are not UTF-8 (a cut character) become U+FFFD.

        Raises:
            ValueError: an id outside the vocabulary.
        """
        plain = _plain_ids(ids)
        for foreign in (i for i in plain if type(i) is not int or not 0 <= i < len(self._bytes)):
            self.token_bytes(foreign)  # which says what is wrong with it
        return b"".join(map(self._bytes.__getitem__, plain)).decode("utf-8", errors="replace")

    def token_bytes(self, token: int) -> bytes:
        """The bytes that one id stands for (``b""`` for ``<eos>``).

        Raises:
            ValueError: an id outside the vocabulary.
        """
        if type(token) is not int or not 0 <= token < self.vocab_size:
            raise ValueError(f"ids must lie in [0, {self.vocab_size}); got {token!r}")
        return self._bytes[token]

    def to_json(self) -> str:
        """The tokenizer as JSON: the merges are all there is to it."""
        return json.dumps({**FORMAT, "merges": self.merges})

    @classmethod
    def from_json(cls, text: str) -> "ByteBPE":
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: anything else.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"a tokenizer must be JSON; got {text[:40]!r} ({error})") from None
        if (
            not isinstance(data, dict)
            or set(data) != {*FORMAT, "merges"}
            or any(data[k] != v for k, v in FORMAT.items())
        ):
            found = sorted(data) if isinstance(data, dict) else type(data).__name__
            raise ValueError(
                f"a tokenizer must hold {FORMAT} and merges, nothing else; got {found}"
            )
        merges = data["merges"]
        if not isinstance(merges, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in merges
        ):
            raise ValueError(f"merges must be a list of pairs; got {str(merges)[:40]}")
        return cls((left, right) for left, right in merges)

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
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def _encode_piece(self, piece: str) -> tuple[int, ...]:
        """Apply to one piece the earliest-learned merge that it has a place for, until there is none."""
        ids = [b + 1 for b in _utf8(piece)]
        while len(ids) > 1:
            best = min(
                (self._ids.get(pair, self.vocab_size) for pair in zip(ids, ids[1:], strict=False))
            )
            if best == self.vocab_size:
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


def _plain_ids(ids: Iterable[int] | Tensor) -> list[int]:
    if isinstance(ids, Tensor):
        if ids.dim() != 1 or ids.dtype != torch.long:
            raise ValueError(
                f"ids must be an int64 tensor of shape [time]; got {ids.dtype} of shape {tuple(ids.shape)}"
            )
        return ids.tolist()
    return list(ids)
