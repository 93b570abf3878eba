r"""Preferences: Bradley–Terry, Plackett–Luce, and the policy that is optimal for a reward.

A policy over a list of answers is a row of log-probabilities; expectations are sums over the list.
Taught in: book/rlhf.ipynb.
"""

import math
from typing import SupportsFloat

import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from nlgnotes.equations.precision import at_least_float32
from nlgnotes.validation import (
    check_finite,
    check_floats,
    check_log_probs,
    check_positive,
    check_scores,
    describe,
)

__all__ = [
    "expectation",
    "pairwise_loss",
    "plackett_luce_log_prob",
    "tilt",
    "tilt_at_kl",
]

LogProbabilities = Float[Tensor, "*batch answers"]


def pairwise_loss(
    chosen: Float[Tensor, " pairs"], rejected: Float[Tensor, " pairs"]
) -> Float[Tensor, ""]:
    r"""The loss of a reward model: :math:`-\frac1n \sum \log \sigma(r(x, y_w) - r(x, y_l))`.

    The negative log-likelihood of the choices under Bradley and Terry 1952 (Biometrika 39), as in
    Stiennon et al. 2020 (arXiv:2009.01325). A constant added to all rewards of a prompt changes
    nothing. Taught in: book/rlhf.ipynb.

    Args:
        chosen, rejected: the rewards of the better and of the worse answer.

    Raises:
        ValueError: no pair, other shapes, or rewards that are not finite.

    >>> import torch
    >>> pairwise_loss(torch.tensor([3.0]).log(), torch.zeros(1)).exp()  # 1 / sigma(log 3) = 4 / 3
    tensor(1.3333)
    """
    check_finite("chosen", chosen)
    if not isinstance(rejected, Tensor) or rejected.shape != chosen.shape or not chosen.numel():
        raise ValueError(
            "chosen and rejected must have one shape, with at least one pair; "
            f"got {describe(chosen)} and {describe(rejected)}"
        )
    check_finite("rejected", rejected)
    return -F.logsigmoid(at_least_float32(chosen - rejected)).mean()


def plackett_luce_log_prob(rewards: Float[Tensor, "*batch ranked"]) -> Float[Tensor, "*batch"]:
    r"""The log-probability of a ranking, best first:

    .. math:: \log P = \sum_{k=1}^K \Bigl[ r_k - \log \sum_{j \ge k} e^{r_j} \Bigr].

    Each place is taken by a softmax among the answers that are left. Of two answers it is Bradley
    and Terry's law. Luce 1959; Plackett 1975 (Applied Statistics 24). Taught in: book/rlhf.ipynb.

    Args:
        rewards: of the answers, in the order of the ranking.

    Raises:
        ValueError: nothing to rank, or rewards that are not finite.

    >>> import torch
    >>> plackett_luce_log_prob(torch.zeros(3)).exp()  # one of 3! orders
    tensor(0.1667)
    """
    check_finite("rewards", rewards)
    if not rewards.ndim or not rewards.shape[-1]:
        raise ValueError(f"rewards must rank at least one answer; got {describe(rewards)}")
    left = at_least_float32(rewards).flip(-1).logcumsumexp(-1).flip(-1)
    return (rewards - left).sum(-1)


def tilt(
    log_ref: LogProbabilities, reward: LogProbabilities, beta: SupportsFloat
) -> Float64[Tensor, "*batch answers"]:
    r"""The optimal policy: :math:`\pi^*(y \mid x) \propto \pi_{ref}(y \mid x)\, e^{r(x, y)/\beta}`.

    It maximises :math:`\mathbb E_\pi[r] - \beta D_{KL}(\pi \| \pi_{ref})`, and no policy of equal
    KL has a higher expected reward. Taught in: book/rlhf.ipynb.

    Args:
        log_ref: log-probabilities of the reference.
        reward: of every answer.
        beta: the price of a nat of KL, above 0; infinity gives the reference.

    Returns:
        Log-probabilities, in float64.

    Raises:
        ValueError: beta is not above 0, shapes that differ, or ill log-probabilities or rewards.

    >>> import torch
    >>> tilt(torch.tensor([0.5, 0.5]).log(), torch.tensor([3.0, 1.0]).log(), 1.0).exp()
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    if beta != math.inf:
        beta = check_positive("beta", beta)
    _check_rewards(log_ref, reward)
    pull = reward.double() / beta
    if not bool(pull.isfinite().all()):
        raise ValueError(f"beta must leave reward / beta finite; got {beta:g}")
    return (log_ref.double() + pull).log_softmax(-1)


def expectation(log_probs: LogProbabilities, values: LogProbabilities) -> Float64[Tensor, "*batch"]:
    r"""The expected value under a policy: :math:`\sum_y \pi(y \mid x)\, f(x, y)`, one a prompt.

    Args:
        log_probs: log-probabilities of the policy.
        values: f, of every answer.

    Raises:
        ValueError: shapes that differ, or ill log-probabilities or values.
    """
    _check_rewards(log_probs, values, "log_probs", "values")
    return (log_probs.double().exp() * values.double()).sum(-1)


def tilt_at_kl(
    log_ref: Float[Tensor, "prompts answers"],
    reward: Float[Tensor, "prompts answers"],
    kl: SupportsFloat,
) -> tuple[Float64[Tensor, "prompts answers"], float]:
    r"""The optimal policy at a given KL, a mean over the prompts, and the :math:`\beta` it needs.

    One :math:`\beta` serves all prompts, as in the objective; it is found by bisection.

    Args:
        log_ref: log-probabilities of the reference.
        reward: of every answer, not constant.
        kl: nats, above 0.

    Raises:
        ValueError: as :func:`tilt`, or a KL that no tilt by this reward has.
    """
    kl = check_positive("kl", kl)
    _check_rewards(log_ref, reward)
    spread = float((reward.amax(-1) - reward.amin(-1)).max())
    if not spread > 0:
        raise ValueError("reward must not be constant: no tilt by it leaves the reference")

    def reached(exponent: float) -> float:
        policy = tilt(log_ref, reward, spread * math.exp(-exponent))
        # What the reference never says has probability 0 and adds nothing.
        ratio = (policy - log_ref.double()).masked_fill(policy == -math.inf, 0.0)
        return float((policy.exp() * ratio).sum(-1).mean())

    low, high = -20.0, 14.0  # beta from far above the rewards' spread to far below
    lowest, highest = reached(low), reached(high)
    if not lowest < kl < highest:
        raise ValueError(
            f"kl must lie in ({lowest:.3g}, {highest:.3g}), which this reward's tilts reach; "
            f"got {kl:g}"
        )
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < kl else (low, middle)
    beta = spread * math.exp(-low)
    return tilt(log_ref, reward, beta), beta


def _check_rewards(
    log_probs: object, values: object, name: str = "log_ref", other: str = "reward"
) -> None:
    check_log_probs(name, log_probs)
    if float(log_probs.detach().amax()) > 0.01:  # rounding leaves a certain answer a little above 0
        raise ValueError(f"{name} must be at most 0; got {float(log_probs.amax()):g}")
    check_scores(name, log_probs)
    check_floats(other, values)
    if values.shape != log_probs.shape:
        raise ValueError(
            f"{other} must have the shape of {name}, {tuple(log_probs.shape)}; "
            f"got {tuple(values.shape)}"
        )
    if not bool(values.isfinite().all()):
        raise ValueError(f"{other} must be finite; {int((~values.isfinite()).sum())} are not")
