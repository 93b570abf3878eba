r"""Proximal policy optimisation: the clipped objective, its advantages, and the penalised reward.

Schulman et al. 2017 (arXiv:1707.06347) and 2016 (arXiv:1506.02438); the reward of Ouyang et al.
2022 (arXiv:2203.02155). The state is the prompt with the words so far, the action the next word.
Taught in: book/ppo.ipynb.
"""

import itertools
import math
from typing import SupportsFloat

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nlgnotes.equations.precision import at_least_float32
from nlgnotes.validation import FLOATS, check_interval, check_mask, describe

__all__ = [
    "clip_objective",
    "clip_slope",
    "generalised_advantages",
    "penalised_rewards",
    "probability_ratios",
]

Words = Float[Tensor, "batch time"]


def probability_ratios(
    log_probs: Float[Tensor, "*batch"], old_log_probs: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    r"""How many times as likely a word has become: the ratio of the new policy to the old one,

    .. math:: r_t(\theta) = \pi_\theta(a_t \mid s_t) \,/\, \pi_{\theta_\mathrm{old}}(a_t \mid s_t).

    A number above 0 and no probability. Schulman et al. 2017, section 3.
    Taught in: book/ppo.ipynb.

    Args:
        log_probs: of the words that were written, under the new policy, with their graph; nats.
        old_log_probs: under the policy that wrote them; constants.

    Raises:
        ValueError: the shapes differ, or a number is not finite.

    >>> probability_ratios(torch.tensor([0.5, 0.1]).log(), torch.tensor([0.25, 0.2]).log())
    tensor([2.0000, 0.5000])
    """
    _check_alike(log_probs=log_probs, old_log_probs=old_log_probs)
    return (log_probs - old_log_probs.detach()).exp()


def clip_objective(
    ratios: Float[Tensor, "*batch"],
    advantages: Float[Tensor, "*batch"],
    epsilon: SupportsFloat,
) -> Float[Tensor, "*batch"]:
    r"""PPO's clipped objective of each word, to be *maximised*:

    .. math:: \min\bigl(r_t A_t,\; \mathrm{clip}(r_t, 1 - \epsilon, 1 + \epsilon)\, A_t\bigr).

    Never above :math:`r_t A_t`. Constant in the ratio, without a gradient, where :math:`A_t > 0`
    and :math:`r_t > 1 + \epsilon`, or :math:`A_t < 0` and :math:`r_t < 1 - \epsilon`; in the other
    two corners nothing is clipped. Schulman et al. 2017, equation (7).
    Taught in: book/ppo.ipynb.

    Args:
        ratios: as :func:`probability_ratios` gives them, at least 0.
        advantages: of the same words; constants, no gradient passes through them.
        epsilon: at least 0; infinity clips nothing.

    Raises:
        ValueError: the shapes differ, a number is not finite, a ratio or ``epsilon`` is below 0.

    >>> clip_objective(torch.tensor([1.5, 0.5, 1.5, 0.5]), torch.tensor([1.0, 1, -1, -1]), 0.2)
    tensor([ 1.2000,  0.5000, -1.5000, -0.8000])
    """
    epsilon, advantages = _checked(ratios, advantages, epsilon)
    return torch.minimum(ratios * advantages, ratios.clamp(1 - epsilon, 1 + epsilon) * advantages)


def clip_slope(
    ratios: Float[Tensor, "*batch"],
    advantages: Float[Tensor, "*batch"],
    epsilon: SupportsFloat,
) -> Float[Tensor, "*batch"]:
    r"""The derivative of :func:`clip_objective` in the ratio: the advantage, or 0 where clipped.

    .. math:: A_t \left(1 - \mathbb 1[A_t > 0,\, r_t > 1 + \epsilon]
              - \mathbb 1[A_t < 0,\, r_t < 1 - \epsilon]\right)

    At the edges themselves the objective has a corner, and this is the slope on the side of 1.
    Taught in: book/ppo.ipynb.

    Args:
        ratios, advantages, epsilon: as in :func:`clip_objective`.

    Raises:
        ValueError: as :func:`clip_objective`.

    >>> clip_slope(torch.tensor([1.5, 0.5, 1.5, 0.5]), torch.tensor([1.0, 1, -1, -1]), 0.2)
    tensor([ 0.,  1., -1.,  0.])
    """
    epsilon, advantages = _checked(ratios, advantages, epsilon)
    above = (advantages > 0) & (ratios > 1 + epsilon)
    below = (advantages < 0) & (ratios < 1 - epsilon)
    return advantages.masked_fill(above | below, 0.0)


def generalised_advantages(
    rewards: Words,
    values: Words,
    mask: Bool[Tensor, "batch time"],
    discount: SupportsFloat,
    decay: SupportsFloat,
) -> Words:
    r"""Generalised advantage estimation (GAE): a decaying sum of one-step errors of the value,

    .. math:: \hat A_t = \sum_{l \ge 0} (\gamma\lambda)^l \delta_{t+l}, \qquad
              \delta_t = r_t + \gamma V(s_{t+1}) - V(s_t).

    With :math:`\lambda = 1` it is the discounted return less :math:`V(s_t)`, with 0 it is
    :math:`\delta_t`. An answer is over after its last word: there V is 0. Schulman et al. 2016,
    equation (16). Taught in: book/ppo.ipynb.

    Args:
        rewards: of each word, finite; constants.
        values: V of the state that each word was written in, finite; constants.
        mask: where there is a word; words come first, padding after them.
        discount: :math:`\gamma`, in [0, 1].
        decay: :math:`\lambda`, in [0, 1].

    Returns:
        The advantages; 0 where padded. The target of the value is their sum with ``values``.

    Raises:
        ValueError: shapes that differ, a word's number that is not finite, words after padding, or
            a rate outside [0, 1].

    >>> ones = torch.ones(1, 3)
    >>> generalised_advantages(ones * 0.5, ones, ones.bool(), 1.0, 0.5)
    tensor([[ 0.6250,  0.2500, -0.5000]])
    """
    discount = check_interval("discount", discount, 0, 1)
    decay = check_interval("decay", decay, 0, 1)
    _check_batch("rewards", rewards)
    _check_batch("values", values)
    check_mask("mask", mask, rewards.shape)
    _check_words_first(mask)
    if values.shape != rewards.shape:
        shapes = f"{describe(rewards)} and {describe(values)}"
        raise ValueError(f"rewards and values must have the same shape; got {shapes}")
    rewards, values = (x.detach().masked_fill(~mask, 0.0) for x in (rewards, values))
    _check_alike(rewards=rewards, values=values)
    rewards, values = at_least_float32(rewards), at_least_float32(values)
    ahead = torch.cat((values[:, 1:], torch.zeros_like(values[:, :1])), 1)
    # Time first, so that a step of the sum is one operation on numbers that lie together. Padding
    # comes last and its errors are 0, so the sum starts at each answer's last word by itself.
    sums = (rewards + discount * ahead - values).t().contiguous()
    for later, now in itertools.pairwise(reversed(sums.unbind())):
        now.add_(later, alpha=discount * decay)
    return sums.t().contiguous()


def penalised_rewards(
    scores: Float[Tensor, " batch"],
    log_ratios: Words,
    mask: Bool[Tensor, "batch time"],
    beta: SupportsFloat,
) -> Words:
    r"""The reward of each word: what leaving the reference costs, and at the end the score.

    .. math:: r_t = -\beta \log \frac{\pi(a_t \mid s_t)}{\pi_{\mathrm{ref}}(a_t \mid s_t)}
              + \mathbb 1[t = T]\, r(x, y)

    Their sum over an answer is :math:`r(x, y) - \beta \log \pi(y|x) / \pi_{\mathrm{ref}}(y|x)`: an
    estimate of :math:`\mathbb E[r] - \beta\, KL` from one answer, whose second part may have either
    sign. Ouyang et al. 2022, equation (2). Taught in: book/ppo.ipynb.

    Args:
        scores: of the reward model, one for each answer.
        log_ratios: :math:`\log \pi - \log \pi_{\mathrm{ref}}` of each word; constants.
        mask: where there is a word; each answer has at least one, padding comes after them.
        beta: the weight of the penalty, at least 0.

    Returns:
        The rewards; 0 where padded.

    Raises:
        ValueError: shapes that differ, a number that is not finite, an answer without a word, words
            after padding, or ``beta`` below 0.

    >>> log_ratios = torch.tensor([[0.5, -0.25]])
    >>> penalised_rewards(torch.ones(1), log_ratios, torch.ones(1, 2, dtype=torch.bool), 2.0)
    tensor([[-1.0000,  1.5000]])
    """
    beta = check_interval("beta", beta, 0, math.inf, closed="left")
    _check_batch("log_ratios", log_ratios)
    check_mask("mask", mask, log_ratios.shape)
    _check_words_first(mask)
    if not bool(mask[:, 0].all()):
        raise ValueError("mask must have a word in each answer; got an answer without one")
    rewards = -beta * log_ratios.detach().masked_fill(~mask, 0.0)
    last = mask.sum(1, keepdim=True) - 1
    paid = rewards.gather(1, last)[:, 0]
    _check_alike(scores=scores, log_ratios=paid)
    rewards = rewards.scatter(1, last, (paid + scores)[:, None].to(rewards.dtype))
    _check_alike(log_ratios=rewards)
    return rewards


def _checked(ratios: Tensor, advantages: Tensor, epsilon: SupportsFloat) -> tuple[float, Tensor]:
    _check_alike(ratios=ratios, advantages=advantages)
    if bool((ratios < 0).any()):
        raise ValueError(f"ratios must be at least 0; got {float(ratios.min()):g}")
    if epsilon != math.inf:
        epsilon = check_interval("epsilon", epsilon, 0, math.inf, closed="left")
    # What no number of the precision reaches clips nothing.
    epsilon = math.inf if epsilon >= torch.finfo(ratios.dtype).max else epsilon
    return float(epsilon), advantages.detach()


def _check_batch(name: str, x: object) -> None:
    if not isinstance(x, Tensor) or x.dtype not in FLOATS or x.dim() != 2 or not x.numel():
        raise ValueError(
            f"{name} must be a floating-point tensor [batch, time], not empty; got {describe(x)}"
        )


def _check_words_first(mask: Tensor) -> None:
    if bool((mask[:, 1:] & ~mask[:, :-1]).any()):
        raise ValueError("mask must have the words first, then the padding; got a word after it")


def _check_alike(**tensors: object) -> None:
    """All of floating point, finite, not empty and of one shape."""
    (first, x), *others = tensors.items()
    for name, y in tensors.items():
        if not isinstance(y, Tensor) or y.dtype not in FLOATS or not y.numel():
            raise ValueError(
                f"{name} must be a floating-point tensor that is not empty; got {describe(y)}"
            )
        if not bool(y.isfinite().all()):
            raise ValueError(
                f"{name} must be finite; got {int((~y.isfinite()).sum())} that are not"
            )
    for name, y in others:
        if y.shape != x.shape:
            raise ValueError(
                f"{first} and {name} must have the same shape; got {describe(x)} and {describe(y)}"
            )
