"""What frozen weights learn from a prompt: accuracy by shots, random labels, and the 2 × 2.

The measurement of the lecture. Taught in: book/in-context-learning.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.in_context_learning.burstiness import (
    CELLS,
    cell_scores,
    family_of_cell,
    train_cell,
)
from nlgnotes.experiments.in_context_learning.demonstrations import (
    ARMS,
    beliefs,
    by_shots,
    family_of,
    random_labels,
    train_on_documents,
    untrained_reader,
)
from nlgnotes.training.history import History
from nlgnotes.validation import check_count

__all__ = ["EXPERIMENT", "SETTINGS", "measure", "reading_tests"]

Settings = Mapping[str, Any]


def reading_tests(
    models: Mapping[str, Callable[[Tensor], Tensor]], settings: Settings, seed: int
) -> dict[str, dict[str, list[float]]]:
    """Frozen models on fresh documents, by the number of demonstrations.

    Args:
        models: one for each of ``ARMS``, and ``untrained``.
        settings: as in ``family_of``; ``examples`` and ``documents``.
        seed: of the documents; for one seed all models get the same.

    Returns:
        ``by_shots`` of each test: each arm's model on documents like those of its training;
        ``…, random labels``; the ``untrained`` one on documents of a mapping each, and
        ``fixed, new mapping``; and ``bursty, balanced``: trained on bursts, asked without them.
    """
    found, drawn = {}, {}
    for arm in ARMS:
        family = family_of(settings, arm)
        stream = randomness.generator(seed, "in-context", "test", arm)
        drawn[arm] = family.sample(settings["documents"], settings["examples"], stream)
    tests = {arm: (arm, arm) for arm in ARMS} | {
        "untrained": ("untrained", "per document"),
        "fixed, new mapping": ("fixed", "per document"),
        "bursty, balanced": ("bursty", "fixed"),
    }
    for name, (reader, source) in tests.items():
        taken_for = family_of(settings, source if reader == "untrained" else reader)
        words, labels = drawn[source].words, drawn[source].labels
        found[name] = by_shots(beliefs(models[reader], taken_for, words, labels), labels)
    for arm in ("per document", "fixed"):
        words, labels = drawn[arm].words, drawn[arm].labels
        stream = randomness.generator(seed, "in-context", "random labels", arm)
        shown = random_labels(labels, family_of(settings, arm).kinds, stream)
        read = beliefs(models[arm], family_of(settings, arm), words, shown)
        found[f"{arm}, random labels"] = by_shots(read, labels)
    return found


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """The tests of every training seed.

    Args:
        settings: as in the functions of this folder: ``demonstrations`` (of the documents of
            labelled examples) and ``burstiness`` (of items and labels), each with ``runs``,
            how many training seeds (``seed``, ``seed + 1``, …).
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``demonstrations``: for each seed the tests of :func:`reading_tests`, and for each arm
        ``loss`` (of each twentieth of its training, in nats) and ``seconds``. ``burstiness``: for
        each seed and each of ``CELLS`` its scores, ``loss`` and ``seconds``.
    """
    data: dict[str, Any] = {}
    for name, run in (("demonstrations", _read_documents), ("burstiness", _fill_cells)):
        own = settings[name]
        check_count("runs", own["runs"])
        seeds = range(seed, seed + own["runs"])
        data[name] = {str(s): keep(f"{name}-{s}", partial(run, own, s, progress)) for s in seeds}
    return data


def _read_documents(settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    family = family_of(settings, "per document")
    length = family.length(settings["examples"])
    models = {"untrained": untrained_reader(family.vocab_size, length, settings, seed)}
    training = {}
    for arm in ARMS:
        models[arm], history = train_on_documents(arm, settings, seed, progress)
        training[arm] = _summary(history)
    return {"tests": reading_tests(models, settings, seed), "training": training}


def _fill_cells(settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    found = {}
    for cell in CELLS:
        model, history = train_cell(cell, settings, seed, progress)
        scores = cell_scores(model, family_of_cell(settings, cell), settings, seed)
        found[cell] = scores | _summary(history)
    return found


def _summary(history: History) -> dict[str, Any]:
    losses = torch.tensor(history.losses, dtype=torch.float64)
    part = max(1, len(losses) // 20)
    return {
        "loss": [round(float(chunk.mean()), 6) for chunk in losses.split(part)],
        "seconds": round(history.seconds, 1),
    }


_NETWORK = {"width": 64, "layers": 2, "heads": 4, "hidden": 128, "initial_scale": 6.0}

SETTINGS = {
    "demonstrations": {
        "family": {"kinds": 4, "words": 8, "words_per_example": 2, "tilt": 4.0},
        "arms": {
            "per document": {"family": {"mapping": "per document"}, "steps": 1500},
            "fixed": {"family": {"mapping": "fixed"}, "steps": 200},
            "bursty": {
                "family": {"mapping": "fixed", "burst": 100.0, "decay": 0.3},
                "steps": 400,
            },
        },
        "examples": 9,
        "batch": 32,
        "learning_rate": 3e-3,
        "documents": 2000,
        "runs": 3,
        **_NETWORK,
    },
    "burstiness": {
        "items": {"letters": 8, "labels": 8, "pairs": 8, "copies": 2},
        "batch": 64,
        "steps": 500,
        "learning_rate": 3e-3,
        "documents": 2000,
        "runs": 3,
        **_NETWORK,
    },
}
"""What the measurement chose; the shipped checkpoints are trained with the same."""

EXPERIMENT = Experiment(
    name="in-context-learning",
    summary="accuracy by shots, random labels and the 2 × 2: three training seeds (10 minutes)",
    measure=measure,
    seed=0,
    settings=SETTINGS,
    headline=lambda data: (
        sum(run["tests"]["per document"]["right"][-1] for run in data["demonstrations"].values())
        / len(data["demonstrations"])
    ),
    tolerance=0.1,
)
