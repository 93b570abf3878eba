r"""Noisy top-k gating: which experts a token goes to, and what their answers weigh.

Shazeer et al. 2017 (arXiv:1701.06538), section 2.1. :math:`x` is a token's hidden state, *N* the
number of experts, *k* how many of them each token gets. Taught in: book/mixture-of-experts.ipynb.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_generator, check_scores, describe

__all__ = ["gate_values", "keep_top_k", "noisy_logits", "top_k_experts"]


def noisy_logits(
    clean: Float[Tensor, "*tokens experts"],
    raw_noise: Float[Tensor, "*tokens experts"],
    generator: torch.Generator,
) -> Float[Tensor, "*tokens experts"]:
    r"""The scores of the experts with learned noise,

    .. math:: H(x)_i = (x \cdot W_g)_i
              + \mathrm{StandardNormal}() \cdot \mathrm{Softplus}((x \cdot W_\mathrm{noise})_i).

    Every entry draws a normal number of its own. Shazeer et al. 2017, equation (4).
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        clean: :math:`x \cdot W_g`.
        raw_noise: :math:`x \cdot W_\mathrm{noise}`; 0 gives a standard deviation of log 2 = 0.69.
        generator: where the normal numbers come from.

    Raises:
        ValueError: scores that are no distribution, shapes that differ, or no generator.

    >>> clean = torch.tensor([[1.0, 2.0]])
    >>> quiet = torch.full((1, 2), -40.0)  # softplus(-40) is 4e-18
    >>> noisy_logits(clean, quiet, torch.Generator())
    tensor([[1., 2.]])
    """
    check_generator(generator)
    check_scores("clean", clean)
    check_scores("raw_noise", raw_noise)
    if raw_noise.shape != clean.shape:
        shapes = f"{describe(clean)} and {describe(raw_noise)}"
        raise ValueError(f"clean and raw_noise must have the same shape; got {shapes}")
    normal = torch.empty_like(clean).normal_(generator=generator)
    return clean + normal * F.softplus(raw_noise)


def top_k_experts(scores: Float[Tensor, "*tokens experts"], k: int) -> Int[Tensor, "*tokens k"]:
    """The experts with the k highest scores, the highest first; of equals, any.

    Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: scores that are no distribution, or ``k`` outside [1, experts].

    >>> top_k_experts(torch.tensor([0.5, 2.0, 1.0]), 2)
    tensor([1, 2])
    """
    check_scores("scores", scores)
    return scores.topk(check_count("k", k, 1, scores.shape[-1]), -1).indices


def keep_top_k(
    scores: Float[Tensor, "*tokens experts"], k: int
) -> Float[Tensor, "*tokens experts"]:
    r"""All but the k highest scores at minus infinity,

    .. math:: \mathrm{KeepTopK}(v, k)_i = v_i \text{ if } v_i \text{ is in the top } k
              \text{ elements of } v, \text{ else } -\infty.

    Of equal scores as many stay as there is room for: exactly k. Shazeer et al. 2017, equation (5).
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        scores: *v*.
        k: from 1 to the number of experts.

    Raises:
        ValueError: as :func:`top_k_experts`.

    >>> keep_top_k(torch.tensor([0.5, 2.0, 1.0]), 2)
    tensor([-inf, 2., 1.])
    """
    chosen = top_k_experts(scores, k)
    kept = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, chosen, True)
    return scores.masked_fill(~kept, -math.inf)


def gate_values(
    scores: Float[Tensor, "*tokens experts"], k: int
) -> Float[Tensor, "*tokens experts"]:
    r"""The gate :math:`G(x) = \mathrm{Softmax}(\mathrm{KeepTopK}(H(x), k))`.

    Exactly k entries of a row are above 0 (unless a score underflows), and they add up to 1. With
    k = 1 the one entry is 1 whatever its score, so no gradient reaches the scores; with k > 1 it
    reaches those of the chosen experts. Shazeer et al. 2017, equation (3).
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        scores: :math:`H(x)`, or :math:`x \cdot W_g` where there is no noise.
        k: from 1 to the number of experts.

    Raises:
        ValueError: as :func:`top_k_experts`.

    >>> gate_values(torch.tensor([0.0, 1.0, -3.0]), 2)
    tensor([0.2689, 0.7311, 0.0000])
    """
    return keep_top_k(scores, k).softmax(-1)
