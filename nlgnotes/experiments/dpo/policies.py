"""DPO where every answer can be listed: pairs, runs, and how far a policy is from the optimum.

All that is said of a policy is an exact sum over all answers of all prompts. Taught in:
book/dpo.ipynb.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float64
from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.dpo import dpo_loss, dpo_weight, implicit_reward
from nlgnotes.equations.preferences import tilt
from nlgnotes.experiments.rlhf.methods import gold_and_kl
from nlgnotes.experiments.rlhf.reference import Reference
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.comparisons import (
    Pairs,
    RatedAnswers,
    draw_rankings,
    ranked_pairs,
    text_batch,
)
from nlgnotes.training.dpo import reference_pairs, train_dpo
from nlgnotes.validation import check_count, check_interval

__all__ = [
    "best_stop",
    "draw_pairs",
    "flipped",
    "judged",
    "rounded",
    "run_dpo",
    "stranger_law",
    "train_on_pairs",
]


def stranger_law(world: RatedAnswers) -> Float64[Tensor, "prompts answers"]:
    """The law of another writer: what the world's own writer likes to write, this one avoids."""
    habits = tuple(-h for h in world.habits)
    return replace(world, habits=habits, helpfulness=-world.helpfulness).writer_log_probs


def draw_pairs(
    law: Float64[Tensor, "prompts answers"],
    gold: Float64[Tensor, "prompts answers"],
    many: SupportsIndex,
    generator: torch.Generator,
    *,
    errs: bool = True,
    ties: bool = True,
) -> Pairs:
    """Independent pairs of answers that a policy wrote, compared by their gold rewards.

    Args:
        law: of the policy that wrote both.
        gold: what the judge goes by.
        many: how many pairs.
        generator: where all of it is drawn from.
        errs: labels follow Bradley and Terry; else the higher reward always wins.
        ties: keep pairs of equal reward, of which a coin chooses one; else only pairs that differ.

    Raises:
        ValueError: as ``draw_rankings``.
    """
    many = check_count("many", many)
    asked, noise = many if ties else 3 * many + 200, 1.0 if errs else 0.0
    pairs = ranked_pairs(draw_rankings(law, gold, asked, 2, generator, noise))
    if not ties:
        differ = gold[pairs.prompts, pairs.chosen] != gold[pairs.prompts, pairs.rejected]
        pairs = Pairs(*(x[differ.nonzero()[:many, 0]] for x in pairs))
    return pairs


def flipped(pairs: Pairs, share: SupportsFloat, generator: torch.Generator) -> Pairs:
    """The pairs with a share of the labels turned round, each by its own coin.

    Raises:
        ValueError: a share outside [0, 1].
    """
    share = check_interval("share", share, 0, 1)
    wrong = torch.rand(len(pairs.chosen), generator=generator) < share
    chosen = torch.where(wrong, pairs.rejected, pairs.chosen)
    return pairs._replace(chosen=chosen, rejected=torch.where(wrong, pairs.chosen, pairs.rejected))


def judged(
    law: Float64[Tensor, "prompts answers"],
    reference: Reference,
    beta: SupportsFloat,
    seen: Pairs,
    held_out: Pairs,
    fresh: Pairs | None = None,
) -> dict[str, float]:
    """All that is known of a policy at some step of its training.

    Args:
        law: of the policy, exactly.
        reference: what its training began with.
        beta: of the loss; the optimum is that of this beta.
        seen: the pairs of its training.
        held_out: pairs that it was not trained on.
        fresh: pairs for ``order``; the held-out ones if None.

    Returns:
        ``gold`` and ``kl``; ``distance``, KL(policy ‖ optimum); on the seen pairs the mean
        ``weight``, ``loss``, and log-probability of the ``chosen`` and ``rejected`` answers; on the
        held-out ones the loss as ``held_out``; and ``order``, the share of fresh pairs with
        different gold rewards that the implicit reward orders as gold does, a tie counting half
        (the reference itself, which prefers nothing, has one half).
    """
    optimum = tilt(reference.log_probs, reference.world.gold, beta)

    def rows(pairs: Pairs) -> list[Tensor]:
        at = [(pairs.prompts, pairs.chosen), (pairs.prompts, pairs.rejected)]
        return [of[each] for of in (law, reference.log_probs) for each in at]

    chosen, rejected, by_chosen, by_rejected = rows(seen)
    rewards = [
        implicit_reward(chosen, by_chosen, beta),
        implicit_reward(rejected, by_rejected, beta),
    ]
    unseen, fresh = rows(held_out), held_out if fresh is None else fresh
    first, second, by_first, by_second = rows(fresh)
    margin = (first - by_first) - (second - by_second)
    better, worse = (reference.world.gold[fresh.prompts, i] for i in fresh[1:3])
    differ = better != worse
    right = (margin.sign() == (better - worse).sign()).double() + (margin == 0).double() / 2
    return {
        **gold_and_kl(law, reference.log_probs, reference.world.gold),
        "distance": float(kl_divergence(law, optimum).mean()),
        "weight": float(dpo_weight(*rewards).mean()),
        "loss": float(dpo_loss(chosen, rejected, by_chosen, by_rejected, beta).mean()),
        "chosen": float(chosen.mean()),
        "rejected": float(rejected.mean()),
        "held_out": float(dpo_loss(*unseen, beta).mean()),
        "order": float(right[differ].mean()),
    }


def run_dpo(
    reference: Reference,
    pairs: Pairs,
    held_out: Pairs,
    settings: Mapping[str, Any],
    generator: torch.Generator,
    *,
    fresh: Pairs | None = None,
) -> tuple[Decoder, list[dict[str, Any]]]:
    """Train a copy of the reference on pairs, and judge it on the way.

    Args:
        reference: where it begins, and what the loss compares with.
        pairs, held_out: of which the first are trained on.
        settings: ``beta``, ``steps``, ``learning_rate``, ``batch`` and ``stops``, the steps at
            which it is judged; where they are given, ``objective`` and ``smoothing``.
        generator: where the batches are drawn from.
        fresh: as in :func:`judged`.

    Returns:
        The policy, and for each stop ``step`` and what :func:`judged` says.

    Raises:
        ValueError: as ``train_dpo``.
    """
    found: list[dict[str, Any]] = []

    def look(step: int, law: Tensor) -> None:
        row = judged(law, reference, settings["beta"], pairs, held_out, fresh)
        found.append({"step": step, **row})

    return train_on_pairs(reference, pairs, settings, generator, look), found


def train_on_pairs(
    reference: Reference,
    pairs: Pairs,
    settings: Mapping[str, Any],
    generator: torch.Generator,
    look: Callable[[int, Tensor], object],
) -> Decoder:
    """A copy of the reference, trained on pairs, that is looked at on the way.

    Args:
        reference: where it begins, and what the loss compares with.
        pairs, settings, generator: as in :func:`run_dpo`.
        look: called at each stop with the step and the exact law of the policy.

    Raises:
        ValueError: as ``train_dpo``.
    """
    world, s = reference.world, settings
    policy = copy.deepcopy(reference.model)

    def stop(step: int, _: float = 0.0) -> None:
        if step in s["stops"]:
            look(step, answer_log_probs(policy, world.prompt_tokens, world.length))

    stop(0)
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
        objective=s.get("objective", "dpo"),
        smoothing=s.get("smoothing", 0.0),
        generator=generator,
        callback=stop,
    )
    return policy


def best_stop(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The stop at which the loss on held-out pairs is least: what one can know without gold."""
    return min(found, key=lambda at: at["held_out"])


def rounded(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with five digits after the point, as they are shipped."""
    return [{name: round(value, 5) for name, value in at.items()} for at in found]
