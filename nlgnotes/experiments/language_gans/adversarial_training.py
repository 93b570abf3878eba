"""Adversarial training against more likelihood training, from the same start: the long measurement of one lecture.

The language is a random LSTM, so both axes are exact but for sampling. For each training seed a small LSTM is trained by
maximum likelihood and keeps the weights that were best on fresh texts. From there two roads of equally many updates lead
on: the adversarial one, and the control, more maximum likelihood. Taught in: book/language-gans.ipynb.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from nlgnotes.batches import document_batch
from nlgnotes.documents import Documents
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.language_gans.comparison import (
    difference_at_equal_diversity,
    discriminator_accuracy,
)
from nlgnotes.experiments.language_gans.one_string import nats_per_token, score_one_string
from nlgnotes.experiments.language_gans.quality_diversity import (
    Point,
    per_token_kl,
    quality_diversity,
    written,
)
from nlgnotes.languages.base import Language
from nlgnotes.languages.registry import language_for
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.randomness import generator
from nlgnotes.training.adversarial import adversarial_training
from nlgnotes.training.likelihood import token_nll
from nlgnotes.training.loop import fit

__all__ = ["EXPERIMENT", "measure", "train_likelihood_model"]

Settings = Mapping[str, Any]


def train_likelihood_model(
    train: Documents,
    valid: Documents,
    config: LSTMConfig,
    settings: Settings,
    seed: int,
    progress: bool = False,
) -> tuple[LSTMModel, list[tuple[int, float]]]:
    """An LSTM trained by maximum likelihood, with the weights it had when it was best on texts it never saw.

    Args:
        train, valid: texts to learn from, and fresh ones that say which weights were best.
        config: its sizes.
        settings: ``mle_steps``, ``mle_batch``, ``mle_learning_rate``, ``mle_check`` (steps between two looks at ``valid``).
        seed: of weights and batches.
        progress: show a bar.

    Returns:
        The model, and (step, nats per token on ``valid``) at each look.
    """
    model = LSTMModel(config, generator(seed, "language-gans", "weights"))
    looks: list[tuple[int, float]] = []
    best = copy.deepcopy(model.state_dict())

    def look(step: int, _: float) -> None:
        nonlocal best
        if step % settings["mle_check"] and step != settings["mle_steps"]:
            return
        nats = float(token_nll(model, valid, 1000).double().sum() / valid.total)
        if not looks or nats < min(n for _, n in looks):
            best = copy.deepcopy(model.state_dict())
        looks.append((step, nats))

    chance = generator(seed, "language-gans", "batches")
    fit(
        model,
        _drawn_from(train, settings["mle_batch"]),
        steps=settings["mle_steps"],
        learning_rate=settings["mle_learning_rate"],
        generator=chance,
        progress=progress,
        callback=look,
    )
    model.load_state_dict(best)
    return model, looks


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """The whole measurement. Likelihoods and divergences are in nats per token; a judge's accuracy is a share, its pay 2D - 1.

    Args:
        settings: see ``nlgnotes.experiments``; ``runs`` says how many training seeds, ``seed``, ``seed + 1``, …; ``wide``,
            if there, what is different in one more run.
        seed: the first training seed. The language is the same for all of them.
        progress: show bars.
        keep: see ``experiments.Experiment``.

    Returns:
        ``language`` (its entropy), ``one_string``, ``runs`` (one mapping for each seed: sweeps, path, judge, distances,
        seconds), ``equal_diversity`` (GAN minus MLE, GAN minus control, GAN at each checkpoint minus MLE: see
        :func:`difference_at_equal_diversity`), and ``wide`` where asked for.
    """
    vocabulary = {"language_vocab_size": settings["vocab_size"]}
    oracle = language_for(
        {"language": "lstm-oracle", "language_seed": settings["language_seed"], **vocabulary}
    )
    seeds = range(seed, seed + settings["runs"])
    runs = [keep(f"seed-{s}", lambda s=s: _one_run(oracle, settings, s, progress)) for s in seeds]
    sweeps = {
        kind: [[Point.from_dict(p) for p in run[kind]["points"]] for run in runs]
        for kind in ("mle", "control", "gan")
    }
    data = {
        "language": _language(oracle, settings, seed),
        "one_string": score_one_string(oracle, settings),
        "runs": {str(s): run for s, run in zip(seeds, runs, strict=True)},
        "equal_diversity": {
            kind: difference_at_equal_diversity(sweeps["gan"], sweeps[kind])
            for kind in ("mle", "control")
        },
    }
    for step in settings["checkpoints"]:
        passed = [
            next(row["points"] for row in run["gan"]["path"] if row["step"] == step) for run in runs
        ]
        on_the_way = [[Point.from_dict(p) for p in points] for points in passed]
        data["equal_diversity"][f"mle, at step {step}"] = difference_at_equal_diversity(
            on_the_way, sweeps["mle"]
        )
    if "wide" in settings:
        data["wide"] = keep(
            "wide", lambda: _one_run(oracle, {**settings, **settings["wide"]}, seed, progress)
        )
    return data


def _drawn_from(documents: Documents, batch: int) -> Callable[[torch.Generator], Any]:
    return lambda chance: document_batch(
        documents.select(torch.randint(len(documents), (batch,), generator=chance))
    )


def _language(oracle: Language, s: Settings, seed: int) -> dict[str, Any]:
    """What the language itself scores: its entropy on both axes, the least NLL_test there is."""
    texts = oracle.sample(s["samples"], generator(seed, "language-gans", "entropy"), s["length"])
    return {
        "entropy": asdict(nats_per_token(oracle, texts)),
        "vocab_size": oracle.vocab_size,
        "length": s["length"],
    }


def _one_run(oracle: Language, s: Settings, seed: int, progress: bool) -> dict[str, Any]:
    """One training seed: its own training texts, weights, batches and fresh texts."""

    def texts(name: str, n: int) -> Documents:
        return oracle.sample(n, generator(seed, "language-gans", name), s["length"])

    train, valid, test = (
        texts("train", s["documents"]),
        texts("valid", s["samples"]),
        texts("test", s["samples"]),
    )
    config = LSTMConfig(oracle.vocab_size, s["length"], s["width"])
    seconds, began = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        seconds[name], began = round(time.perf_counter() - began, 1), time.perf_counter()

    def sweep(model: LSTMModel, name: str, temperatures: Sequence[float]) -> list[dict[str, Any]]:
        chance = generator(seed, "language-gans", name)
        points = quality_diversity(
            model, oracle, test, temperatures, samples=s["samples"], generator=chance
        )
        return [p.to_dict() for p in points]

    start, looks = train_likelihood_model(train, valid, config, s, seed, progress)
    lap("mle")
    own = written(start, s["samples"], s["length"], generator(seed, "language-gans", "own"))
    mle = {
        "looks": looks,
        "points": sweep(start, "mle", s["temperatures"]),
        "train": float(token_nll(start, train, 1000).sum() / train.total),
    }
    lap("measuring the start")

    control = copy.deepcopy(start)
    fit(
        control,
        _drawn_from(train, s["batch"]),
        steps=s["steps"],
        learning_rate=s["control_learning_rate"],
        generator=generator(seed, "language-gans", "control"),
        progress=progress,
    )
    lap("control")
    further = {
        "points": sweep(control, "control", s["temperatures"]),
        "kl": asdict(per_token_kl(start, control, own)),
    }

    gan, path = copy.deepcopy(start), []
    chance = generator(seed, "language-gans", "judge")
    judge = Discriminator(
        oracle.vocab_size, chance, width=s["judge_width"], dropout=s["judge_dropout"]
    )

    @torch.no_grad()
    def learned(documents: Documents) -> Tensor:
        return judge(documents.tokens).gather(1, documents.lengths[:, None] - 1)[:, 0]

    def best(documents: Documents) -> Tensor:
        return oracle.log_prob(documents) + token_nll(gan, documents, 1000).double().sum(-1)

    def look(step: int) -> None:
        if step % s["look_every"] and step != s["steps"]:
            return
        point = sweep(gan, f"path {step}", s["temperatures"] if step in s["checkpoints"] else [1.0])
        fake = written(gan, len(test), s["length"], generator(seed, "language-gans", "fake", step))
        row = {
            "step": step,
            **next(p for p in point if p["temperature"] == 1.0),
            "kl": asdict(per_token_kl(start, gan, own)),
            "learned_judge": discriminator_accuracy(learned, test, fake),
            "optimal_judge": discriminator_accuracy(best, test, fake),
        }
        path.append({**row, "points": point} if len(point) > 1 else row)

    game = adversarial_training(
        gan,
        judge,
        train,
        steps=s["steps"],
        generator=generator(seed, "language-gans", "game"),
        batch=s["batch"],
        warmup=s["judge_warmup"],
        discriminator_steps=s["judge_steps"],
        learning_rate=s["learning_rate"],
        discriminator_learning_rate=s["judge_learning_rate"],
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
        "judge_width": 64,
        "judge_dropout": 0.0,
        "judge_warmup": 400,
        "judge_steps": 1,
        "learning_rate": 0.002,
        "judge_learning_rate": 0.005,
        "discount": 0.5,
        "look_every": 50,
        "checkpoints": [150, 300],
        "beam": 200,
        "runs": 5,
        "wide": {"width": 32, "mle_steps": 6000},
    },
    headline=lambda data: (
        sum(i["value"] for i in data["equal_diversity"]["mle"]["interval"][1:]) / 8
    ),
    tolerance=0.08,
)
