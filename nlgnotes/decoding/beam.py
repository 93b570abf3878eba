"""Beam search: the likely continuations of a prompt, the best first; and their order after other scores.

Taught in: book/degeneration.ipynb.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_continuation, check_count, check_interval

__all__ = ["Beams", "beam_search", "length_normalised_scores", "rerank", "span_log_probs"]


@dataclass(frozen=True)
class Beams:
    """For every prompt a list of continuations, the best first. After a stop token: token 0.

    Where there are fewer different continuations than places, the empty places have length 0 and score -inf.

    Args:
        tokens: the new tokens only.
        log_probs: of each whole continuation under the model, in nats.
        lengths: how many tokens each has, its stop token counted.
    """

    tokens: Int[Tensor, "batch beams new"]
    log_probs: Float[Tensor, "batch beams"]
    lengths: Int[Tensor, "batch beams"]


@torch.no_grad()
def beam_search(
    model: Any,
    prompt: Int[Tensor, "batch time"],
    *,
    beams: int,
    max_new_tokens: int,
    stop_token: int | None = None,
) -> Beams:
    r"""Keep, at every step, the ``beams`` most likely continuations :math:`\arg\max \sum_t \log P(x_t \mid x_{<t})` so far.

    A continuation that has stopped keeps its place and its score as long as it is among the best. One beam is greedy
    search; with as many beams as there are continuations this is exhaustive. In between nothing is promised: a wider beam
    can end with a less likely best. Ends when all have stopped. Taught in: book/degeneration.ipynb.

    Args:
        model: as ``generation.Generates``; its cache must have ``rows(index)``, as that of the decoder has, be a NamedTuple
            of tensors by row (and of numbers), or have ``batch_select_indices`` (as those of ``transformers`` have).
        prompt: rows of equal length; a language's start token (0) is part of it.
        beams: how many continuations to keep of each row.
        max_new_tokens: the most tokens to write.
        stop_token: ends a continuation; None writes all the tokens.

    Returns:
        The continuations of every row, sorted downwards by log-probability.

    Raises:
        ValueError: an empty prompt, ids outside the vocabulary, a count below 1, or more tokens than the context holds.
    """
    vocab_size, context = model.config.vocab_size, model.config.context
    check_continuation(prompt, max_new_tokens, stop_token, vocab_size=vocab_size, context=context)
    check_count("beams", beams)
    batch, time = prompt.shape
    first_row = torch.arange(batch)[:, None] * beams  # where the beams of each prompt begin
    with torch.inference_mode():
        logits, cache = model.step(prompt, model.empty_cache(batch, time + max_new_tokens - 1))
        cache = _rows(cache, torch.arange(batch).repeat_interleave(beams))
        # All beams begin alike: all but the first are impossible until they differ.
        total = torch.full((batch, beams), -torch.inf)
        total[:, 0] = 0.0
        next_log_probs = logits[:, -1].log_softmax(-1)[:, None].expand(batch, beams, vocab_size)
        tokens = torch.zeros(batch, beams, 0, dtype=torch.long)
        lengths, running = (
            torch.zeros(batch, beams, dtype=torch.long),
            torch.ones(batch, beams, dtype=torch.bool),
        )
        stay = torch.full((vocab_size,), -torch.inf)
        stay[0] = 0.0  # one that has stopped goes on in one way, with probability 1
        for step in range(max_new_tokens):
            score = total[..., None] + torch.where(running[..., None], next_log_probs, stay)
            total, choice = score.flatten(1).topk(beams)
            parent, word = choice // vocab_size, choice % vocab_size
            tokens = torch.cat(
                [tokens.gather(1, parent[..., None].expand(-1, -1, step)), word[..., None]], -1
            )
            lengths, running = lengths.gather(1, parent), running.gather(1, parent)
            lengths = lengths + running
            if stop_token is not None:
                running = running & (word != stop_token)
            if step + 1 == max_new_tokens or not bool((running & (total > -torch.inf)).any()):
                break
            cache = _rows(cache, (first_row + parent).flatten())
            logits, cache = model.step(word.reshape(-1, 1), cache)
            next_log_probs = logits[:, -1].log_softmax(-1).view(batch, beams, vocab_size)
    empty = total == -torch.inf
    out = torch.zeros(batch, beams, max_new_tokens, dtype=torch.long)
    out[..., : tokens.shape[-1]] = tokens.masked_fill(empty[..., None], 0)
    return Beams(out, total.clone(), lengths.masked_fill(empty, 0))


def rerank(beams: Beams, scores: Float[Tensor, "batch beams"]) -> Beams:
    """The same continuations, sorted downwards by ``scores``: MMI's second step (Li et al. 2016, arXiv:1510.03055).

    Equals keep their order, and empty places stay behind. ``log_probs`` remain the model's own.

    Raises:
        ValueError: shapes that differ, or NaN among the scores of continuations that are there.
    """
    if scores.shape != beams.log_probs.shape:
        raise ValueError(
            f"scores must have the shape of the beams, {tuple(beams.log_probs.shape)}; got {tuple(scores.shape)}"
        )
    scores = scores.masked_fill(beams.lengths == 0, -torch.inf)
    if bool(scores.isnan().any()):
        raise ValueError(f"scores must not hold NaN; got {int(scores.isnan().sum())}")
    order = scores.argsort(dim=-1, descending=True, stable=True)
    tokens = beams.tokens.gather(1, order[..., None].expand_as(beams.tokens))
    return Beams(tokens, beams.log_probs.gather(1, order), beams.lengths.gather(1, order))


def length_normalised_scores(
    beams: Beams, exponent: float | int = 1.0
) -> Float[Tensor, "batch beams"]:
    r"""Scores that do not prefer the short: :math:`\log P(x) / |x|^{a}`, -inf at empty places; 0 is log P itself.

    Raises:
        ValueError: ``exponent`` below 0.
    """
    check_interval("exponent", exponent, 0, torch.inf, closed="left")
    return beams.log_probs / beams.lengths.clamp(min=1).to(beams.log_probs.dtype) ** exponent


@torch.no_grad()
def span_log_probs(
    model: Any,
    tokens: Int[Tensor, "batch time"],
    starts: Int[Tensor, " batch"],
    ends: Int[Tensor, " batch"],
    *,
    batch_size: int = 256,
) -> Float[Tensor, " batch"]:
    r"""The log-probability of a part of each row given what stands before it: :math:`\sum_{a \le t < b} \log P(x_t \mid x_{<t})`.

    The N-best list of one model is scored so by another, as P(T), P(T|S) or P(S|T).

    Args:
        model: tokens to logits, causal.
        tokens: whole rows, the start token included; what stands from b on is not looked at.
        starts, ends: a (at least 1) and b of every row.
        batch_size: rows at a time.

    Raises:
        ValueError: a span that is not inside its row.
    """
    check_count("batch_size", batch_size)
    if len(starts) != len(tokens) or len(ends) != len(tokens):
        raise ValueError(
            f"starts and ends must hold one place per row ({len(tokens)}); got {len(starts)} and {len(ends)}"
        )
    if bool(((starts < 1) | (ends < starts) | (ends > tokens.shape[1])).any()):
        raise ValueError(
            f"spans must have 1 <= start <= end <= {tokens.shape[1]}; got {int(starts.min())} to {int(ends.max())}"
        )
    place, parts = torch.arange(1, tokens.shape[1]), []
    for at in range(0, len(tokens), batch_size):
        rows = tokens[at : at + batch_size]
        scores = model(rows[:, :-1]).log_softmax(-1).gather(-1, rows[:, 1:, None])[..., 0]
        inside = (place >= starts[at : at + batch_size, None]) & (
            place < ends[at : at + batch_size, None]
        )
        parts.append(torch.where(inside, scores, 0.0).sum(-1))
    return torch.cat(parts)


def _rows(cache: Any, index: Tensor) -> Any:
    """The cache of the given rows, in that order."""
    if hasattr(cache, "rows"):
        return cache.rows(index)
    if isinstance(cache, tuple) and hasattr(cache, "_fields"):
        return cache._replace(
            **{k: v[index] for k, v in cache._asdict().items() if isinstance(v, Tensor)}
        )
    if hasattr(cache, "batch_select_indices"):
        cache.batch_select_indices(index)
        return cache
    raise ValueError(
        f"the model's cache must give its rows; got {type(cache).__name__} without rows(index)"
    )
