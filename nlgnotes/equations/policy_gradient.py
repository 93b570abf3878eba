r"""The gradient of an expected reward without a gradient through the draw: the score function, or REINFORCE.

.. math:: \nabla_\theta\, \mathbb E_{y \sim p_\theta}[R(y)]
   = \mathbb E_{y \sim p_\theta}\left[(R(y) - b)\, \nabla_\theta \log p_\theta(y)\right] \quad\text{for every constant } b.

Williams 1992 (Machine Learning 8). For one categorical choice everything is also computed exactly, by adding up over all
choices. Taught in: book/language-gans.ipynb.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nlgnotes.validation import check_interval, check_scores

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
    baseline: Float[Tensor, "..."] | float | int = 0.0,
) -> Float[Tensor, ""]:
    r"""A loss whose gradient is the score-function estimate: :math:`-\frac1n \sum_y (R(y) - b)\, \log p_\theta(y)`.

    Its value means nothing. Minimising it raises the expected reward. Rewards and baseline are constants: no gradient
    passes through them.

    Args:
        log_probs: log-probability of each draw, with its graph.
        rewards: of each draw.
        baseline: b; a number, or a tensor that broadcasts against the rewards and does not depend on the draw.

    Raises:
        ValueError: the shapes differ, or there is no draw.

    >>> log_p = torch.zeros(2, requires_grad=True).log_softmax(-1)
    >>> score_function_surrogate(log_p, torch.tensor([1.0, 0.0]), baseline=0.5)
    tensor(-0., grad_fn=<NegBackward0>)
    """
    if log_probs.shape != rewards.shape:
        raise ValueError(
            f"log_probs and rewards must have the same shape; got {tuple(log_probs.shape)} and {tuple(rewards.shape)}"
        )
    if log_probs.numel() == 0:
        raise ValueError(
            f"log_probs must hold at least one draw; got shape {tuple(log_probs.shape)}"
        )
    advantage = (rewards - baseline).detach()
    if advantage.shape != rewards.shape:
        raise ValueError(
            f"baseline must broadcast to the shape of rewards, {tuple(rewards.shape)}; got a result of {tuple(advantage.shape)}"
        )
    return -(advantage * log_probs).mean()


def reward_gradient(logits: Rows, rewards: Rows) -> Rows:
    r"""The exact gradient of :math:`\mathbb E_{y \sim p}[R(y)]` with respect to the logits of p: :math:`p_i\,(R_i - \mathbb E[R])`.

    Args:
        logits: scores before softmax.
        rewards: the reward of each choice.

    Raises:
        ValueError: the shapes differ, or a row of logits holds NaN, +inf or no finite entry.

    >>> reward_gradient(torch.zeros(2), torch.tensor([1.0, 0.0]))
    tensor([ 0.2500, -0.2500])
    """
    p = _probabilities(logits, rewards)
    return p * (rewards - (p * rewards).sum(-1, keepdim=True))


def score_function_moments(
    logits: Rows, rewards: Rows, baseline: Float[Tensor, "..."] | float | int = 0.0
) -> tuple[Rows, Rows]:
    r"""Mean and variance, per logit, of the estimate from *one* draw: :math:`\hat g_i = (R(y) - b_i)(\mathbb 1\{i = y\} - p_i)`.

    Exact, by adding up over every draw y. The mean is the gradient for any b; the variance depends on it.

    Args:
        logits: scores before softmax.
        rewards: the reward of each choice.
        baseline: b; a number, or a tensor that broadcasts to the logits (one number per row, or one per logit).

    Returns:
        (mean, variance), both of the shape of the logits.

    Raises:
        ValueError: the shapes differ, or a row of logits holds NaN, +inf or no finite entry.

    >>> mean, variance = score_function_moments(torch.zeros(2), torch.tensor([1.0, 0.0]), baseline=0.5)
    >>> mean, variance
    (tensor([ 0.2500, -0.2500]), tensor([0., 0.]))
    """
    p = _probabilities(logits, rewards)
    score = torch.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :]  # [..., draw, logit]
    b = torch.as_tensor(baseline, dtype=p.dtype).expand(p.shape)
    draws = (rewards[..., :, None] - b[..., None, :]) * score
    mean = (p[..., :, None] * draws).sum(-2)
    return mean, (p[..., :, None] * (draws - mean[..., None, :]) ** 2).sum(-2)


def optimal_baseline(
    logits: Rows, rewards: Rows, *, per_component: bool = False
) -> Float[Tensor, "*batch width"]:
    r"""The constant that makes the total variance of the estimate least.

    .. math:: b^* = \frac{\mathbb E[R\, |\nabla\log p|^2]}{\mathbb E[|\nabla\log p|^2]}, \qquad
       b_i^* = \frac{\mathbb E[R\, (\partial_i\log p)^2]}{\mathbb E[(\partial_i\log p)^2]} \text{ for each logit i}.

    It is not the mean reward E[R]: draws with a long score count more. Greensmith, Bartlett and Baxter 2004 (JMLR 5).

    Args:
        logits: scores before softmax.
        rewards: the reward of each choice.
        per_component: a number for each logit instead of one for the row.

    Returns:
        [*batch 1], or [*batch vocab]; E[R] where a score is always 0 (there any constant does).

    Raises:
        ValueError: the shapes differ, or a row of logits holds NaN, +inf or no finite entry.

    >>> optimal_baseline(torch.tensor([0.2, 0.8]).log(), torch.tensor([1.0, 0.0]))
    tensor([0.8000])
    """
    p = _probabilities(logits, rewards)
    squares = (torch.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :]) ** 2  # [..., draw, logit]
    if not per_component:
        squares = squares.sum(-1, keepdim=True)
    weight = p[..., :, None] * squares
    total = weight.sum(-2)
    mean = (p * rewards).sum(-1, keepdim=True).expand(total.shape)
    return torch.where(
        total > 0, (weight * rewards[..., :, None]).sum(-2) / total.where(total > 0, 1.0), mean
    )


def _probabilities(logits: Tensor, rewards: Tensor) -> Tensor:
    check_scores("logits", logits)
    if logits.shape != rewards.shape:
        raise ValueError(
            f"logits and rewards must have the same shape; got {tuple(logits.shape)} and {tuple(rewards.shape)}"
        )
    return logits.softmax(-1)


def discounted_returns(
    rewards: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"], discount: float | int
) -> Float[Tensor, "batch time"]:
    r"""What is still to come, :math:`R_t = \sum_{s \ge t} \gamma^{s-t} r_s`; 0 where padded.

    Args:
        rewards: of each word.
        mask: where there is a word.
        discount: :math:`\gamma`, in [0, 1]: 0 pays each word for itself only.

    Raises:
        ValueError: shapes differ, or a discount outside [0, 1].

    >>> discounted_returns(torch.ones(1, 3), torch.ones(1, 3, dtype=torch.bool), 0.5)
    tensor([[1.7500, 1.5000, 1.0000]])
    """
    check_interval("discount", discount, 0, 1)
    if rewards.shape != mask.shape:
        raise ValueError(
            f"rewards and mask must have the same shape; got {tuple(rewards.shape)} and {tuple(mask.shape)}"
        )
    returns, ahead = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        ahead = torch.where(mask[:, t], rewards[:, t] + discount * ahead, 0.0)
        returns[:, t] = ahead
    return returns
