"""Random generators by name: from one seed, a stream of its own for each name."""

import hashlib
import re
from typing import SupportsIndex

import torch

from nlgnotes.validation import check_count

__all__ = ["generator"]

# The names are joined by a separator, and an integer is written as its digits. A string that could
# be mistaken for either, or for the mark itself, is written out in hexadecimal behind the mark.
SEPARATOR, MARK = "\x1f", "\x1e"
AMBIGUOUS = re.compile(r"-?[0-9]+|True|False|.*[\x1e\x1f].*", re.DOTALL)
LOWEST = -(2**1024)


def generator(seed: SupportsIndex, *names: str | SupportsIndex) -> torch.Generator:
    """A ``torch.Generator`` for one named use of chance under one seed.

    The stream depends on the seed and on every name, through BLAKE2b, so two uses with
    different names are independent and adding a third changes neither. An integer and the string
    of its digits are different names. (torch's CPU generator uses the lower 32 bits of a seed: two
    names share a stream with probability 2⁻³², some pair of 10,000 names with 1 %.)

    Args:
        seed: the lecture's or recipe's seed, a non-negative integer.
        names: what the stream is for, such as ``"weights"`` or ``("document", 7)``: strings,
            integers or booleans.

    Returns:
        A CPU generator, seeded with 63 bits of the digest.

    Raises:
        ValueError: ``seed`` is negative or no integer, or a name is of another type.

    >>> a, b = generator(0, "weights"), generator(0, "weights")
    >>> bool((torch.rand(3, generator=a) == torch.rand(3, generator=b)).all())
    True
    """
    text = SEPARATOR.join([str(check_count("seed", seed, 0)), *map(_text, names)])
    # Half of a surrogate pair is a string of Python's too, though it has no UTF-8.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def _text(name: object) -> str:
    """A name as it enters the digest; different names have different texts."""
    if isinstance(name, str):
        if AMBIGUOUS.fullmatch(name):
            return MARK + name.encode("utf-8", "surrogatepass").hex()
        return str(name)
    # A boolean keeps the text under which the lectures have drawn so far.
    if isinstance(name, bool):
        return str(name)
    try:
        return str(check_count("names", name, LOWEST))
    except ValueError:
        raise ValueError(f"names must be strings or integers; got {name!r}") from None
