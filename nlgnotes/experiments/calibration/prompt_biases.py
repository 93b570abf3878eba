"""Three pretrainings, and how each answers after every balance and every order of labels.

``bursty``: labels of a document follow each other. ``iid``: they do not. ``other text``: they do
not either, but half of the documents are no labelled examples, and in these one label word is
commoner. Taught in: book/calibration.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.equations.calibration import prior_correction, softmax_calibration
from nlgnotes.experiments.calibration.prompts import (
    Questions,
    all_orders,
    answered,
    beliefs,
    draw_questions,
    with_null,
)
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.in_context import LabelledExamples
from nlgnotes.tasks.other_text import MixedDocuments
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = [
    "ARMS",
    "EXPERIMENT",
    "SETTINGS",
    "calibrated",
    "exact_reader",
    "family_of",
    "look",
    "measure",
    "null_beliefs",
    "pretrain",
    "untrained",
]

ARMS = ("bursty", "iid", "other text")
Settings = Mapping[str, Any]

SETTINGS: dict[str, Any] = {
    "family": {
        "kinds": 2,
        "words": 24,
        "words_per_example": 4,
        "tilt": 1.2,
        "mapping": "fixed",
        "null_share": 0.1,
        "null_tilts": (0.7, -0.2, -0.9),
    },
    "burst": 4.0,
    "decay": 0.6,
    "other_share": 0.5,
    "frequencies": (5 / 6, 1 / 6),
    "examples": 6,
    "width": 64,
    "layers": 2,
    "heads": 4,
    "hidden": 256,
    "batch": 32,
    "steps": {"bursty": 800, "iid": 800, "other text": 1200},
    "learning_rate": 2e-3,
}
"""What the shipped models and the measurement share."""


def family_of(arm: str, settings: Settings = SETTINGS) -> LabelledExamples:
    """The labelled examples of an arm: bursty ones, or independent ones.

    Args:
        arm: one of :data:`ARMS`.
        settings: ``family``, ``burst``, ``decay``.

    Raises:
        ValueError: another arm.
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {', '.join(ARMS)}; got {arm!r}")
    given = {**settings["family"], "null_tilts": tuple(settings["family"]["null_tilts"])}
    urn = {"burst": settings["burst"], "decay": settings["decay"]} if arm == "bursty" else {}
    return LabelledExamples(**given, **urn)


def exact_reader(arm: str, settings: Settings = SETTINGS) -> LabelledExamples | MixedDocuments:
    """What an arm's documents are drawn from; its ``log_posterior`` is the exact belief.

    Args:
        arm: one of :data:`ARMS`.
        settings: as :func:`family_of`, and ``other_share``, ``frequencies``.

    Raises:
        ValueError: another arm.
    """
    family = family_of(arm, settings)
    if arm != "other text":
        return family
    return MixedDocuments(family, settings["other_share"], tuple(settings["frequencies"]))


def untrained(settings: Settings, seed: int) -> Decoder:
    """An untrained decoder that holds a document; for one seed the same in every arm."""
    family = family_of("iid", settings)
    sizes = {name: settings[name] for name in ("width", "layers", "heads", "hidden")}
    config = DecoderConfig(family.vocab_size, family.length(settings["examples"]), **sizes)
    return Decoder(config, randomness.generator(seed, "calibration", "weights"))


def pretrain(
    model: Decoder, arm: str, settings: Settings, seed: int, progress: bool = False
) -> History:
    """Train on an arm's documents, with the loss at the labels.

    Args:
        model: changed in place.
        arm: one of :data:`ARMS`.
        settings: ``batch``, ``examples``, ``steps``, ``learning_rate``; also see
            :func:`exact_reader`.
        seed: of the documents.
        progress: show a bar.
    """
    source, family = exact_reader(arm, settings), family_of(arm, settings)
    return fit(
        model,
        lambda chance: family.batch(source.sample(settings["batch"], settings["examples"], chance)),
        steps=settings["steps"][arm],
        learning_rate=settings["learning_rate"],
        generator=randomness.generator(seed, "calibration", "documents", arm),
        progress=progress,
    )


def null_beliefs(
    reader: Decoder | Callable[[Tensor, Tensor], Tensor],
    family: LabelledExamples,
    questions: Questions,
) -> dict[str, Tensor]:
    """The belief after the same demonstrations where a null token takes the question's place.

    Args:
        reader, family, questions: as :func:`prompts.beliefs`.

    Returns:
        By null: ``null 1`` and so on, those that occur in pretraining; ``average``, the mean of
        their beliefs; ``unseen``, the one that never occurs.
    """
    count = len(family.null_tilts)
    found = [
        beliefs(reader, family, with_null(questions, family.first_null + j))
        for j in range(count + 1)
    ]
    seen = {f"null {j + 1}": found[j] for j in range(count)}
    return seen | {"average": torch.stack(found[:count]).mean(0), "unseen": found[count]}


def calibrated(p: Tensor, nulls: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The belief corrected by each null's, see :func:`equations.calibration.prior_correction`."""
    return {name: prior_correction(p, null) for name, null in nulls.items()}


def look(model: Decoder, arm: str, shots: int, settings: Settings, seed: int) -> dict[str, Any]:
    """How a model answers after every order of so many labels, beside the exact posterior.

    Args:
        model: trained, or not.
        arm: whose posterior stands beside it.
        shots: demonstrations of a prompt.
        settings: ``rows``, questions of each label after each order, and as :func:`exact_reader`.
        seed: of the prompts: for one seed all models get the same.

    Returns:
        ``said``: by reader, the share of answers that are the first label, for each order and each
        label of the question; ``nats``: likewise -log q of the right label. Readers are ``model``,
        ``posterior``, ``even`` (the posterior with an even prior), the model calibrated by each
        null of :func:`null_beliefs`, and ``softmax``, by the average and the notes' formula.
        ``null``: for each null and order the mean belief in the first label, of the model and of
        the posterior, and ``uneven``, the mean distance of a null's calibrated belief from an even
        one. ``distance``: the mean of ``|p - p'|``, in the first label's probability, of the model
        from the posterior of every arm, and of its null beliefs from its own arm's.
    """
    family, orders = family_of(arm, settings), all_orders(shots)
    chance = randomness.generator(seed, "calibration", "prompts", shots)
    questions = draw_questions(orders, settings["rows"], family, chance)
    exact = {
        name: beliefs(exact_reader(name, settings).log_posterior, family, questions)
        for name in ARMS
    }
    p, nulls = beliefs(model, family, questions), null_beliefs(model, family, questions)
    exact_nulls = null_beliefs(exact_reader(arm, settings).log_posterior, family, questions)
    readers = {"model": p, "posterior": exact[arm], "even": exact["iid"], **calibrated(p, nulls)}
    readers["softmax"] = softmax_calibration(p, nulls["average"])
    right = torch.arange(2)[None, :, None, None]
    distance = {name: _rounded((p - q)[..., 0].abs().mean()) for name, q in exact.items()}
    for name, null in nulls.items():
        distance[name] = _rounded((null - exact_nulls[name])[..., 0].abs().mean())
    uneven = {
        name: _rounded((prior_correction(null, nulls["average"])[..., 0] - 0.5).abs().mean())
        for name, null in nulls.items()
    }
    return {
        "said": {name: _rounded(answered(q)[..., 0]) for name, q in readers.items()},
        "nats": {
            name: _rounded(-q.gather(-1, right.expand(*q.shape[:3], 1)).log().mean((2, 3)))
            for name, q in readers.items()
        },
        "null": {
            name: {
                "model": _rounded(nulls[name][..., 0].mean((1, 2))),
                "posterior": _rounded(exact_nulls[name][..., 0].mean((1, 2))),
                "uneven": uneven[name],
            }
            for name in nulls
        },
        "distance": distance,
    }


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Every arm under several training seeds, after prompts of several lengths.

    Args:
        settings: as in the functions above; ``shots``, the lengths of the prompts; ``runs``, how
            many training seeds (``seed``, ``seed + 1``, …).
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed and arm, ``shots`` (by their number, as :func:`look`), ``loss`` (the
        mean of each twentieth of the run) and ``seconds``.
    """
    check_count("runs", settings["runs"])
    runs: dict[str, Any] = {}
    for s in range(seed, seed + settings["runs"]):
        runs[str(s)] = {
            arm: keep(f"{arm.replace(' ', '-')}-{s}", partial(_run, arm, settings, s, progress))
            for arm in ARMS
        }
    return {"arms": list(ARMS), "runs": runs}


def _run(arm: str, settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    model = untrained(settings, seed)
    history = pretrain(model, arm, settings, seed, progress)
    shots = {str(n): look(model, arm, n, settings, seed) for n in settings["shots"]}
    return {"shots": shots, **history.summary(4)}


def _rounded(numbers: Tensor) -> Any:
    """Numbers of four decimals, as lists of the tensor's shape."""
    return torch.round(numbers.double(), decimals=4).tolist()


def _majority_share(data: Mapping[str, Any]) -> float:
    """The share of answers PPPP… gets from the first label, bursty pretraining."""
    longest = [run["bursty"]["shots"] for run in data["runs"].values()]
    shares = [sum(s[max(s, key=int)]["said"]["model"][0]) / 2 for s in longest]
    return sum(shares) / len(shares)


EXPERIMENT = Experiment(
    name="calibration",
    summary="prompts of every order after three pretrainings: four seeds (about 16 minutes)",
    measure=measure,
    seed=0,
    settings={**SETTINGS, "shots": [0, 1, 2, 4], "rows": 100, "runs": 4},
    headline=_majority_share,
    tolerance=0.05,
)
