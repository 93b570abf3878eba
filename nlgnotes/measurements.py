"""Measurements: the numbers of a long experiment, kept as JSON that says how they were made.

A lecture that draws one says so under the figure, and runs a shorter version of the same function live beside it.
``python -m nlgnotes.recipes NAME`` makes it again and says whether it agrees.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlgnotes.files import write_whole
from nlgnotes.validation import check_keys

__all__ = ["FOLDER", "Measurement", "available", "load", "save"]

FORMAT = 1


FOLDER = Path(__file__).parent / "shipped" / "measurements"  # the shipped ones


KEYS = {"format", "name", "recipe", "data"}


@dataclass(frozen=True)
class Measurement:
    """What a long experiment found.

    Args:
        name: of its file.
        recipe: how it was made: seed, settings, digests of the languages and models it looked at, seconds, torch.
        data: what was measured: numbers, strings, lists and mappings of them.
    """

    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def available(folder: str | Path | None = None) -> tuple[str, ...]:
    """The measurements in a folder (the shipped ones when None), sorted."""
    root = FOLDER if folder is None else Path(folder)
    return tuple(sorted(p.stem for p in root.glob("*.json"))) if root.is_dir() else ()


def save(path: str | Path, *, recipe: Mapping[str, Any], data: Mapping[str, Any]) -> Path:
    """Write a measurement, whole or not at all.

    Args:
        path: the file, ending in ``.json``; a bare name stands for one of the shipped.
        recipe, data: JSON-able; no NaN and no infinity.

    Returns:
        The file.

    Raises:
        ValueError: something that JSON cannot say.
    """
    place = _place(path)
    row = {"format": FORMAT, "name": place.stem, "recipe": dict(recipe), "data": dict(data)}
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"recipe and data must be JSON; {error}") from None
    write_whole(place, text + "\n")
    return place


def load(name: str | Path) -> Measurement:
    """Read a measurement.

    Args:
        name: one of :func:`available`, or a file (anything with a separator, or a ``Path``).

    Raises:
        FileNotFoundError: no such measurement (the message lists what there is).
        ValueError: a file that is truncated, foreign, or holds an unknown key.
    """
    place = _place(name)
    if not place.is_file():
        there = available(place.parent)
        raise FileNotFoundError(
            f"no measurement {place.stem!r} in {place.parent}; available: {', '.join(there) or 'none'}"
        )
    try:
        row = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{place} is not JSON; {error}") from None
    if not isinstance(row, dict):
        raise ValueError(f"{place} must hold a JSON object; got {type(row).__name__}")
    check_keys(str(place), row, KEYS)
    if row["format"] != FORMAT:
        raise ValueError(f"{place}: format must be {FORMAT}; got {row['format']!r}")
    return Measurement(row["name"], row["recipe"], row["data"])


def _place(name: str | Path) -> Path:
    bare = isinstance(name, str) and Path(name).name == name and name not in ("", ".", "..")
    return FOLDER / f"{name.removesuffix('.json')}.json" if bare else Path(name)
