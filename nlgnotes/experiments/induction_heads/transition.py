"""When a network learns to copy: by training seed, layers, keys and share of repeated texts.

Also what its heads are for, and what the same heads do in a model of real text.
Taught in: book/induction-heads.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.induction_heads.ablation import ablate, head_sets
from nlgnotes.experiments.induction_heads.loops import LOOPS, measure_loops
from nlgnotes.experiments.induction_heads.training import train, untrained
from nlgnotes.experiments.induction_heads.watching import Watch, head_scores
from nlgnotes.networks.attention_only import AttentionOnly
from nlgnotes.tasks.repeated_texts import RepeatedTexts
from nlgnotes.text import corpus
from nlgnotes.validation import check_count

__all__ = ["EXPERIMENT", "KINDS", "measure", "network_and_texts", "parts", "train_kind"]

KINDS: dict[str, dict[str, Any]] = {
    "two layers": {"layers": 2},
    "one layer": {"layers": 1},
    "one layer, smeared keys": {"layers": 1, "smeared": True},
}
"""The networks that are compared."""


def train_kind(
    kind: str, settings: Mapping[str, Any], seed: int, progress: bool = False, **options: Any
) -> tuple[AttentionOnly, Watch]:
    """Train one of :data:`KINDS`, watched.

    Args:
        kind: which.
        settings: ``symbols``, ``length``, ``shortest``, ``longest``, ``share``, ``width``,
            ``heads``, ``batch``, ``steps``, ``learning_rate``, ``every``, ``size``, ``early``,
            ``late``.
        seed: of the weights, of the texts that are trained on and of those that are measured.
        progress: show a bar.
        options: of :class:`Watch`.

    Raises:
        ValueError: another kind; as ``AttentionOnlyConfig`` and ``RepeatedTexts``.
    """
    s = settings
    model, texts, stream = network_and_texts(kind, s, seed)
    watched = randomness.generator(seed, "induction-heads", "watched")
    measured = {name: s[name] for name in ("size", "early", "late")}
    watch = Watch(model, texts, watched, **measured, **options)
    train(
        model,
        texts,
        steps=s["steps"],
        batch=s["batch"],
        learning_rate=s["learning_rate"],
        generator=stream,
        every=s["every"],
        watch=watch,
        progress=progress,
    )
    return model, watch


def network_and_texts(
    kind: str, settings: Mapping[str, Any], seed: int
) -> tuple[AttentionOnly, RepeatedTexts, torch.Generator]:
    """What a training starts from: the network, the task, and where its texts are drawn from.

    Arguments and errors as :func:`train_kind`.
    """
    s = settings
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    texts = RepeatedTexts(s["symbols"], s["length"], s["shortest"], s["longest"], s["share"])
    stream = randomness.generator(seed, "induction-heads", "texts")
    return untrained(s, seed, **KINDS[kind]), texts, stream


def measure(
    settings: Mapping[str, Any],
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Histories by kind, ablations, the step of the transition by share, and the loops.

    Args:
        settings: of :func:`train_kind`, and ``runs``, how many training seeds (``seed``,
            ``seed + 1``, …); ``fresh``, texts for the ablations; ``shares``, with at most
            ``budget`` steps for each, up to a copying of ``enough``; ``loops``, the settings of
            ``loops.measure_loops``; perhaps what is different for one of :data:`KINDS`, by its
            name.
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed and kind the rows of :class:`Watch` (and, for two layers,
        ``ablation``); ``shares``: for each seed and share, the ``steps`` and ``copied``;
        ``patterns``: of the first seed's two heads on one text; ``loops``.
    """
    found = {name: keep(name, compute) for name, compute in parts(settings, seed, progress).items()}
    seeds = [str(s) for s in range(seed, seed + settings["runs"])]
    return {
        "patterns": found[f"two-layers-{seed}"].pop("patterns"),
        "runs": {s: {kind: found[_part(kind, s)] for kind in KINDS} for s in seeds},
        "shares": {
            s: {str(share): found[f"share-{share}-{s}"] for share in settings["shares"]}
            for s in seeds
        },
        "loops": found[_loops()],
    }


def parts(
    settings: Mapping[str, Any], seed: int, progress: bool = True
) -> dict[str, Callable[[], Any]]:
    """What :func:`measure` computes, part by part, by name; arguments as there."""
    check_count("runs", settings["runs"])
    found: dict[str, Callable[[], Any]] = {}
    for s in range(seed, seed + settings["runs"]):
        two = partial(_two_layers, settings, s, progress, s == seed)
        found[_part("two layers", s)] = two
        for kind in list(KINDS)[1:]:
            found[_part(kind, s)] = partial(_one_layer, kind, settings, s, progress)
        for share in settings["shares"]:
            found[f"share-{share}-{s}"] = partial(_one_share, share, settings, s, progress)
    found[_loops()] = partial(measure_loops, settings["loops"], seed)
    return found


def _loops() -> str:
    """The text comes with the installed packages: what is kept is kept for this very text."""
    return f"loops-{corpus.corpus_digest()[:12]}"


def _part(kind: str, seed: int | str) -> str:
    return f"{kind.replace(',', '').replace(' ', '-')}-{seed}"


def _two_layers(
    settings: Mapping[str, Any], seed: int, progress: bool, patterns: bool
) -> dict[str, Any]:
    stream = randomness.generator(seed, "induction-heads", "shown")
    shown = RepeatedTexts(settings["symbols"], settings["length"]).block_texts(1, 12, 2, stream)
    model, watch = train_kind(
        "two layers", settings, seed, progress, shown=shown if patterns else None
    )
    # The sets are chosen by one set of texts, and measured on others.
    scores = head_scores(
        model, watch.repeating, randomness.generator(seed, "induction-heads", "choice")
    )
    sets = head_sets(scores, randomness.generator(seed, "induction-heads", "others"))
    stream = randomness.generator(seed, "induction-heads", "ablated")
    drawn = watch.repeating.draw(settings["fresh"], stream)
    found = ablate(model, drawn, sets)
    result: dict[str, Any] = {
        "rows": watch.rows,
        "sets": {name: [list(head) for head in heads] for name, heads in sets.items()},
        "ablation": {
            name: {how: [round(float(x), 4) for x in by_text] for how, by_text in rows.items()}
            for name, rows in found.items()
        },
    }
    if patterns:
        best = {name: sets[name][0] for name in ("previous", "induction")}
        result["patterns"] = {
            "tokens": shown[0].tolist(),
            "steps": [row["step"] for row in watch.rows],
            "heads": {name: list(head) for name, head in best.items()},
            **{
                name: [_percent(frame[head]) for frame in watch.frames]
                for name, head in best.items()
            },
        }
    return result


def _percent(pattern: torch.Tensor) -> list[list[int]]:
    """The rows of a pattern up to the diagonal, in whole percent."""
    rows = (100 * pattern).round().int().tolist()
    return [row[: i + 1] for i, row in enumerate(rows)]


def _one_layer(kind: str, settings: Mapping[str, Any], seed: int, progress: bool) -> dict[str, Any]:
    own = {**settings, **settings.get(kind, {})}
    return {"rows": train_kind(kind, own, seed, progress)[1].rows}


def _one_share(
    share: float | int, settings: Mapping[str, Any], seed: int, progress: bool
) -> dict[str, Any]:
    """The two layers again, on texts of which another share repeats."""
    other = {**settings, "share": share, "steps": settings["budget"]}
    enough = settings["enough"]
    rows = train_kind("two layers", other, seed, progress, heads=False, enough=enough)[1].rows
    return {"steps": [row["step"] for row in rows], "copied": [row["copied"] for row in rows]}


EXPERIMENT = Experiment(
    name="induction-heads",
    summary="when a small network learns to copy, and its heads: five training seeds",
    measure=measure,
    seed=0,
    settings={
        "symbols": 64,
        "length": 128,
        "shortest": 12,
        "longest": 48,
        "share": 1,
        "width": 64,
        "heads": 8,
        "batch": 32,
        "steps": 600,
        "one layer": {"steps": 360},
        "one layer, smeared keys": {"steps": 140},
        "learning_rate": 5e-3,
        "every": 20,
        "size": 64,
        "early": 10,
        "late": 120,
        "fresh": 100,
        "runs": 5,
        "shares": [0, 0.5, 0.75],
        "budget": 1200,
        "enough": 0.5,
        "loops": LOOPS,
    },
    headline=lambda data: (
        sum(run["two layers"]["rows"][-1]["copied"] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.1,
    models=("python-docs-lm",),
)
