"""The training loop: draw a batch, take the gradient of its loss, step; it can be resumed."""

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, SupportsFloat, SupportsIndex

import torch
from torch import Tensor, nn
from tqdm import tqdm

from nlgnotes.training.adamw import AdamW
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.training.run_checkpoint import RunCheckpoint
from nlgnotes.validation import (
    check_callable,
    check_count,
    check_generator,
    check_interval,
    check_kind,
    check_positive,
    describe,
)

__all__ = ["fit", "learning_rate_at"]


def learning_rate_at(step: int, steps: int, peak: float, warmup: float) -> float:
    """The rate of a one-cycle schedule: a straight line up to ``peak``, half a cosine down to 0.

    Args:
        step: 0 to ``steps - 1``.
        steps: of the whole cycle.
        peak: the highest rate.
        warmup: the share of the steps that rise.

    Raises:
        ValueError: an argument out of range.

    >>> [round(learning_rate_at(s, 5, 1.0, 0.4), 3) for s in range(5)]
    [0.5, 1.0, 0.75, 0.25, 0.0]
    """
    steps = check_count("steps", steps)
    step = check_count("step", step, 0, steps - 1)
    peak = check_interval("peak", peak, 0, math.inf, closed="left")
    warmup = check_interval("warmup", warmup, 0, 1)
    rise = max(1, round(warmup * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step + 1 - rise) / (steps - rise)))


def fit(
    model: nn.Module,
    draw: Callable[[torch.Generator], Any],
    *,
    steps: SupportsIndex,
    learning_rate: SupportsFloat,
    generator: torch.Generator,
    weight_decay: SupportsFloat = 0.1,
    warmup: SupportsFloat = 0.1,
    clip: SupportsFloat = 1.0,
    checkpoint: str | Path | None = None,
    checkpoint_every: SupportsIndex = 200,
    progress: bool = True,
    callback: Callable[[int, float], object] | None = None,
    loss: Callable[[nn.Module, Any], Tensor] | None = None,
    identity: object = (),
) -> History:
    """Train a model in place: minimise the next-token loss, or another one, with AdamW.

    AdamW is that of Loshchilov & Hutter 2019 (arXiv:1711.05101); the learning rate makes one cycle,
    see :func:`learning_rate_at`, and a gradient longer than ``clip`` is cut to that length.

    With a ``checkpoint`` the run can be interrupted at any moment and called again with the same
    arguments: it goes on, and ends exactly where an uninterrupted one would have. The same are the
    settings, the model with its initial weights, the generator as it was seeded, the data and the
    loss; also taken are the very model and generator of an interrupted call. The data and the loss
    are compared by the first batch, its loss and its gradient, which is why each call takes the
    first step once on trial. The file stays after the last step (calling again then returns at
    once); its owner deletes it.

    Args:
        model: from the batch's inputs to logits, or whatever ``loss`` takes.
        draw: the next batch, from the generator: a :class:`batches.Batch`, or what ``loss`` reads.
            What its ``mask`` counts, or its whole number ``tokens``, is added up in the history.
        steps: updates in all.
        learning_rate: at the top of the cycle.
        generator: handed to ``draw``; a resumed run sets it to where it was.
        weight_decay: on matrices only, not on the norms' gains.
        warmup: the share of the steps that rise, in [0, 1).
        clip: longest allowed gradient.
        checkpoint: file to resume from and to save to; None saves nothing.
        checkpoint_every: steps between savings.
        progress: show a bar.
        callback: called after each step with the number of steps done and that step's loss. If it
            returns True, the run ends there, in the middle of its cycle.
        loss: from the model and what was drawn to the number to minimise, in nats per token for
            instance; :func:`next_token_loss` when None.
        identity: what else tells this run from others, compared by its ``repr``: the settings of
            the loss, for instance.

    Raises:
        ValueError: an argument out of range; a checkpoint that is damaged or belongs to another
            run; or, with a checkpoint, chance that does not come from ``generator``.
        FloatingPointError: a loss, a gradient or a weight is not finite; the message names the
            step. A loss or a gradient is refused before that step's update, a weight after it.
        KeyboardInterrupt: re-raised after saving.
    """
    # As Python's own floats, whatever was given: they are part of the settings that are compared.
    steps = check_count("steps", steps)
    checkpoint_every = check_count("checkpoint_every", checkpoint_every)
    learning_rate = float(check_positive("learning_rate", learning_rate))
    clip = float(check_positive("clip", clip))
    weight_decay = check_interval("weight_decay", weight_decay, 0, math.inf, closed="left")
    weight_decay = float(weight_decay)
    warmup = float(check_interval("warmup", warmup, 0, 1, closed="left"))
    check_generator(generator)
    check_kind("model", model, nn.Module)
    check_callable("draw", draw)
    if loss is not None:
        check_callable("loss", loss)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    parameters = list(trained.values())
    if not parameters:
        raise ValueError("model must have weights that take a gradient; it has none")
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]
    groups = [(matrices, weight_decay), (vectors, 0.0)]
    optimizer = AdamW(groups, learning_rate, betas=(0.9, 0.95))
    cost_of = _next_token_loss if loss is None else loss
    file, losses, tokens, seconds = None, [], 0, 0.0

    def first_step() -> tuple[Any, float, float]:
        batch = draw(generator)
        found = batch, *_gradient(model, parameters, cost_of, batch, 0, clip)
        optimizer.clear()
        return found

    was_training = model.training
    model.train()
    try:
        if checkpoint is not None:
            shapes = [(name, p.shape, p.dtype) for name, p in model.named_parameters()]
            chosen = (shapes, steps, learning_rate, weight_decay, warmup, clip, identity)
            settings = hashlib.sha256(repr(chosen).encode()).hexdigest()
            file = RunCheckpoint(checkpoint, model, optimizer, generator, settings, steps)
            past = file.resume(first_step)
            losses, tokens, seconds = [*past.losses], past.tokens, past.seconds
        _check_weights(trained, len(losses))
        # Where the generator stood before the step that may be interrupted, and whether weights
        # and losses belong to the same step: not so inside the update itself.
        before, whole = generator.get_state(), True
        bar = tqdm(
            total=steps,
            initial=len(losses),
            disable=not progress,
            unit="step",
            dynamic_ncols=False,
            ascii=True,
        )
        try:
            for step in range(len(losses), steps):
                began, before = time.perf_counter(), generator.get_state()
                if file is not None:
                    file.note_chance()
                batch = draw(generator)
                value, length = _gradient(model, parameters, cost_of, batch, step, clip)
                if file is not None:
                    file.check_chance(step)
                    if step == 0:
                        file.compare_first(batch, value, length)
                optimizer.learning_rate = learning_rate_at(step, steps, learning_rate, warmup)
                whole = False
                optimizer.step()
                losses.append(value)
                tokens += _count(batch)
                seconds += time.perf_counter() - began
                before, whole = generator.get_state(), True
                bar.update()
                bar.set_postfix_str(f"{value:.3f} nats/token", refresh=False)
                last = step + 1 == steps
                if last or (file is not None and (step + 1) % checkpoint_every == 0):
                    # A pass over the weights, so not at every step: the next loss shows it there.
                    _check_weights(trained, step)
                    if file is not None:
                        file.save(History(step + 1, tuple(losses), tokens, seconds), before)
                if callback is not None and callback(step + 1, value) is True:
                    _check_weights(trained, step)
                    break
        except KeyboardInterrupt:
            # Inside an update weights and losses disagree: then the last saving stands.
            if file is not None and whole:
                file.save(History(len(losses), tuple(losses), tokens, seconds), before)
                generator.set_state(before)  # whoever goes on with this generator is at the step
            raise
        finally:
            bar.close()
    finally:
        model.train(was_training)
    return History(len(losses), tuple(losses), tokens, seconds)


def _gradient(
    model: nn.Module,
    parameters: list[nn.Parameter],
    cost_of: Callable[[nn.Module, Any], Tensor],
    batch: Any,
    step: int,
    clip: float,
) -> tuple[float, float]:
    """Leave a batch's clipped gradient in the parameters; its loss, and its length uncut."""
    cost = _cost(cost_of, model, batch)
    value = cost.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"loss must be finite; got {value} at step {step}")
    for p in parameters:
        p.grad = None
    cost.backward()
    # The length that clipping computes is finite only if every entry is: no pass of its own.
    length = float(nn.utils.clip_grad_norm_(parameters, clip))
    if not math.isfinite(length):
        raise FloatingPointError(f"gradient must be finite; got length {length} at step {step}")
    return value, length


def _cost(cost_of: Callable[[nn.Module, Any], Tensor], model: nn.Module, batch: Any) -> Tensor:
    cost = cost_of(model, batch)
    if not isinstance(cost, Tensor) or cost.numel() != 1 or not cost.is_floating_point():
        kind = tuple(cost.shape) if isinstance(cost, Tensor) else type(cost).__name__
        raise ValueError(f"loss must give one number, as a floating-point tensor; got {kind}")
    if not cost.requires_grad:
        raise ValueError("loss must depend on the model's weights; it has no gradient")
    return cost


def _count(batch: Any) -> int:
    """How many targets a batch holds: the sum of its mask, or its own count, or none known."""
    mask = getattr(batch, "mask", None)
    if isinstance(mask, Tensor):
        return int(mask.sum())
    tokens = getattr(batch, "tokens", 0)
    return tokens if isinstance(tokens, int) else 0


def _check_weights(weights: dict[str, nn.Parameter], step: int) -> None:
    for name, p in weights.items():
        if not bool(p.isfinite().all()):
            raise FloatingPointError(f"weights must be finite; {name!r} is not at step {step}")


def _next_token_loss(model: nn.Module, batch: Any) -> Tensor:
    if not all(hasattr(batch, name) for name in ("inputs", "targets", "mask")):
        raise ValueError(f"draw must give a Batch; got {describe(batch)}")
    try:  # a layer of torch, say, names its own arguments
        logits = model(batch.inputs)
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"model must give logits of the batch's inputs, {describe(batch.inputs)}; "
            f"{type(model).__name__} failed with {type(error).__name__}: {error}"
        ) from error
    return next_token_loss(logits, batch.targets, batch.mask)
