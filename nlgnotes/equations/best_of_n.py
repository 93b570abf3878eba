r"""Best-of-N: the law of the best of n answers, its KL and its win rate, exactly and estimated.

A policy over a list of answers is a row of log-probabilities. Of equal rewards each of the n is
chosen with the same chance. Taught in: book/rlhf.ipynb.
"""

import math
from typing import SupportsIndex

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from nlgnotes.validation import FLOATS, check_count, check_log_probs, describe

__all__ = [
    "best_of_n_estimate",
    "best_of_n_kl_bound",
    "best_of_n_law",
    "win_rate",
]


def best_of_n_law(
    log_probs: Float[Tensor, "*batch answers"],
    reward: Float[Tensor, "*batch answers"],
    n: SupportsIndex,
) -> Float64[Tensor, "*batch answers"]:
    r"""The log-probability of every answer as the best of n independent ones.

    With F(y) the probability of a reward of at most r(y), and F⁻(y) of less,

    .. math:: P_n(y) = \frac{F(y)^n - F^-(y)^n}{F(y) - F^-(y)}\, \pi(y):

    the first factor is shared by answers of equal reward. Taught in: book/rlhf.ipynb.

    Args:
        log_probs: of the policy that is sampled from.
        reward: what chooses.
        n: how many are drawn.

    Returns:
        Log-probabilities, in float64; -inf only where the policy's is, or where it underflows.

    Raises:
        ValueError: n below 1, shapes that differ, or ill log-probabilities or rewards.

    >>> law = best_of_n_law(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.0, 1.0]), 2)
    >>> law.exp()
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    n = check_count("n", n)
    n = n if n < 2**63 else float(n)  # torch multiplies with integers of 64 bits
    log_p, r = _checked(log_probs, reward)
    value, order = r.sort(-1)
    p = log_p.exp().gather(-1, order)
    p = p / p.sum(-1, keepdim=True)
    first = torch.ones_like(value, dtype=torch.bool)
    first[..., 1:] = value[..., 1:] > value[..., :-1]
    group = first.long().cumsum(-1) - 1
    mass = torch.zeros_like(p).scatter_add_(-1, group, p)
    upto = mass.cumsum(-1).clamp(max=1.0)
    # F^n - F-^n = F^n (1 - (1 - m / F)^n), without the cancellation of the difference.
    share = (mass / upto.clamp(min=torch.finfo(p.dtype).tiny)).clamp(max=1.0)
    log_taken = n * upto.log() + (-torch.expm1(n * torch.log1p(-share))).log()
    log_factor = torch.where(mass > 0, log_taken - mass.log(), 0.0).gather(-1, group)
    return log_p + torch.empty_like(p).scatter_(-1, order, log_factor)


def best_of_n_kl_bound(n: SupportsIndex) -> float:
    r"""The usual formula, :math:`\log n - \frac{n - 1}{n}`: the KL for a continuous reward.

    Where answers can tie or have positive probability it is an upper bound (Beirami et al. 2024,
    arXiv:2401.01879). Stiennon et al. 2020 print it as an equality. Taught in: book/rlhf.ipynb.

    Args:
        n: how many are drawn.

    Raises:
        ValueError: n below 1.

    >>> round(best_of_n_kl_bound(256), 3)
    4.549
    """
    n = check_count("n", n)
    return math.log(n) - (n - 1) / n


def best_of_n_estimate(
    reward: Float[Tensor, "*batch samples"],
    values: Float[Tensor, "*batch samples"],
    n: SupportsIndex,
) -> Float64[Tensor, "*batch"]:
    r"""The expected value of the best of n, estimated without bias from N samples at once.

    .. math:: \sum_{i=n}^{N} \frac{\binom{i-1}{n-1}}{\binom{N}{n}}\, f_{(i)},

    with :math:`f_{(i)}` the value of the sample with the i-th lowest reward: the mean over all
    subsets of n. Samples of equal reward share their weights. Nakano et al. 2021
    (arXiv:2112.09332). Taught in: book/rlhf.ipynb.

    Args:
        reward: of each sample, what chooses.
        values: f of each sample, what is asked for.
        n: at most N.

    Raises:
        ValueError: n below 1 or above the number of samples, or other shapes.

    >>> best_of_n_estimate(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 0.0, 1.0]), 2)
    tensor(0.6667, dtype=torch.float64)
    """
    if not isinstance(reward, Tensor) or not reward.ndim:
        raise ValueError(f"reward must hold at least one sample; got {describe(reward)}")
    uniform = torch.zeros(reward.shape, dtype=torch.float64)
    _, r = _checked(uniform, reward, log_name="reward")
    _, f = _checked(uniform, values, "values", "reward")
    many = r.shape[-1]
    n = check_count("n", n, 1, many)
    i = torch.arange(1, many + 1, dtype=torch.float64)
    log_weight = _log_choose(i - 1, n - 1) - _log_choose(torch.tensor(float(many)).double(), n)
    weight = torch.where(i >= n, log_weight, -math.inf).exp()
    value, order = r.sort(-1)
    first = torch.ones_like(value, dtype=torch.bool)
    first[..., 1:] = value[..., 1:] > value[..., :-1]
    group = first.long().cumsum(-1) - 1
    sums = torch.zeros_like(r).scatter_add_(-1, group, weight.expand(r.shape))
    sizes = torch.zeros_like(r).scatter_add_(-1, group, torch.ones_like(r))
    shared = (sums / sizes.clamp(min=1)).gather(-1, group)
    return (shared * f.gather(-1, order)).sum(-1)


def win_rate(
    log_probs: Float[Tensor, "*batch answers"],
    against: Float[Tensor, "*batch answers"],
    reward: Float[Tensor, "*batch answers"],
) -> Float64[Tensor, "*batch"]:
    r"""How often a policy's answer has the higher reward; a tie counts half.

    .. math:: P(r(y) > r(y')) + \tfrac12 P(r(y) = r(y')), \quad y \sim \pi,\ y' \sim \pi'.

    Of the best of n against one answer it is n / (n + 1) for a continuous reward, and at most that
    otherwise. Taught in: book/rlhf.ipynb.

    Args:
        log_probs: of the policy.
        against: of the other one.
        reward: of every answer.

    Raises:
        ValueError: shapes that differ, or ill log-probabilities or rewards.

    >>> even = torch.tensor([0.5, 0.5]).log()
    >>> win_rate(even, even, torch.tensor([0.0, 1.0]))
    tensor(0.5000, dtype=torch.float64)
    """
    log_p, r = _checked(log_probs, reward)
    log_q, _ = _checked(against, reward, log_name="against")
    value, order = r.sort(-1)
    p, q = log_p.exp().gather(-1, order), log_q.exp().gather(-1, order)
    first = torch.ones_like(value, dtype=torch.bool)
    first[..., 1:] = value[..., 1:] > value[..., :-1]
    group = first.long().cumsum(-1) - 1
    theirs = torch.zeros_like(q).scatter_add_(-1, group, q)
    beaten = theirs.cumsum(-1) - theirs / 2
    return (p * beaten.gather(-1, group)).sum(-1)


def _log_choose(top: Tensor, under: int) -> Tensor:
    return torch.lgamma(top + 1) - math.lgamma(under + 1) - torch.lgamma(top - under + 1)


def _checked(
    log_probs: object, reward: object, name: str = "reward", log_name: str = "log_probs"
) -> tuple[Tensor, Tensor]:
    check_log_probs(log_name, log_probs)
    if float(log_probs.detach().amax()) > 0.01:  # rounding leaves a certain answer a little above 0
        raise ValueError(f"{log_name} must be at most 0; got {float(log_probs.amax()):g}")
    if not isinstance(reward, Tensor) or reward.dtype not in FLOATS:
        raise ValueError(f"{name} must be a floating-point tensor; got {describe(reward)}")
    if reward.shape != log_probs.shape or not reward.ndim:
        raise ValueError(
            f"{name} must have the shape of {log_name}, {tuple(log_probs.shape)}; "
            f"got {tuple(reward.shape)}"
        )
    if not bool(reward.isfinite().all()):
        raise ValueError(f"{name} must be finite; {int((~reward.isfinite()).sum())} are not")
    return log_probs.double(), reward.double()
