"""Generation: read the prompt once, then one token of every row at a time, keeping the evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.sampling import Sampler
from nlgnotes.validation import check_continuation

__all__ = ["Generates", "Generation", "generate"]


class Generates(Protocol):
    """What a model must offer to be generated from: our decoder does, and so does what ``checkpoints.load("hf:…")`` gives.

    * ``config.context``: how many tokens it can read, and ``config.vocab_size``.
    * ``empty_cache(batch, capacity)``: a cache, of whatever kind, for that many rows and tokens.
    * ``step(tokens, cache)``: logits ``[batch, time, vocab]`` after each new token, and the cache with them in it.
    """

    config: Any

    def empty_cache(self, batch: int, capacity: int) -> Any:
        """A cache for that many rows and tokens."""

    def step(self, tokens: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """Logits after each new token, and the cache with them in it."""


@dataclass(frozen=True)
class Generation:
    """What was written, and how likely it was. After a row's stop token: token 0, log-probabilities 0.

    Args:
        tokens: the new tokens only.
        log_probs: of each under the model itself, in nats.
        sampler_log_probs: of each under the transformed distribution that it was drawn from.
        lengths: how many tokens each row has, its stop token counted.
    """

    tokens: Int[Tensor, "batch new"]
    log_probs: Float[Tensor, "batch new"]
    sampler_log_probs: Float[Tensor, "batch new"]
    lengths: Int[Tensor, " batch"]


@torch.no_grad()
def generate(
    model: Any,
    prompt: Int[Tensor, "batch time"],
    *,
    max_new_tokens: int,
    sampler: Any,
    generator: torch.Generator,
    stop_token: int | None = None,
    penalty: Callable[[Tensor, Tensor], Tensor] | None = None,
    penalise_prompt: bool = True,
) -> Generation:
    """Continue every row of the prompt, until its stop token or ``max_new_tokens``.

    Each token costs one cached step of the whole batch; all rows stopped ends early.
    Taught in: book/decoder.ipynb.

    Args:
        model: see :class:`Generates`.
        prompt: rows of equal length; a language's start token (0) is part of it.
        max_new_tokens: the most tokens to write.
        sampler: ``sampling.Sampler``, or anything with ``transform(logits, generator)`` (or called so) that gives scores.
        generator: where the draws come from.
        stop_token: ends a row; None writes all the tokens.
        penalty: applied before the sampler: scores from logits ``[batch, vocab]`` and ``seen``, a mask of the same shape that is
            True for the tokens already said, as ``partial(degeneration.sign_penalty, theta=1.2)`` gives them.
        penalise_prompt: whether the prompt's tokens count as said (in CTRL's code they do: its start token too, which for a
            language is the stop token).

    Returns:
        The new tokens with their log-probabilities and lengths.

    Raises:
        ValueError: an empty prompt, ids outside the vocabulary, a count below 1, or more tokens than the context holds.
    """
    vocab_size, context = model.config.vocab_size, model.config.context
    check_continuation(prompt, max_new_tokens, stop_token, vocab_size=vocab_size, context=context)
    batch, time = prompt.shape
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator; got {generator!r}")
    transform = getattr(sampler, "transform", sampler)
    if not callable(transform):
        raise ValueError(f"sampler must transform logits; got {sampler!r}")
    tokens = torch.zeros(max_new_tokens, batch, dtype=torch.long)
    log_probs, sampler_log_probs = torch.zeros(2, max_new_tokens, batch)
    lengths = torch.full((batch,), max_new_tokens)
    seen = None if penalty is None else torch.zeros(batch, vocab_size, dtype=torch.bool)
    if seen is not None and penalise_prompt:
        seen.scatter_(1, prompt, True)
    alive = torch.ones(batch, dtype=torch.bool)
    # The results are made outside: what inference mode makes can never take part in a gradient.
    with torch.inference_mode():
        cache, fed = (
            model.empty_cache(batch, time + max_new_tokens - 1),
            prompt,
        )  # the last token is never read
        for i in range(max_new_tokens):
            logits, cache = model.step(fed, cache)
            logits = logits[:, -1]
            scores = transform(logits if penalty is None else penalty(logits, seen), generator)
            drawn = _DRAW.sample(scores, generator)
            chosen = drawn[:, None]
            log_prob = logits.log_softmax(-1).gather(-1, chosen)[:, 0]
            sampler_log_prob = (
                log_prob if scores is logits else scores.log_softmax(-1).gather(-1, chosen)[:, 0]
            )
            if stop_token is None:
                tokens[i], log_probs[i], sampler_log_probs[i] = drawn, log_prob, sampler_log_prob
            else:
                drawn = drawn * alive
                tokens[i], log_probs[i], sampler_log_probs[i] = (
                    drawn,
                    log_prob * alive,
                    sampler_log_prob * alive,
                )
                ended = alive & (drawn == stop_token)
                lengths[ended] = i + 1
                alive &= ~ended
                if not bool(alive.any()):
                    break
            fed = drawn[:, None]
            if seen is not None:
                seen.scatter_(1, fed, True)
    return Generation(
        tokens.T.contiguous(), log_probs.T.contiguous(), sampler_log_probs.T.contiguous(), lengths
    )


_DRAW = Sampler()
