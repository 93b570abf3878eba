r"""The policy gradient: that of an expected reward, by the score function (REINFORCE).

.. math:: \nabla_\theta\, \mathbb E_{y \sim p_\theta}[R(y)]
   = \mathbb E_{y \sim p_\theta}\left[(R(y) - b)\, \nabla_\theta \log p_\theta(y)\right]
   \quad\text{for every constant } b.

Williams 1992 (Machine Learning 8). For one categorical choice everything is also computed exactly,
by adding up over all choices. A choice of probability 0 takes no part, whatever its reward.
Taught in: book/gumbel-softmax.ipynb.
"""

import math
from typing import SupportsFloat

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nlgnotes.equations.precision import at_least_float32
from nlgnotes.validation import (
    FLOATS,
    check_flag,
    check_interval,
    check_log_probs,
    check_mask,
    check_scores,
    describe,
)

__all__ = [
    "discounted_returns",
    "optimal_baseline",
    "reward_gradient",
    "score_function_moments",
    "score_function_surrogate",
]

Rows = Float[Tensor, "*batch vocab"]


def score_function_surrogate(
    log_probs: Float[Tensor, "*batch"],
    rewards: Float[Tensor, "*batch"],
    baseline: Float[Tensor, "..."] | SupportsFloat = 0.0,
) -> Float[Tensor, ""]:
    r"""A loss with the estimate for gradient: :math:`-\frac1n \sum_y (R(y) - b) \log p_\theta(y)`.

    Its value means nothing. Minimising it raises the expected reward. Rewards and baseline are
    constants: no gradient passes through them. A draw of advantage 0 takes no part.

    Args:
        log_probs: log-probability of each draw, with its graph.
        rewards: of each draw, finite.
        baseline: b; a finite number, or a tensor that broadcasts against the rewards and does not
            depend on the draw.

    Returns:
        The loss, a mean over the draws.

    Raises:
        ValueError: the shapes differ, there is no draw, a log-probability is NaN or +inf, or a
            reward or the baseline is not finite.

    >>> log_p = torch.zeros(2, requires_grad=True).log_softmax(-1)
    >>> score_function_surrogate(log_p, torch.tensor([1.0, 0.0]), baseline=0.5)
    tensor(-0., grad_fn=<NegBackward0>)
    """
    check_log_probs("log_probs", log_probs)
    _check_same("log_probs", log_probs, "rewards", rewards)
    advantage = (rewards - _baseline(baseline, rewards)).detach()
    _check_finite("rewards, less the baseline,", advantage)
    # An advantage of 0 times the -inf of an impossible draw would be NaN.
    terms = torch.where(advantage == 0, 0.0, advantage * log_probs)
    loss = -at_least_float32(terms).mean().to(log_probs.dtype)
    if bool(loss.isnan()):  # inf - inf
        raise ValueError("log_probs times rewards must not be infinite with both signs; got NaN")
    return loss


def reward_gradient(logits: Rows, rewards: Rows) -> Rows:
    r"""The exact gradient of the expected reward in the logits: :math:`p_i (R_i - \mathbb E[R])`.

    Args:
        logits: scores before softmax; -inf forbids a choice.
        rewards: the reward of each choice, finite where the choice is possible.

    Returns:
        The gradient, of the shape of the logits; 0 at a forbidden choice.

    Raises:
        ValueError: the shapes differ; a row of logits holds NaN, +inf or no finite entry; or the
            reward of a possible choice is not finite.

    >>> reward_gradient(torch.zeros(2), torch.tensor([1.0, 0.0]))
    tensor([ 0.2500, -0.2500])
    """
    p, r = _choices(logits, rewards)
    return (p * (r - (p * r).sum(-1, keepdim=True))).to(_dtype(logits, rewards))


def score_function_moments(
    logits: Rows, rewards: Rows, baseline: Float[Tensor, "..."] | SupportsFloat = 0.0
) -> tuple[Rows, Rows]:
    r"""Mean and variance, per logit, of the estimate from *one* draw:

    .. math:: \hat g_i = (R(y) - b_i)(\mathbb 1\{i = y\} - p_i).

    Exact, by adding up over every draw y. The mean is the gradient for any b; the variance depends
    on it.

    Args:
        logits: scores before softmax; -inf forbids a choice.
        rewards: the reward of each choice, finite where the choice is possible.
        baseline: b; a finite number, or a tensor that broadcasts to the logits (one number per row,
            or one per logit).

    Returns:
        (mean, variance), both of the shape of the logits.

    Raises:
        ValueError: as :func:`reward_gradient`, or a baseline that does not fit or is not finite.

    >>> score_function_moments(torch.zeros(2), torch.tensor([1.0, 0.0]), baseline=0.5)
    (tensor([ 0.2500, -0.2500]), tensor([0., 0.]))
    """
    p, r = _choices(logits, rewards)
    b = _baseline(baseline, r).to(p.dtype)
    _check_finite("baseline", b)
    draws = (r[..., :, None] - b.expand(p.shape)[..., None, :]) * _score(p)
    mean = (p[..., :, None] * draws).sum(-2)
    variance = (p[..., :, None] * (draws - mean[..., None, :]) ** 2).sum(-2)
    dtype = _dtype(logits, rewards)
    return mean.to(dtype), variance.to(dtype)


def optimal_baseline(
    logits: Rows, rewards: Rows, *, per_component: bool = False
) -> Float[Tensor, "*batch width"]:
    r"""The constant that makes the total variance of the estimate least.

    .. math:: b^* = \frac{\mathbb E[R\, |\nabla\log p|^2]}{\mathbb E[|\nabla\log p|^2]}, \qquad
       b_i^* = \frac{\mathbb E[R\, (\partial_i\log p)^2]}{\mathbb E[(\partial_i\log p)^2]}
       \text{ for each logit i}.

    It is not the mean reward E[R]: draws with a long score count more. Greensmith, Bartlett and
    Baxter 2004 (JMLR 5).

    Args:
        logits: scores before softmax; -inf forbids a choice.
        rewards: the reward of each choice, finite where the choice is possible.
        per_component: a number for each logit instead of one for the row.

    Returns:
        ``[*batch 1]``, or ``[*batch vocab]``; E[R] where a score is always 0 (any constant does).

    Raises:
        ValueError: as :func:`reward_gradient`.

    >>> optimal_baseline(torch.tensor([0.2, 0.8]).log(), torch.tensor([1.0, 0.0]))
    tensor([0.8000])
    """
    p, r = _choices(logits, rewards)
    squares = _score(p) ** 2
    if not check_flag("per_component", per_component):
        squares = squares.sum(-1, keepdim=True)
    weight = p[..., :, None] * squares
    total = weight.sum(-2)
    mean = (p * r).sum(-1, keepdim=True).expand(total.shape)
    best = (weight * r[..., :, None]).sum(-2) / total.where(total > 0, 1.0)
    return torch.where(total > 0, best, mean).to(_dtype(logits, rewards))


def discounted_returns(
    rewards: Float[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    discount: SupportsFloat,
) -> Float[Tensor, "batch time"]:
    r"""The discounted return of each word: :math:`R_t = \sum_{s \ge t} \gamma^{s-t} r_s`.

    Args:
        rewards: of each word, finite; what stands where padded is not looked at.
        mask: where there is a word; a place without one ends the text before it.
        discount: :math:`\gamma`, in [0, 1]: 0 pays each word for itself only.

    Returns:
        The returns; 0 where padded.

    Raises:
        ValueError: no rewards [batch, time] of floating point, a mask that is no booleans of their
            shape, the reward of a word that is not finite, or a discount outside [0, 1].

    >>> discounted_returns(torch.ones(1, 3), torch.ones(1, 3, dtype=torch.bool), 0.5)
    tensor([[1.7500, 1.5000, 1.0000]])
    """
    discount = check_interval("discount", discount, 0, 1)
    if not isinstance(rewards, Tensor) or rewards.dtype not in FLOATS or rewards.dim() != 2:
        raise ValueError(
            "rewards must be a floating-point tensor of shape [batch, time]; "
            f"got {describe(rewards)}"
        )
    check_mask("mask", mask, rewards.shape)
    paid = at_least_float32(torch.where(mask, rewards, 0.0))
    _check_finite("rewards", paid)
    returns, ahead = torch.zeros_like(paid), paid.new_zeros(len(paid))
    for t in reversed(range(paid.shape[1])):
        ahead = torch.where(mask[:, t], paid[:, t] + discount * ahead, 0.0)
        returns[:, t] = ahead
    return returns.to(rewards.dtype)


def _choices(logits: object, rewards: object) -> tuple[Tensor, Tensor]:
    """The probability and the reward of each choice, 0 for the reward of an impossible one."""
    check_scores("logits", logits)
    _check_same("logits", logits, "rewards", rewards)
    p = at_least_float32(logits).softmax(-1)
    r = at_least_float32(torch.where(p > 0, rewards, 0.0))
    _check_finite("rewards", r)
    dtype = torch.promote_types(p.dtype, r.dtype)
    return p.to(dtype), r.to(dtype)


def _dtype(logits: Tensor, rewards: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, rewards.dtype)


def _score(p: Tensor) -> Tensor:
    """The score of every draw in every logit, [..., draw, logit]: 1 at the draw's own, less p."""
    return torch.eye(p.shape[-1], dtype=p.dtype, device=p.device) - p[..., None, :]


def _baseline(baseline: object, rewards: Tensor) -> Tensor:
    """The baseline as a tensor, after a check that it broadcasts to the rewards."""
    if not isinstance(baseline, Tensor):
        b = check_interval("baseline", baseline, -math.inf, math.inf, closed="neither")
        dtype = torch.promote_types(rewards.dtype, torch.float32)
        return torch.tensor(b, dtype=dtype, device=rewards.device)
    try:
        fits = torch.broadcast_shapes(baseline.shape, rewards.shape) == rewards.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"baseline must broadcast to the shape of rewards, {tuple(rewards.shape)}; "
            f"got {describe(baseline)}"
        )
    return baseline


def _check_same(name: str, x: object, other: str, y: object) -> None:
    if not isinstance(y, Tensor) or y.dtype not in FLOATS or x.shape != y.shape:
        raise ValueError(
            f"{name} and {other} must have the same shape and be of floating point; "
            f"got {describe(x)} and {describe(y)}"
        )


def _check_finite(name: str, x: Tensor) -> None:
    if (ill := int((~torch.isfinite(x)).sum())) > 0:
        raise ValueError(f"{name} must be finite; got {ill} that are not")
