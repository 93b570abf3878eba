r"""How evenly experts are used, and the losses that make it more even.

Shazeer et al. 2017 (arXiv:1701.06538), section 4 and appendix A; Fedus, Zoph, Shazeer 2021
(arXiv:2101.03961), section 2.2; Dai et al. 2024 (arXiv:2401.06066); Wang et al. 2024
(arXiv:2408.15664). *B* tokens, *N* experts, *k* of them for each token.
Taught in: book/mixture-of-experts.ipynb.
"""

from typing import SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import (
    FLOATS,
    check_count,
    check_finite,
    check_floats,
    check_interval,
    check_positive,
    check_scores,
    describe,
    is_int64,
)

__all__ = [
    "dead_experts",
    "expert_counts",
    "expert_fractions",
    "importance",
    "max_over_mean",
    "max_violation",
    "sampled_squared_cv",
    "smooth_load",
    "squared_cv",
    "switch_loss",
    "updated_bias",
]


def squared_cv(x: Float[Tensor, "*batch experts"]) -> Float[Tensor, "*batch"]:
    r"""The squared coefficient of variation, :math:`\mathrm{CV}(x)^2 = \mathrm{Var}(x) / \bar x^2`.

    The variance is the population's, divided by N and not by N - 1. For numbers of at least 0 it
    lies in [0, N - 1], and in [0, N / k - 1] where none is above a k-th of their sum, as the counts
    of distinct choices of k. Shazeer et al. 2017, equations (7) and (11), times a weight w.
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        x: importances, loads or counts, at least 0, not all 0.

    Raises:
        ValueError: a number that is not finite or below 0, or a row of zeros.

    >>> squared_cv(torch.tensor([1.0, 3.0]))
    tensor(0.2500)
    """
    _check_amounts("x", x)
    mean = x.mean(-1)
    cv = (x - mean[..., None]).square().mean(-1) / mean.square()
    # Far from 1, and in half precision, a square over- or underflows: the ratio has no scale.
    small = x.dtype.itemsize < 4 or bool((mean < torch.finfo(x.dtype).tiny ** 0.25).any())
    if small or not bool(cv.isfinite().all()):
        cv = squared_cv(x.double() / x.double().amax(-1, keepdim=True)).to(cv.dtype)
    return cv


def importance(gates: Float[Tensor, "tokens experts"]) -> Float[Tensor, " experts"]:
    r"""Each expert's sum of gate values over the batch, :math:`\sum_{x \in X} G(x)`.

    Shazeer et al. 2017, equation (6). Taught in: book/mixture-of-experts.ipynb.

    Args:
        gates: of each token; at least 0.

    Raises:
        ValueError: no tokens, a gate below 0 or not finite.

    >>> importance(torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.5, 0.5]]))
    tensor([0.2500, 1.2500, 0.5000])
    """
    _check_amounts("gates", gates, rows=2)
    return gates.sum(0)


def smooth_load(
    clean: Float[Tensor, "tokens experts"],
    noisy: Float[Tensor, "tokens experts"],
    spread: Float[Tensor, "tokens experts"],
    k: SupportsIndex,
) -> Float[Tensor, " experts"]:
    r"""The load of each expert as a number with a gradient: the sum over the batch of

    .. math:: P(x, i) = \Phi\!\left(\frac{(x \cdot W_g)_i - \mathrm{kth\_excluding}(H(x), k, i)}
              {\mathrm{Softplus}((x \cdot W_\mathrm{noise})_i)}\right),

    the probability that expert i is among the k highest if its own noise is drawn again and the
    others' stays. kth_excluding is the k-th highest of the other experts' scores. Its mean over the
    noise is the expected number of tokens. Shazeer et al. 2017, equations (8) to (10).
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        clean: :math:`x \cdot W_g`.
        noisy: :math:`H(x)`, as it was drawn.
        spread: the standard deviation of the noise, above 0.
        k: from 1 to experts - 1. (With all experts chosen, every load is the number of tokens.)

    Raises:
        ValueError: scores that are no distribution, shapes that differ, a spread that is not above
            0, or ``k`` out of range.

    >>> scores = torch.tensor([[0.0, 0.0]])
    >>> smooth_load(scores, scores, torch.ones(1, 2), 1)
    tensor([0.5000, 0.5000])
    """
    check_scores("clean", clean)
    check_scores("noisy", noisy)
    check_floats("spread", spread)
    if noisy.shape != clean.shape or spread.shape != clean.shape:
        shapes = ", ".join(describe(x) for x in (clean, noisy, spread))
        raise ValueError(f"clean, noisy and spread must have the same shape; got {shapes}")
    if not bool((spread > 0).all()):
        raise ValueError(f"spread must be above 0; got {float(spread.min()):g}")
    k = check_count("k", k, 1, clean.shape[-1] - 1)
    top = noisy.topk(k + 1, -1).values
    kth, next_one = top[..., k - 1 : k], top[..., k:]
    # Without an expert that is among the k highest, the (k + 1)-th moves up to place k.
    threshold = torch.where(noisy >= kth, next_one, kth)
    return torch.special.ndtr((clean - threshold) / spread).sum(0)


def expert_counts(
    chosen: Int[Tensor, "tokens k"], experts: SupportsIndex
) -> Int[Tensor, " experts"]:
    """The hard load: how many tokens go to each expert.

    Taught in: book/mixture-of-experts.ipynb.

    Args:
        chosen: the experts of each token.
        experts: how many there are.

    Raises:
        ValueError: no int64 tensor [tokens, k], or an expert that does not exist.

    >>> expert_counts(torch.tensor([[0, 2], [2, 1], [2, 0]]), 4)
    tensor([2, 1, 3, 0])
    """
    experts = check_count("experts", experts)
    if not is_int64(chosen) or chosen.dim() != 2 or not chosen.numel():
        raise ValueError(f"chosen must be int64 of shape [tokens, k]; got {describe(chosen)}")
    low, high = int(chosen.min()), int(chosen.max())
    if low < 0 or high >= experts:
        raise ValueError(f"chosen must hold experts in [0, {experts}); got {low} to {high}")
    return torch.bincount(chosen.flatten(), minlength=experts)


def expert_fractions(
    chosen: Int[Tensor, "tokens k"], experts: SupportsIndex
) -> Float[Tensor, " experts"]:
    r"""The share of the choices that fall on each expert,

    .. math:: f_i = \frac{1}{k T} \sum_{x \in B} \mathbb 1\{i \text{ is among } x\text{'s } k\}.

    They add up to 1. With k = 1 this is the Switch Transformer's f (its equation (5), where the one
    expert is the arg max of the probabilities). Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: as :func:`expert_counts`.

    >>> expert_fractions(torch.tensor([[0], [0], [0], [1]]), 2)
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    return expert_counts(chosen, experts).double() / chosen.numel()


def switch_loss(
    probabilities: Float[Tensor, "tokens experts"], chosen: Int[Tensor, "tokens k"]
) -> Float[Tensor, ""]:
    r"""The load-balancing loss of the Switch Transformer, without its weight :math:`\alpha`:

    .. math:: N \sum_{i=1}^N f_i P_i, \qquad P_i = \frac 1 T \sum_{x \in B} p_i(x).

    f is :func:`expert_fractions`, a constant: the gradient flows through P only. With f or P
    uniform it is 1, whatever N and k; that is *not* its minimum. Fedus et al. 2021, equation (4).
    DeepSeekMoE writes N inside f, :math:`f_i = \frac{N}{kT} \sum \mathbb 1`, and its
    :math:`\sum f_i P_i` is this number; where f counts tokens and so adds up to k (Mixtral's code),
    the number is k times this one. Taught in: book/mixture-of-experts.ipynb.

    Args:
        probabilities: the softmax over *all* experts of each token, before any noise.
        chosen: the experts that each token went to.

    Raises:
        ValueError: probabilities below 0 or not finite, or choices of other tokens.

    >>> switch_loss(torch.tensor([[0.75, 0.25], [0.5, 0.5]]), torch.tensor([[0], [0]]))
    tensor(1.2500)
    """
    _check_amounts("probabilities", probabilities, rows=2)
    tokens, experts = probabilities.shape
    fractions = expert_fractions(chosen, experts).to(probabilities.dtype)
    if len(chosen) != tokens:
        raise ValueError(
            f"chosen must have a row for each of {tokens} probabilities; got {len(chosen)}"
        )
    return experts * (fractions * probabilities.mean(0)).sum()


def updated_bias(
    bias: Float[Tensor, " experts"], counts: Int[Tensor, " experts"], rate: SupportsFloat
) -> Float[Tensor, " experts"]:
    r"""The next bias of balancing without a loss,

    .. math:: b_i \leftarrow b_i + u\, \mathrm{sign}(\bar c - c_i):

    up for experts that got less than the mean, down for those that got more. The bias is added to
    the scores that the k highest are taken of, and never to the gate values; it has no gradient.
    Wang et al. 2024, algorithm 1. Taught in: book/mixture-of-experts.ipynb.

    Args:
        bias: *b*.
        counts: *c*, the tokens of each expert in the last batch.
        rate: *u*, above 0.

    Raises:
        ValueError: shapes that differ, a count below 0, or ``rate`` not above 0.

    >>> updated_bias(torch.zeros(3), torch.tensor([5, 2, 2]), 0.1)
    tensor([-0.1000,  0.1000,  0.1000])
    """
    rate = check_positive("rate", rate)
    counts = _counts(counts)
    check_finite("bias", bias, counts.shape)
    return bias + rate * torch.sign(counts.mean() - counts).to(bias.dtype)


def max_over_mean(counts: Int[Tensor, " experts"]) -> float:
    """The largest load over the mean load: from 1 (even) to N / k, as in Shazeer's Table 6.

    Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: a count below 0, or nothing counted.

    >>> max_over_mean(torch.tensor([6, 2, 1]))
    2.0
    """
    counts = _counts(counts)
    return float(counts.max() / counts.mean())


def max_violation(counts: Int[Tensor, " experts"]) -> float:
    r"""MaxVio, :math:`\max_i c_i / \bar c - 1`: from 0 (even) to N / k - 1. Wang et al. 2024.

    Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: as :func:`max_over_mean`.

    >>> max_violation(torch.tensor([6, 2, 1]))
    1.0
    """
    return max_over_mean(counts) - 1


def dead_experts(counts: Int[Tensor, " experts"], share: SupportsFloat = 0.0) -> int:
    """How many experts get at most ``share`` of the mean load; 0 counts those that get nothing.

    Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: as :func:`max_over_mean`, or ``share`` outside [0, 1].

    >>> dead_experts(torch.tensor([90, 9, 1, 0])), dead_experts(torch.tensor([90, 9, 1, 0]), 0.1)
    (1, 2)
    """
    share, counts = check_interval("share", share, 0, 1), _counts(counts)
    return int((counts <= share * counts.mean()).sum())


def sampled_squared_cv(experts: SupportsIndex, k: SupportsIndex, tokens: SupportsIndex) -> float:
    r"""What :math:`\mathrm{CV}^2` of the counts is expected to be when the choices are even:

    .. math:: \mathbb E\, \mathrm{CV}^2 = (N / k - 1) / B

    for B tokens that choose k of N experts independently, each expert as likely as any other. No
    measurement on a batch of B tokens is expected to be smaller without forcing the counts.
    Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: a count below 1, or ``k`` above ``experts``.

    >>> sampled_squared_cv(16, 2, 100)
    0.07
    """
    experts, tokens = check_count("experts", experts), check_count("tokens", tokens)
    return (experts / check_count("k", k, 1, experts) - 1) / tokens


def _counts(counts: Tensor) -> Tensor:
    """Counts as numbers of double precision."""
    if not is_int64(counts) or counts.dim() != 1 or not counts.numel() or int(counts.sum()) < 1:
        raise ValueError(f"counts must be int64, [experts], not all 0; got {describe(counts)}")
    if int(counts.min()) < 0:
        raise ValueError(f"counts must be at least 0; got {int(counts.min())}")
    return counts.double()


def _check_amounts(name: str, x: object, rows: int | None = None) -> None:
    """Finite numbers of at least 0, not all 0 in a row."""
    if not isinstance(x, Tensor) or x.dtype not in FLOATS or x.dim() < 1 or not x.numel():
        raise ValueError(f"{name} must be a floating-point tensor, not empty; got {describe(x)}")
    if rows is not None and x.dim() != rows:
        raise ValueError(f"{name} must have shape [tokens, experts]; got {tuple(x.shape)}")
    if not bool(x.isfinite().all()) or bool((x < 0).any()):
        raise ValueError(f"{name} must be finite and at least 0; got {float(x.min()):g} as least")
    if bool((x.sum(-1) == 0).any()):
        raise ValueError(f"{name} must not be all 0 in a row")
