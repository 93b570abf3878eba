"""Prefixes of one length and not yet ended: from the language, the model, shuffled, or random.

Taught in: book/exposure-bias.ipynb.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.decoding.documents import ANCESTRAL, generate_documents
from nlgnotes.documents import Documents
from nlgnotes.languages.base import Language
from nlgnotes.validation import check_count, check_counts, check_generator

__all__ = [
    "KINDS",
    "alive_before",
    "continue_prefixes",
    "four_prefixes",
    "random_words",
    "shuffle_words",
    "survivors",
    "whole_documents",
]

KINDS = ("data", "model", "shuffled", "random")


def whole_documents(prefixes: Int64[Tensor, "batch time"]) -> Documents:
    """Prefixes as documents that are cut where they end."""
    return Documents(prefixes, torch.full((len(prefixes),), prefixes.shape[1]))


def alive_before(documents: Documents) -> Bool[Tensor, "batch places"]:
    """Whether a document still runs after its first t tokens, t = 0 … time.

    It does if all t are there and none is ``<eos>``.
    """
    going = documents.mask & (documents.tokens != Language.eos)
    return pad(going.long().cumprod(-1), (1, 0), value=1).bool()


def survivors(
    draw: Callable[[int], Documents], n: int, length: int, *, rounds: int = 60
) -> Int64[Tensor, "batch time"]:
    """The first ``length`` tokens of ``n`` documents that have not ended by then, by rejection.

    Args:
        draw: gives that many fresh documents, cut at ``length`` tokens or later.
        n, length: how many, and how long.
        rounds: how often ``n`` documents are drawn before giving up.

    Raises:
        ValueError: a count below 1, or documents of that length hardly ever occur.
    """
    check_count("n", n)
    check_count("length", length)
    kept: list[Tensor] = []
    for _ in range(rounds):
        documents = draw(n)
        if documents.tokens.shape[1] >= length:
            kept.append(documents.tokens[alive_before(documents)[:, length], :length])
        if sum(map(len, kept)) >= n:
            return torch.cat(kept)[:n]
    found = f"{sum(map(len, kept))} of {rounds * n} documents were so long"
    raise ValueError(f"length must be one that documents reach; got {length}, and {found}")


def shuffle_words(
    prefixes: Int64[Tensor, "batch time"], generator: torch.Generator
) -> Int64[Tensor, "batch time"]:
    """Every row's words in an order of its own, all orders equally likely."""
    check_generator(generator)
    # In float64 two of a row's numbers are hardly ever equal: then no order is preferred.
    order = torch.rand(prefixes.shape, generator=generator, dtype=torch.float64).argsort(-1)
    return prefixes.gather(-1, order)


def random_words(
    n: int, length: int, vocab_size: int, generator: torch.Generator
) -> Int64[Tensor, "batch time"]:
    """Words drawn uniformly from the vocabulary without ``<eos>``.

    Raises:
        ValueError: a count below 1, or a vocabulary of fewer than two.
    """
    check_counts(n=n, length=length)
    check_count("vocab_size", vocab_size, 2)
    check_generator(generator)
    return torch.randint(1, vocab_size, (n, length), generator=generator)


def four_prefixes(
    model: Any,
    language: Language,
    n: int,
    length: int,
    generator: torch.Generator,
    *,
    sampler: Any = ANCESTRAL,
    start: int = 0,
) -> dict[str, Int64[Tensor, "batch time"]]:
    """``n`` prefixes of each of the four kinds, all of exactly ``length`` tokens and not ended.

    The shuffled prefixes are the data prefixes, row by row: these two kinds are paired.

    Args:
        model, language: the learner, and the truth.
        n, length: how many, and how long.
        generator: where the draws come from.
        sampler: how the model writes its prefixes; ancestral by default.
        start: how many true words a model prefix begins with. A deterministic decoder needs some:
            from nothing it writes one string only.

    Raises:
        ValueError: as :func:`survivors`.
    """

    def from_language(max_length: int) -> Callable[[int], Documents]:
        return lambda m: language.sample(m, generator, max_length=max_length)

    def from_model(m: int) -> Documents:
        if start:
            context = survivors(from_language(start), m, start)
            return continue_prefixes(model, context, length - start, generator, sampler=sampler)
        return generate_documents(
            model, m, max_new_tokens=length, generator=generator, sampler=sampler
        )

    data, own = survivors(from_language(length), n, length), survivors(from_model, n, length)
    shuffled = shuffle_words(data, generator)
    random = random_words(n, length, language.vocab_size, generator)
    return {"data": data, "model": own, "shuffled": shuffled, "random": random}


def continue_prefixes(
    model: Any,
    prefixes: Int64[Tensor, "batch time"],
    new: int,
    generator: torch.Generator,
    *,
    sampler: Any = ANCESTRAL,
) -> Documents:
    """The prefixes, each with up to ``new`` tokens that the model writes after it.

    Args:
        model: as in :func:`generation.generate`.
        prefixes: all of one length, at least 1, without the start token.
        new: the most tokens to write.
        generator: where the draws come from.
        sampler: how the model decodes; ancestral by default.

    Raises:
        ValueError: as :func:`generation.generate`.
    """
    length = prefixes.shape[1]
    written = generate_documents(
        model, whole_documents(prefixes), max_new_tokens=new, generator=generator, sampler=sampler
    )
    # As wide as was asked for, ended or not: a place behind all ends is missing, not unknown.
    return Documents(torch.cat([prefixes, written.tokens], 1), written.lengths + length)
