"""Chance is an argument: from one seed, as many independent generators as there are names."""

import hashlib

import torch

__all__ = ["generator"]


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A ``torch.Generator`` for one named use of chance under one seed.

    The stream depends on the seed and on every name, through BLAKE2b, so two uses with
    different names are independent and adding a third changes neither.

    Args:
        seed: the lecture's or recipe's seed, a non-negative integer.
        names: what the stream is for, such as ``"weights"`` or ``("document", 7)``.

    Returns:
        A CPU generator, seeded with 63 bits of the digest.

    Raises:
        ValueError: ``seed`` is negative or not an integer.

    >>> a, b = generator(0, "weights"), generator(0, "weights")
    >>> bool((torch.rand(3, generator=a) == torch.rand(3, generator=b)).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a non-negative integer; got {seed!r}")
    text = "\x1f".join([str(seed), *map(str, names)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
