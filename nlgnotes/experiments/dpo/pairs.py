"""How near DPO comes to the exact optimum, by the number of pairs and by who wrote them.

Taught in: book/dpo.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nlgnotes.experiments.dpo.policies import draw_pairs, rounded, run_dpo, stranger_law
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.rlhf.reference import Reference, load_reference
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import Pairs

__all__ = ["EXPERIMENT", "WRITERS", "measure"]

WRITERS = ("reference", "stranger")
"""Who wrote the answers that are compared: the reference itself, or somebody of other habits."""

Settings = Mapping[str, Any]


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Runs of DPO by number of pairs and by their writer, over training seeds.

    One fifth of the pairs is held out: that their loss is least is the only sign of when to stop
    that needs no gold.

    Args:
        settings: ``pairs``, the numbers of them; ``runs``, how many training seeds; and those of
            ``policies.run_dpo``.
        seed: the first training seed: of pairs and batches. The reference is the shipped one.
        progress: not used; a run takes seconds.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed, each of :data:`WRITERS` and each number of pairs the rows of
        ``policies.run_dpo``, where ``order`` is of fresh pairs that the reference wrote.
    """
    reference = load_reference()
    runs: dict[str, Any] = {}
    for s in range(seed, seed + settings["runs"]):
        for writer in WRITERS:
            for many in settings["pairs"]:
                part = partial(_one_run, reference, writer, many, settings, s)
                found = keep(f"seed-{s}-{writer}-{many}", part)
                runs.setdefault(str(s), {}).setdefault(writer, {})[str(many)] = found
    return {"pairs": list(settings["pairs"]), "runs": runs}


def _one_run(
    reference: Reference, writer: str, many: int, settings: Settings, seed: int
) -> list[dict[str, Any]]:
    law = reference.log_probs if writer == "reference" else stranger_law(reference.world)
    gold = reference.world.gold
    stream = generator(seed, "dpo", "pairs", writer, many)
    pairs, cut = draw_pairs(law, gold, many, stream), many // 5
    held_out, seen = (Pairs(*(x[rows] for x in pairs)) for rows in (slice(cut), slice(cut, None)))
    fresh = draw_pairs(reference.log_probs, gold, 4000, generator(seed, "dpo", "fresh pairs"))
    _, found = run_dpo(reference, seen, held_out, settings, stream, fresh=fresh)
    return rounded(found)


EXPERIMENT = Experiment(
    name="dpo-pairs",
    summary="DPO by number of pairs and by their writer, three training seeds (16 minutes)",
    measure=measure,
    seed=0,
    settings={
        "pairs": [50, 200, 1000, 5000, 20_000],
        "beta": 1.0,
        "steps": 300,
        "learning_rate": 1e-3,
        "batch": 128,
        "stops": [0, 20, 50, 100, 200, 300],
        "runs": 3,
    },
    headline=lambda data: (
        sum(run["reference"]["5000"][-1]["distance"] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.25,
    models=("comparisons",),
)
