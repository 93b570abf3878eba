"""How noisy the estimated gradient of the objective is, by what the words are paid.

Taught in: book/ppo.ipynb.
"""

import copy
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.experiments.ppo.standing import Bench
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.training.ppo import collect, policy_loss
from nlgnotes.training.ppo_settings import PPOSettings
from nlgnotes.validation import check_count

__all__ = ["PAID", "exact_gradient", "gradient_error"]

PAID = {
    "whole reward": {"critic": False},
    "less the value": {"decay": 1.0},
    "GAE 0.95": {"decay": 0.95},
    "GAE 0": {"decay": 0.0},
}
"""What a word is paid: settings of the advantages."""


def exact_gradient(bench: Bench, policy: Any, beta: float) -> Float[Tensor, " weights"]:
    """The gradient of reward less beta times KL in all weights of the policy, by enumeration."""
    policy = copy.deepcopy(policy).requires_grad_()
    law = answer_log_probs(policy, bench.prompts, bench.world.length, gradient=True)
    worth = bench.reward - beta * (law - bench.log_ref)
    (law.exp() * worth).sum(1).mean().backward()
    return torch.cat([p.grad.flatten() for p in policy.parameters()])


def gradient_error(
    bench: Bench,
    actor: ActorCritic,
    settings: PPOSettings,
    exact: Float[Tensor, " weights"],
    batches: int,
    generator: torch.Generator,
) -> dict[str, dict[str, float]]:
    r"""Of each way in :data:`PAID`, how far the estimate of one batch is from the exact gradient.

    Args:
        actor: the policy, where nothing is trained any more, and its value.
        settings: ``batch``, ``beta`` and the objective: at the policy that wrote the answers all
            objectives have one gradient.
        exact: of :func:`exact_gradient`.
        batches: how many, at least 2; each is a fresh draw, and serves all ways.
        generator: where they are drawn from.

    Returns:
        ``variance``: :math:`\mathbb E|g - \mathbb E g|^2 / |g^*|^2`; ``cosine``: between the exact
        gradient and the mean of the batches.

    Raises:
        ValueError: fewer than two batches.
    """
    check_count("batches", batches, 2)
    weights, start = list(actor.policy.parameters()), generator.get_state()
    found = {}
    for name, paid in PAID.items():
        generator.set_state(start)  # the same answers for all
        own, rows = replace(settings, **paid), []
        for _ in range(batches):
            rollout = collect(actor, bench.reference, bench.prompts, bench.score, own, generator)
            distributions, _ = actor(rollout.tokens, own.words)
            log_probs = distributions.gather(-1, rollout.answers[..., None])[..., 0]
            loss = policy_loss(log_probs, rollout.log_probs, rollout.advantages, own)
            rows.append(torch.cat([-g.flatten() for g in torch.autograd.grad(loss, weights)]))
        estimates = torch.stack(rows)
        mean = estimates.mean(0)
        found[name] = {
            "variance": float(estimates.var(0).sum() / exact.square().sum()),
            "cosine": float(torch.cosine_similarity(mean, exact, dim=0)),
        }
    return found
