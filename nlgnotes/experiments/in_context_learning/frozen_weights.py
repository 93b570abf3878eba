"""What frozen weights learn from a prompt: accuracy by shots, right labels and random ones.

A measurement. Taught in: book/in-context-learning.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.in_context_learning.demonstrations import (
    ARMS,
    beliefs,
    by_shots,
    family_of,
    random_labels,
    train_on_documents,
    untrained_reader,
)
from nlgnotes.validation import check_count

__all__ = ["EXPERIMENT", "measure", "reading_tests"]

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
        settings: as in the functions of ``demonstrations``, ``documents`` (of each test) and
            ``runs``, how many training seeds (``seed``, ``seed + 1``, …).
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed its ``tests``, those of :func:`reading_tests`, and ``training``:
        for each arm ``loss`` (of each twentieth of its training, in nats) and ``seconds``.
    """
    check_count("runs", settings["runs"])
    seeds = range(seed, seed + settings["runs"])
    runs = {str(s): keep(f"seed-{s}", partial(_one_run, settings, s, progress)) for s in seeds}
    return {"runs": runs}


def _one_run(settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    family = family_of(settings, "per document")
    length = family.length(settings["examples"])
    models = {"untrained": untrained_reader(family.vocab_size, length, settings, seed)}
    training = {}
    for arm in ARMS:
        models[arm], history = train_on_documents(arm, settings, seed, progress)
        training[arm] = history.summary()
    return {"tests": reading_tests(models, settings, seed), "training": training}


EXPERIMENT = Experiment(
    name="in-context-learning",
    summary="beliefs after each demonstration: three training seeds (about 7 minutes)",
    measure=measure,
    seed=6,
    settings={
        "family": {"kinds": 4, "words": 8, "words_per_example": 2, "tilt": 4.0},
        "arms": {
            "per document": {"family": {"mapping": "per document"}, "steps": 2500},
            "fixed": {"family": {"mapping": "fixed"}, "steps": 200},
            "bursty": {
                "family": {"mapping": "fixed", "burst": 100.0, "decay": 0.3},
                "steps": 400,
            },
        },
        "examples": 9,
        "width": 64,
        "layers": 3,
        "heads": 4,
        "hidden": 128,
        "initial_scale": 6.0,
        "batch": 64,
        "learning_rate": 4e-3,
        "documents": 2000,
        "runs": 3,
    },
    headline=lambda data: (
        sum(run["tests"]["per document"]["right"][-1] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.1,
)
