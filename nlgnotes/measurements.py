"""Measurements: the numbers of a long experiment, kept as JSON that says how they were made.

A lecture that draws one says so under the figure, and runs a shorter version of the same function
live beside it. ``python -m nlgnotes.recipes NAME`` makes it again and says whether it agrees.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlgnotes.files import write_whole
from nlgnotes.reading import json_bytes, read_json
from nlgnotes.validation import check_keys, check_path

__all__ = ["FOLDER", "Measurement", "available", "load", "save"]

FORMAT = 1
FOLDER = Path(__file__).parent / "shipped" / "measurements"  # the shipped ones
KEYS = {"format", "name", "recipe", "data"}


@dataclass(frozen=True)
class Measurement:
    """What a long experiment found.

    Args:
        name: of its file.
        recipe: how it was made: seed, settings, digests of the languages and models it looked at,
            seconds, torch.
        data: what was measured: numbers, strings, lists and mappings of them.
    """

    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def available(folder: str | Path | None = None) -> tuple[str, ...]:
    """The measurements in a folder (the shipped ones when None), sorted."""
    root = FOLDER if folder is None else check_path("folder", folder)
    return tuple(sorted(p.stem for p in root.glob("*.json")))


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
    row = {"format": FORMAT, "name": place.stem, "recipe": recipe, "data": data}
    write_whole(place, json_bytes("recipe and data", row))
    return place


def load(name: str | Path) -> Measurement:
    """Read a measurement.

    Args:
        name: one of :func:`available`, or a file (anything with a separator, or a ``Path``).

    Raises:
        FileNotFoundError: no such measurement (the message lists what there is).
        ValueError: a file that is truncated, foreign or too long, or holds an unknown key.
    """
    place = _place(name)
    if not os.path.lexists(place):
        there = available(place.parent)
        raise FileNotFoundError(
            f"no measurement {place.stem!r} in {place.parent}; "
            f"available: {', '.join(there) or 'none'}"
        )
    row = read_json(place)
    check_keys(str(place), row, KEYS)
    if type(row["format"]) is not int or row["format"] != FORMAT:
        raise ValueError(f"{place}: format must be {FORMAT}; got {row['format']!r}")
    for key, kind in (("name", str), ("recipe", dict), ("data", dict)):
        if not isinstance(row[key], kind):
            raise ValueError(f"{place}: {key} must be a {kind.__name__}; got {str(row[key])[:40]}")
    return Measurement(row["name"], row["recipe"], row["data"])


def _place(name: str | Path) -> Path:
    path = check_path("name", name)
    if name in ("", ".", ".."):
        raise ValueError(f"name must be that of a measurement or of its file; got {name!r}")
    bare = isinstance(name, str) and path.name == name
    return FOLDER / f"{name.removesuffix('.json')}.json" if bare else path
