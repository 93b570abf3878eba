"""Checks of generators, switches, functions, paths, classes, strings and mappings."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from nlgnotes.validation.words import shown

__all__ = [
    "check_callable",
    "check_flag",
    "check_generator",
    "check_keys",
    "check_kind",
    "check_path",
    "check_strings",
]


def check_generator(generator: object) -> None:
    """Check that chance comes from a generator and not, by default, from torch's global one.

    Raises:
        ValueError: ``generator`` is no ``torch.Generator``; None is none.
    """
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator; got {shown(generator)}")


def check_flag(name: str, value: object) -> bool:
    """Check that a switch is True or False, and return it as Python's own.

    Raises:
        ValueError: something else, as 1, None or a tensor.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def check_kind(name: str, value: object, kind: type) -> None:
    """Check that a value is an instance of a class.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be of the class {kind.__name__}; got {shown(value)}")


def check_path(name: str, path: object) -> Path:
    """The path, or a ``ValueError`` unless it is a string or a path that a file can have."""
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise ValueError(f"{name} must be a string or a path; got {shown(path)}")
    if "\0" in os.fspath(path):
        raise ValueError(f"{name} must not hold a zero byte; got {os.fspath(path)!r}")
    return Path(path)


def check_callable(name: str, value: object) -> None:
    """Check that a value can be called.

    Raises:
        ValueError: it cannot.
    """
    if not callable(value):
        raise ValueError(f"{name} must be a function; got {shown(value)}")


def check_strings(name: str, values: object, least: int = 1) -> list[str]:
    """Check that something holds at least so many strings, and return them as a list.

    A string alone is one of letters; ``bytes`` hold numbers.

    Raises:
        ValueError: it is no collection, holds something else than strings, or too few.
    """
    try:
        texts = list(values)
    except TypeError:  # no collection, or a tensor of no dimension
        texts = [None]
    if not all(isinstance(text, str) for text in texts) or len(texts) < least:
        few = f"at least {least} string{'s' * (least > 1)}" if least else "strings"
        raise ValueError(f"{name} must hold {few}; got {shown(values)}")
    return texts


def check_keys(name: str, values: Mapping[str, object], known: Iterable[str]) -> None:
    """Check that a mapping holds exactly the ``known`` keys, else raise ``ValueError``."""
    check_kind(name, values, Mapping)
    wanted = set(known)
    if values.keys() != wanted:
        # By their text: keys of several types have no order among themselves.
        strange = sorted(values.keys() - wanted, key=str)
        missing = sorted(wanted - values.keys())
        raise ValueError(
            f"{name} must hold the keys {sorted(wanted)}; got unknown {strange}, missing {missing}"
        )
