"""Reranking of N-best lists by maximum mutual information, over lambda.

Taught in: book/generic-replies.ipynb.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int
from torch import Tensor

from nlgnotes.decoding.beam import beam_search, span_log_probs
from nlgnotes.decoding.documents import prompts_by_length
from nlgnotes.documents import Documents
from nlgnotes.equations.metrics import distinct_n
from nlgnotes.equations.mmi import mmi_anti_lm, mmi_bidi
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.validation import check_count

__all__ = ["METHODS", "NBest", "n_best", "pick_best", "reply_statistics", "sweep"]

METHODS: dict[str, Callable[["NBest", float | int], Tensor]] = {
    "antiLM": lambda found, lam: mmi_anti_lm(found.log_probs, found.log_target, lam),
    "antiLM, first words": lambda found, lam: mmi_anti_lm(found.log_probs, found.log_first, lam),
    "bidi": lambda found, lam: mmi_bidi(found.log_probs, found.log_source, lam),
}


@dataclass(frozen=True)
class NBest:
    """The N likeliest replies T to each query S under one model, scored by others.

    All scores are ``[batch, beams]``.

    Args:
        replies: all of them, ``[batch * beams]``.
        log_probs: log P(T|S), of the model that found them.
        log_target: log P(T), of a model of replies alone.
        log_first: of the first words of T only.
        log_source: log P(S|T), of a model that guesses the query.
        place: in the language's list, -1 for what is no sentence of it.
        right: whether T belongs to a topic that S leaves open.
        pmi: the exact pointwise mutual information of S and T in the language.
    """

    replies: Documents
    log_probs: Float[Tensor, "batch beams"]
    log_target: Float[Tensor, "batch beams"]
    log_first: Float[Tensor, "batch beams"]
    log_source: Float[Tensor, "batch beams"]
    place: Int[Tensor, "batch beams"]
    right: Tensor
    pmi: Float64[Tensor, "batch beams"]


def n_best(
    language: Dialogue,
    models: tuple[Any, Any, Any],
    queries: Documents,
    *,
    beams: int = 50,
    max_new_tokens: int = 14,
    gamma: int = 2,
) -> NBest:
    """The list that MMI ranks anew: a beam search of P(T|S), scored by others.

    The others are the other two models and the language itself. What did not end within
    ``max_new_tokens`` gets an end, so that it is a reply; under the first model it keeps its score.

    Args:
        language: the truth.
        models: of P(T|S), of P(T) and of P(S|T), as :func:`law_batch` lays them out.
        queries: asked, of any lengths.
        beams, max_new_tokens: of the search.
        gamma: how many first words count in ``log_first``.

    Raises:
        ValueError: as ``beam_search``, or ``gamma`` below 1.
    """
    check_count("gamma", gamma)
    forward, alone, swapped = models
    tokens = torch.zeros(len(queries), beams, max_new_tokens, dtype=torch.long)
    lengths = torch.zeros(len(queries), beams, dtype=torch.long)
    log_probs = torch.zeros(len(queries), beams)
    for rows, prompt in prompts_by_length(queries):
        found = beam_search(
            forward, prompt, beams=beams, max_new_tokens=max_new_tokens, stop_token=0
        )
        tokens[rows], lengths[rows], log_probs[rows] = found.tokens, found.lengths, found.log_probs
    flat, size = tokens.flatten(0, 1), lengths.flatten()
    flat[torch.arange(len(flat)), size - 1] = 0
    replies = Documents(flat, size)
    asked = queries.select(torch.arange(len(queries)).repeat_interleave(beams))
    ones, started = torch.ones_like(size), F.pad(flat, (1, 0))
    turned = language.swapped(asked, replies)
    place = language.in_list(replies)
    owner = language.reply_table.argmax(0)[place.clamp(min=0)]  # the topic of each reply
    # A topic that is left open has at least the share of one among all; one that is ruled out, 0.
    posterior = language.topic_posterior(asked).gather(1, owner[:, None])[:, 0]
    open_topic = posterior > -math.log(2 * len(language.prior))
    special = (place >= 0) & ~torch.isin(place, language.generic)
    columns = (
        span_log_probs(alone, started, ones, size + 1),
        span_log_probs(alone, started, ones, size.clamp(max=gamma) + 1),
        span_log_probs(swapped, F.pad(turned.tokens, (1, 0)), size + 1, turned.lengths + 1),
        place,
        special & open_topic,
        language.log_reply_given_query(asked, replies) - language.log_reply(replies),
    )
    return NBest(replies, log_probs, *(x.view(len(queries), beams) for x in columns))


def pick_best(found: NBest, scores: Float[Tensor, "batch beams"]) -> Int[Tensor, " batch"]:
    """Which of its N-best each query gets by these scores, as a row of ``found.replies``.

    Raises:
        ValueError: scores of another shape, or NaN among them.
    """
    if scores.shape != found.place.shape:
        wanted, got = tuple(found.place.shape), tuple(scores.shape)
        raise ValueError(f"scores must have the shape of the lists, {wanted}; got {got}")
    if bool(scores.isnan().any()):
        raise ValueError(f"scores must not hold NaN; got {int(scores.isnan().sum())}")
    return torch.arange(len(scores)) * scores.shape[1] + scores.argmax(-1)


def reply_statistics(found: NBest, rows: Int[Tensor, " replies"]) -> dict[str, float]:
    """What kind of replies these are, as means over them.

    The shares that are generic, of a right topic, and sentences at all; the exact PMI; distinct-1
    and distinct-2.

    Args:
        found: the lists.
        rows: of ``found.replies``, as :func:`pick_best` gives them.
    """
    said, place = found.replies.select(rows), found.place.flatten()[rows]
    return {
        "generic": float((place == 0).double().mean()),
        "right": float(found.right.flatten()[rows].double().mean()),
        "sentence": float((place >= 0).double().mean()),
        "pmi": float(found.pmi.flatten()[rows].mean()),
        "distinct_1": distinct_n(said.tokens, said.lengths, 1),
        "distinct_2": distinct_n(said.tokens, said.lengths, 2),
    }


def sweep(
    found: NBest, lams: Sequence[float | int], kinds: Int[Tensor, " batch"]
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """:func:`reply_statistics` for every method, kind of query and λ.

    Args:
        found: the lists.
        lams: λ.
        kinds: a number for each query; the statistics are over queries of one kind.

    Returns:
        ``[method][kind][what]``, a list over λ.
    """
    out: dict[str, dict[str, dict[str, list[float]]]] = {}
    for method, score in METHODS.items():
        picks = [pick_best(found, score(found, lam)) for lam in lams]
        out[method] = {}
        for kind in kinds.unique().tolist():
            rows = [reply_statistics(found, pick[kinds == kind]) for pick in picks]
            out[method][str(kind)] = {key: [round(row[key], 4) for row in rows] for key in rows[0]}
    return out
