"""Documents that a model writes: from nothing, or after beginnings of any lengths."""

from collections.abc import Iterator
from typing import Any, SupportsIndex

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler
from nlgnotes.validation import check_count, check_kind

__all__ = ["generate_documents", "prompts_by_length"]

ANCESTRAL = Sampler()
"""Draws from the model's distribution as it is."""


def prompts_by_length(
    prefixes: Documents,
) -> Iterator[tuple[Int64[Tensor, " rows"], Int64[Tensor, "rows time"]]]:
    """Rows of equal length together, the shortest first, and their prompt: start token, prefix.

    A model reads rows of one length only, since it has no padding.

    >>> prefixes = Documents.from_lists([[5, 6], [7], [8, 9]])
    >>> [(rows.tolist(), prompt.tolist()) for rows, prompt in prompts_by_length(prefixes)]
    [([1], [[0, 7]]), ([0, 2], [[0, 5, 6], [0, 8, 9]])]
    """
    check_kind("prefixes", prefixes, Documents)
    for length in prefixes.lengths.unique().tolist():
        rows = (prefixes.lengths == length).nonzero().flatten()
        yield rows, pad(prefixes.tokens[rows, :length], (1, 0))


def generate_documents(
    model: Any,
    prefixes: Documents | SupportsIndex,
    *,
    max_new_tokens: SupportsIndex,
    generator: torch.Generator,
    sampler: Any = ANCESTRAL,
    stop_token: SupportsIndex = 0,
) -> Documents:
    """What a model writes after each prefix, up to its stop token or cut at ``max_new_tokens``.

    Args:
        model: as ``generation.Generates``.
        prefixes: documents that the model goes on from; of any lengths, those of equal length are
            continued together, the shortest first. Or how many documents it begins from nothing.
        max_new_tokens: the most tokens of each.
        generator: where the draws come from.
        sampler: how it decodes; from the distribution as it is by default.
        stop_token: ends a document.

    Returns:
        The new tokens only, in the order of the prefixes, and as wide as ``max_new_tokens``;
        ``documents.concatenate`` puts both together.

    Raises:
        ValueError: as ``generation.generate``, or a number of documents below 1.

    >>> from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
    >>> model = LSTMModel(LSTMConfig(vocab_size=9, context=8), torch.Generator().manual_seed(0))
    >>> prefixes = Documents.from_lists([[5, 6], [7]])
    >>> new = generate_documents(model, prefixes, max_new_tokens=3, generator=torch.Generator())
    >>> new.tokens.shape
    torch.Size([2, 3])
    """
    max_new_tokens = check_count("max_new_tokens", max_new_tokens)
    options = {
        "max_new_tokens": max_new_tokens,
        "sampler": sampler,
        "generator": generator,
        "stop_token": check_count("stop_token", stop_token, 0),
    }
    if not isinstance(prefixes, Documents):
        prefixes = check_count("prefixes", prefixes)
        new = generate(model, torch.zeros(prefixes, 1, dtype=torch.long), **options)
        return Documents(new.tokens, new.lengths)
    tokens = torch.zeros(len(prefixes), max_new_tokens, dtype=torch.long)
    lengths = torch.zeros(len(prefixes), dtype=torch.long)
    for rows, prompt in prompts_by_length(prefixes):
        new = generate(model, prompt, **options)
        tokens[rows], lengths[rows] = new.tokens, new.lengths
    return Documents(tokens, lengths)
