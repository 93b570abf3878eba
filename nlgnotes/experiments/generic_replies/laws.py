"""The laws P(T|S), P(S|T) and P(T) of the dialogue language, and decoders trained on them.

Taught in: book/generic-replies.ipynb.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from nlgnotes.batches import Batch, document_batch
from nlgnotes.documents import Documents
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.training.loop import fit

__all__ = ["law_batch", "train_on_law"]


def law_batch(
    language: Dialogue, law: str, queries: Documents, replies: Documents, context: int
) -> tuple[Batch, Float64[Tensor, " rows"]]:
    """A batch for one law, and the exact log-probability of what counts in each row.

    Only what the law gives a probability to counts.

    Args:
        language: the law's source.
        law: ``"P(T|S)"``, ``"P(S|T)"`` or ``"P(T)"``; S is the query and T the reply.
        queries, replies: pairs.
        context: longer rows are left out: strings of a hundred words, less than one in a million.

    Raises:
        ValueError: another law, or strings that the language refuses.
    """
    fits = (queries.lengths + replies.lengths <= context).nonzero().flatten()
    queries, replies = queries.select(fits), replies.select(fits)
    if law == "P(T|S)":
        batch, given = document_batch(language.joined(queries, replies)), queries.lengths
        log_prob = language.log_reply_given_query(queries, replies)
    elif law == "P(S|T)":
        batch, given = document_batch(language.swapped(queries, replies)), replies.lengths
        log_prob = language.log_query_given_reply(queries, replies)
    elif law == "P(T)":
        batch, given = document_batch(replies), torch.zeros_like(replies.lengths)
        log_prob = language.log_reply(replies)
    else:
        raise ValueError(f"law must be 'P(T|S)', 'P(S|T)' or 'P(T)'; got {law!r}")
    counts = torch.arange(batch.mask.shape[1]) >= given[:, None]
    return batch._replace(mask=batch.mask & counts), log_prob


def train_on_law(
    language: Dialogue,
    law: str,
    settings: Mapping[str, Any],
    generator: torch.Generator,
    *,
    shuffled: bool = False,
    callback: Callable[[int, float, Decoder], object] | None = None,
    progress: bool = False,
) -> Decoder:
    """A small decoder trained by maximum likelihood on one law of the language.

    Args:
        language, law: what it learns, see :func:`law_batch`.
        settings: ``width``, ``layers``, ``heads``, ``hidden``, ``context``, ``batch``, ``steps``,
            ``learning_rate``.
        generator: of its weights and batches.
        shuffled: the replies of each batch are dealt anew to its queries: next to nothing about T
            can be learned from S (one pair of a batch stays on average). A control.
        callback: called after each step with the number of steps done, the loss and the model.
        progress: show a bar.
    """
    sizes = {k: settings[k] for k in ("context", "width", "layers", "heads", "hidden")}
    model = Decoder(DecoderConfig(language.vocab_size, **sizes), generator)

    def draw(generator: torch.Generator) -> Batch:
        queries, replies = language.sample_pairs(settings["batch"], generator)
        if shuffled:
            replies = replies.select(torch.randperm(len(replies), generator=generator))
        return law_batch(language, law, queries, replies, settings["context"])[0]

    look = None if callback is None else lambda step, loss: callback(step, loss, model)
    fit(
        model,
        draw,
        steps=settings["steps"],
        learning_rate=settings["learning_rate"],
        generator=generator,
        progress=progress,
        callback=look,
    )
    return model
