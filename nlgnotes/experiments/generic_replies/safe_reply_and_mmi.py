"""The safe reply in the course of training, and what maximum mutual information replies instead.

The models are small decoders of the dialogue language, whose laws are known exactly.
Taught in: book/generic-replies.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.generic_replies.laws import train_on_law
from nlgnotes.experiments.generic_replies.reranking import n_best, sweep
from nlgnotes.experiments.generic_replies.safe_reply import Safety, safety, topics_open
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.networks.transformer import Decoder

__all__ = ["EXPERIMENT", "measure"]


def measure(
    settings: Mapping[str, Any],
    seed: int,
    *,
    progress: bool,
    keep: Callable[[str, Callable[[], Any]], Any],
) -> dict[str, Any]:
    """The safe reply through training, with its control, and the sweep over λ.

    Args:
        settings: ``unsure`` and ``mmi``, each with the settings of :func:`train_on_law` and
            ``runs``, how many training seeds; the first also with ``rare`` (the safe reply's
            share), ``looks`` (steps) and ``samples``, the second with ``beams``, ``gamma`` and
            ``lams``.
        seed, progress, keep: see ``experiment.Experiment``.

    Returns:
        ``topics_open``, the kinds of queries; ``pairs`` and ``shuffled``, the safe reply after the
        steps of ``looks``, by run; ``mmi``, a :func:`reranking.sweep` for each run.
    """
    unsure, mmi = settings["unsure"], settings["mmi"]
    rare, usual = Dialogue.standard(generic=unsure["rare"]), Dialogue.standard()
    every = rare.queries
    form = every.select(torch.arange(0, len(every), 3))  # one way to ask about each subject
    kinds = topics_open(rare, form).round().long()

    def through_training(run: int, shuffled: bool) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []

        def look(step: int, _: float, model: Decoder) -> None:
            if step in unsure["looks"]:
                stream = randomness.generator(seed, "look", run, step)
                found = safety(model, rare, form, stream, samples=unsure["samples"])
                rows.append({"step": step, **_by_kind(found, kinds)})

        name = "shuffled" if shuffled else "pairs"
        train_on_law(
            rare,
            "P(T|S)",
            unsure,
            randomness.generator(seed, name, run),
            shuffled=shuffled,
            callback=look,
            progress=progress,
        )
        return {key: [row[key] for row in rows] for key in rows[0]}

    def over_lambda(run: int) -> dict[str, Any]:
        models = tuple(
            train_on_law(usual, law, mmi, randomness.generator(seed, law, run), progress=progress)
            for law in ("P(T|S)", "P(T)", "P(S|T)")
        )
        found = n_best(usual, models, usual.queries, beams=mmi["beams"], gamma=mmi["gamma"])
        return sweep(found, mmi["lams"], topics_open(usual, usual.queries).round().long())

    data: dict[str, Any] = {"topics_open": kinds.unique().tolist()}
    for name, shuffled in (("pairs", False), ("shuffled", True)):
        data[name] = [
            keep(f"{name}-{run}", partial(through_training, run, shuffled))
            for run in range(unsure["runs"])
        ]
    data["mmi"] = [keep(f"mmi-{run}", partial(over_lambda, run)) for run in range(mmi["runs"])]
    return data


def _by_kind(found: Safety, kinds: Tensor) -> dict[str, list[float]]:
    """Means over the queries of each kind, and the share whose best reply is the safe one."""
    values = {
        "safe": (found.lead > 0).float(),
        "prob": found.log_prob.exp(),
        "lead": found.lead,
        "entropy": found.entropy,
    }
    return {
        key: [round(float(value[kinds == kind].mean()), 4) for kind in kinds.unique()]
        for key, value in values.items()
    }


LAMBDAS = [0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
LAMBDAS += [1.0, 1.25, 1.5, 2.0]

_DIALOGUE = {"width": 48, "heads": 2, "hidden": 192, "context": 96, "batch": 64}

EXPERIMENT = Experiment(
    name="generic-replies",
    summary="when the safe reply wins, and three models' sweep over lambda (about 9 minutes)",
    measure=measure,
    seed=0,
    settings={
        "unsure": {
            **_DIALOGUE,
            "layers": 1,
            "steps": 1000,
            "learning_rate": 1e-2,
            "runs": 5,
            "rare": 0.02,
            "looks": [60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 700, 800, 900, 1000],
            "samples": 60,
        },
        "mmi": {
            **_DIALOGUE,
            "layers": 2,
            "steps": 2500,
            "learning_rate": 5e-3,
            "runs": 3,
            "beams": 50,
            "gamma": 2,
            "lams": LAMBDAS,
        },
    },
    headline=lambda data: sum(run["lead"][-1][0] for run in data["pairs"]) / len(data["pairs"]),
    tolerance=0.3,
)
