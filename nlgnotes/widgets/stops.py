"""The stops of an explorer, checked: what each control is called, and what it offers."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from nlgnotes.validation import check_kind, shown

__all__ = ["MOST_FRAMES", "Axis", "combinations", "read_stops"]


MOST_FRAMES = 60
"""The most frames of an explorer."""


# "0.5", "−3 dB", ".9 (much)", "∞"; or with its name before it: "T = 0.5"
_NUMBER = re.compile(r"(\w+ ?= ?)?[-−+]?(\.?\d|∞)")


@dataclass(frozen=True)
class Axis:
    """One parameter.

    Attributes:
        name: the keyword of the draw function.
        called: the control's name; one for each table.
        tables: what the control offers, as {label: value}: one table, or one for each value of the
            first parameter.
        start: the index shown first, in each table.
    """

    name: str
    called: list[str]
    tables: list[dict[str, object]]
    start: list[int]

    def kind(self) -> str:
        """The control that suits the labels.

        ``"slider"`` for numbers, ``"buttons"`` for two to four short words, ``"dropdown"`` for
        more or longer ones.
        """
        labels = [label for table in self.tables for label in table]
        if all(_NUMBER.match(label) for label in labels):
            return "slider"
        few = all(len(table) <= 4 for table in self.tables)
        return "buttons" if few and max(map(len, labels)) <= 20 else "dropdown"

    def at(self, i: int) -> int:
        """Which table belongs to the first parameter's value number ``i``."""
        return i if len(self.tables) > 1 else 0


def read_stops(stops: Mapping, labels: Mapping, start: object) -> list[Axis]:
    """The parameters of an explorer, its arguments checked; they are said in ``explorer``.

    Raises:
        ValueError: an argument breaks its rule, or there are too many frames.
    """
    if not isinstance(stops, Mapping) or not 1 <= len(stops) <= 2:
        raise ValueError(f"stops must name one or two parameters; got {stops!r}")
    check_kind("labels", labels, Mapping)
    unknown = set(labels) - set(stops)
    if unknown:
        raise ValueError(
            f"labels must name parameters of stops, {', '.join(stops)}; got "
            f"{', '.join(map(str, unknown))}"
        )
    axes, firsts = [], {}
    for name, offered in stops.items():
        given = labels.get(name)
        if not axes and (callable(offered) or callable(given)):
            raise ValueError(f"only the second parameter may depend on the first; got {name}")
        depends = callable(offered) or callable(given)
        called, tables = [], []
        for value in firsts.values() if depends else [None]:
            own, names = (each(value) if callable(each) else each for each in (offered, given))
            called.append(names if isinstance(names, str) else name)
            tables.append(_table(name, own, None if isinstance(names, str) else names))
        axes.append(Axis(name, called, tables, [0] * len(tables)))
        firsts = tables[0]
    count = len(list(combinations(axes)))
    if count > MOST_FRAMES:
        raise ValueError(f"stops must make at most {MOST_FRAMES} frames; got {count}")
    _begin(axes, start)
    return axes


def combinations(axes: list[Axis]) -> Iterator[tuple[str, ...]]:
    """The labels of every frame, the last parameter running fastest."""
    first = axes[0].tables[0]
    if len(axes) == 1:
        yield from ((label,) for label in first)
        return
    for i, label in enumerate(first):
        yield from ((label, other) for other in axes[1].tables[axes[1].at(i)])


def _table(name: str, values: Sequence | Mapping, labels: Sequence[str] | None) -> dict:
    """One control's stops as {label: value}."""
    try:
        held = iter(values.items() if isinstance(values, Mapping) else values)
    except TypeError:
        raise ValueError(f"stops[{name!r}] must hold values; got {shown(values)}") from None
    pairs = list(held) if isinstance(values, Mapping) else [(_label(each), each) for each in held]
    if labels is not None:
        check_kind(f"labels[{name!r}]", labels, Collection)
        if len(labels) != len(pairs):
            raise ValueError(
                f"labels[{name!r}] must hold one label per stop, {len(pairs)}; got {len(labels)}"
            )
        pairs = [(label, value) for label, (_, value) in zip(labels, pairs, strict=True)]
    table = {str(label): value for label, value in pairs}
    if len(pairs) < 2 or len(table) < len(pairs):
        raise ValueError(
            f"stops[{name!r}] must hold at least two values with different labels; got {values!r}"
        )
    return table


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _begin(axes: list[Axis], start: object) -> None:
    """Set where each control begins: by value or by label."""
    if start is None:
        return
    names = [axis.name for axis in axes]
    if isinstance(start, Mapping):
        wanted = dict(start)
    elif len(axes) == 1:
        wanted = {names[0]: start}
    else:
        wanted = dict(zip(names, start, strict=True)) if _is_pair(start) else {}
    if set(wanted) != set(names):
        raise ValueError(f"start must give one stop for each of {', '.join(names)}; got {start!r}")
    first = 0
    for axis in axes:
        table = axis.tables[axis.at(first)]
        hits = [
            i
            for i, (label, value) in enumerate(table.items())
            if _same(label, wanted[axis.name]) or _same(value, wanted[axis.name])
        ]
        if not hits:
            raise ValueError(
                f"start must be a stop of {axis.name}, one of {', '.join(table)}; got "
                f"{wanted[axis.name]!r}"
            )
        # Where the other tables are shorter, at their last stop.
        axis.start[:] = [min(hits[0], len(each) - 1) for each in axis.tables]
        first = hits[0]


def _is_pair(start: object) -> bool:
    return isinstance(start, (tuple, list)) and len(start) == 2


def _same(a: object, b: object) -> bool:
    return a is b or (isinstance(a, Real | str) and isinstance(b, Real | str) and bool(a == b))
