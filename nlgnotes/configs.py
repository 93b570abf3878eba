"""What the sizes of every network have in common: they become JSON and come back, strictly."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from nlgnotes.validation import check_keys

__all__ = ["Config"]


class Config:
    """A base for frozen dataclasses of sizes. ``checkpoints`` writes and reads them by these two methods.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Sizes(Config):
    ...     width: int
    >>> Sizes(8).to_dict(), Sizes.from_dict({"width": 8})
    ({'width': 8}, Sizes(width=8))
    """

    def to_dict(self) -> dict[str, Any]:
        """The sizes by name, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """The inverse of :meth:`to_dict`, strict.

        Raises:
            ValueError: an unknown or a missing key, or a value out of range.
        """
        check_keys("config", values, (f.name for f in fields(cls)))
        return cls(**values)
