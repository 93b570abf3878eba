"""Experiments: how each shipped measurement is made, and made again with the same outcome.

``python -m nlgnotes.recipes NAME`` runs them as it makes the checkpoints. An experiment is done in
parts. Each part is kept as soon as it is there, so that an interrupted one goes on with the part
it was at.
"""

import hashlib
import inspect
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nlgnotes import checkpoints, measurements
from nlgnotes.files import write_whole

__all__ = ["Experiment", "Keep", "run_experiment"]

Keep = Callable[[str, Callable[[], Any]], Any]


@dataclass(frozen=True)
class Experiment:
    """One shipped measurement.

    Args:
        name, summary: of its file; one line for ``--list``.
        measure: ``measure(settings, seed, progress=…, keep=…)`` gives the data, JSON-able.
            ``keep(part, compute)`` returns ``compute()``, or what it returned before the run was
            interrupted; every part has a name of its own.
        seed: of all its chance.
        settings: everything that was chosen; they go into the measurement's ``recipe``.
        headline: from the data to the one number by which two makings are compared.
        tolerance: the largest difference of the two if they agree.
        models: the shipped checkpoints that it looks at; their digests go into the ``recipe``.

    """

    name: str
    summary: str
    measure: Callable[..., dict[str, Any]]
    seed: int
    settings: Mapping[str, Any]
    headline: Callable[[Mapping[str, Any]], float]
    tolerance: float
    models: tuple[str, ...] = field(default=())


def run_experiment(
    experiment: Experiment,
    *,
    force: bool = False,
    progress: bool = True,
    folder: Path | None = None,
) -> bool:
    """Make one measurement, and say how it compares with the shipped one.

    A part that was kept is taken again only for the same name, seed, settings and models, by their
    digests, with the same torch and the same code: that of every file of this package, and of
    ``measure``. A part that is damaged is computed again.

    Args:
        experiment: one of ``EXPERIMENTS``.
        force: replace a shipped measurement even where the new one does not agree with it.
        progress: show bars and messages.
        folder: where measurements lie; the shipped ones when None.

    Returns:
        False where a shipped measurement does not agree with the new one.

    Raises:
        ValueError: two parts of one name, a name that is none of a file, or a part that JSON cannot
            hold.
        KeyboardInterrupt: calling again goes on with the part that was interrupted.
    """
    root = measurements.FOLDER if folder is None else folder
    work, place = root / f"{experiment.name}.partial", root / f"{experiment.name}.json"
    say = print if progress else (lambda *_: None)
    say(f"{experiment.name}: {experiment.summary}")
    about = {
        "name": experiment.name,
        "seed": experiment.seed,
        "settings": json.loads(json.dumps(dict(experiment.settings))),
    }
    about["models"] = {name: checkpoints.load(name).digest for name in experiment.models}
    chosen = json.dumps(
        [about, _code_digest(experiment.measure), torch.__version__], sort_keys=True
    )
    known, seconds = hashlib.sha256(chosen.encode()).hexdigest()[:12], {}

    def keep(part: str, compute: Callable[[], Any]) -> Any:
        if part in seconds or Path(part).name != part:
            raise ValueError(f"part must be a file's name that no other part has; got {part!r}")
        file = work / f"{known}.{part}.json"
        kept = _read_part(file)
        if kept is None:
            began = time.perf_counter()
            value = compute()
            row = {"value": value, "seconds": time.perf_counter() - began}
            try:
                write_whole(file, json.dumps(row))
            except TypeError as error:
                raise ValueError(f"part {part!r} must be JSON; {error}") from None
            # As it is read when the run goes on: a tuple is a list then, a number as key a string.
            kept = _read_part(file)
        seconds[part] = kept["seconds"]
        return kept["value"]

    data = experiment.measure(experiment.settings, experiment.seed, progress=progress, keep=keep)
    about |= {
        "seconds": round(sum(seconds.values()), 1),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    about["tolerance"] = experiment.tolerance
    now, agrees = experiment.headline(data), True
    if place.is_file():
        old = measurements.load(place)
        before = experiment.headline(old.data)
        agrees = abs(now - before) <= experiment.tolerance
        changed = [k for k in ("settings", "models") if old.recipe.get(k) != about[k]]
        note = f" (not the same {', '.join(changed)})" if changed else ""
        verdict = "agrees" if agrees else "does not agree"
        within = f"{verdict} within {experiment.tolerance:g}{note}"
        say(f"{experiment.name}: {now:.4g}, shipped {before:.4g}: {within}")
    else:
        say(f"{experiment.name}: {now:.4g}")
    if not agrees and not force:
        fresh = measurements.save(work / f"{experiment.name}.json", recipe=about, data=data)
        say(f"{experiment.name}: the shipped one stays; the new one is {fresh} (--force replaces)")
        return False
    measurements.save(place, recipe=about, data=data)
    shutil.rmtree(work, ignore_errors=True)
    return agrees


def _read_part(file: Path) -> dict[str, Any] | None:
    """What was kept of a part; None where there is no whole file."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(kept, dict) and kept.keys() == {"value", "seconds"}
    return kept if whole and isinstance(kept["seconds"], float) else None


def _code_digest(measure: Callable[..., Any]) -> str:
    """A digest of the package's source, and of the file that ``measure`` comes from."""
    root = Path(__file__).parent.parent
    code = getattr(inspect.unwrap(measure), "__code__", None)
    files = {*root.rglob("*.py"), *([Path(code.co_filename)] if code else [])}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + (file.read_bytes() if file.is_file() else b""))
    return digest.hexdigest()
