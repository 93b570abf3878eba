"""The file from which an interrupted training run goes on, and how it is told from another run's.

A run is resumed only by a call with the same arguments. Functions cannot be compared, so three
things stand for them: the weights and the generator's state at the start, and what the first step
found, namely the first batch, its loss and the length of its gradient.
"""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from numpy.random import get_state as numpy_state
from safetensors import safe_open
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn

from nlgnotes.files import write_whole
from nlgnotes.training.adamw import AdamW
from nlgnotes.training.digest import batch_digest
from nlgnotes.training.history import History

__all__ = ["RunCheckpoint"]

FORMAT = "nlgnotes training run 1"
ANEW = "delete it to start anew"

Tensors = dict[str, Tensor]


class RunCheckpoint:
    """A training run as a file: weights, optimiser, generator and losses, at the start and now.

    Args:
        path: of the file, a string or a ``Path``.
        model, optimizer, generator: of the run; changed in place by :meth:`resume`.
        settings: a digest of all that can be compared by value.
        steps: of the whole run.

    Raises:
        ValueError: ``path`` is no path, or is a folder; the model's state is not all tensors.
    """

    def __init__(
        self,
        path: Any,
        model: nn.Module,
        optimizer: AdamW,
        generator: torch.Generator,
        settings: str,
        steps: int,
    ) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ValueError(f"checkpoint must be the path of a file; got {path!r}")
        self.path = Path(path)
        if self.path.exists() and not self.path.is_file():
            raise ValueError(f"checkpoint must be a file; {self.path} is none")
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.settings, self.steps = settings, steps
        self.start = _state(model)
        self.generator_start = generator.get_state()
        self.first: dict[str, Any] = {}
        self._chance = _global_chance()

    def resume(self, first_step: Callable[[], tuple[Any, float, float]]) -> History:
        """Set model, optimiser and generator to where the file's run stood, or begin one.

        Args:
            first_step: gives the first batch, its loss and the length of its gradient, and updates
                nothing; called with the weights and the generator of the start.

        Returns:
            The history so far.

        Raises:
            ValueError: the file is damaged, or belongs to another run.
        """
        if not self.path.exists():
            self.first = self._at_start(first_step)
            return History(0, (), 0, 0.0)
        tensors, about = self._read()
        known = {k: _part(tensors, f"{k}.") for k in ("start", "model")}
        here, states = batch_digest(self.start), {k: batch_digest(v) for k, v in known.items()}
        if here not in states.values():
            raise ValueError(
                f"{self.path} belongs to a run that began with other weights: model must hold "
                f"those of the run's start, or those it had reached; make it anew, or {ANEW}"
            )
        seeds = tensors["generator.start"], tensors["generator.now"]
        if not any(torch.equal(self.generator_start, state) for state in seeds):
            raise ValueError(
                f"{self.path} belongs to a run with another generator: it must stand where it "
                f"stood at the run's start, or where the run had come; seed it anew, or {ANEW}"
            )
        # Someone may go on with the very model that was interrupted: it must look like the first
        # call's again, since batches can depend on the model.
        self.start, self.generator_start = known["start"], tensors["generator.start"]
        self.first = self._at_start(first_step)
        for name in ("batch", "loss", "gradient"):
            if not _same(self.first[name], about["first"][name]):
                word = "on other data" if name == "batch" else "with another loss"
                raise ValueError(f"{self.path} belongs to a run {word}; {ANEW}")
        self.model.load_state_dict(known["model"])
        self.optimizer.state = _moments(tensors)
        self.generator.set_state(tensors["generator.now"])
        return History.from_json(about["history"])

    def save(self, history: History, generator: Tensor) -> None:
        """Write the run as it stands; ``generator`` is its state after the last whole step."""
        tensors = {f"start.{k}": v for k, v in self.start.items()}
        tensors |= {f"model.{k}": v for k, v in _state(self.model).items()}
        for i, moments in self.optimizer.state.items():
            tensors |= {f"optimizer.{i}.{k}": v.clone() for k, v in moments.items()}
        tensors |= {"generator.start": self.generator_start, "generator.now": generator}
        about = {"first": self.first, "history": history.to_json(), "settings": self.settings}
        about["digest"] = batch_digest([about, tensors])
        write_whole(self.path, tensor_bytes(tensors, {FORMAT: json.dumps(about)}))

    def compare_first(self, batch: Any, loss: float, gradient: float) -> None:
        """Raise ``ValueError`` where the first step finds something else than on its trial.

        Then a batch or a loss depends on chance, or on a memory, that the file does not hold.
        """
        again = _found(batch, loss, gradient)
        if not all(_same(self.first[k], v) for k, v in again.items()):
            raise ValueError(
                "draw, model and loss must depend on the weights and on generator alone where a "
                "checkpoint is kept; the first step, taken twice, found something else"
            )

    def note_chance(self) -> None:
        """Remember where the global generators of torch and numpy stand."""
        self._chance = _global_chance()

    def check_chance(self, step: int) -> None:
        """Raise ``ValueError`` if a global generator, which the file does not hold, has moved."""
        moved = [name for name, now in _global_chance().items() if now != self._chance[name]]
        if moved:
            raise ValueError(
                "draw, model and loss must draw from generator alone where a checkpoint is kept; "
                f"{moved[0]}'s global generator moved at step {step} (by nn.Dropout, perhaps)"
            )

    def _at_start(self, first_step: Callable[[], tuple[Any, float, float]]) -> dict[str, Any]:
        """What the first step finds; model and generator are then as they were."""
        now, state = _state(self.model), self.generator.get_state()
        try:
            self.model.load_state_dict(self.start)
            self.generator.set_state(self.generator_start)
            return _found(*first_step())
        finally:
            self.model.load_state_dict(now)
            self.generator.set_state(state)

    def _read(self) -> tuple[Tensors, dict[str, Any]]:
        """The file's tensors and what it says of them, all checked."""
        size, limit = self.path.stat().st_size, self._largest_size()
        if size > limit:
            raise ValueError(
                f"{self.path} is no training checkpoint of this model: it has {size} bytes, "
                f"at most {limit} are expected; {ANEW}"
            )
        try:
            with safe_open(self.path, "pt") as file:
                about = json.loads((file.metadata() or {})[FORMAT])
                tensors = {name: file.get_tensor(name) for name in file.keys()}
            settings = about["settings"]
        except Exception as error:  # whatever a damaged file raises
            raise self._not_whole(type(error).__name__) from None
        if settings != self.settings:
            raise ValueError(f"{self.path} belongs to a run with other sizes or settings; {ANEW}")
        try:
            wrong = self._what_is_wrong(tensors, about)
        except Exception as error:  # what is missing, or of another kind
            wrong = type(error).__name__
        if wrong:
            raise self._not_whole(wrong)
        return tensors, about

    def _largest_size(self) -> int:
        """No file of this run has more bytes: two states, two moments, losses and a header."""
        states = sum(t.numel() * t.element_size() + 1000 for t in self.start.values())
        return 5 * states + 40 * self.steps + 1_000_000

    def _what_is_wrong(self, tensors: Tensors, about: dict[str, Any]) -> str | None:
        """A word for what in the file cannot be so, or None."""
        said = {k: v for k, v in about.items() if k != "digest"}
        if about["digest"] != batch_digest([said, tensors]):
            return "another digest"
        for part in ("start", "model"):
            if _shapes(_part(tensors, f"{part}.")) != _shapes(self.start):
                return f"other shapes in {part}"
        if History.from_json(about["history"]).steps > self.steps:
            return "more steps"
        kinds = {k: type(v) for k, v in about["first"].items()}
        if kinds != {"batch": str, "loss": float, "gradient": float}:
            return "first step"
        for i, moments in _moments(tensors).items():
            shape = self.optimizer.parameters[i].shape
            if moments.keys() != {"step", "exp_avg", "exp_avg_sq"} or moments["step"].numel() != 1:
                return f"optimizer.{i}"
            if moments["exp_avg"].shape != shape or moments["exp_avg_sq"].shape != shape:
                return f"optimizer.{i}"
        for name in ("generator.start", "generator.now"):
            torch.Generator().set_state(tensors[name])
        return None

    def _not_whole(self, why: str) -> ValueError:
        return ValueError(f"{self.path} is not a whole training checkpoint ({why}); {ANEW}")


def _found(batch: Any, loss: float, gradient: float) -> dict[str, Any]:
    return {"batch": batch_digest(batch), "loss": loss, "gradient": gradient}


def _state(model: nn.Module) -> Tensors:
    """A copy of the model's state."""
    state = model.state_dict()
    if not all(isinstance(v, Tensor) for v in state.values()):
        strange = [k for k, v in state.items() if not isinstance(v, Tensor)]
        raise ValueError(f"model must hold only tensors in its state to be resumed; got {strange}")
    return {k: v.detach().clone().contiguous() for k, v in state.items()}


def _part(tensors: Tensors, prefix: str) -> Tensors:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _shapes(tensors: Tensors) -> dict[str, Any]:
    return {k: (v.dtype, v.shape) for k, v in tensors.items()}


def _moments(tensors: Tensors) -> dict[int, Tensors]:
    """The optimiser's state, by the number of the parameter."""
    moments: dict[int, Tensors] = {}
    for name, value in _part(tensors, "optimizer.").items():
        number, key = name.split(".")
        moments.setdefault(int(number), {})[key] = value
    return moments


def _global_chance() -> dict[str, str]:
    """Digests of where the global generators stand."""
    states = {"torch": torch.get_rng_state(), "numpy": numpy_state(legacy=False)}
    return {name: batch_digest(state) for name, state in states.items()}


def _same(a: str | float, b: str | float) -> bool:
    """Equal; numbers up to what another number of threads changes in a float32 sum."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-9)
