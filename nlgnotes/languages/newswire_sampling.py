"""Draws from the synthetic newswire, with what is hidden behind each document."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from nlgnotes.documents import Documents

__all__ = ["NewswireSample", "draw_hidden"]


@dataclass(frozen=True)
class NewswireSample:
    """Documents and what is hidden behind them."""

    documents: Documents
    topics: Int64[Tensor, " batch"]
    entities: Int64[Tensor, " batch"]
    slots: Int64[Tensor, "batch time"]
    replaced: Bool[Tensor, "batch time"]
    """Where the token is the uniform one, not the grammar's (it may be the same word by chance)."""


def draw_hidden(
    language: Any, n: int, generator: torch.Generator, max_length: int | None, topic: int | None
) -> NewswireSample:
    """Draw ``n`` documents of a ``Newswire``; its ``sample_hidden`` checks the arguments."""
    zero = torch.zeros(n, dtype=torch.long)
    topics = language.samplers["topic"].draw(zero, generator) if topic is None else zero + topic
    entities = language.samplers["entity"].draw(topics, generator)
    slot = language.samplers["start"].draw(zero, generator)
    hidden = topics * language.entities + entities
    running = torch.arange(n)
    steps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    while len(running) and (max_length is None or len(steps) < max_length):
        row = language.slot_class[slot] * len(language.hidden_prior) + hidden[running]
        word = language.samplers["emission"].draw(row, generator)
        replaced = (
            torch.rand(len(running), generator=generator, dtype=torch.float64) < language.epsilon
        )
        uniform = torch.randint(language.vocab_size, (len(running),), generator=generator)
        word = torch.where(replaced, uniform, word)
        steps.append((running, word, slot, replaced))
        goes_on = word != language.eos
        running = running[goes_on]
        slot = language.samplers["transition"].draw(slot[goes_on], generator)
    tokens, slots = torch.zeros(2, len(steps), n, dtype=torch.long)
    changed = torch.zeros(len(steps), n, dtype=torch.bool)
    long = torch.zeros(n, dtype=torch.long)
    for t, (rows, word, at, replaced) in enumerate(steps):
        tokens[t, rows], slots[t, rows], changed[t, rows] = word, at, replaced
        long[rows] = t + 1
    documents = Documents(tokens.T.contiguous(), long)
    return NewswireSample(documents, topics, entities, slots.T.contiguous(), changed.T.contiguous())
