"""Three bars: new inputs, new templates, and clusters of tasks that were held out of the tuning.

Each tuning starts from the base model of its training seed, and leaves one cluster out.
Taught in: book/instruction-tuning.ipynb.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nlgnotes import checkpoints, randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.instruction_tuning import accuracy
from nlgnotes.experiments.instruction_tuning.documents import draw_documents
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.instructions import TEMPLATES, split_templates
from nlgnotes.tasks.row_tasks import CLUSTERS, TASKS, Task
from nlgnotes.training.history import History
from nlgnotes.training.instruction import tune
from nlgnotes.validation import check_count

__all__ = ["EXPERIMENT", "SETTINGS", "measure", "templates_of", "three_bars", "tuned"]

Settings = Mapping[str, Any]
Keep = Callable[[str, Callable[[], Any]], Any]
ALL = {task.name: tuple(range(TEMPLATES)) for task in TASKS}


def templates_of(
    seed: int, training: int = 7
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """The templates of training and the three that are kept for the test, of a training seed.

    Args:
        seed: shuffles them.
        training: how many of each task are trained on; with more than seven, those kept for the
            test are among them.
    """
    stream = partial(randomness.generator, seed, "instruction-tuning", "templates")
    return split_templates(stream(), training, 0)[0], split_templates(stream())[1]


def tuned(
    base: Decoder,
    tasks: Sequence[Task],
    templates: Mapping[str, Sequence[int]],
    settings: Settings,
    seed: int,
    **options: Any,
) -> tuple[Decoder, History]:
    """A copy of the base model, tuned on tasks; the base stays as it is.

    Args:
        base: any decoder of the vocabulary.
        tasks, templates, options: as ``training.tune`` takes them.
        settings: ``steps``, ``learning_rate``, ``batch``.
        seed: of the examples.
    """
    model = Decoder(base.config, randomness.generator(0, "overwritten"))
    model.load_state_dict(base.state_dict())
    stream = randomness.generator(seed, "instruction-tuning", "tuning")
    kept = {name: settings[name] for name in ("steps", "learning_rate", "batch")}
    return model, tune(model, tasks, templates, generator=stream, **kept, **options)


def three_bars(
    model: Decoder, held_out: str, settings: Settings, seed: int
) -> dict[str, dict[str, float]]:
    """Exact match by task: on new inputs, new templates, and of the held-out cluster.

    Args:
        model: tokens to logits.
        held_out: the cluster; its tasks are asked in all ten templates.
        settings: ``rows``, prompts of each task.
        seed: of the templates that were trained on, and of the prompts.
    """
    training, new = templates_of(seed)
    trained, kept = _parted(held_out)
    ask = partial(accuracy.instructed_share, model, n=settings["rows"], seed=seed)
    return {
        "new inputs": ask(trained, training),
        "new templates": ask(trained, new),
        "new cluster": ask(kept, ALL),
    }


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Keep = lambda part, compute: compute(),
) -> dict[str, Any]:
    """All that the lecture shows of tuned models, and of the bases that they start from.

    Args:
        settings: as in the functions above, and ``runs``, how many training seeds; ``bases``, the
            checkpoints of their bases; ``shots``; ``rehearsed_runs``, how many of the seeds are
            tuned also with ``rehearsed_tokens`` of documents in each step; ``sweep``, the cluster
            that is held out along the sweeps, ``templates`` and ``clusters``, their points;
            ``sizes``, further bases by width, and ``size_clusters``, held out for each.
        seed: the first training seed; the sweeps have this one.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``base``, ``tuned`` and ``rehearsed`` by seed (and by held-out cluster), ``sweeps``,
        ``chance`` by task, ``tokens`` of the prompts, and the tasks of the ``clusters``.
    """
    s = settings
    check_count("runs", s["runs"], 1, len(s["bases"]))
    found: dict[str, Any] = {"base": {}, "tuned": {}, "rehearsed": {}}
    for offset in range(s["runs"]):
        run, base = seed + offset, _base(s["bases"][offset])
        part = partial(_base_scores, base, s, run)
        found["base"][str(run)] = keep(f"base-{run}", part)
        found["tuned"][str(run)] = {
            cluster: keep(
                f"tuned-{run}-{cluster}", partial(_tuned_scores, base, cluster, s, run, progress)
            )
            for cluster in CLUSTERS
        }
        if offset < s["rehearsed_runs"]:
            found["rehearsed"][str(run)] = {
                cluster: keep(
                    f"rehearsed-{run}-{cluster}",
                    partial(_tuned_scores, base, cluster, s, run, progress, rehearse=True),
                )
                for cluster in CLUSTERS
            }
    return found | {
        "sweeps": _sweeps(s, seed, progress, keep),
        "chance": accuracy.chance(TASKS, ALL, s["rows"], seed),
        "tokens": accuracy.prompt_tokens(TASKS, ALL, s["shots"], s["rows"], seed),
        "clusters": {c: [t.name for t in TASKS if t.cluster == c] for c in CLUSTERS},
    }


def _base(name: str) -> Decoder:
    return checkpoints.load(name).model


def _parted(held_out: str) -> tuple[list[Task], list[Task]]:
    """The tasks of training, and those of the held-out cluster."""
    if held_out not in CLUSTERS:
        raise ValueError(f"held_out must be one of {', '.join(CLUSTERS)}; got {held_out!r}")
    return [t for t in TASKS if t.cluster != held_out], [t for t in TASKS if t.cluster == held_out]


def _base_scores(base: Decoder, s: Settings, seed: int) -> dict[str, Any]:
    training, new = templates_of(seed)
    ask = partial(accuracy.instructed_share, base, TASKS, n=s["rows"], seed=seed)
    return {
        "new inputs": ask(training),
        "new templates": ask(new),
        "new cluster": ask(ALL),
        "nothing": ask(ALL, instruction=False),
        "heading": accuracy.headed_share(base, TASKS, s["rows"], seed),
        "shots": accuracy.by_shots(base, TASKS, s["shots"], s["rows"], seed),
    }


def _tuned_scores(
    base: Decoder, held_out: str, s: Settings, seed: int, progress: bool, rehearse: bool = False
) -> dict[str, Any]:
    training, _ = templates_of(seed)
    trained, kept = _parted(held_out)
    options: dict[str, Any] = {"progress": progress}
    if rehearse:
        pretraining = {**s["pretraining"], "tokens": s["rehearsed_tokens"]}
        options["rehearse"] = partial(draw_documents, pretraining)
    model, history = tuned(base, trained, training, s, seed, **options)
    n = s["rows"]
    return (
        three_bars(model, held_out, s, seed)
        | {
            "nothing": accuracy.instructed_share(
                model, trained, training, n, seed, instruction=False
            ),
            "heading": accuracy.headed_share(model, kept, n, seed),
            "shots": accuracy.by_shots(model, kept, s["shots"], n, seed),
            "shots trained": accuracy.by_shots(model, trained, s["shots"][-1:], n, seed),
            "other instruction": accuracy.other_instruction(model, trained, training, n, seed),
            "other symbols": accuracy.other_symbols(model, trained, training, n, seed),
            "compositions": accuracy.compositions(model, trained, max(1, n // 5), seed),
        }
        | history.summary()
    )


def _sweeps(s: Settings, seed: int, progress: bool, keep: Keep) -> dict[str, Any]:
    """One training a point: the first seed, one cluster held out."""
    held_out, base = s["sweep"], _base(s["bases"][0])
    trained, _ = _parted(held_out)
    training, _ = templates_of(seed)

    def point(start: Decoder, tasks: Sequence[Task], numbers: Any, **options: Any) -> Any:
        model, history = tuned(start, tasks, numbers, s, seed, progress=progress, **options)
        found = three_bars(model, held_out, s, seed) | history.summary()
        # Asked in the templates that this model was trained on, of the tasks that it was.
        found["new inputs"] = accuracy.instructed_share(model, tasks, numbers, s["rows"], seed)
        kept_templates = found["new templates"]
        found["new templates"] = {task.name: kept_templates[task.name] for task in tasks}
        found["nothing"] = accuracy.instructed_share(
            model, tasks, numbers, s["rows"], seed, instruction=False
        )
        _, kept = _parted(held_out)
        found["heading"] = accuracy.headed_share(model, kept, s["rows"], seed)
        found["shots"] = accuracy.by_shots(model, kept, [4], s["rows"], seed)
        return found

    sweeps: dict[str, Any] = {"templates": {}, "clusters": {}, "sizes": {}, "arms": {}}
    for count in s["templates"]:
        numbers = templates_of(seed, count)[0]
        sweeps["templates"][str(count)] = keep(
            f"templates-{count}", partial(point, base, trained, numbers)
        )
    order = [cluster for cluster in CLUSTERS if cluster != held_out]
    for count in s["clusters"]:
        some = [t for t in trained if t.cluster in order[:count]]
        sweeps["clusters"][str(count)] = keep(
            f"clusters-{count}", partial(point, base, some, training)
        )
    for width, name in s["sizes"].items():
        sweeps["sizes"][width] = {
            "base": keep(f"size-{width}-base", lambda n=name: _base_scores(_base(n), s, seed)),
            "tuned": {
                cluster: keep(
                    f"size-{width}-{cluster}",
                    lambda n=name, c=cluster: _tuned_scores(_base(n), c, s, seed, progress),
                )
                for cluster in s["size_clusters"]
            },
        }
    arms = {
        "everything": {"loss_on": "everything"},
        "no instruction": {"instruction": False},
    }
    for name, options in arms.items():
        sweeps["arms"][name] = keep(
            f"arm-{name.replace(' ', '-')}", partial(point, base, trained, training, **options)
        )
    return sweeps


def _mean(shares: Mapping[str, float]) -> float:
    return sum(shares.values()) / len(shares)


SETTINGS: dict[str, Any] = {
    "pretraining": {
        "width": 64,
        "layers": 3,
        "heads": 4,
        "hidden": 256,
        "initial_scale": 3.0,
        "headed": 0.2,
        "lengths": [40, 40, 40, 128],
        "tokens": 1280,
        "steps": 3000,
        "learning_rate": 4e-3,
    },
    "bases": ["instruction-base-0", "instruction-base-1", "instruction-base-2"],
    "runs": 3,
    "rehearsed_runs": 1,
    "rehearsed_tokens": 640,
    "steps": 600,
    "batch": 64,
    "learning_rate": 6e-3,
    "rows": 60,
    "shots": [1, 2, 4, 8],
    "sweep": "reordering",
    "templates": [1, 3, 10],
    "clusters": [1, 3, 5],
    "sizes": {"32": "instruction-base-narrow"},
    "size_clusters": ["reordering", "counting", "comparing"],
}
"""What was chosen; ``pretraining`` is that of the bases' recipes."""

EXPERIMENT = Experiment(
    name="instruction-tuning",
    summary="tuned with each cluster held out, three training seeds, and sweeps (half an hour)",
    measure=measure,
    seed=0,
    settings=SETTINGS,
    headline=lambda data: (
        sum(_mean(run["new inputs"]) for runs in data["tuned"].values() for run in runs.values())
        / sum(map(len, data["tuned"].values()))
    ),
    tolerance=0.05,
    models=(*SETTINGS["bases"], *SETTINGS["sizes"].values()),
)
