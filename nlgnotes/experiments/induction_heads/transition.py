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
from nlgnotes.validation import check_count

__all__ = ["EXPERIMENT", "KINDS", "measure", "train_kind"]

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
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    texts = RepeatedTexts(s["symbols"], s["length"], s["shortest"], s["longest"], s["share"])
    model = untrained(s, seed, **KINDS[kind])
    watched = randomness.generator(seed, "induction-heads", "watched")
    measured = {name: s[name] for name in ("size", "early", "late")}
    watch = Watch(model, texts, watched, **measured, **options)
    train(
        model,
        texts,
        steps=s["steps"],
        batch=s["batch"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "induction-heads", "texts"),
        every=s["every"],
        watch=watch,
        progress=progress,
    )
    return model, watch


def measure(
    settings: Mapping[str, Any],
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Histories by kind, ablations, the step of the transition by share, and the loops.

    Args:
        settings: of :func:`train_kind`, and ``runs``, how many training seeds (``seed``,
            ``seed + 1``, …); ``ablated``, heads in a set; ``shares`` and ``budget``, the most steps
            for each; ``enough``, the copying at which these stop; ``loops``, the settings of
            ``loops.measure_loops``.
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed and kind the rows of :class:`Watch` (and, for two layers,
        ``ablation``); ``shares``: for each seed and share, the ``steps`` and ``copied``;
        ``patterns``: of the first seed's two heads on one text; ``loops``.
    """
    check_count("runs", settings["runs"])
    data: dict[str, Any] = {"runs": {}, "shares": {}}
    for s in range(seed, seed + settings["runs"]):
        two = keep(f"two-{s}", partial(_two_layers, settings, s, progress, s == seed))
        if s == seed:
            data["patterns"] = two.pop("patterns")
        data["runs"][str(s)] = {"two layers": two}
        for kind in list(KINDS)[1:]:
            part = f"{kind.replace(',', '').replace(' ', '-')}-{s}"
            found = keep(part, partial(_one_layer, kind, settings, s, progress))
            data["runs"][str(s)][kind] = found
        data["shares"][str(s)] = {
            str(share): keep(
                f"share-{share}-{s}", partial(_one_share, share, settings, s, progress)
            )
            for share in settings["shares"]
        }
    data["loops"] = keep("loops", partial(measure_loops, settings["loops"], seed))
    return data


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
    sets = head_sets(scores, settings["ablated"])
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
        best = {
            name: max(sets[name], key=lambda head: float(scores[score][head]))
            for name, score in (("previous", "previous"), ("induction", "prefix"))
        }
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
    model, watch = train_kind(kind, settings, seed, progress)
    found: dict[str, Any] = {"rows": watch.rows}
    if model.config.smeared:
        found["own key"] = [round(float(x), 4) for x in model.layers[0].smear.detach().sigmoid()]
    return found


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
        "share": 0.5,
        "width": 64,
        "heads": 8,
        "batch": 32,
        "steps": 500,
        "learning_rate": 3e-3,
        "every": 20,
        "size": 64,
        "early": 10,
        "late": 120,
        "ablated": 4,
        "fresh": 200,
        "runs": 5,
        "shares": [0, 0.125, 0.25, 0.5, 1],
        "budget": 1000,
        "enough": 0.7,
        "loops": LOOPS,
    },
    headline=lambda data: (
        sum(run["two layers"]["rows"][-1]["copied"] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.1,
    models=("python-docs-lm",),
)
