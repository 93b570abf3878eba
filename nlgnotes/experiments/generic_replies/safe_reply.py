"""The lead of the safe reply over the likeliest other, query by query.

Taught in: book/generic-replies.ipynb.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from nlgnotes.decoding.beam import beam_search, span_log_probs
from nlgnotes.decoding.documents import ANCESTRAL, prompts_by_length
from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents, concatenate
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.validation import check_count

__all__ = ["Safety", "safety", "topics_open"]


def topics_open(language: Dialogue, queries: Documents) -> Float64[Tensor, " batch"]:
    """How many topics a query leaves open: the exponential of the entropy of P(c|S)."""
    return torch.special.entr(language.topic_posterior(queries).exp()).sum(-1).exp()


@dataclass(frozen=True)
class Safety:
    """How a model stands to the safe reply G, query by query (each ``[batch]``).

    Args:
        log_prob: log P(G|S).
        lead: log P(G|S) minus that of the likeliest other reply: above 0 the safe reply is the
            model's best.
        entropy: of all that the model could reply, in nats.
    """

    log_prob: Tensor
    lead: Tensor
    entropy: Tensor


def safety(
    model: Any,
    language: Dialogue,
    queries: Documents,
    generator: torch.Generator,
    *,
    beams: int = 10,
    samples: int = 100,
) -> Safety:
    """Measure :class:`Safety`; G is the first of the language's list of replies.

    The likeliest other reply comes from a beam search, the entropy from samples (unbiased).

    Args:
        model: of P(T|S).
        language: whose list it is.
        queries: asked.
        generator: of the samples.
        beams: how wide the search, at least 2.
        samples: how many replies to each query.

    Raises:
        ValueError: a count out of range, or logits of the model that are no distribution.
    """
    check_count("samples", samples)
    check_count("beams", beams, 2)
    safe = language.replies.select(torch.zeros(len(queries), dtype=torch.long))
    both = concatenate(queries, safe)
    log_prob = span_log_probs(
        model, F.pad(both.tokens, (1, 0)), queries.lengths + 1, both.lengths + 1
    )
    best, entropy = torch.zeros(2, len(queries))
    width = safe.tokens.shape[1]
    for rows, prompt in prompts_by_length(queries):
        found = beam_search(model, prompt, beams=beams, max_new_tokens=14, stop_token=0)
        same = (found.tokens[..., :width] == safe.tokens[0]).all(-1)
        same &= found.lengths == safe.lengths[0]
        best[rows] = found.log_probs.masked_fill(same, -math.inf).max(-1).values
        said = generate(
            model,
            prompt.repeat_interleave(samples, 0),
            max_new_tokens=40,
            sampler=ANCESTRAL,
            generator=generator,
            stop_token=0,
        )
        entropy[rows] = -said.log_probs.sum(-1).view(-1, samples).mean(-1)
    return Safety(log_prob, log_prob - best, entropy)
