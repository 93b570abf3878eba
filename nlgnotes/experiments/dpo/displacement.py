"""What becomes of the chosen answers: their mean log-probability through a training by DPO.

Under the chosen's own law it is the entropy of that law and a divergence from it, so what a
reference did before decides where it can go. Taught in: book/dpo.ipynb.
"""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.dpo import chosen_law
from nlgnotes.equations.preferences import expectation, tilt
from nlgnotes.experiments.dpo.policies import draw_pairs, train_on_pairs
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.rlhf.methods import gold_and_kl
from nlgnotes.experiments.rlhf.reference import Reference, load_reference
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import text_batch
from nlgnotes.training.loop import fit

__all__ = ["EXPERIMENT", "chosen_and_rejected", "displacement", "measure", "tuned_on_chosen"]


def tuned_on_chosen(reference: Reference, settings: Mapping[str, Any], seed: int) -> Reference:
    """The reference, fine-tuned by likelihood on the chosen answers of fresh pairs.

    That is what Rafailov et al. 2023 (arXiv:2305.18290), section 4, advise where no fine-tuned
    reference is at hand.

    Args:
        reference: who wrote both answers.
        settings: ``pairs``, ``batch``, and in ``tuning`` ``steps`` and ``learning_rate``.
        seed: of the pairs and their order.
    """
    world, s = reference.world, settings
    stream = generator(seed, "dpo", "tuning")
    pairs = draw_pairs(reference.log_probs, world.gold, s["pairs"], stream)
    model = copy.deepcopy(reference.model)

    def draw(chance: torch.Generator):
        rows = torch.randint(s["pairs"], (2 * s["batch"],), generator=chance)
        return text_batch(world.tokens(pairs.prompts[rows], pairs.chosen[rows]))

    fit(model, draw, **s["tuning"], weight_decay=0.0, generator=stream, progress=False)
    return Reference(world, model, answer_log_probs(model, world.prompt_tokens, world.length))


def chosen_and_rejected(
    law: Float64[Tensor, "prompts answers"], writer: Reference
) -> dict[str, float]:
    """The mean log-probability that a policy gives to the chosen and to the rejected answers.

    Both are exact, under the laws of the chosen and of the rejected of ``writer``'s pairs; and
    ``divergence``, KL(law of the chosen ‖ policy).
    """
    gold = writer.world.gold
    won, lost = chosen_law(writer.log_probs, gold), chosen_law(writer.log_probs, -gold)
    return {
        "chosen": float(expectation(won, law).mean()),
        "rejected": float(expectation(lost, law).mean()),
        "divergence": float(kl_divergence(won, law).mean()),
    }


def displacement(
    writer: Reference, reference: Reference, settings: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """Train by DPO on pairs of one writer, from a reference that need not be that writer.

    Args:
        writer: who wrote both answers of every pair.
        reference: where the policy begins, and what the loss compares with.
        settings: ``pairs``, ``beta``, ``steps``, ``learning_rate``, ``batch``, ``stops``.
        seed: of pairs and batches.

    Returns:
        ``steps``, one row a stop of :func:`chosen_and_rejected` and ``gold``, ``kl``; and the same
        of the exact ``optimum``.
    """
    gold, rows = writer.world.gold, []
    stream = generator(seed, "dpo", "displacement")
    pairs = draw_pairs(writer.log_probs, gold, settings["pairs"], stream)

    def row(law: Tensor, step: int | None = None) -> dict[str, Any]:
        found = {
            **chosen_and_rejected(law, writer),
            **gold_and_kl(law, reference.log_probs, gold),
        }
        return {"step": step, **{name: round(x, 5) for name, x in found.items()}}

    def look(step: int, law: Tensor) -> None:
        rows.append(row(law, step))

    train_on_pairs(reference, pairs, settings, stream, look)
    return {"steps": rows, "optimum": row(tilt(reference.log_probs, gold, settings["beta"]))}


def measure(
    settings: Mapping[str, Any],
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """:func:`displacement` from two references, over training seeds.

    Args:
        settings: ``runs``, how many training seeds, and those of the functions above.
        seed: the first training seed.
        progress: not used; a run takes seconds.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed ``"wrote both"``, the shipped reference, and ``"tuned on chosen"``;
        and ``entropy``, that of the law of the chosen: the mean cannot come above minus this.
    """
    writer = load_reference()
    won, runs = chosen_law(writer.log_probs, writer.world.gold), {}
    for s in range(seed, seed + settings["runs"]):
        runs[str(s)] = keep(f"seed-{s}", partial(_both, writer, settings, s))
    return {"runs": runs, "entropy": round(-float(expectation(won, won).mean()), 5)}


def _both(writer: Reference, settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    tuned = tuned_on_chosen(writer, settings, seed)
    return {
        name: displacement(writer, reference, settings, seed)
        for name, reference in (("wrote both", writer), ("tuned on chosen", tuned))
    }


EXPERIMENT = Experiment(
    name="dpo-displacement",
    summary="chosen log-probabilities from two references, three training seeds (five minutes)",
    measure=measure,
    seed=0,
    settings={
        "pairs": 20_000,
        "beta": 1.0,
        "steps": 300,
        "learning_rate": 1e-3,
        "batch": 128,
        "stops": [0, 5, 10, 20, 40, 60, 100, 200, 300],
        "tuning": {"steps": 300, "learning_rate": 1e-3},
        "runs": 3,
    },
    headline=lambda data: (
        sum(run["wrote both"]["steps"][-1]["chosen"] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.3,
    models=("comparisons",),
)
