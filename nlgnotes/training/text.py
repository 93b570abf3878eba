"""Models of real text: windows to train on, openings to continue, and bits per byte.

Taught in: book/repetition.ipynb.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import cycle, islice
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

from nlgnotes.batches import Batch
from nlgnotes.decoding.generation import model_sizes
from nlgnotes.documents import Documents
from nlgnotes.intervals import ratio_of_totals
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.likelihood import token_nll
from nlgnotes.validation import check_count, check_generator, check_kind, describe

__all__ = ["document_nats", "openings", "text_metrics", "windows"]


def openings(
    tokenizer: ByteBPE, texts: Sequence[str], length: SupportsIndex
) -> Int64[Tensor, "texts time"]:
    """The start token and the first tokens of every text, ``length`` in all.

    Shorter texts are left out.

    Raises:
        ValueError: ``length`` below 1, or every text is shorter.
    """
    length = check_count("length", length)
    _check_texts(tokenizer, texts)
    rows = [[0, *tokenizer.encode(text)][:length] for text in texts]
    long = [row for row in rows if len(row) == length]
    if not long:
        raise ValueError(
            f"texts must hold one of {length} tokens, the start token counted; "
            f"got at most {max(map(len, rows), default=0)}"
        )
    return torch.tensor(long)


def windows(
    tokenizer: ByteBPE,
    texts: Sequence[str],
    context: SupportsIndex,
    batch: SupportsIndex,
    generator: torch.Generator,
) -> Callable[[torch.Generator], Batch]:
    """Batches of windows of one long row, <eos> document <eos> ... <eos>, for ``training.fit``.

    Half of the windows start at a document's start, so that a model knows what to say to nothing
    but <eos>; the others anywhere, so that long documents count in full.

    Args:
        tokenizer, texts: what the row is made of.
        context: tokens of a window.
        batch: windows of a batch.
        generator: draws the order of the documents; the windows are drawn from the batches' own.

    Raises:
        ValueError: no text, or ``context`` or ``batch`` below 1.
    """
    context, batch = check_count("context", context), check_count("batch", batch)
    check_generator(generator)
    _check_texts(tokenizer, texts)
    if not len(texts):
        raise ValueError("texts must hold at least one; got none")
    row, starts = [0], []
    for i in torch.randperm(len(texts), generator=generator).tolist():
        starts.append(len(row) - 1)
        row += [*tokenizer.encode(texts[i]), 0]
    # The row begins anew behind its end, so that a window can start at every token.
    again = islice(cycle(row[1:]), context)
    stream = torch.tensor([*row, *again])
    heads, last = torch.tensor(starts), len(row) - 1

    def draw(generator: torch.Generator) -> Batch:
        half = batch // 2
        at_start = heads[torch.randint(len(heads), (half,), generator=generator)]
        anywhere = torch.randint(last, (batch - half,), generator=generator)
        window = stream[torch.cat([at_start, anywhere])[:, None] + torch.arange(context + 1)]
        inputs, targets = window[:, :-1], window[:, 1:]
        return Batch(inputs, targets, torch.ones_like(targets, dtype=torch.bool))

    return draw


def document_nats(
    model: nn.Module, tokenizer: ByteBPE, texts: Sequence[str]
) -> tuple[Float64[Tensor, " texts"], Float64[Tensor, " texts"]]:
    """What each document costs in nats, and how many tokens it has, ``<eos>`` counted in both.

    Each token is read after ``<eos>`` and at least half a context, or all that stands before it.

    Args:
        model: tokens to logits, with ``config.context`` of at least 2.
        tokenizer: the model's.
        texts: whole documents, at least one.

    Raises:
        ValueError: no text, a context of 1, or as :func:`likelihood.token_nll`.
    """
    _check_texts(tokenizer, texts)
    context = model_sizes(model)[1]
    half = context // 2
    check_count("context", context, 2)
    check_count("len(texts)", len(texts))
    nats, counts = torch.zeros(2, len(texts), dtype=torch.float64)
    pieces = []  # (ids, document, how many ids at the front are context only)
    for i, ids in enumerate([*tokenizer.encode(t), 0] for t in texts):
        pieces += [
            (ids[b : b + context], i, half if b else 0)
            for b in range(0, max(1, len(ids) - half), context - half)
        ]
    pieces.sort(key=lambda piece: len(piece[0]))  # like lengths together: little padding
    for start in range(0, len(pieces), 32):
        group = pieces[start : start + 32]
        scored = token_nll(model, Documents.from_lists([ids for ids, _, _ in group])).double()
        for row, (ids, owner, skipped) in zip(scored, group, strict=True):
            nats[owner] += row[skipped:].sum()
            counts[owner] += len(ids) - skipped
    return nats, counts


def text_metrics(model: nn.Module, tokenizer: ByteBPE, texts: list[str]) -> dict[str, Any]:
    """Bits per byte and nats per token of whole documents, ``<eos>`` counted.

    Each token is read as in :func:`document_nats`.

    Args:
        model: tokens to logits, with ``config.context`` of at least 2.
        tokenizer: the model's.
        texts: at least two documents, for the intervals; not all of them empty.

    Raises:
        ValueError: too few texts, texts without a byte, a context of 1, or as
            :func:`likelihood.token_nll`.
    """
    _check_texts(tokenizer, texts)
    if len(texts) < 2 or not any(texts):
        raise ValueError(
            f"texts must hold at least 2 documents and 1 byte; got {len(texts)} documents "
            f"of {sum(map(len, texts))} characters"
        )
    nats, counts = document_nats(model, tokenizer, texts)
    size = torch.tensor([len(t.encode()) for t in texts], dtype=torch.float64)
    return {
        "bits_per_byte": asdict(ratio_of_totals(nats / math.log(2), size)),
        "nats_per_token": asdict(ratio_of_totals(nats, counts)),
        "bytes_per_token": round(float(size.sum() / counts.sum()), 3),
    }


def _check_texts(tokenizer: object, texts: object) -> None:
    check_kind("tokenizer", tokenizer, ByteBPE)
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"texts must be a list of strings; got {describe(texts)}")
