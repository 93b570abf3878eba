"""The long experiments: how each shipped measurement is made, again and again with the same outcome.

``python -m nlgnotes.recipes NAME`` runs them as it makes the checkpoints. An experiment is done in parts. Each part is
kept as soon as it is there, so that an interrupted one goes on with the part it was at.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nlgnotes import checkpoints, generic_replies, language_gans, length_generalisation, measurements, prefix_switching, repetition, training_signal
from nlgnotes.files import write_whole

__all__ = ["EXPERIMENTS", "Experiment", "Keep", "run_experiment"]

Keep = Callable[[str, Callable[[], Any]], Any]


@dataclass(frozen=True)
class Experiment:
    """One shipped measurement.

    Args:
        name, summary: of its file; one line for ``--list``.
        measure: ``measure(settings, seed, progress=…, keep=…)`` gives the data, JSON-able. ``keep(part, compute)`` returns
            ``compute()``, or what it returned before the run was interrupted.
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


def run_experiment(experiment: Experiment, *, force: bool = False, progress: bool = True, folder: Path | None = None) -> bool:
    """Make one measurement, and say how it compares with the shipped one.

    Args:
        experiment: one of ``EXPERIMENTS``.
        force: replace a shipped measurement even where the new one does not agree with it.
        progress: show bars and messages.
        folder: where measurements lie; the shipped ones when None.

    Returns:
        False where a shipped measurement does not agree with the new one.

    Raises:
        KeyboardInterrupt: calling again goes on with the part that was interrupted.
    """
    root = measurements.FOLDER if folder is None else folder
    work, place = root / f"{experiment.name}.partial", root / f"{experiment.name}.json"
    say = print if progress else (lambda *_: None)
    say(f"{experiment.name}: {experiment.summary}")
    about = {"name": experiment.name, "seed": experiment.seed, "settings": json.loads(json.dumps(dict(experiment.settings)))}
    about["models"] = {name: checkpoints.load(name).digest for name in experiment.models}
    known, spent = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12], 0.0

    def keep(part: str, compute: Callable[[], Any]) -> Any:
        nonlocal spent
        file = work / f"{known}.{part}.json"
        if not file.exists():
            began = time.perf_counter()
            value = compute()
            write_whole(file, json.dumps({"value": value, "seconds": time.perf_counter() - began}))
        kept = json.loads(file.read_text(encoding="utf-8"))
        spent += kept["seconds"]
        return kept["value"]

    data = experiment.measure(experiment.settings, experiment.seed, progress=progress, keep=keep)
    about |= {"seconds": round(spent, 1), "threads": torch.get_num_threads(), "torch": torch.__version__}
    about["tolerance"] = experiment.tolerance
    now, agrees = experiment.headline(data), True
    if place.is_file():
        old = measurements.load(place)
        before = experiment.headline(old.data)
        agrees = abs(now - before) <= experiment.tolerance
        changed = [k for k in ("settings", "models") if old.recipe.get(k) != about[k]]
        note = f" (not the same {', '.join(changed)})" if changed else ""
        verdict = "agrees" if agrees else "does not agree"
        say(f"{experiment.name}: {now:.4g}, shipped {before:.4g}: {verdict} within {experiment.tolerance:g}{note}")
    else:
        say(f"{experiment.name}: {now:.4g}")
    if not agrees and not force:
        fresh = measurements.save(work / f"{experiment.name}.json", recipe=about, data=data)
        say(f"{experiment.name}: the shipped one stays; the new one is {fresh} (--force replaces)")
        return False
    measurements.save(place, recipe=about, data=data)
    shutil.rmtree(work, ignore_errors=True)
    return agrees


_DIALOGUE = {"width": 48, "heads": 2, "hidden": 192, "context": 96, "batch": 64}

EXPERIMENTS: dict[str, Experiment] = {e.name: e for e in (
    Experiment("exposure-bias", "prefix switching on three languages, 4,000 prefixes a cell (about 15 minutes)",
               prefix_switching.measure, 0,
               {"models": {"newswire": "newswire-lm", "oracle": "oracle-lm", "brackets": "brackets-lm"}, "prefixes": 4000,
                "lengths": [5, 10, 20, 30, 40], "gap_length": {"newswire": 10, "oracle": 10, "brackets": 30},
                "gaps": [0, 1, 2, 3, 5, 10, 20], "new": 20, "texts": 5200, "steps": 30,
                "start": 5, "resamples": 1000},
               lambda data: data["newswire"]["eb_c"]["model"]["tv"][2][0], 0.1, ("newswire-lm", "oracle-lm", "brackets-lm")),
    Experiment("language-gans", "maximum likelihood, more of it, and a GAN: five training seeds (about 10 minutes)", language_gans.measure, 0,
               {"language_seed": 0, "vocab_size": 50, "length": 20, "documents": 10000, "width": 8, "mle_steps": 3000, "mle_batch": 64,
                "mle_learning_rate": 0.03, "mle_check": 250, "temperatures": [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5],
                "samples": 3000, "steps": 600, "batch": 64, "control_learning_rate": 0.003, "judge_width": 64, "judge_dropout": 0.0,
                "judge_warmup": 400, "judge_steps": 1, "learning_rate": 0.002, "judge_learning_rate": 0.005, "discount": 0.5,
                "look_every": 50, "checkpoints": [150, 300], "beam": 200, "runs": 5, "wide": {"width": 32, "mle_steps": 6000}},
               lambda data: sum(i["value"] for i in data["equal_diversity"]["mle"]["interval"][1:]) / 8, 0.08),
    Experiment("unlikelihood", "fine-tuning against repetition, and as many steps of plain likelihood: five training seeds (about 10 minutes)",
               repetition.measure, 0,
               {"model": "python-docs-lm", "runs": 5, "steps": 60, "batch": 8, "rows": 6, "learning_rate": 5e-4, "prefix": 50, "new": 100,
                "prompts": 80, "documents": 100, "look_every": 20},
               lambda data: sum(run["unlikelihood"]["seq_rep_4"] for run in data["runs"]) / len(data["runs"]), 0.05, ("python-docs-lm",)),
    Experiment("length-generalisation", "copying up to four times the trained length, three kinds of positions: five training seeds (about 12 minutes)",
               length_generalisation.measure, 0,
               {"length": 8, "asked": list(range(1, 33)), "symbols": 16, "rows": 200, "width": 64, "layers": 3, "heads": 4, "hidden": 256,
                "batch": 64, "steps": 800, "learning_rate": 8e-3, "runs": 5, "none": {"steps": 1600},
                "further": {"length": 16, "batch": 32, "learning_rate": 4e-3}},
               lambda data: sum(run["rotary"]["symbols"][15] for run in data["runs"].values()) / len(data["runs"]), 0.15),
    Experiment("training-signal", "an encoder-decoder, and decoders that learn from the target only or from all positions: five training seeds (about 12 minutes)",
               training_signal.measure, 0,
               {"first_run": 0, "runs": 5,
                "dates": {"width": 48, "heads": 4, "context": 96, "locales": ["en", "de"], "batch": 64, "steps": 600, "looks": 10,
                          "learning_rate": 4e-3, "asked": 300},
                "newswire": {"width": 48, "heads": 4, "context": 96, "batch": 32, "steps": 400, "looks": 10, "learning_rate": 5e-3, "asked": 300}},
               lambda data: sum(run["scores"][-1] for run in data["newswire"]["runs"]["all positions"]) / 5, 0.05),
    Experiment("generic-replies", "when the safe reply wins, and the sweep over lambda of three models trained anew (about 9 minutes)",
               generic_replies.measure, 0,
               {"unsure": {**_DIALOGUE, "layers": 1, "steps": 1000, "learning_rate": 1e-2, "runs": 5, "rare": 0.02,
                           "looks": [60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 700, 800, 900, 1000], "samples": 60},
                "mmi": {**_DIALOGUE, "layers": 2, "steps": 2500, "learning_rate": 5e-3, "runs": 3, "beams": 50, "gamma": 2,
                        "lams": [0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.25, 1.5, 2.0]}},
               lambda data: sum(run["lead"][-1][0] for run in data["pairs"]) / len(data["pairs"]), 0.3),
)}  # fmt: skip
