"""Dates in many languages, to and from ISO 8601: a translation whose answer is known."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import torch
from babel.dates import format_date
from jaxtyping import Bool
from torch import Tensor

from nlgnotes.validation import (
    check_count,
    check_generator,
    check_id_lists,
    check_kind,
    describe,
    shown,
)

__all__ = ["GROUPS", "KINDS", "LOCALES", "DateTask", "Dates", "by_group", "date_split"]

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Germanic": ("en", "de", "nl", "sv", "da", "nb", "is", "af"),
        "Romance": ("fr", "es", "it", "pt", "ro", "ca", "gl"),
        "Slavic, Latin script": ("pl", "cs", "sk", "sl", "hr"),
        "Baltic and Uralic": ("lt", "lv", "et", "fi", "hu"),
        "other Latin script": ("tr", "az", "vi", "id", "sw", "eu", "cy", "ga", "mt", "sq"),
        "Cyrillic script": ("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "mn"),
        "Greek, Armenian, Georgian": ("el", "hy", "ka"),
        "right to left": ("ar", "he", "fa", "ur"),
        "Indic": ("hi", "bn", "mr", "ta", "te", "kn"),
        "Southeast Asian": ("th", "lo", "km", "my"),
        "East Asian": ("zh", "ja", "ko"),
    }
)


LOCALES = tuple(locale for group in GROUPS.values() for locale in group)


STYLES = ("long", "full")  # both name the month and determine the day; full also names the weekday


KINDS = ("read long", "read full", "write long")


EVERY_KIND = (*KINDS, "write full")  # to write the weekday one must know the calendar


TEST_SHARE = 0.1


def date_split(day: date) -> str:
    """``"train"`` or ``"test"``, by a hash of the day alone.

    So a tenth of all days is unseen in every language and direction.

    >>> date_split(date(2024, 3, 5)), date_split(date(2024, 2, 1))
    ('train', 'test')
    """
    check_kind("day", day, date)
    digest = hashlib.blake2b(date.isoformat(day).encode(), digest_size=8).digest()
    return "test" if int.from_bytes(digest, "big") < TEST_SHARE * 2**64 else "train"


@dataclass(frozen=True)
class DateTask:
    """One date to be read into ISO 8601, or written from it.

    Args:
        day: which.
        locale: whose language and custom.
        kind: ``"read long"``, ``"read full"``, ``"write long"`` or ``"write full"``.
    """

    day: date
    locale: str
    kind: str

    def __post_init__(self) -> None:
        check_kind("day", self.day, date)
        check_kind("locale", self.locale, str)
        check_kind("kind", self.kind, str)

    @property
    def source(self) -> str:
        """What is given."""
        return self._local if self.kind.startswith("read") else self.day.isoformat()

    @property
    def target(self) -> str:
        """What is asked for."""
        return self.day.isoformat() if self.kind.startswith("read") else self._local

    @property
    def tags(self) -> tuple[str, ...]:
        """What stands before the source and says what to do: direction, locale, style."""
        direction, style = self.kind.split()
        return f"<{direction}>", f"<{self.locale}>", f"<{style}>"

    @property
    def _local(self) -> str:
        return format_date(self.day, self.kind.split()[1], locale=self.locale)


class Dates:
    """All days of some years in some languages, by Babel's CLDR data, as characters.

    The words are ``"<eos>"``, the tags, and each character that occurs. Babel writes Western digits
    in every locale. Taught in: book/architectures.ipynb.

    Args:
        locales: among :data:`LOCALES`.
        first, last: years, from 1000 to 9999 (ISO 8601 writes four digits).

    Raises:
        ValueError: no locale, an unknown or repeated one, or years out of order or range.

    >>> dates = Dates(("en", "de"), 2024, 2024)
    >>> task = DateTask(date(2024, 3, 5), "de", "read full")
    >>> task.source, task.target
    ('Dienstag, 5. März 2024', '2024-03-05')
    >>> source, target = dates.encode(task)
    >>> dates.decode(source)
    '<read><de><full>Dienstag, 5. März 2024'
    """

    def __init__(
        self, locales: Sequence[str] = LOCALES, first: int = 1900, last: int = 2099
    ) -> None:
        locales = _names("locales", locales)
        if not locales or not set(locales) <= set(LOCALES) or len(set(locales)) != len(locales):
            raise ValueError(
                f"locales must be different ones of {', '.join(LOCALES)}; got {locales}"
            )
        first = check_count("first", first, 1000)
        last = check_count("last", last, first)
        if last > 9999:
            raise ValueError(f"last must be at most 9999; got {last}")
        self.locales, self.first, self.last = locales, first, last
        tags = (
            "<read>",
            "<write>",
            *(f"<{style}>" for style in STYLES),
            *(f"<{locale}>" for locale in locales),
        )
        self.words: tuple[str, ...] = (
            "<eos>",
            *tags,
            *sorted(set("0123456789-").union(*map(_characters, locales))),
        )
        self._ids = {word: i for i, word in enumerate(self.words)}

    @property
    def vocab_size(self) -> int:
        """How many words."""
        return len(self.words)

    def days(self, split: str) -> tuple[date, ...]:
        """All days of one part, in order.

        Raises:
            ValueError: ``split`` is neither ``"train"`` nor ``"test"``, or its part of these years
                is empty.
        """
        if split not in ("train", "test"):
            raise ValueError(f"split must be 'train' or 'test'; got {split!r}")
        days = _days(self.first, self.last)[split]
        if not days:
            raise ValueError(
                f"split must hold a day between {self.first} and {self.last}; got none in {split!r}"
            )
        return days

    def draw(
        self,
        n: int,
        generator: torch.Generator,
        *,
        split: str = "train",
        kinds: Sequence[str] = KINDS,
        locales: Sequence[str] | None = None,
    ) -> list[DateTask]:
        """Random tasks: day, locale and kind, each uniform and independent.

        Args:
            n: how many.
            generator: where they are drawn from.
            split: which days.
            kinds: which kinds; ``"write full"``, left out by default, asks for the weekday of an
                unseen day.
            locales: among this object's (all of them when None).

        Raises:
            ValueError: ``n`` below 1, or an unknown split, kind or locale.
        """
        n = check_count("n", n)
        check_generator(generator)
        kinds, days = _names("kinds", kinds), self.days(split)
        locales = self.locales if locales is None else _names("locales", locales)
        for name, given, known in (
            ("kinds", kinds, EVERY_KIND),
            ("locales", locales, self.locales),
        ):
            if not given or not set(given) <= set(known):
                raise ValueError(f"{name} must be some of {', '.join(known)}; got {given}")
        columns = [
            torch.randint(len(choices), (n,), generator=generator).tolist()
            for choices in (days, locales, kinds)
        ]
        return [
            DateTask(days[d], locales[place], kinds[k])
            for d, place, k in zip(*columns, strict=True)
        ]

    def encode(self, task: DateTask) -> tuple[list[int], list[int]]:
        """Source (tags first) and target as ids; neither holds the end.

        Raises:
            ValueError: a tag or character is not among the words.
        """
        check_kind("task", task, DateTask)
        words = (*task.tags, *task.source), tuple(task.target)
        strange = sorted(set(words[0] + words[1]) - self._ids.keys())
        if strange:
            raise ValueError(f"task must be written in this object's words; got {strange}")
        source, target = ([self._ids[word] for word in part] for part in words)
        return source, target

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, up to the end; tags show in angle brackets."""
        ids = check_id_lists("ids", [ids])[0]
        if not all(0 <= i < self.vocab_size for i in ids):
            raise ValueError(f"ids must lie in [0, {self.vocab_size}); got {shown(ids)}")
        return "".join(self.words[i] for i in ids[: ids.index(0) if 0 in ids else None])

    def encode_all(self, tasks: Sequence[DateTask]) -> tuple[list[list[int]], list[list[int]]]:
        """Sources and targets of several tasks, for ``batches.encoder_decoder_batch`` or
        ``batches.decoder_batch``."""
        check_kind("tasks", tasks, Sequence)
        pairs = [self.encode(task) for task in tasks]
        return [source for source, _ in pairs], [target for _, target in pairs]


def by_group(
    tasks: Sequence[DateTask], matches: Bool[Tensor, " tasks"]
) -> dict[str, tuple[int, int]]:
    """How many tasks of each group of locales were right, and of how many.

    These are arguments of ``intervals.binomial_interval``.

    Groups without a task are left out.

    Raises:
        ValueError: not one match per task.

    >>> task = DateTask(date(2024, 3, 5), "de", "read full")
    >>> by_group([task, task], torch.tensor([True, False]))
    {'Germanic': (1, 2)}
    """
    check_kind("tasks", tasks, Sequence)
    for task in tasks:
        check_kind("tasks", task, DateTask)
    if not isinstance(matches, Tensor) or matches.shape != (len(tasks),):
        raise ValueError(f"matches must be one per task, {len(tasks)}; got {describe(matches)}")
    found: dict[str, tuple[int, int]] = {}
    for name, locales in GROUPS.items():
        right = [
            bool(match)
            for task, match in zip(tasks, matches.tolist(), strict=True)
            if task.locale in locales
        ]
        if right:
            found[name] = (sum(right), len(right))
    return found


def _names(name: str, given: Sequence[str]) -> tuple[str, ...]:
    """Names as a tuple, or a ``ValueError`` unless they are strings in a sequence."""
    check_kind(name, given, Sequence)
    for each in given:
        check_kind(name, each, str)
    return tuple(given)


@functools.lru_cache
def _characters(locale: str) -> frozenset[str]:
    # The first seven days of each month show every month, every weekday and every fixed word.
    days = [date(2024, month, day) for month in range(1, 13) for day in range(1, 8)]
    return frozenset(
        "".join(format_date(day, style, locale=locale) for day in days for style in STYLES)
    )


@functools.lru_cache
def _days(first: int, last: int) -> Mapping[str, tuple[date, ...]]:
    parts: dict[str, list[date]] = {"train": [], "test": []}
    for ordinal in range(date(first, 1, 1).toordinal(), date(last, 12, 31).toordinal() + 1):
        day = date.fromordinal(ordinal)
        parts[date_split(day)].append(day)
    return {name: tuple(days) for name, days in parts.items()}
