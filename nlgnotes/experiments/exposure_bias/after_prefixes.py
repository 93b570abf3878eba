"""What a model does after prefixes of each kind: divergences and scores, one row a prefix."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nlgnotes.decoding.documents import ANCESTRAL
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.experiments.exposure_bias.conditional import divergences_after
from nlgnotes.experiments.exposure_bias.marginal import (
    GROUP,
    continuation,
    continuation_scores,
)
from nlgnotes.experiments.exposure_bias.prefixes import (
    continue_prefixes,
    survivors,
    whole_documents,
)
from nlgnotes.languages.base import Language

__all__ = [
    "DECODERS",
    "Table",
    "after_gaps",
    "along_texts",
    "at_length",
    "written_after",
]


Table = dict[str, dict[str, Tensor]]
"""kind of prefix -> divergence or score -> [prefixes, columns]; see :mod:`marginal` on groups."""


DECODERS: dict[str, Any] = {
    "ancestral": ANCESTRAL,
    "top-k": Sampler((TopK(10),)),
    "greedy": Sampler((TopK(1),)),
}


def at_length(model: Any, language: Language, prefixes: Mapping[str, Tensor]) -> Table:
    """The divergences right after each prefix: one column."""
    return {
        kind: divergences_after(model, language, whole_documents(p), [p.shape[1]])
        for kind, p in prefixes.items()
    }


def after_gaps(
    model: Any,
    language: Language,
    prefixes: Mapping[str, Tensor],
    gaps: Sequence[int],
    generator: torch.Generator,
    *,
    sampler: Any = ANCESTRAL,
) -> Table:
    """The divergences after each prefix and g more tokens of the model, for each g in ``gaps``.

    NaN where the text has ended before.
    """
    texts = {
        kind: continue_prefixes(model, p, max(gaps), generator, sampler=sampler)
        for kind, p in prefixes.items()
    }
    return {
        k: divergences_after(model, language, texts[k], [p.shape[1] + g for g in gaps])
        for k, p in prefixes.items()
    }


def written_after(
    model: Any,
    language: Language,
    prefixes: Mapping[str, Tensor],
    new: int,
    generator: torch.Generator,
    *,
    references: int = 2000,
    group: int = GROUP,
) -> Table:
    """The scores of ``new`` tokens that the model writes after each prefix.

    The continuation of a shuffled prefix is compared with what the prefix was before, that of a
    random one with the data prefix of its row, which it has nothing to do with: the control.
    """
    length, result = prefixes["data"].shape[1], {}
    held_out = language.sample(4 * references, generator, max_length=length + new)
    held_out = held_out.select((held_out.lengths > length).nonzero()[:references, 0])
    for kind, prefix in prefixes.items():
        result[kind] = continuation_scores(
            language,
            continue_prefixes(model, prefix, new, generator),
            length,
            prefix if kind == "model" else prefixes["data"],
            continuation(held_out, length),
            group=group,
        )
    return result


def along_texts(
    model: Any,
    language: Language,
    n: int,
    steps: int,
    generator: torch.Generator,
    *,
    start: int = 5,
    decoders: Sequence[str] = tuple(DECODERS),
) -> Table:
    """The divergences at every step of texts of the language ("data") and of the model.

    There are ``n`` texts of each, the model's with each decoder. All begin with ``start`` true
    words; column i is after start + i tokens, and NaN where the text has ended.
    """
    at = range(start, start + steps)
    texts = {"data": language.sample(n, generator, max_length=at[-1])}
    for name in decoders:
        context = survivors(lambda m: language.sample(m, generator, max_length=start), n, start)
        texts[name] = continue_prefixes(
            model, context, at[-1] - start, generator, sampler=DECODERS[name]
        )
    return {name: divergences_after(model, language, text, at) for name, text in texts.items()}
