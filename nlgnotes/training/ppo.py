r"""Reinforcement learning of a policy that writes answers: policy gradient and PPO.

The reward of an answer is a score less :math:`\beta` times its log-ratio to a reference policy. The
policy is a :class:`Decoder`; a linear head reads the value of a state from its hidden states.
Schulman et al. 2017 (arXiv:1707.06347); for language Ouyang et al. 2022 (arXiv:2203.02155).
Taught in: book/ppo.ipynb.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from nlgnotes.decoding.generation import generate, model_sizes
from nlgnotes.equations.ppo import (
    clip_objective,
    clip_slope,
    generalised_advantages,
    penalised_rewards,
    probability_ratios,
)
from nlgnotes.equations.sampling import Sampler
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.networks.transformer import Decoder
from nlgnotes.training.ppo_settings import PPOSettings
from nlgnotes.training.trust_region import trust_region_step
from nlgnotes.validation import (
    check_callable,
    check_count,
    check_generator,
    check_kind,
    check_tokens,
    describe,
)

__all__ = [
    "Rollout",
    "Score",
    "collect",
    "policy_loss",
    "train_ppo",
    "update",
]

Score = Callable[[Tensor, Tensor], Tensor]
"""From prompts' rows ``[batch]`` and answers ``[batch, words]`` to scores ``[batch]``."""


@dataclass(frozen=True)
class Rollout:
    """Answers of one policy with all that an update needs; constants.

    Args:
        rows: which prompt each answer belongs to.
        tokens: prompt and answer.
        log_probs, reference: of the answers' words, under the policy that wrote them (or what it
            is scored as), and under the reference.
        values, advantages: of the words' states (0 without a critic), and of the words.
        scores: of the answers, without the penalty.
        distributions: log-probabilities of every word in every state.
    """

    rows: Int[Tensor, " batch"]
    tokens: Int[Tensor, "batch time"]
    log_probs: Float[Tensor, "batch words"]
    reference: Float[Tensor, "batch words"]
    values: Float[Tensor, "batch words"]
    advantages: Float[Tensor, "batch words"]
    scores: Float[Tensor, " batch"]
    distributions: Float[Tensor, "batch words vocab"]

    @property
    def answers(self) -> Int[Tensor, "batch words"]:
        """The answers alone."""
        return self.tokens[:, -self.log_probs.shape[1] :]


@torch.no_grad()
def collect(
    actor: ActorCritic,
    reference: Decoder,
    prompts: Int[Tensor, "prompts time"],
    score: Score,
    settings: PPOSettings,
    generator: torch.Generator,
    sampler: Any = None,
) -> Rollout:
    """Write answers, score them and estimate the advantages of their words.

    Args:
        actor, reference: the policy with its value, and what the penalty holds it to.
        prompts: rows of equal length; each gets as many answers as the others, or one fewer.
        score: of prompts' rows and answers.
        settings: ``words``, ``batch``, ``beta``, ``discount``, ``decay``, ``critic``.
        generator: what the words are drawn from.
        sampler: how the words are drawn; plainly when None. The log-probabilities are those of the
            *policy* in any case: with a sampler that cuts off its tail, they are of another
            distribution than the words.

    Raises:
        ValueError: scores that are not one finite number for each answer, or as ``generate``.
    """
    check_kind("actor", actor, ActorCritic)
    check_kind("settings", settings, PPOSettings)
    check_callable("reference", reference)
    check_callable("score", score)
    check_tokens("prompts", prompts, model_sizes(actor.policy)[0])
    s = settings
    rows = torch.arange(s.batch) % len(prompts)
    asked = prompts[rows]
    drawn = generate(
        actor.policy,
        asked,
        max_new_tokens=s.words,
        sampler=Sampler() if sampler is None else sampler,
        generator=generator,
    )
    tokens = torch.cat((asked, drawn.tokens), 1)
    distributions, values = actor(tokens, s.words)
    chosen = drawn.tokens[..., None]
    log_probs = distributions.gather(-1, chosen)[..., 0]
    logits = reference(tokens[:, :-1])
    wanted = (len(tokens), tokens.shape[1] - 1, distributions.shape[-1])
    if not isinstance(logits, Tensor) or logits.shape != wanted:
        raise ValueError(f"reference must give logits of shape {wanted}; got {describe(logits)}")
    known = logits[:, -s.words :].log_softmax(-1).gather(-1, chosen)[..., 0]
    scores = score(rows, drawn.tokens)
    if not isinstance(scores, Tensor) or scores.shape != rows.shape:
        raise ValueError(f"score must give a tensor of {len(rows)}; got {describe(scores)}")
    scores = scores.to(log_probs.dtype)
    mask = torch.ones_like(log_probs, dtype=torch.bool)
    rewards = penalised_rewards(scores, log_probs - known, mask, s.beta)
    if s.critic:
        advantages = generalised_advantages(rewards, values, mask, s.discount, s.decay)
    else:  # nothing is subtracted: the value has its target, the reward, for itself
        advantages = rewards.sum(1, keepdim=True).expand_as(rewards)
        values = torch.zeros_like(values)
    return Rollout(rows, tokens, log_probs, known, values, advantages, scores, distributions)


def policy_loss(
    log_probs: Float[Tensor, "batch words"],
    old_log_probs: Float[Tensor, "batch words"],
    advantages: Float[Tensor, "batch words"],
    settings: PPOSettings,
) -> Float[Tensor, ""]:
    """What an update minimises: less the objective of ``settings``, summed over an answer's words.

    Args:
        log_probs: of the words under the policy that learns, with their graph.
        old_log_probs, advantages: constants of the rollout.
        settings: ``objective``, ``epsilon``.

    Returns:
        The mean over the answers.
    """
    check_kind("settings", settings, PPOSettings)
    if settings.objective == "policy gradient":
        objective = advantages.detach() * log_probs
    else:
        ratios = probability_ratios(log_probs, old_log_probs)
        objective = clip_objective(ratios, advantages, settings.epsilon)
    return -objective.sum(1).mean()


def update(
    actor: ActorCritic,
    rollout: Rollout,
    settings: PPOSettings,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Some epochs over one rollout, in place.

    Returns:
        ``clipped``: the share of words without a gradient, of each epoch; ``ratios``: of all words
        after the update; ``kl``: from the old policy to the new one, of an answer, summed exactly
        over the words in each state that the rollout met.
    """
    s, clipped, whole = settings, [], None
    policy = [p for p in actor.policy.parameters() if p.requires_grad]
    targets = rollout.advantages + rollout.values
    chosen = rollout.answers[..., None]
    if s.objective == "trust region":
        whole = _trust_region(actor, rollout, policy, s)
    for _ in range(s.epochs):
        shares = []
        for rows in torch.randperm(s.batch, generator=generator).tensor_split(s.minibatches):
            distributions, values = actor(rollout.tokens[rows], s.words)
            log_probs = distributions.gather(-1, chosen[rows])[..., 0]
            old, advantages = rollout.log_probs[rows], rollout.advantages[rows]
            loss = 0.5 * (values - targets[rows]).square().sum(1).mean()
            if whole is None:
                loss = loss + policy_loss(log_probs, old, advantages, s)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(policy, s.longest)
            optimizer.step()
            with torch.no_grad():
                if s.objective == "clip":
                    slope = clip_slope(probability_ratios(log_probs, old), advantages, s.epsilon)
                    shares.append(float(((slope == 0) & (advantages != 0)).float().mean()))
        clipped.append(sum(shares) / len(shares) if shares else 0.0)
    with torch.no_grad():
        distributions, _ = actor(rollout.tokens, s.words)
        ratios = (distributions.gather(-1, chosen)[..., 0] - rollout.log_probs).exp()
        kl = float(_divergence(rollout.distributions, distributions))
    return {"clipped": clipped, "ratios": ratios, "kl": kl}


def _divergence(old: Tensor, new: Tensor) -> Tensor:
    """KL(old || new) of an answer: summed over the words in each state, then over the states."""
    return (old.exp() * (old - new)).sum((1, 2)).mean()


def _trust_region(
    actor: ActorCritic, rollout: Rollout, policy: list[Tensor], settings: PPOSettings
) -> dict[str, Any]:
    chosen, free = rollout.answers[..., None], replace(settings, objective="clip", epsilon=math.inf)

    def new() -> Tensor:
        return actor(rollout.tokens, settings.words)[0]

    def objective() -> Tensor:
        log_probs = new().gather(-1, chosen)[..., 0]
        return -policy_loss(log_probs, rollout.log_probs, rollout.advantages, free)

    def divergence() -> Tensor:
        return _divergence(rollout.distributions, new())

    return trust_region_step(policy, objective, divergence, radius=settings.radius)


def train_ppo(
    actor: ActorCritic,
    reference: Decoder,
    prompts: Int[Tensor, "prompts time"],
    score: Score,
    settings: PPOSettings,
    *,
    updates: SupportsIndex,
    generator: torch.Generator,
    sampler: Any = None,
    callback: Callable[[int], object] | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Train a policy in place: write, score, update, and again.

    Args:
        actor, reference, prompts, score, settings, sampler: as in :func:`collect`.
        updates: how many.
        generator: of the words and of the minibatches.
        callback: called with the number of updates done, before the first (0) and after each.
        progress: show a bar.

    Returns:
        Of each update: ``score`` and ``log_ratio``, means over the answers that it learned from;
        ``clipped`` and ``kl`` as :func:`update` gives them; ``explained``, the share of the
        variance of the returns that the value explains; ``seconds`` of processor time.

    Raises:
        ValueError: as :func:`collect`.
    """
    check_generator(generator)
    updates = check_count("updates", updates)
    check_kind("actor", actor, ActorCritic)
    check_kind("settings", settings, PPOSettings)
    groups = [
        {"params": list(actor.policy.parameters()), "lr": settings.learning_rate},
        {"params": [actor.head, actor.bias], "lr": settings.value_rate},
    ]
    optimizer, rows = torch.optim.Adam(groups, fused=True), []
    if callback is not None:
        callback(0)
    for done in tqdm(range(1, updates + 1), disable=not progress, unit="update", ascii=True):
        began = time.process_time()
        rollout = collect(actor, reference, prompts, score, settings, generator, sampler)
        found = update(actor, rollout, settings, optimizer, generator)
        targets = rollout.advantages + rollout.values
        left = float(rollout.advantages.var() / targets.var().clamp(min=1e-12))
        rows.append(
            {
                "score": float(rollout.scores.mean()),
                "log_ratio": float((rollout.log_probs - rollout.reference).sum(1).mean()),
                "clipped": found["clipped"],
                "kl": found["kl"],
                "explained": 1 - left,
                "seconds": time.process_time() - began,
            }
        )
        if callback is not None:
            callback(done)
    return rows
