"""The training loop: draw a batch, take the gradient of its loss, step; with progress, interruptible, resumable."""

import hashlib
import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from nlgnotes.batches import Batch
from nlgnotes.files import write_whole
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.validation import check_count, check_interval, check_positive

__all__ = ["History", "fit", "learning_rate_at"]


@dataclass(frozen=True)
class History:
    """A training run: its loss at every step, in nats per token, before that step's update.

    Args:
        steps: how many.
        losses: one per step.
        tokens: how many targets were learned from, over the run.
        seconds: spent in the loop, interruptions left out.
    """

    steps: int
    losses: tuple[float, ...]
    tokens: int
    seconds: float

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "History":
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: not JSON, other keys, or not one loss per step.
        """
        values = json.loads(text)
        known = set(cls.__dataclass_fields__)
        if not isinstance(values, dict) or values.keys() != known:
            got = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise ValueError(f"history must hold the keys {sorted(known)}; got {got}")
        if len(values["losses"]) != values["steps"]:
            raise ValueError(
                f"history must hold one loss per step; got {len(values['losses'])} for {values['steps']} steps"
            )
        return cls(**{**values, "losses": tuple(values["losses"])})


def learning_rate_at(step: int, steps: int, peak: float, warmup: float) -> float:
    """One cycle: up in a straight line over the first ``warmup`` of the steps, down along a half cosine to 0.

    >>> [round(learning_rate_at(s, 5, 1.0, 0.4), 3) for s in range(5)]
    [0.5, 1.0, 0.75, 0.25, 0.0]
    """
    rise = max(1, round(warmup * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step + 1 - rise) / (steps - rise)))


def fit(
    model: nn.Module,
    draw: Callable[[torch.Generator], Batch],
    *,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    weight_decay: float = 0.1,
    warmup: float = 0.1,
    clip: float = 1.0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 200,
    progress: bool = True,
    callback: Callable[[int, float], object] | None = None,
    loss: Callable[[nn.Module, Any], Tensor] | None = None,
) -> History:
    """Minimise the next-token loss, or another one, with AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), one-cycle rate, clipped gradient.

    The model is trained in place. With a ``checkpoint`` the run can be interrupted at any moment and called
    again with the same arguments: it goes on, and ends exactly where an uninterrupted one would have. The
    file stays after the last step (calling again then returns at once); its owner deletes it.

    Args:
        model: tokens to logits.
        draw: the next batch, from the generator.
        steps: updates in all.
        learning_rate: at the top of the cycle.
        generator: handed to ``draw``; a resumed run sets it to where it was.
        weight_decay: on matrices only, not on the norms' gains.
        warmup: the share of the steps that rise, in [0, 1).
        clip: longest allowed gradient.
        checkpoint: file to resume from and to save to; None saves nothing.
        checkpoint_every: steps between savings.
        progress: show a bar.
        callback: called after each step with the number of steps done and that step's loss.
        loss: from the model and what was drawn to the number to minimise; :func:`next_token_loss` when None.

    Raises:
        ValueError: an argument out of range, or a checkpoint that is damaged or belongs to another run.
        FloatingPointError: a loss is not finite; the message names the step, and the model keeps its last weights.
        KeyboardInterrupt: re-raised after saving.
    """
    check_count("steps", steps)
    check_count("checkpoint_every", checkpoint_every)
    check_positive("learning_rate", learning_rate)
    check_positive("clip", clip)
    check_interval("weight_decay", weight_decay, 0, math.inf, closed="left")
    check_interval("warmup", warmup, 0, 1, closed="left")
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), fused=True)
    shapes = [(name, tuple(p.shape)) for name, p in model.named_parameters()]
    settings = repr((shapes, steps, learning_rate, weight_decay, warmup, clip))
    run = _Run(
        Path(checkpoint) if checkpoint else None,
        model,
        optimizer,
        generator,
        hashlib.sha256(settings.encode()).hexdigest(),
    )
    run.resume()
    was_training = model.training
    model.train()
    bar = tqdm(
        total=steps,
        initial=len(run.losses),
        disable=not progress,
        unit="step",
        dynamic_ncols=False,
        ascii=True,
    )
    try:
        for step in range(len(run.losses), steps):
            began, run.before = time.perf_counter(), generator.get_state()
            batch = draw(generator)
            cost = _next_token_loss(model, batch) if loss is None else loss(model, batch)
            value = cost.item()
            if not math.isfinite(value):
                raise FloatingPointError(f"loss must be finite; got {value} at step {step}")
            optimizer.zero_grad(set_to_none=True)
            cost.backward()
            nn.utils.clip_grad_norm_(parameters, clip)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(step, steps, learning_rate, warmup)
            run.whole = False
            optimizer.step()
            run.losses.append(value)
            run.tokens += int(batch.mask.sum())
            run.seconds += time.perf_counter() - began
            run.before, run.whole = generator.get_state(), True
            bar.update()
            bar.set_postfix_str(f"{value:.3f} nats/token", refresh=False)
            if (step + 1) % checkpoint_every == 0 or step + 1 == steps:
                run.save()
            if callback is not None:
                callback(step + 1, value)
    except KeyboardInterrupt:
        # Only inside the update itself do weights and step disagree: then the last saving stands.
        if run.whole:
            run.save()
        raise
    finally:
        bar.close()
        model.train(was_training)
    return History(steps, tuple(run.losses), run.tokens, run.seconds)


def _next_token_loss(model: nn.Module, batch: Any) -> Tensor:
    return next_token_loss(model(batch.inputs), batch.targets, batch.mask)


class _Run:
    """What a run must remember to go on as if nothing had happened."""

    def __init__(
        self,
        path: Path | None,
        model: nn.Module,
        optimizer: Any,
        generator: torch.Generator,
        settings: str,
    ) -> None:
        self.path, self.model, self.optimizer, self.generator, self.settings = (
            path,
            model,
            optimizer,
            generator,
            settings,
        )
        self.losses: list[float] = []
        self.tokens, self.seconds, self.whole = 0, 0.0, True
        self.before = (
            generator.get_state()
        )  # where the generator stood before the step that may be interrupted

    def save(self) -> None:
        if self.path is None:
            return
        buffer = io.BytesIO()
        state = {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.before,
            "losses": self.losses,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }
        torch.save(state, buffer)
        write_whole(self.path, buffer.getvalue())

    def resume(self) -> None:
        if self.path is None or not self.path.exists():
            return
        try:
            state = torch.load(self.path, weights_only=True)
            settings = state["settings"]
        except Exception as error:  # torch raises a dozen kinds for a damaged file
            raise ValueError(
                f"{self.path} is not a whole training checkpoint: {type(error).__name__}; delete it to start anew"
            ) from None
        if settings != self.settings:
            raise ValueError(
                f"{self.path} belongs to a run with other sizes or settings; delete it to start anew"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.losses, self.tokens, self.seconds = state["losses"], state["tokens"], state["seconds"]
