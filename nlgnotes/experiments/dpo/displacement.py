"""What becomes of the chosen answers: their mean log-probability through a training by DPO.

Under the chosen's own law it is the entropy of that law and a divergence from it, so what a
reference did before decides where it can go. Taught in: book/dpo.ipynb.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.dpo import chosen_law
from nlgnotes.equations.preferences import expectation, tilt
from nlgnotes.experiments.dpo.policies import Reference, draw_pairs, gold_and_kl
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import text_batch
from nlgnotes.training.dpo import reference_pairs, train_dpo
from nlgnotes.training.loop import fit

__all__ = ["chosen_and_rejected", "displacement", "tuned_on_chosen"]


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
    pairs = draw_pairs(reference.law, world.gold, s["pairs"], stream)
    model = copy.deepcopy(reference.model)

    def draw(chance: torch.Generator):
        rows = torch.randint(s["pairs"], (2 * s["batch"],), generator=chance)
        return text_batch(world.tokens(pairs.prompts[rows], pairs.chosen[rows]))

    fit(model, draw, **s["tuning"], weight_decay=0.0, generator=stream, progress=False)
    return Reference.of(model)


def chosen_and_rejected(
    law: Float64[Tensor, "prompts answers"], writer: Reference
) -> dict[str, float]:
    """The mean log-probability that a policy gives to the chosen and to the rejected answers.

    Both are exact, under the laws of the chosen and of the rejected of ``writer``'s pairs; and
    ``divergence``, KL(law of the chosen ‖ policy).
    """
    gold = writer.world.gold
    won, lost = chosen_law(writer.law, gold), chosen_law(writer.law, -gold)
    return {
        "chosen": float(expectation(won, law).mean()),
        "rejected": float(expectation(lost, law).mean()),
        "divergence": float((won.exp() * (won - law)).sum(-1).mean()),
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
    world, s = writer.world, settings
    stream = generator(seed, "dpo", "displacement")
    pairs = draw_pairs(writer.law, world.gold, s["pairs"], stream)
    policy, rows = copy.deepcopy(reference.model), []

    def row(law: Tensor, step: int | None = None) -> dict[str, Any]:
        gold, kl = gold_and_kl(law, reference)
        return {"step": step, **chosen_and_rejected(law, writer), "gold": gold, "kl": kl}

    def look(step: int, _: float = 0.0) -> None:
        if step in s["stops"]:
            rows.append(row(answer_log_probs(policy, world.prompt_tokens, world.length), step))

    look(0)
    both = (
        text_batch(world.tokens(pairs.prompts, side)) for side in (pairs.chosen, pairs.rejected)
    )
    train_dpo(
        policy,
        reference_pairs(reference.model, *both),
        beta=s["beta"],
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        batch_size=s["batch"],
        generator=stream,
        callback=look,
    )
    return {"steps": rows, "optimum": row(tilt(reference.law, world.gold, s["beta"]))}
