"""Routing collapse where it can be seen alone: one layer of experts on points of clusters.

In the first panel the points have mean zero, in the second a large mean in common, as hidden states
often have. Taught in: book/mixture-of-experts.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.mixture_of_experts.balance import (
    ARMS,
    Balance,
    balancing_loss,
    measures,
    move_biases,
)
from nlgnotes.networks.base import normal_matrix
from nlgnotes.networks.moe import MoELayer, Routing
from nlgnotes.tasks.clusters import Clusters, LabelledPoints
from nlgnotes.training.loop import fit

__all__ = ["EXPERIMENT", "ExpertClassifier", "measure", "one_run", "task_of", "trained_classifier"]

Settings = Mapping[str, Any]


class ExpertClassifier(nn.Module):
    """One layer of experts, and a linear map from its answer to the classes.

    Args:
        settings: ``width``, ``hidden``, ``experts``, ``k``, ``classes``, ``gates``.
        generator: where the initial weights are drawn from.
    """

    def __init__(self, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        s = settings
        sizes = (s["width"], s["hidden"], s["experts"], s["k"])
        self.moe = MoELayer(*sizes, generator, gates=s["gates"], out_std=0.1)
        with torch.no_grad():
            self.moe.up.mul_(10)  # a standard deviation of 0.2: there is no norm before the layer
        self.read = normal_matrix(s["width"], s["classes"], 0.25, generator)

    def forward(
        self, x: Float[Tensor, "points width"], generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "points classes"], Routing]:
        """Logits of the classes, and where the points went; noise where there is a generator."""
        answer, routing = self.moe(x, generator)
        return answer @ self.read, routing


def task_of(settings: Settings, seed: int, common: float) -> Clusters:
    """The clusters of a training seed, with a common mean of the given length.

    Args:
        settings: ``clusters``, ``width``, ``classes``, ``zipf``.
        seed: of the centres and rules, which are the same for every ``common``.
        common: the length.
    """
    kinds = {name: settings[name] for name in ("clusters", "width", "classes", "zipf")}
    return Clusters.draw(randomness.generator(seed, "clusters"), common=common, **kinds)


def trained_classifier(
    task: Clusters,
    balance: Balance,
    settings: Settings,
    seed: int,
    callback: Callable[[int, ExpertClassifier], object] | None = None,
) -> ExpertClassifier:
    """Train a classifier on fresh points of a task.

    Args:
        task: the clusters.
        balance: the arm.
        settings: those of :class:`ExpertClassifier`, ``batch``, ``steps``, ``learning_rate``.
        seed: of weights, points and noise; the first two are the same for every arm.
        callback: called before the first and after each step with the number of steps done and the
            model.
    """
    s = settings
    model = ExpertClassifier(s, randomness.generator(seed, "classifier"))
    noise = randomness.generator(seed, "gate-noise") if balance.noise else None
    seen: list[Routing] = []

    def loss(model: nn.Module, points: LabelledPoints) -> Tensor:
        logits, routing = model(points.x, noise)
        seen[:] = [routing]
        return F.cross_entropy(logits, points.labels) + balancing_loss([routing], balance)

    def after(step: int, _: float) -> None:
        move_biases([model.moe], seen, balance)
        if callback is not None:
            callback(step, model)

    if callback is not None:
        callback(0, model)
    fit(
        model,
        lambda generator: task.sample(s["batch"], generator),
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        weight_decay=0.0,
        generator=randomness.generator(seed, "points"),
        progress=False,
        callback=after,
        loss=loss,
    )
    return model


@torch.no_grad()
def one_run(common: float, balance: Balance, settings: Settings, seed: int) -> dict[str, Any]:
    """Train one classifier and look at it on the way.

    Args:
        common: length of the common mean.
        balance: the arm.
        settings: as :func:`trained_classifier`; ``looks``, the steps at which the loads are taken;
            ``test``, how many points they are taken of.
        seed: the training seed.

    Returns:
        ``loss`` (cross-entropy in nats) and ``accuracy`` on fresh points, the gate without noise;
        ``balance.measures`` of these; ``loads``: at each look the experts' shares of the choices,
        the numbers of the experts as they are.
    """
    task = task_of(settings, seed, common)
    test = task.sample(settings["test"], randomness.generator(seed, "test"))
    loads = []

    def look(step: int, model: ExpertClassifier) -> None:
        if step in settings["looks"]:
            counts = model.moe.route(test.x).counts
            loads.append([round(x, 4) for x in (counts / counts.sum()).tolist()])

    with torch.enable_grad():
        model = trained_classifier(task, balance, settings, seed, look)
    logits, routing = model(test.x)
    return {
        "loss": round(float(F.cross_entropy(logits, test.labels)), 4),
        "accuracy": round(float((logits.argmax(-1) == test.labels).double().mean()), 4),
        **measures(routing),
        "loads": loads,
    }


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """All arms in all panels over training seeds.

    Args:
        settings: as :func:`one_run`; ``seeds``, how many; ``panels``: by name ``common`` and what
            is different there.
        seed: the first training seed.
        progress: show a bar.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: by panel and arm, one run of :func:`one_run` for each seed.
    """
    runs: dict[str, Any] = {}
    total = len(settings["panels"]) * len(ARMS)
    bar = tqdm(total=total, disable=not progress, unit="arm", ascii=True, dynamic_ncols=False)
    for panel, own in settings["panels"].items():
        runs[panel] = {}
        for arm, balance in ARMS.items():
            chosen = {**settings, **own}
            runs[panel][arm] = [
                keep(f"{panel}-{arm}-{s}", partial(one_run, own["common"], balance, chosen, s))
                for s in range(seed, seed + settings["seeds"])
            ]
            bar.update()
    bar.close()
    return {"runs": runs}


EXPERIMENT = Experiment(
    name="routing-collapse",
    summary="one layer of experts on clusters, by what balances it (about 6 minutes)",
    measure=measure,
    seed=0,
    settings={
        "clusters": 32,
        "width": 16,
        "classes": 10,
        "zipf": 0.0,
        "hidden": 32,
        "experts": 16,
        "k": 2,
        "gates": "chosen",
        "batch": 256,
        "steps": 600,
        "learning_rate": 1e-2,
        "looks": [0, 5, 10, 20, 40, 60, 100, 150, 200, 300, 400, 600],
        "test": 4096,
        "seeds": 5,
        "panels": {
            "centred": {"common": 0.0},
            "common mean": {"common": 10.0},
            "one expert, uneven clusters": {
                "common": 0.0,
                "k": 1,
                "gates": "all",
                "zipf": 1.0,
            },
        },
    },
    headline=lambda data: fmean(run["cv_load"] for run in data["runs"]["common mean"]["noise"]),
    tolerance=0.5,
)
