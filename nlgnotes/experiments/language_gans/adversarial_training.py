"""Adversarial training against more likelihood training, from the same start.

The language is a random LSTM, so both axes are exact but for sampling. For each training seed a
small LSTM is trained by maximum likelihood and keeps the weights that were best on fresh texts.
From there it is trained on in two ways, with equally many updates: by the adversarial phase, and,
as a control, by more maximum likelihood.

The same seed is the same generator only on the same machine. Elsewhere sums are rounded otherwise;
a logit that differs in its last bit gives, sooner or later, another word, so other texts and
another gradient: the phase ends in another GAN, as if the seed were another. What two makings can
agree in is therefore a mean over trainings, see ``EXPERIMENT``.

Taught in: book/language-gans.ipynb.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.language_gans.comparison import (
    difference_at_equal_diversity,
    discriminator_accuracy,
)
from nlgnotes.experiments.language_gans.likelihood import batches_of, train_likelihood_model
from nlgnotes.experiments.language_gans.one_string import score_one_string
from nlgnotes.experiments.language_gans.quality_diversity import (
    Point,
    nats_per_token,
    per_token_kl,
    quality_diversity,
)
from nlgnotes.languages.base import Language
from nlgnotes.languages.registry import language_for
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.training.adversarial import adversarial_training
from nlgnotes.training.likelihood import token_nll
from nlgnotes.training.loop import fit

__all__ = ["EXPERIMENT", "compare", "mean_difference", "measure"]

Settings = Mapping[str, Any]


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Quality and diversity after the adversarial phase and after its control, over training seeds.

    Likelihoods and divergences are in nats per token; a discriminator's accuracy is a share, the
    reward 2D - 1.

    Args:
        settings: those of ``EXPERIMENT``; ``runs`` says how many training seeds, ``seed``,
            ``seed + 1``, …; ``wide``, if there, what is different in one more run.
        seed: the first training seed. The language is the same for all of them.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``language`` (its entropy), ``one_string``, ``runs`` (one mapping for each seed: sweeps,
        path, discriminators, distances, seconds), ``equal_diversity`` (for each range of
        temperatures in ``compared``: see :func:`compare`), and ``wide`` where asked for.
    """
    choice = {"language_seed": settings["language_seed"]}
    choice["language_vocab_size"] = settings["vocab_size"]
    oracle = language_for({"language": "lstm-oracle", **choice})
    seeds = range(seed, seed + settings["runs"])
    runs = [keep(f"seed-{s}", partial(_one_run, oracle, settings, s, progress)) for s in seeds]
    data = {
        "language": _language(oracle, settings, seed),
        "one_string": score_one_string(oracle, settings),
        "runs": {str(s): run for s, run in zip(seeds, runs, strict=True)},
        "equal_diversity": compare(runs, settings),
    }
    if "wide" in settings:
        wide = {**settings, **settings["wide"]}
        data["wide"] = keep("wide", partial(_one_run, oracle, wide, seed, progress))
    return data


def compare(runs: Sequence[Mapping[str, Any]], settings: Settings) -> dict[str, Any]:
    """The GANs of all runs against what else was trained, at equal diversity.

    Args:
        runs: the ``runs`` of :func:`measure`.
        settings: ``compared``, ranges of temperatures by name; ``levels``; ``checkpoints``.

    Returns:
        For each range: ``mle`` (GAN minus MLE), ``control`` (GAN minus control), and, for each
        checkpoint, "mle, at step …" (the GAN of then minus MLE).
    """
    sweeps = {
        kind: [[Point.from_dict(p) for p in run[kind]["points"]] for run in runs]
        for kind in ("mle", "control", "gan")
    }
    pairs = {kind: (sweeps["gan"], sweeps[kind]) for kind in ("mle", "control")}
    for step in settings["checkpoints"]:
        then = [
            next(row["points"] for row in run["gan"]["path"] if row["step"] == step) for run in runs
        ]
        early = [[Point.from_dict(p) for p in points] for points in then]
        pairs[f"mle, at step {step}"] = early, sweeps["mle"]
    return {
        name: {
            kind: difference_at_equal_diversity(*pair, settings["levels"], tuple(temperatures))
            for kind, pair in pairs.items()
        }
        for name, temperatures in settings["compared"].items()
    }


def mean_difference(data: Mapping[str, Any]) -> float:
    """GAN minus MLE in NLL_oracle, over the usual levels and all runs, in nats per token."""
    rows = data["equal_diversity"]["usual"]["mle"]["differences"]
    return sum(sum(row) / len(row) for row in rows) / len(rows)


def _stream(seed: int, *names: str | int) -> torch.Generator:
    return randomness.generator(seed, "language-gans", *names)


def _language(oracle: Language, s: Settings, seed: int) -> dict[str, Any]:
    """What the language itself scores: its entropy on both axes, the least NLL_test there is."""
    texts = oracle.sample(s["samples"], _stream(seed, "entropy"), s["length"])
    return {
        "entropy": asdict(nats_per_token(oracle, texts)),
        "vocab_size": oracle.vocab_size,
        "length": s["length"],
    }


def _one_run(oracle: Language, s: Settings, seed: int, progress: bool) -> dict[str, Any]:
    """One training seed: its own training texts, weights, batches and fresh texts."""

    def texts(name: str, n: int) -> Documents:
        return oracle.sample(n, _stream(seed, name), s["length"])

    def write(model: LSTMModel, n: int, *names: str | int) -> Documents:
        stream = _stream(seed, *names)
        return generate_documents(model, n, max_new_tokens=s["length"], generator=stream)

    train, valid = texts("train", s["documents"]), texts("valid", s["samples"])
    test = texts("test", s["samples"])
    config = LSTMConfig(oracle.vocab_size, s["length"], s["width"])
    seconds, began = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        seconds[name], began = round(time.perf_counter() - began, 1), time.perf_counter()

    def sweep(model: LSTMModel, name: str, temperatures: Sequence[float]) -> list[dict[str, Any]]:
        points = quality_diversity(
            model, oracle, test, temperatures, samples=s["samples"], generator=_stream(seed, name)
        )
        return [p.to_dict() for p in points]

    start, looks = train_likelihood_model(train, valid, config, s, seed, progress)
    lap("mle")
    own = write(start, s["samples"], "own")
    mle = {
        "looks": looks,
        "points": sweep(start, "mle", s["temperatures"]),
        "train": float(token_nll(start, train, 1000).sum() / train.total),
    }
    lap("measuring the start")

    control = copy.deepcopy(start)
    fit(
        control,
        batches_of(train, s["batch"]),
        steps=s["steps"],
        learning_rate=s["control_learning_rate"],
        generator=_stream(seed, "control"),
        progress=progress,
    )
    lap("control")
    further = {
        "points": sweep(control, "control", s["temperatures"]),
        "kl": asdict(per_token_kl(start, control, own)),
    }

    gan, path = copy.deepcopy(start), []
    discriminator = Discriminator(
        oracle.vocab_size,
        _stream(seed, "judge"),
        width=s["discriminator_width"],
        dropout=s["discriminator_dropout"],
    )

    @torch.no_grad()
    def trained(documents: Documents) -> Tensor:
        return discriminator(documents.tokens).gather(1, documents.lengths[:, None] - 1)[:, 0]

    def optimal(documents: Documents) -> Tensor:
        # The log-odds of D*(x) = p(x) / (p(x) + q(x)) are log p(x) - log q(x).
        return oracle.log_prob(documents) + token_nll(gan, documents, 1000).double().sum(-1)

    def look(step: int) -> None:
        if step % s["look_every"] and step != s["steps"]:
            return
        point = sweep(gan, f"path {step}", s["temperatures"] if step in s["checkpoints"] else [1.0])
        fake = write(gan, len(test), "fake", step)
        row = {
            "step": step,
            **next(p for p in point if p["temperature"] == 1.0),
            "kl": asdict(per_token_kl(start, gan, own)),
            "trained_discriminator": discriminator_accuracy(trained, test, fake),
            "optimal_discriminator": discriminator_accuracy(optimal, test, fake),
        }
        path.append({**row, "points": point} if len(point) > 1 else row)

    game = adversarial_training(
        gan,
        discriminator,
        train,
        steps=s["steps"],
        generator=_stream(seed, "game"),
        batch=s["batch"],
        warmup=s["discriminator_warmup"],
        discriminator_steps=s["discriminator_steps"],
        learning_rate=s["learning_rate"],
        discriminator_learning_rate=s["discriminator_learning_rate"],
        discount=s["discount"],
        progress=progress,
        callback=look,
    )
    lap("adversarial")
    played = {k: [round(x, 4) for x in v] for k, v in game.to_dict().items() if k != "seconds"}
    after = {
        "points": sweep(gan, "gan", s["temperatures"]),
        "kl": path[-1]["kl"],
        "path": path,
        **played,
    }
    lap("measuring the end")
    return {
        "mle": mle,
        "control": further,
        "gan": after,
        "seconds": {**seconds, "game": round(game.seconds, 1)},
    }


EXPERIMENT = Experiment(
    name="language-gans",
    summary="maximum likelihood, more of it, and a GAN: five training seeds (about 10 minutes)",
    measure=measure,
    seed=0,
    settings={
        "language_seed": 0,
        "vocab_size": 50,
        "length": 20,
        "documents": 10000,
        "width": 8,
        "mle_steps": 3000,
        "mle_batch": 64,
        "mle_learning_rate": 0.03,
        "mle_check": 250,
        "temperatures": [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5],
        "samples": 3000,
        "steps": 600,
        "batch": 64,
        "control_learning_rate": 0.003,
        "discriminator_width": 64,
        "discriminator_dropout": 0.0,
        "discriminator_warmup": 400,
        "discriminator_steps": 1,
        "learning_rate": 0.002,
        "discriminator_learning_rate": 0.005,
        "discount": 0.5,
        "look_every": 50,
        "checkpoints": [150, 300],
        "beam": 200,
        "compared": {"usual": [0.5, 1.0], "cold": [0.3, 1.0]},
        "levels": 7,
        "runs": 5,
        "wide": {"width": 32, "mle_steps": 6000},
    },
    headline=mean_difference,
    tolerance=0.08,
)
"""The shipped measurement, and what it means that another making of it agrees.

Two makings agree if their mean differences (:func:`mean_difference`) are at most the tolerance
apart. On another machine the five GANs are five others. The mean over the levels has a standard
deviation of about 0.04 nats per token between trainings, so that of a difference of two means of
five is about 0.025; the tolerance is three of these. Numbers of single runs may differ by more.
"""
