"""Generation: read the prompt once, then one token of every row at a time, keeping the evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.sampling import Sampler
from nlgnotes.validation import check_continuation, check_generator, check_scores

__all__ = ["Generates", "Generation", "generate", "log_probabilities", "next_logits"]

# The draw itself, after all transforms.
_DRAW = Sampler()


class Generates(Protocol):
    """What a model must offer to be generated from, as our decoder and ``hf:…`` checkpoints do.

    * ``config.context``: how many tokens it can read, and ``config.vocab_size``.
    * ``empty_cache(batch, capacity)``: a cache, of whatever kind, for that many rows and tokens.
    * ``step(tokens, cache)``: logits ``[batch, time, vocab]`` after each new token, and the cache
      with them in it.
    """

    config: Any

    def empty_cache(self, batch: int, capacity: int) -> Any:
        """A cache for that many rows and tokens."""

    def step(self, tokens: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """Logits after each new token, and the cache with them in it."""


@dataclass(frozen=True)
class Generation:
    """What was written, and how likely it was. After a stop token: token 0, log-probabilities 0.

    Args:
        tokens: the new tokens only.
        log_probs: of each under the model itself, in nats; in the model's dtype, and in float32
            where that is half precision.
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
        sampler: ``sampling.Sampler``, or anything with ``transform(logits, generator)`` (or called
            so) that gives scores of the same shape.
        generator: where the draws come from.
        stop_token: ends a row; None writes all the tokens.
        penalty: applied before the sampler: scores from logits ``[batch, vocab]`` and ``seen``, a
            mask of the same shape that is True for the tokens already said, as
            ``partial(repetition_penalty, theta=1.2)`` gives them.
        penalise_prompt: whether the prompt's tokens count as said. (In CTRL's code they do; for a
            language the start token, which is its stop token, is one of them.)

    Returns:
        The new tokens with their log-probabilities and lengths.

    Raises:
        ValueError: an empty prompt, ids outside the vocabulary, a count below 1, more tokens than
            the context holds, or a step whose logits or scores hold NaN, +inf or no finite entry.
    """
    vocab_size, context = model.config.vocab_size, model.config.context
    max_new_tokens, stop_token = check_continuation(
        prompt, max_new_tokens, stop_token, vocab_size=vocab_size, context=context
    )
    check_generator(generator)
    batch, time = prompt.shape
    transform = getattr(sampler, "transform", sampler)
    if not callable(transform):
        raise ValueError(f"sampler must transform logits; got {sampler!r}")
    # A Sampler tests what it is given; other rules may not, and could hide what is wrong.
    trusted = isinstance(sampler, Sampler) and penalty is None
    tokens, log_probs, sampler_log_probs = [], [], []
    lengths = torch.full((batch,), max_new_tokens)
    seen = None if penalty is None else torch.zeros(batch, vocab_size, dtype=torch.bool)
    if seen is not None and penalise_prompt:
        seen.scatter_(1, prompt, True)
    alive = torch.ones(batch, dtype=torch.bool)
    with torch.inference_mode():
        cache = model.empty_cache(batch, time + max_new_tokens - 1)  # the last is never read
        fed = prompt
        for i in range(max_new_tokens):
            logits, cache = next_logits(model, fed, cache)
            if not trusted:
                check_scores("logits", logits)
            scores = logits
            if penalty is not None:
                scores = penalty(logits, seen)
                _check_alike("penalty", scores, logits)
                check_scores("the penalty's scores", scores)
            scores = transform(scores, generator)
            _check_alike("sampler", scores, logits)
            drawn = _DRAW.sample(scores, generator)
            chosen = drawn[:, None]
            log_prob = log_probabilities(logits).gather(-1, chosen)[:, 0]
            sampler_log_prob = log_prob
            if scores is not logits:
                sampler_log_prob = log_probabilities(scores).gather(-1, chosen)[:, 0]
            if stop_token is not None:
                # Not a product: what a row that has ended draws may have log-probability -inf.
                drawn = drawn * alive
                log_prob = log_prob.masked_fill(~alive, 0.0)
                sampler_log_prob = sampler_log_prob.masked_fill(~alive, 0.0)
            tokens.append(drawn)
            log_probs.append(log_prob)
            sampler_log_probs.append(sampler_log_prob)
            if stop_token is not None:
                ended = alive & (drawn == stop_token)
                lengths[ended] = i + 1
                alive &= ~ended
                if not bool(alive.any()):
                    break
            fed = drawn[:, None]
            if seen is not None:
                seen.scatter_(1, fed, True)
    # Outside: what inference mode makes can never take part in a gradient, and this may.
    return Generation(
        *(_columns(steps, max_new_tokens) for steps in (tokens, log_probs, sampler_log_probs)),
        lengths,
    )


def next_logits(model: Any, tokens: Tensor, cache: Any) -> tuple[Tensor, Any]:
    """A step of a model, and of its logits those after the last token.

    Raises:
        ValueError: what the model gives are not logits of its vocabulary for every row.
    """
    logits, cache = model.step(tokens, cache)
    wanted = (len(tokens), tokens.shape[1], model.config.vocab_size)
    if not isinstance(logits, Tensor) or logits.shape != wanted or not logits.is_floating_point():
        kind = getattr(logits, "dtype", type(logits).__name__)
        shape = tuple(getattr(logits, "shape", ()))
        raise ValueError(
            f"model.step must give floating-point logits of shape {wanted}; "
            f"got {kind} of shape {shape}"
        )
    return logits[:, -1], cache


def log_probabilities(logits: Float[Tensor, "*batch vocab"]) -> Float[Tensor, "*batch vocab"]:
    """The log-softmax in the logits' dtype; of half precision, which keeps 3 digits, in float32.

    >>> log_probabilities(torch.zeros(2, dtype=torch.bfloat16))
    tensor([-0.6931, -0.6931])
    """
    half = logits.dtype in (torch.float16, torch.bfloat16)
    return (logits.float() if half else logits).log_softmax(-1)


def _check_alike(name: str, scores: Any, logits: Tensor) -> None:
    if not isinstance(scores, Tensor) or scores.shape != logits.shape:
        shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(
            f"{name} must give scores of the logits' shape {tuple(logits.shape)}; got {shape}"
        )


def _columns(steps: list[Tensor], count: int) -> Tensor:
    """The results of the steps side by side, zeros behind them up to ``count``."""
    out = torch.zeros(len(steps[0]), count, dtype=steps[0].dtype)
    out[:, : len(steps)] = torch.stack(steps, 1)
    return out
