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

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.estimate import Interval, mean_interval, ratio_of_totals
from nlgnotes.gan import Discriminator, adversarial
from nlgnotes.languages import Documents, Language, language_for
from nlgnotes.lstm import LSTMConfig, LSTMModel
from nlgnotes.quality_diversity import (
    Point,
    at_equal_diversity,
    branch,
    likeliest_text,
    per_token_kl,
    quality_diversity,
    written,
)
from nlgnotes.randomness import generator
from nlgnotes.training import document_batch, fit, token_nll
from nlgnotes.validation import check_count

__all__ = ["compared", "judged", "likelihood_model", "measure"]

Settings = Mapping[str, Any]


def likelihood_model(
    train: Documents, valid: Documents, config: LSTMConfig, settings: Settings, seed: int, progress: bool = False
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
    fit(model, _drawn_from(train, settings["mle_batch"]), steps=settings["mle_steps"],
        learning_rate=settings["mle_learning_rate"], generator=chance, progress=progress, callback=look)  # fmt: skip
    model.load_state_dict(best)
    return model, looks


def judged(scores_of: Callable[[Documents], Float[Tensor, " n"]], real: Documents, fake: Documents) -> float:
    """How often a judge is right about whole texts, half of them real: its score is above 0 for real ones.

    Args:
        scores_of: a judge: from texts to one score each.
        real, fake: each counts for one half.

    Raises:
        ValueError: a judge whose scores are not one for each text.
    """
    scores = scores_of(real), scores_of(fake)
    if [len(s) for s in scores] != [len(real), len(fake)]:
        wanted, got = f"{len(real)} and {len(fake)}", f"{len(scores[0])} and {len(scores[1])}"
        raise ValueError(f"scores_of must give one score for each of {wanted} texts; got {got}")
    return float(((scores[0] > 0).double().mean() + (scores[1] <= 0).double().mean()) / 2)


def compared(ours: Sequence[Sequence[Point]], theirs: Sequence[Sequence[Point]], levels: int = 9) -> dict[str, list[Any]]:
    """NLL_oracle of ours minus that of theirs at equal NLL_test, over runs: positive where ours writes worse.

    The levels run evenly over what every sweep of both reaches.

    Args:
        ours, theirs: a sweep for each run, in the same order.
        levels: how many.

    Returns:
        ``levels``; ``differences`` (a list per run); and, from two runs on, ``interval`` over runs at each level. All are empty
        where the sweeps do not meet.

    Raises:
        ValueError: no run, another number of runs on the other side, fewer than one level, or as ``quality_diversity.branch``.
    """
    check_count("levels", levels)
    if not len(ours) or len(ours) != len(theirs):
        raise ValueError(f"ours and theirs must hold as many runs each, at least one; got {len(ours)} and {len(theirs)}")
    reached = [branch(points)[0] for points in (*ours, *theirs)]
    lows, highs = [tests[0] for tests in reached], [tests[-1] for tests in reached]
    if max(lows) >= min(highs):
        return {"levels": [], "differences": [], "interval": []}
    # A hair inside: the ends are sums of rounded numbers.
    at = np.linspace(max(lows) + 1e-9, min(highs) - 1e-9, levels)
    rows = [at_equal_diversity(a, at) - at_equal_diversity(b, at) for a, b in zip(ours, theirs, strict=True)]
    spread = [asdict(mean_interval(column)) for column in np.stack(rows).T] if len(rows) > 1 else []
    return {"levels": at.tolist(), "differences": [row.tolist() for row in rows], "interval": spread}


def measure(
    settings: Settings, seed: int, progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:  # fmt: skip
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
        :func:`compared`), and ``wide`` where asked for.
    """
    vocabulary = {"language_vocab_size": settings["vocab_size"]}
    oracle = language_for({"language": "lstm-oracle", "language_seed": settings["language_seed"], **vocabulary})
    seeds = range(seed, seed + settings["runs"])
    runs = [keep(f"seed-{s}", lambda s=s: _one_run(oracle, settings, s, progress)) for s in seeds]
    sweeps = {kind: [[Point.from_dict(p) for p in run[kind]["points"]] for run in runs] for kind in ("mle", "control", "gan")}
    data = {
        "language": _language(oracle, settings, seed),
        "one_string": _one_string(oracle, settings),
        "runs": {str(s): run for s, run in zip(seeds, runs, strict=True)},
        "equal_diversity": {kind: compared(sweeps["gan"], sweeps[kind]) for kind in ("mle", "control")},
    }
    for step in settings["checkpoints"]:
        passed = [next(row["points"] for row in run["gan"]["path"] if row["step"] == step) for run in runs]
        on_the_way = [[Point.from_dict(p) for p in points] for points in passed]
        data["equal_diversity"][f"mle, at step {step}"] = compared(on_the_way, sweeps["mle"])
    if "wide" in settings:
        data["wide"] = keep("wide", lambda: _one_run(oracle, {**settings, **settings["wide"]}, seed, progress))
    return data


def _drawn_from(documents: Documents, batch: int) -> Callable[[torch.Generator], Any]:
    return lambda chance: document_batch(documents.select(torch.randint(len(documents), (batch,), generator=chance)))


def _nll(language: Language, texts: Documents) -> Interval:
    return ratio_of_totals(-language.log_prob(texts), texts.lengths.double())


def _language(oracle: Language, s: Settings, seed: int) -> dict[str, Any]:
    """What the language itself scores: its entropy on both axes, the least NLL_test there is."""
    texts = oracle.sample(s["samples"], generator(seed, "language-gans", "entropy"), s["length"])
    return {"entropy": asdict(_nll(oracle, texts)), "vocab_size": oracle.vocab_size, "length": s["length"]}


def _one_string(oracle: Language, s: Settings, share: float = 0.99) -> dict[str, Any]:
    """A generator that nearly always writes the likeliest text it found, and else words at random."""
    text, log_prob = likeliest_text(oracle, s["length"], s["beam"])
    noise = torch.randint(1, oracle.vocab_size, (s["samples"], s["length"]), generator=generator(0, "language-gans", "noise"))
    nats = _nll(oracle, Documents(noise, torch.full((len(noise),), s["length"])))
    quality = share * -log_prob / s["length"] + (1 - share) * nats.value
    # A text of the language is that string with a probability of nearly 0, so only the noise can have written it.
    diversity = float(np.log(oracle.vocab_size - 1)) - float(np.log(1 - share)) / s["length"]
    return {
        "words": [oracle.words[i] for i in text.tolist()],
        "oracle": -log_prob / s["length"],
        "greedy": -likeliest_text(oracle, s["length"], 1)[1] / s["length"],
        "mixture": {"share": share, "oracle": quality, "test": diversity},
    }


def _one_run(oracle: Language, s: Settings, seed: int, progress: bool) -> dict[str, Any]:
    """One training seed: its own training texts, weights, batches and fresh texts."""
    def texts(name: str, n: int) -> Documents:
        return oracle.sample(n, generator(seed, "language-gans", name), s["length"])

    train, valid, test = texts("train", s["documents"]), texts("valid", s["samples"]), texts("test", s["samples"])
    config = LSTMConfig(oracle.vocab_size, s["length"], s["width"])
    seconds, began = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        seconds[name], began = round(time.perf_counter() - began, 1), time.perf_counter()

    def sweep(model: LSTMModel, name: str, temperatures: Sequence[float]) -> list[dict[str, Any]]:
        chance = generator(seed, "language-gans", name)
        points = quality_diversity(model, oracle, test, temperatures, samples=s["samples"], generator=chance)
        return [p.to_dict() for p in points]

    start, looks = likelihood_model(train, valid, config, s, seed, progress)
    lap("mle")
    own = written(start, s["samples"], s["length"], generator(seed, "language-gans", "own"))
    mle = {"looks": looks, "points": sweep(start, "mle", s["temperatures"]),
           "train": float(token_nll(start, train, 1000).sum() / train.total)}  # fmt: skip
    lap("measuring the start")

    control = copy.deepcopy(start)
    fit(control, _drawn_from(train, s["batch"]), steps=s["steps"], learning_rate=s["control_learning_rate"],
        generator=generator(seed, "language-gans", "control"), progress=progress)  # fmt: skip
    lap("control")
    further = {"points": sweep(control, "control", s["temperatures"]), "kl": asdict(per_token_kl(start, control, own))}

    gan, path = copy.deepcopy(start), []
    chance = generator(seed, "language-gans", "judge")
    judge = Discriminator(oracle.vocab_size, chance, width=s["judge_width"], dropout=s["judge_dropout"])

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
        row = {"step": step, **next(p for p in point if p["temperature"] == 1.0), "kl": asdict(per_token_kl(start, gan, own)),
               "learned_judge": judged(learned, test, fake), "optimal_judge": judged(best, test, fake)}  # fmt: skip
        path.append({**row, "points": point} if len(point) > 1 else row)

    game = adversarial(
        gan, judge, train, steps=s["steps"], generator=generator(seed, "language-gans", "game"), batch=s["batch"],
        warmup=s["judge_warmup"], discriminator_steps=s["judge_steps"], learning_rate=s["learning_rate"],
        discriminator_learning_rate=s["judge_learning_rate"], discount=s["discount"], progress=progress, callback=look,
    )  # fmt: skip
    lap("adversarial")
    played = {k: [round(x, 4) for x in v] for k, v in game.to_dict().items() if k != "seconds"}
    after = {"points": sweep(gan, "gan", s["temperatures"]), "kl": path[-1]["kl"], "path": path, **played}
    lap("measuring the end")
    return {"mle": mle, "control": further, "gan": after, "seconds": {**seconds, "game": round(game.seconds, 1)}}
