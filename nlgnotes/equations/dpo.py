r"""Direct preference optimisation: the loss, its gradient in three parts, and two relatives.

All of them are functions of four log-probabilities a pair: of the chosen answer :math:`y_w` and of
the rejected one :math:`y_l`, under the policy :math:`\pi_\theta` and under the frozen reference.
They are those of whole answers, *sums* over tokens, in nats.
Rafailov et al. 2023 (arXiv:2305.18290). Taught in: book/dpo.ipynb.
"""

import math
from typing import SupportsFloat

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from nlgnotes.validation import FLOATS, check_interval, describe

__all__ = ["chosen_law", "dpo_gradient", "dpo_loss", "dpo_weight", "implicit_reward", "ipo_loss"]

Pairs = Float[Tensor, "*batch"]


def implicit_reward(log_probs: Pairs, reference: Pairs, beta: SupportsFloat) -> Pairs:
    r"""The reward that a policy would be optimal for: :math:`\hat r = \beta \log(\pi / \pi_{ref})`.

    It is the true reward of the optimum, up to a number for each prompt, :math:`\beta \log Z(x)`.
    The notes call it the estimated reward; the paper's word is *implicit*.

    Args:
        log_probs: of answers under the policy, in nats; finite.
        reference: of the same answers under the reference; finite.
        beta: above 0; the price of a nat of KL, in units of reward.

    Returns:
        One reward an answer.

    Raises:
        ValueError: another ``beta``, or log-probabilities that differ in shape or are not finite.

    >>> implicit_reward(torch.tensor([-1.0]), torch.tensor([-3.0]), beta=0.5)
    tensor([1.])
    """
    beta = _beta(beta)
    _check(log_probs=log_probs, reference=reference)
    return beta * (log_probs - reference)


def dpo_loss(
    chosen: Pairs,
    rejected: Pairs,
    reference_chosen: Pairs,
    reference_rejected: Pairs,
    beta: SupportsFloat,
    *,
    smoothing: SupportsFloat = 0.0,
) -> Pairs:
    r"""The loss of each pair, :math:`-\log\sigma(\hat r_w - \hat r_l)`; with label smoothing,

    .. math:: -(1 - \epsilon)\log\sigma(\hat r_w - \hat r_l)
       - \epsilon\log\sigma(\hat r_l - \hat r_w).

    That is the Bradley-Terry loss of a reward model whose reward is :func:`implicit_reward`. It
    is log 2 where policy and reference agree, and, whatever the policy, where the two answers are
    the same. With smoothing it is least at the margin :math:`\log((1 - \epsilon) / \epsilon)`,
    without it nowhere.

    Args:
        chosen, rejected: log-probabilities under the policy, with their graph; finite.
        reference_chosen, reference_rejected: under the reference.
        beta: above 0.
        smoothing: :math:`\epsilon`, the share of labels taken to be wrong, in [0, 0.5).

    Returns:
        One loss a pair, in nats.

    Raises:
        ValueError: ``beta`` or ``smoothing`` out of range, or log-probabilities that differ in
            shape or are not finite.

    >>> same = torch.tensor([-2.0])
    >>> dpo_loss(same, same - 1, same, same - 1, beta=0.1)  # the policy is the reference
    tensor([0.6931])
    """
    beta, smoothing = _beta(beta), _smoothing(smoothing)
    margin = beta * _log_ratio(chosen, rejected, reference_chosen, reference_rejected)
    return -(1 - smoothing) * F.logsigmoid(margin) - smoothing * F.logsigmoid(-margin)


def dpo_weight(
    chosen_reward: Pairs, rejected_reward: Pairs, *, smoothing: SupportsFloat = 0.0
) -> Pairs:
    r"""How much a pair counts in the gradient, :math:`\sigma(\hat r_l - \hat r_w) - \epsilon`.

    That is the probability with which the implicit rewards get the pair wrong.

    Args:
        chosen_reward, rejected_reward: :func:`implicit_reward` of the two answers.
        smoothing: :math:`\epsilon`; the weight is then below 0 beyond the margin that is best.

    Returns:
        One weight a pair; 1/2 where the rewards agree.

    Raises:
        ValueError: ``smoothing`` out of range, or rewards that differ in shape or are not finite.

    >>> dpo_weight(torch.tensor([0.0, 2.0, -2.0]), torch.zeros(3))
    tensor([0.5000, 0.1192, 0.8808])
    """
    smoothing = _smoothing(smoothing)
    _check(chosen_reward=chosen_reward, rejected_reward=rejected_reward)
    return torch.sigmoid(rejected_reward - chosen_reward) - smoothing


def dpo_gradient(
    chosen_direction: Float[Tensor, "pairs weights"],
    rejected_direction: Float[Tensor, "pairs weights"],
    weight: Float[Tensor, " pairs"],
    beta: SupportsFloat,
) -> Float[Tensor, " weights"]:
    r"""The gradient of the mean loss, put together from its parts:

    .. math:: \nabla_\theta L = -\beta\, \frac1n \sum_i
       \underbrace{\sigma(\hat r_l - \hat r_w)}_{\text{weight}}\,
       \underbrace{(\nabla_\theta \log\pi_\theta(y_w)
       - \nabla_\theta \log\pi_\theta(y_l))}_{\text{direction}}.

    A step of descent goes *against* it, so along weight times direction.

    Args:
        chosen_direction, rejected_direction: the gradient of each answer's log-probability.
        weight: :func:`dpo_weight` of each pair.
        beta: above 0.

    Returns:
        One number per weight of the network.

    Raises:
        ValueError: another ``beta``, shapes that do not fit, or numbers that are not finite, or
            too large for their mean to be.

    >>> dpo_gradient(torch.eye(2), -torch.eye(2), torch.tensor([0.5, 0.1]), beta=1.0)
    tensor([-0.5000, -0.1000])
    """
    beta = _beta(beta)
    _check(chosen_direction=chosen_direction, rejected_direction=rejected_direction)
    _check(weight=weight)
    if chosen_direction.dim() != 2 or weight.shape != chosen_direction.shape[:1]:
        raise ValueError(
            "weight must hold one number for each row of the directions; got "
            f"{describe(weight)} for {describe(chosen_direction)}"
        )
    gradient = -beta * (weight[:, None] * (chosen_direction - rejected_direction)).mean(0)
    _check(gradient=gradient)
    return gradient


def ipo_loss(
    chosen: Pairs,
    rejected: Pairs,
    reference_chosen: Pairs,
    reference_rejected: Pairs,
    beta: SupportsFloat,
) -> Pairs:
    r"""The loss of IPO, :math:`\left(h - \frac{1}{2\beta}\right)^2`, h the log-ratio of log-ratios:

    .. math:: h = \log\frac{\pi(y_w)}{\pi_{ref}(y_w)} - \log\frac{\pi(y_l)}{\pi_{ref}(y_l)}.

    The margin h has a finite aim, :math:`1 / 2\beta`, also where no label ever errs. Azar et al.
    2023 (arXiv:2310.12036), Eq. 17, where :math:`\beta` is :math:`\tau`.

    Args:
        chosen, rejected: log-probabilities under the policy, with their graph; finite.
        reference_chosen, reference_rejected: under the reference.
        beta: above 0.

    Returns:
        One loss a pair; its unit is nats squared.

    Raises:
        ValueError: as :func:`dpo_loss`.

    >>> same = torch.tensor([-2.0])
    >>> ipo_loss(same, same, same, same, beta=0.5)
    tensor([1.])
    """
    beta = _beta(beta)
    ratio = _log_ratio(chosen, rejected, reference_chosen, reference_rejected)
    return (ratio - 1 / (2 * beta)) ** 2


def chosen_law(
    log_probs: Float[Tensor, "prompts answers"], reward: Float[Tensor, "prompts answers"]
) -> Float64[Tensor, "prompts answers"]:
    r"""The law of the *chosen* answer, where one policy writes both and labels are Bradley-Terry's:

    .. math:: p_w(y) = 2\, \pi(y) \sum_{y'} \pi(y')\, \sigma(r(y) - r(y')).

    That of the rejected one is the same with -r, and the mean of the two is :math:`\pi`. Under its
    own law the chosen answer's mean log-probability is
    :math:`\sum_y p_w(y) \log \pi_\theta(y) = -H(p_w) - D_{KL}(p_w \| \pi_\theta)`.

    Args:
        log_probs: of the policy that writes both answers.
        reward: what the labels go by, finite; answers of equal reward are added up first.

    Returns:
        Log-probabilities, in float64.

    Raises:
        ValueError: shapes that differ, or numbers that are not finite.

    >>> chosen_law(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[3.0, 1.0]]).log()).exp()
    tensor([[0.6250, 0.3750]], dtype=torch.float64)
    """
    _check(log_probs=log_probs, reward=reward)
    found = []
    for row, r in zip(log_probs.double(), reward.double(), strict=True):
        values, of = r.unique(return_inverse=True)
        mass = torch.zeros_like(values).index_add_(0, of, row.softmax(0))
        beaten = torch.cat(
            [(some[:, None] - values).sigmoid() @ mass for some in values.split(1024)]
        )
        found.append(row.log_softmax(0) + math.log(2) + beaten.log()[of])
    return torch.stack(found)


def _log_ratio(chosen: Tensor, rejected: Tensor, by_chosen: Tensor, by_rejected: Tensor) -> Tensor:
    _check(
        chosen=chosen,
        rejected=rejected,
        reference_chosen=by_chosen,
        reference_rejected=by_rejected,
    )
    return (chosen - by_chosen) - (rejected - by_rejected)


def _beta(beta: object) -> float:
    return float(check_interval("beta", beta, 0, math.inf, closed="neither"))


def _smoothing(smoothing: object) -> float:
    return float(check_interval("smoothing", smoothing, 0, 0.5, closed="left"))


def _check(**tensors: object) -> None:
    """That all are finite, of floating point and of one shape: a broadcast would pair at random."""
    (first, pattern), *_ = tensors.items()
    for name, x in tensors.items():
        if not isinstance(x, Tensor) or x.dtype not in FLOATS or not x.numel():
            raise ValueError(f"{name} must hold numbers of floating point; got {describe(x)}")
        if x.shape != pattern.shape:
            raise ValueError(
                f"{name} must have the shape of {first}, {tuple(pattern.shape)}; got {describe(x)}"
            )
        if (ill := int((~torch.isfinite(x)).sum())) > 0:
            raise ValueError(f"{name} must be finite; got {ill} that are not")
