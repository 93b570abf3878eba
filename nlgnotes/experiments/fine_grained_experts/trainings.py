"""The lecture's shipped measurement: who chooses, and segmentation, over training seeds.

Taught in: book/fine-grained-experts.ipynb.
"""

from collections.abc import Callable
from functools import partial
from statistics import fmean
from typing import Any

from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.fine_grained_experts.segmentation import ARMS, measure_arm
from nlgnotes.experiments.fine_grained_experts.who_chooses import Settings, measure_choice
from nlgnotes.validation import check_count

__all__ = ["EXPERIMENT", "measure"]


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Both experiments from each of several training seeds.

    Args:
        settings: ``choice`` and ``segmentation``, those of the two experiments; ``runs``, how many
            training seeds (``seed``, ``seed + 1``, …).
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``choice`` and ``segmentation``: for each seed what ``measure_choice`` gives, and for each
        arm what ``measure_arm`` gives.
    """
    check_count("runs", settings["runs"])
    found: dict[str, Any] = {"choice": {}, "segmentation": {}}
    for s in range(seed, seed + settings["runs"]):
        choose = partial(measure_choice, settings["choice"], s, progress)
        found["choice"][str(s)] = keep(f"choice-{s}", choose)
        found["segmentation"][str(s)] = {
            arm: keep(
                f"{arm}-{s}", partial(measure_arm, arm, settings["segmentation"], s, progress)
            )
            for arm in ARMS
        }
    return found


EXPERIMENT = Experiment(
    name="fine-grained-experts",
    summary="experts that choose, cut and shared experts: five training seeds (about 34 minutes)",
    measure=measure,
    seed=0,
    settings={
        "runs": 5,
        "choice": {
            "symbols": 8,
            "length": 8,
            "width": 64,
            "hidden": 128,
            "experts": 4,
            "factor": 1,
            "gate_std": 0.5,
            "batch": 64,
            "steps": 1500,
            "learning_rate": 3e-3,
            "documents": 4000,
        },
        "segmentation": {
            "width": 64,
            "layers": 2,
            "heads": 4,
            "hidden": 128,
            "experts": 8,
            "k": 2,
            "parts": 4,
            "shared": 1,
            "length": 48,
            "batch": 16,
            "steps": 1000,
            "learning_rate": 5e-3,
            "alpha": 0.01,
            "documents": 400,
        },
    },
    headline=lambda data: fmean(run["experts"]["whole"]["mean"] for run in data["choice"].values()),
    tolerance=0.02,
)
