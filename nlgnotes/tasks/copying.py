"""Copying: write again what was read. A test of positions beyond the trained lengths."""

import torch

from nlgnotes.batches import Batch, decoder_batch
from nlgnotes.validation import check_count, check_generator

__all__ = ["copies"]


def copies(n: int, shortest: int, longest: int, symbols: int, generator: torch.Generator) -> Batch:
    """Random strings, each with itself as target: rows ``x 0 x 0``, for a decoder.

    There is a signal only where the copy is written.

    Trained on lengths up to *L*, a model is asked for *L* to 4 *L*: its context must hold
    ``2 * longest + 1`` tokens. Taught in: book/positions.ipynb.

    Args:
        n: rows.
        shortest, longest: the length of each string is drawn uniformly from these and those
            between.
        symbols: ids 1 to ``symbols``, uniform; the vocabulary has ``symbols + 1``.
        generator: where lengths and symbols are drawn from.

    Raises:
        ValueError: a count below 1, ``longest`` below ``shortest``, or no generator.

    >>> batch = copies(1, 2, 2, 1, torch.Generator())
    >>> batch.inputs, batch.targets
    (tensor([[1, 1, 0, 1, 1]]), tensor([[1, 0, 1, 1, 0]]))
    """
    n, shortest, symbols = (
        check_count(name, value)
        for name, value in (("n", n), ("shortest", shortest), ("symbols", symbols))
    )
    longest = check_count("longest", longest, shortest)
    check_generator(generator)
    lengths = torch.randint(shortest, longest + 1, (n,), generator=generator).tolist()
    strings = torch.randint(1, symbols + 1, (n, longest), generator=generator).tolist()
    rows = [string[:length] for string, length in zip(strings, lengths, strict=True)]
    return decoder_batch(rows, rows, signal="target")
