"""Beam search: the likely continuations of a prompt, the best first; and the scores of spans."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.decoding.generation import log_probabilities, model_sizes, next_logits
from nlgnotes.validation import check_continuation, check_count, check_scores, check_tokens

__all__ = ["Beams", "beam_search", "span_log_probs"]


@dataclass(frozen=True)
class Beams:
    """For every prompt a list of continuations, the best first. After a stop token: token 0.

    Where there are fewer different continuations than beams, the empty places have length 0 and
    score -inf.

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
    r"""Keep, at every step, the ``beams`` likeliest continuations so far.

    .. math:: \arg\max_x \sum_t \log P(x_t \mid x_{<t})

    A continuation that has stopped keeps its place and its score as long as it is among the best.
    One beam is greedy search; with as many beams as there are continuations this is exhaustive. In
    between nothing is promised: a wider beam can end with a less likely best. Ends when all have
    stopped. Taught in: book/repetition.ipynb.

    Args:
        model: as ``generation.Generates``; its cache must have ``rows(index)``, as those of our
            networks have.
        prompt: rows of equal length; a language's start token (0) is part of it.
        beams: how many continuations to keep of each row.
        max_new_tokens: the most tokens to write.
        stop_token: ends a continuation; None writes all the tokens.

    Returns:
        The continuations of every row, sorted downwards by log-probability.

    Raises:
        ValueError: an empty prompt, ids outside the vocabulary, a count below 1, more tokens than
            the context holds, or a step whose logits hold NaN, +inf or no finite entry.
    """
    vocab_size, context = model_sizes(model)
    max_new_tokens, stop_token = check_continuation(
        prompt, max_new_tokens, stop_token, vocab_size=vocab_size, context=context
    )
    beams, (batch, time) = check_count("beams", beams), prompt.shape
    first_row = torch.arange(batch)[:, None] * beams  # where the beams of each prompt begin
    with torch.inference_mode():
        cache = model.empty_cache(batch, time + max_new_tokens - 1)
        logits, cache = next_logits(model, prompt, cache)
        cache = _rows(cache, torch.arange(batch).repeat_interleave(beams))
        next_log_probs = log_probabilities(logits)[:, None].expand(batch, beams, vocab_size)
        # All beams begin alike: all but the first are impossible until they differ.
        total = torch.full((batch, beams), -torch.inf)
        total[:, 0] = 0.0
        tokens = torch.zeros(batch, beams, 0, dtype=torch.long)
        lengths = torch.zeros(batch, beams, dtype=torch.long)
        running = torch.ones(batch, beams, dtype=torch.bool)
        # One that has stopped goes on in one way, with probability 1: so it competes with the
        # others on its score as it is, and takes one place and not one for every word.
        stay = torch.full((vocab_size,), -torch.inf)
        stay[0] = 0.0
        for step in range(max_new_tokens):
            score = total[..., None] + torch.where(running[..., None], next_log_probs, stay)
            # Over beams and words at once: a beam may have several heirs, or none.
            total, choice = score.flatten(1).topk(beams)
            if bool(total.isnan().any()):
                # Ill logits make a whole row NaN, and NaN comes first in topk: it cannot hide.
                check_scores("logits", logits)
            parent, word = choice // vocab_size, choice % vocab_size
            past = tokens.gather(1, parent[..., None].expand(-1, -1, step))
            tokens = torch.cat([past, word[..., None]], -1)
            # `running` is still the parents': an heir of one that runs is one token longer.
            lengths, running = lengths.gather(1, parent), running.gather(1, parent)
            lengths = lengths + running
            if stop_token is not None:
                running = running & (word != stop_token)
            if step + 1 == max_new_tokens or not bool((running & (total > -torch.inf)).any()):
                break
            cache = _rows(cache, (first_row + parent).flatten())
            logits, cache = next_logits(model, word.reshape(-1, 1), cache)
            next_log_probs = log_probabilities(logits).view(batch, beams, vocab_size)
    # Outside: what inference mode makes can never take part in a gradient, and this may.
    empty = total == -torch.inf
    out = torch.zeros(batch, beams, max_new_tokens, dtype=torch.long)
    out[..., : tokens.shape[-1]] = tokens.masked_fill(empty[..., None], 0)
    return Beams(out, total.clone(), lengths.masked_fill(empty, 0))


@torch.no_grad()
def span_log_probs(
    model: Any,
    tokens: Int[Tensor, "batch time"],
    starts: Int[Tensor, " batch"],
    ends: Int[Tensor, " batch"],
    *,
    batch_size: int = 256,
) -> Float[Tensor, " batch"]:
    r"""The log-probability of a part of each row given what stands before it.

    .. math:: \sum_{a \le t < b} \log P(x_t \mid x_{<t})

    The N-best list of one model is scored so by another, as P(T), P(T|S) or P(S|T).
    Taught in: book/generic-replies.ipynb.

    Args:
        model: tokens to logits, causal.
        tokens: whole rows, the start token included; what stands from b on is not looked at.
        starts, ends: a (at least 1) and b of every row.
        batch_size: rows at a time.

    Raises:
        ValueError: no row, ids outside the vocabulary, a span that is not inside its row, or logits
            in a span that hold NaN, +inf or no finite entry.
    """
    check_count("batch_size", batch_size)
    check_tokens("tokens", tokens, model_sizes(model)[0])
    for name, places in (("starts", starts), ("ends", ends)):
        if not isinstance(places, Tensor) or places.dtype != torch.long or places.dim() != 1:
            kind = getattr(places, "dtype", type(places).__name__)
            raise ValueError(f"{name} must be an int64 tensor of shape [batch]; got {kind}")
    if len(starts) != len(tokens) or len(ends) != len(tokens):
        raise ValueError(
            f"starts and ends must hold one place per row ({len(tokens)}); "
            f"got {len(starts)} and {len(ends)}"
        )
    if bool(((starts < 1) | (ends < starts) | (ends > tokens.shape[1])).any()):
        raise ValueError(
            f"spans must have 1 <= start <= end <= {tokens.shape[1]}; "
            f"got {int(starts.min())} to {int(ends.max())}"
        )
    place, parts = torch.arange(1, tokens.shape[1]), []
    for at in range(0, len(tokens), batch_size):
        rows = tokens[at : at + batch_size]
        first, last = starts[at : at + batch_size, None], ends[at : at + batch_size, None]
        logits = model(rows[:, :-1])
        scores = log_probabilities(logits).gather(-1, rows[:, 1:, None])[..., 0]
        # Not a product with a mask: outside the span a score may be -inf.
        total = torch.where((place >= first) & (place < last), scores, 0.0).sum(-1)
        if bool(total.isnan().any()):
            check_scores("logits", logits)
        parts.append(total)
    return torch.cat(parts)


def _rows(cache: Any, index: Tensor) -> Any:
    """The cache of the given rows, in that order."""
    if not hasattr(cache, "rows"):
        raise ValueError(
            f"the model's cache must give its rows; got {type(cache).__name__} without rows(index)"
        )
    return cache.rows(index)
