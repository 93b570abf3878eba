"""Meta-learning: the error on new sinusoids by inner steps, from several initialisations.

Taught in: book/in-context-learning.ipynb.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.networks.mlp import MLP, mlp
from nlgnotes.tasks.sinusoids import Points, Sinusoids
from nlgnotes.training.history import History
from nlgnotes.training.maml import adapt, task_errors, train_initialisation
from nlgnotes.validation import check_count

__all__ = [
    "ARMS",
    "EXPERIMENT",
    "errors_by_step",
    "excess_before",
    "initialisation",
    "measure",
    "new_tasks",
    "shipped_weights",
]

ARMS = ("second order", "first order", "small step", "pretraining", "random")
FAMILY = Sinusoids()

Settings = Mapping[str, Any]


def initialisation(
    arm: str, settings: Settings, seed: int, progress: bool = False
) -> tuple[MLP, History | None]:
    """A network to start from: meta-learned, pretrained on all tasks pooled, or random.

    All arms of one seed start from the same random weights, and are trained on the same tasks and
    points.

    Args:
        arm: one of :data:`ARMS`. ``"small step"`` is second-order MAML that is trained with the
            step size ``small``.
        settings: ``hidden`` (widths), ``tasks`` (in a batch), ``shots`` (K: points for the inner
            step, and as many new ones), ``steps`` and ``learning_rate`` of the outer loop,
            ``step_size`` and ``small`` of the inner step.
        seed: of weights and tasks.
        progress: show a bar.

    Returns:
        The network, and its history; None for ``"random"``.

    Raises:
        ValueError: another arm, or as ``training.maml.train_initialisation``.
    """
    s = settings
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {', '.join(ARMS)}; got {arm!r}")
    model = MLP((1, *s["hidden"], 1), randomness.generator(seed, "meta-learning", "weights"))
    if arm == "random":
        return model, None

    def draw(generator: torch.Generator) -> tuple[Points, Points]:
        tasks = FAMILY.draw(s["tasks"], generator)
        both = FAMILY.sample(tasks, 2 * s["shots"], generator)
        return tuple(Points(*parts) for parts in zip(*(v.chunk(2, 1) for v in both), strict=True))

    history = train_initialisation(
        model,
        draw,
        "second order" if arm == "small step" else arm,
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "meta-learning", "tasks"),
        step_size=s["small" if arm == "small step" else "step_size"],
        progress=progress,
    )
    return model, history


def errors_by_step(
    weights: Sequence[Tensor], shown: Points, asked: Points, step_size: float, steps: int
) -> Float[Tensor, " steps"]:
    """The mean squared error over all tasks after 0, 1, …, ``steps`` inner steps.

    Args:
        weights: the initialisation.
        shown: the points of the inner steps.
        asked: where the error is measured, on the same tasks.
        step_size: alpha.
        steps: the last.

    Returns:
        ``[steps + 1]``; infinite from the step on where it diverges.

    Raises:
        ValueError: as ``training.maml.adapt``.
    """
    own, errors = adapt(weights, shown, step_size, 0), []
    for step in range(check_count("steps", steps, 0) + 1):
        if step:
            own = adapt([w.detach() for w in own], shown, step_size)
        with torch.no_grad():
            errors.append(task_errors(own, asked).mean())
    found = torch.stack(errors).double()
    return torch.where(found.isfinite().long().cumprod(0).bool(), found, math.inf)


@torch.no_grad()
def excess_before(weights: Sequence[Tensor], points: int = 1000) -> float:
    """By how much the error before any example exceeds the least possible, without sampling.

    For a prediction g that knows nothing of the task, E (f - g)^2 = E (f - Ef)^2 + (Ef - g)^2 at
    every x. The second part is the excess; here its mean over even places.
    """
    x = FAMILY.grid(torch.zeros(1, 2), points).x[0]
    return float((mlp(weights, x) - FAMILY.mean(x)).square().mean())


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Errors by inner steps of all arms, over training seeds, on new tasks.

    Args:
        settings: as in :func:`initialisation`, and ``inner`` (the last inner step),
            ``step_sizes`` (from which each arm's best is chosen, for each number of steps, by the
            error on other tasks), ``tested`` (tasks of the test, and as many for the choice),
            ``points`` (places where a task's error is measured), ``runs`` (training seeds).
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``least``, the least error before any example; ``runs``: for each seed ``exact``, the error
        of the best prediction from 0, 1, 2 and ``shots`` points, and for each arm ``best`` (errors
        by step, each with the best step size), ``step_sizes`` (those), ``trained`` (errors by step
        with the step size of the training; null where it diverges, and none for arms without one),
        ``chosen_from`` (the errors of the choice, by step size, null where it diverges),
        ``excess``, ``loss`` (the means of each twentieth of the training) and ``seconds``. For
        second-order MAML also ``other_task``: errors by step after steps on another task's points.
        ``weights``: those of the first seed, by arm, to five digits.
    """
    runs = {}
    for s in range(seed, seed + check_count("runs", settings["runs"])):
        runs[str(s)] = keep(f"seed-{s}", partial(_one_run, settings, s, progress))
    weights = runs[str(seed)]["weights"]
    for run in runs.values():
        del run["weights"]
    return {"least": FAMILY.error_of_mean(), "runs": runs, "weights": weights}


def shipped_weights(data: Mapping[str, Any], arm: str) -> list[Tensor]:
    """An arm's initialisation out of the data of the measurement, by :func:`measure`.

    Raises:
        ValueError: another arm.
    """
    if arm not in data["weights"]:
        raise ValueError(f"arm must be one of {', '.join(data['weights'])}; got {arm!r}")
    return [torch.tensor(w) for w in data["weights"][arm]]


def new_tasks(settings: Settings, seed: int, name: str) -> tuple[Points, Points]:
    """Points shown of new tasks, and the places where they are asked.

    Args:
        settings: ``tested``, ``shots``, ``points``.
        seed, name: of the stream.
    """
    s, stream = settings, randomness.generator(seed, "meta-learning", name)
    tasks = FAMILY.draw(s["tested"], stream)
    return FAMILY.sample(tasks, s["shots"], stream), FAMILY.grid(tasks, s["points"])


def _one_run(settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    s = settings
    choice, (shown, asked) = new_tasks(s, seed, "choice"), new_tasks(s, seed, "test")
    found: dict[str, Any] = {"exact": _exact(shown, asked), "weights": {}}
    for arm in ARMS:
        model, history = initialisation(arm, s, seed, progress)
        weights = [w.detach() for w in model.weights]
        tried = {a: errors_by_step(weights, *choice, a, s["inner"]) for a in s["step_sizes"]}
        best = [min(tried, key=lambda a: float(tried[a][k])) for k in range(s["inner"] + 1)]
        tests = {a: errors_by_step(weights, shown, asked, a, s["inner"]) for a in set(best)}
        found[arm] = {
            "best": [_number(tests[a][k]) for k, a in enumerate(best)],
            "step_sizes": best,
            "chosen_from": [[_number(e) for e in tried[a]] for a in s["step_sizes"]],
            "excess": _number(excess_before(weights)),
        }
        if history is not None:
            found[arm] |= history.summary()
        if arm in ("second order", "first order", "small step"):
            alpha = s["small" if arm == "small step" else "step_size"]
            errors = errors_by_step(weights, shown, asked, alpha, s["inner"])
            found[arm]["trained"] = [_number(e) for e in errors]
        if arm == "second order":
            others = Points(*(v.roll(1, 0) for v in shown))
            errors = errors_by_step(weights, others, asked, s["step_size"], s["inner"])
            found[arm]["other_task"] = [_number(e) for e in errors]
        found["weights"][arm] = [
            [[float(f"{v:.5g}") for v in row] for row in w.tolist()] for w in weights
        ]
    return found


def _exact(shown: Points, asked: Points) -> dict[str, float | None]:
    """The error of the best prediction, by the number of points it was shown.

    The shipped errors of one point were made with cells even in the phase, which are coarser near
    f(u) = 0; these cells give other ones by up to 0.004 a seed, and by 0.0004 in the mean.
    """
    found = {"0": _number((FAMILY.mean(asked.x) - asked.y).square().mean())}
    for k in (1, 2, shown.x.shape[1]):
        few = Points(shown.x[:, :k], shown.y[:, :k])
        guess = FAMILY.best_prediction(few, asked.x, cells=2000)
        found[str(k)] = _number((guess - asked.y).square().mean())
    return found


def _number(value: Tensor | float) -> float | None:
    """Six decimals; None where it diverged."""
    value = float(value)
    return round(value, 6) if value < 1e6 else None


EXPERIMENT = Experiment(
    name="meta-learning",
    summary="MAML on sinusoids beside pretraining: five training seeds (about 11 minutes)",
    measure=measure,
    seed=0,
    settings={
        "hidden": [40, 40],
        "tasks": 50,
        "shots": 10,
        "steps": 3000,
        "learning_rate": 1e-2,
        "step_size": 0.01,
        "small": 0.001,
        "inner": 10,
        "step_sizes": [
            0.0005,
            0.001,
            0.002,
            0.003,
            0.005,
            0.007,
            0.01,
            0.015,
            0.02,
            0.03,
            0.05,
            0.1,
        ],
        "tested": 500,
        "points": 50,
        "runs": 5,
    },
    headline=lambda data: (
        sum(run["second order"]["trained"][1] for run in data["runs"].values()) / len(data["runs"])
    ),
    tolerance=0.15,
)
