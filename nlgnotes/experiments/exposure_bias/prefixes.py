"""Prefixes of four kinds, all of one length and not yet ended: from the language, from the model, shuffled, random.

Taught in: book/exposure-bias.ipynb.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler
from nlgnotes.languages.base import Language
from nlgnotes.validation import check_count

__all__ = [
    "KINDS",
    "alive_before",
    "continue_prefixes",
    "four_prefixes",
    "model_documents",
    "random_words",
    "shuffle_words",
    "survivors",
]

KINDS = ("data", "model", "shuffled", "random")


def alive_before(documents: Documents) -> Bool[Tensor, "batch places"]:
    """Whether a document still runs after its first t tokens, t = 0 … time: all are there, and none is ``<eos>``."""
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


def model_documents(
    model: Any,
    n: int,
    length: int,
    generator: torch.Generator,
    *,
    sampler: Any = None,
    context: Int64[Tensor, "batch start"] | None = None,
) -> Documents:
    """Documents that a model writes, cut at ``length`` tokens.

    Args:
        model: as in :func:`generation.generate`.
        n, length: how many, and the most tokens of each.
        generator: where the draws come from.
        sampler: how it decodes; ancestral, from the distribution as it is, when None.
        context: true first words that it goes on from, [n, start], start < length; none when None.

    Raises:
        ValueError: as :func:`generation.generate`.
    """
    start = torch.zeros(n, 0, dtype=torch.long) if context is None else context
    check_count("length - start", length - start.shape[1])
    sampler = Sampler() if sampler is None else sampler
    new = length - start.shape[1]
    prompt = pad(start, (1, 0))
    out = generate(
        model,
        prompt,
        max_new_tokens=new,
        sampler=sampler,
        generator=generator,
        stop_token=Language.eos,
    )
    return Documents(torch.cat([start, out.tokens], 1), out.lengths + start.shape[1])


def shuffle_words(
    prefixes: Int64[Tensor, "batch time"], generator: torch.Generator
) -> Int64[Tensor, "batch time"]:
    """Every row's words in an order of its own, all orders equally likely."""
    order = torch.rand(prefixes.shape, generator=generator, dtype=torch.float64).argsort(-1)
    return prefixes.gather(-1, order)


def random_words(
    n: int, length: int, vocab_size: int, generator: torch.Generator
) -> Int64[Tensor, "batch time"]:
    """Words drawn uniformly from the vocabulary without ``<eos>``."""
    return torch.randint(1, vocab_size, (n, length), generator=generator)


def four_prefixes(
    model: Any,
    language: Language,
    n: int,
    length: int,
    generator: torch.Generator,
    *,
    sampler: Any = None,
    start: int = 0,
) -> dict[str, Int64[Tensor, "batch time"]]:
    """``n`` prefixes of each of the four kinds, all of exactly ``length`` tokens that have not ended.

    The shuffled prefixes are the data prefixes, row by row: these two kinds are paired.

    Args:
        model, language: the learner, and the truth.
        n, length: how many, and how long.
        generator: where the draws come from.
        sampler: how the model writes its prefixes; ancestral when None.
        start: how many true words a model prefix begins with. A deterministic decoder needs some: from nothing it
            writes one string only.

    Raises:
        ValueError: as :func:`survivors`.
    """

    def from_model(m: int) -> Documents:
        context = (
            survivors(lambda k: language.sample(k, generator, max_length=start), m, start)
            if start
            else None
        )
        return model_documents(model, m, length, generator, sampler=sampler, context=context)

    data = survivors(lambda m: language.sample(m, generator, max_length=length), n, length)
    own = survivors(from_model, n, length)
    mixed, anything = (
        shuffle_words(data, generator),
        random_words(n, length, language.vocab_size, generator),
    )
    return {"data": data, "model": own, "shuffled": mixed, "random": anything}


def continue_prefixes(
    model: Any,
    prefix: Int64[Tensor, "batch time"],
    new: int,
    generator: torch.Generator,
    *,
    sampler: Any = None,
) -> Documents:
    """The prefix and up to ``new`` tokens that the model writes after it; see :func:`model_documents`."""
    return model_documents(
        model, len(prefix), prefix.shape[1] + new, generator, sampler=sampler, context=prefix
    )
