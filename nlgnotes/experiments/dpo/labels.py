"""What the labels do: beta, wrong labels, and labels that never err.

Taught in: book/dpo.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nlgnotes.experiments.dpo.policies import draw_pairs, flipped, rounded, run_dpo
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.rlhf.reference import Reference, load_reference
from nlgnotes.randomness import generator

__all__ = ["ARMS", "EXPERIMENT", "measure"]

Settings = Mapping[str, Any]

ARMS: dict[str, dict[str, Any]] = {
    "Bradley-Terry": {"errs": True},
    "never err": {"errs": False},
    "never err, smoothing": {"errs": False, "smoothing": 0.1},
    "never err, IPO": {"errs": False, "objective": "ipo"},
}
"""Kinds of labels, and the loss that is minimised on them."""


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Runs of DPO by beta, by the share of flipped labels, and by :data:`ARMS`, over seeds.

    Args:
        settings: ``runs``, how many training seeds; ``pairs``; ``betas``, each run with labels by
            Bradley and Terry; ``flips``, shares of labels turned round at ``beta``; ``long``, what
            is different for the longer runs of the arms, and in it ``betas``; and those of
            ``policies.run_dpo``.
        seed: the first training seed: of pairs and batches.
        progress: not used; a run takes seconds.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed ``betas``, ``flips`` and ``arms``, of each setting (and arm) the
        rows of ``policies.run_dpo``. The arms leave out pairs of equal reward.
    """
    reference, runs = load_reference(), {}
    for s in range(seed, seed + settings["runs"]):
        found: dict[str, Any] = {"betas": {}, "flips": {}, "arms": {}}

        def run(part: str, own: dict[str, Any], s: int = s) -> Any:
            return keep(f"seed-{s}-{part}", partial(_one_run, reference, settings | own, s))

        for beta in settings["betas"]:
            found["betas"][str(beta)] = run(f"beta-{beta}", {"beta": beta})
        for share in settings["flips"]:
            found["flips"][str(share)] = run(f"flip-{share}", {"flip": share})
        for i, (arm, own) in enumerate(ARMS.items()):
            for beta in settings["long"]["betas"]:
                own = {**settings["long"], **own, "beta": beta, "ties": False}
                found["arms"].setdefault(arm, {})[str(beta)] = run(f"arm-{i}-{beta}", own)
        runs[str(s)] = found
    return {"runs": runs}


def _one_run(reference: Reference, settings: Settings, seed: int) -> list[dict[str, Any]]:
    s, gold = settings, reference.world.gold
    kind = {"errs": s.get("errs", True), "ties": s.get("ties", True)}
    stream = generator(seed, "dpo", "labels")
    pairs = draw_pairs(reference.log_probs, gold, s["pairs"], stream, **kind)
    pairs = flipped(pairs, s.get("flip", 0), generator(seed, "dpo", "flips"))
    held_out = draw_pairs(reference.log_probs, gold, 4000, generator(seed, "dpo", "fresh pairs"))
    _, found = run_dpo(reference, pairs, held_out, s, stream)
    return rounded(found)


EXPERIMENT = Experiment(
    name="dpo-labels",
    summary="DPO by beta, wrong labels, labels that never err, three seeds (28 minutes)",
    measure=measure,
    seed=0,
    settings={
        "pairs": 5000,
        "beta": 1.0,
        "betas": [0.25, 0.5, 1.0, 2.0, 4.0],
        "flips": [0.1, 0.2, 0.3, 0.4],
        "steps": 300,
        "learning_rate": 1e-3,
        "batch": 128,
        "stops": [0, 50, 100, 200, 300],
        "long": {
            "betas": [1.0, 4.0],
            "pairs": 10_000,
            "steps": 600,
            "batch": 64,
            "stops": [0, 100, 200, 400, 600],
        },
        "runs": 3,
    },
    headline=lambda data: (
        sum(run["arms"]["never err"]["1.0"][-1]["kl"] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.6,
    models=("comparisons",),
)
