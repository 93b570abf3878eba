"""Generation: read the prompt once, then one token of every row at a time, keeping the evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.sampling import Sampler, draw
from nlgnotes.validation import (
    check_callable,
    check_continuation,
    check_flag,
    check_floats,
    check_generator,
    check_scores,
    describe,
)

__all__ = ["Generates", "Generation", "generate", "log_probabilities", "model_sizes", "next_logits"]

# With fewer rows, the copy of the cache costs as much as leaving saves in the next few steps.
FEW = 8


class Generates(Protocol):
    """What a model must offer to be generated from, as our decoder and ``hf:…`` checkpoints do.

    * ``config.context``: how many tokens it can read, and ``config.vocab_size``.
    * ``empty_cache(batch, capacity)``: a cache, of whatever kind, for that many rows and tokens.
    * ``step(tokens, cache)``: logits ``[batch, time, vocab]`` after each new token, and the cache
      with them in it.

    Two things more are used where they are there. A cache with ``rows(index)``, a copy of some of
    its rows, lets those that have stopped leave the batch. A model with ``reads_rows_alike = True``
    says that it gives equal rows the same logits: of equal prompts it then reads only one.
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

    Each token costs one cached step of the batch; all rows stopped ends early. Rows that have
    stopped leave the batch, unless a random transform or a function of one's own could tell. Each
    token takes one number from the generator for every row of the prompt, so the others draw the
    same as if all had stayed. Taught in: book/decoder.ipynb.

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
            ``partial(repetition_penalty, theta=1.2)`` gives them; it looks at each row by itself.
        penalise_prompt: whether the prompt's tokens count as said. (In CTRL's code they do; for a
            language the start token, which is its stop token, is one of them.)

    Returns:
        The new tokens with their log-probabilities and lengths.

    Raises:
        ValueError: an empty prompt, ids outside the vocabulary, a count below 1, more tokens than
            the context holds, or a step whose logits or scores hold NaN, +inf or no finite entry.
    """
    vocab_size, context = model_sizes(model)
    max_new_tokens, stop_token = check_continuation(
        prompt, max_new_tokens, stop_token, vocab_size=vocab_size, context=context
    )
    check_generator(generator)
    penalise_prompt = check_flag("penalise_prompt", penalise_prompt)
    if penalty is not None:
        check_callable("penalty", penalty)
    batch, time = prompt.shape
    transform = getattr(sampler, "transform", sampler)
    if not callable(transform):
        raise ValueError(f"sampler must transform logits; got {sampler!r}")
    # A Sampler tests what it is given, and looks at each row by itself; other rules may not, and
    # could hide what is wrong.
    known = isinstance(sampler, Sampler)
    plain = known and not sampler.transforms and penalty is None
    can_leave = stop_token is not None and known and not any(t.random for t in sampler.transforms)
    seen = None if penalty is None else torch.zeros(batch, vocab_size, dtype=torch.bool)
    if seen is not None and penalise_prompt:
        seen.scatter_(1, prompt, True)
    out = _Columns(batch, max_new_tokens)
    with torch.inference_mode():
        # The last token is never read.
        logits, cache = _read_prompt(model, prompt, time + max_new_tokens - 1)
        rows, running, drawn = None, torch.ones(batch, dtype=torch.bool), prompt[:, -1]
        for i in range(max_new_tokens):
            if i:
                logits, cache = next_logits(model, drawn[:, None], cache)
            scores = logits
            if not (known and penalty is None):
                check_scores("logits", logits)
                scores = logits.clone()  # a function of one's own may write into it
            if penalty is not None:
                scores = penalty(scores, seen)
                _check_alike("penalty", scores, logits)
                check_scores("the penalty's scores", scores)
            if not plain:
                scores = transform(scores, generator)
                _check_alike("sampler", scores, logits)
            # As many numbers as there were rows: who has left changes no draw of the others.
            u = torch.rand(batch, generator=generator, dtype=torch.float64)
            drawn, sampler_log_prob = draw(scores, u if rows is None else u[rows], "logits")
            log_prob = sampler_log_prob
            if scores is not logits:
                log_prob = log_probabilities(logits).gather(-1, drawn[:, None])[:, 0]
            out.append(drawn, log_prob, sampler_log_prob)
            if seen is not None:
                seen.scatter_(1, drawn[:, None], True)
            if stop_token is not None and i + 1 < max_new_tokens:
                running = running & (drawn != stop_token)
                left = int(running.sum())
                if not left:
                    break
                many = len(running) >= FEW and 4 * left <= 3 * len(running)
                if can_leave and many and hasattr(cache, "rows"):
                    here = running.nonzero()[:, 0]
                    rows = here if rows is None else rows[here]
                    out.keep(rows)
                    drawn, running, cache = drawn[here], running[here], cache.rows(here)
                    seen = None if seen is None else seen[here]
    # Outside: what inference mode makes can never take part in a gradient, and this may.
    return out.generation(stop_token)


def model_sizes(model: Any) -> tuple[int, int]:
    """How many words a model knows, and how many tokens it can read.

    Raises:
        ValueError: what has no such sizes is no model that can be generated from.
    """
    config = getattr(model, "config", None)
    sizes = getattr(config, "vocab_size", None), getattr(config, "context", None)
    if None in sizes:
        raise ValueError(
            "model must have config.vocab_size and config.context, as our networks do; "
            f"got {describe(model)}"
        )
    return sizes


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

    A row that is no distribution gives NaN, which those who call this refuse.

    Raises:
        ValueError: ``logits`` are no tensor of floating point.

    >>> log_probabilities(torch.zeros(2, dtype=torch.bfloat16))
    tensor([-0.6931, -0.6931])
    """
    check_floats("logits", logits)
    half = logits.dtype in (torch.float16, torch.bfloat16)
    return (logits.float() if half else logits).log_softmax(-1)


def _check_alike(name: str, scores: Any, logits: Tensor) -> None:
    if not isinstance(scores, Tensor) or scores.shape != logits.shape:
        shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(
            f"{name} must give scores of the logits' shape {tuple(logits.shape)}; got {shape}"
        )


def _read_prompt(model: Any, prompt: Tensor, capacity: int) -> tuple[Tensor, Any]:
    """The logits after the prompt, and the cache that holds it; equal rows are read as one."""
    if getattr(model, "reads_rows_alike", False) and min(prompt.shape) > 1:
        unique, which = prompt.unique(dim=0, return_inverse=True)
        if 2 * len(unique) <= len(prompt):
            empty = model.empty_cache(len(unique), capacity)
            if hasattr(empty, "rows"):
                logits, cache = next_logits(model, unique, empty)
                return logits[which], cache.rows(which)
    return next_logits(model, prompt, model.empty_cache(len(prompt), capacity))


class _Columns:
    """What the steps gave, while rows leave; zeros behind the last step."""

    def __init__(self, batch: int, count: int) -> None:
        self.batch, self.count, self.done = batch, count, 0
        self.rows: Tensor | None = None
        self.steps: list[tuple[Tensor, ...]] = []
        self.parts: list[tuple[Tensor | None, int, tuple[Tensor, ...]]] = []

    def append(self, *step: Tensor) -> None:
        """One number of each remaining row, of each kind."""
        self.steps.append(step)

    def keep(self, rows: Tensor | None) -> None:
        """From now on the steps are of these rows."""
        columns = tuple(torch.stack(kind, 1) for kind in zip(*self.steps, strict=True))
        self.parts.append((self.rows, self.done, columns))
        self.done += len(self.steps)
        self.rows, self.steps = rows, []

    def generation(self, stop_token: int | None) -> Generation:
        """All of it, and zeros behind each row's stop token."""
        self.keep(None)
        first = self.parts[0][2]
        whole = [torch.zeros(self.batch, self.count, dtype=kind.dtype) for kind in first]
        for rows, start, columns in self.parts:
            for kind, part in zip(whole, columns, strict=True):
                kind[slice(None) if rows is None else rows, start : start + part.shape[1]] = part
        lengths = torch.full((self.batch,), self.count)
        if stop_token is not None:
            stops = whole[0][:, : self.done] == stop_token
            lengths = torch.where(stops.any(1), stops.int().argmax(1) + 1, self.count)
            behind = torch.arange(self.count) >= lengths[:, None]
            # Not a product: what a row that has ended draws may have log-probability -inf.
            whole = [kind.masked_fill(behind, 0) for kind in whole]
        return Generation(*whole, lengths)
