r"""Sampling from a softmax as an argmax over Gumbel noise, and its differentiable relaxation.

Gumbel-max draws an index exactly; Gumbel-softmax replaces the argmax by a softmax at temperature
:math:`\tau`; the straight-through estimator shows the one-hot vector forwards and differentiates
the soft one backwards.

Jang, Gu and Poole 2017 (arXiv:1611.01144); Maddison, Mnih and Teh 2017 (arXiv:1611.00712).
Taught in: book/gumbel-softmax.ipynb.
"""

from collections.abc import Sequence
from typing import SupportsFloat, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import (
    check_count,
    check_flag,
    check_generator,
    check_positive,
    check_scores,
    shown,
)

__all__ = ["gumbel_max", "gumbel_noise", "gumbel_softmax", "straight_through"]

Scores = Float[Tensor, "*batch vocab"]


def gumbel_noise(
    shape: Sequence[SupportsIndex], generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "..."]:
    r"""Independent standard Gumbel numbers: :math:`g = -\log E`, E exponential.

    So :math:`P(g \le x) = e^{-e^{-x}}`: their mean is Euler's constant .5772, their variance
    :math:`\pi^2/6`. The draws are those of ``torch.nn.functional.gumbel_softmax``: the same state
    of the generator gives the same noise.

    Args:
        shape: of the result.
        generator: where the noise is drawn from.
        dtype: float32 or float64.

    Raises:
        ValueError: a size is no integer of at least 0, no generator, or another dtype.

    >>> gumbel_noise((2, 3), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """
    if not isinstance(shape, Sequence) or isinstance(shape, str | bytes):
        raise ValueError(f"shape must be a sequence of sizes; got {shown(shape)}")
    sizes = [check_count("shape", size, 0) for size in shape]
    check_generator(generator)
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64; got {dtype}")
    exponential = torch.empty(sizes, dtype=dtype).exponential_(generator=generator)
    # An exponential of 0 would be noise of +inf.
    return -exponential.clamp_(min=torch.finfo(dtype).tiny).log()


def gumbel_max(logits: Scores, generator: torch.Generator) -> Scores:
    r"""One draw from softmax(logits) per row: one-hot at :math:`\arg\max_i [\log\pi_i + g_i]`.

    The logits need not be normalised, since a constant does not move the argmax. No gradient
    passes.

    Args:
        logits: scores before softmax, in float32 or float64; -inf forbids a token.
        generator: where the noise is drawn from.

    Returns:
        A one-hot vector per row.

    Raises:
        ValueError: a row holds NaN, +inf or no finite entry, no generator, or the dtype is neither
            float32 nor float64.

    >>> gumbel_max(torch.tensor([[0.0, 50.0], [50.0, 0.0]]), torch.Generator().manual_seed(0))
    tensor([[0., 1.],
            [1., 0.]])
    """
    check_scores("logits", logits)
    return _one_hot(logits.detach() + gumbel_noise(logits.shape, generator, logits.dtype))


def gumbel_softmax(
    logits: Scores, tau: SupportsFloat, generator: torch.Generator, *, hard: bool = False
) -> Scores:
    r"""A relaxed draw per row: :math:`y = \mathrm{softmax}((\log\pi + g) / \tau)`.

    The argmax of y is a draw from softmax(logits) whatever :math:`\tau` is: dividing by it moves no
    argmax. So with ``hard`` the temperature changes the gradient and nothing else. As
    ``torch.nn.functional.gumbel_softmax``, which takes no generator; but here the word is read off
    before the division, and so holds even where :math:`\tau` is so large that rounding makes the
    entries of y equal.

    Args:
        logits: scores before softmax, in float32 or float64; -inf forbids a token.
        tau: the temperature, above 0.
        generator: where the noise is drawn from.
        hard: straight-through: the one-hot vector forwards, the gradient of the soft one backwards.

    Returns:
        A distribution per row; a one-hot vector with ``hard``.

    Raises:
        ValueError: ``tau`` is not above 0, a row holds NaN, +inf or no finite entry, no generator,
            or the dtype is neither float32 nor float64.

    >>> y = gumbel_softmax(torch.zeros(3), 0.5, torch.Generator().manual_seed(0))
    >>> round(float(y.sum()), 6)
    1.0
    """
    check_scores("logits", logits)
    tau, hard = check_positive("tau", tau), check_flag("hard", hard)
    noisy = logits + gumbel_noise(logits.shape, generator, logits.dtype)
    # The largest entry is taken away first, so that no tau is too small for the division; one that
    # is no normal number of the precision would be rounded to 0 or to infinity.
    below = noisy - noisy.detach().amax(-1, keepdim=True)
    limits = torch.finfo(logits.dtype)
    if not limits.tiny <= tau <= limits.max:
        below = below.double()
    soft = (below / tau).softmax(-1).to(logits.dtype)
    return straight_through(soft, noisy) if hard else soft


def straight_through(soft: Scores, scores: Float[Tensor, "*other"] | None = None) -> Scores:
    """The one-hot vector of each row's largest entry, with the gradient of the row itself.

    Written hard + (soft - soft.detach()): the bracket is 0 forwards and ``soft`` backwards. Bengio,
    Léonard and Courville 2013 (arXiv:1308.3432).

    Args:
        soft: what the gradient flows to; finite.
        scores: what the largest entry is sought in, in the place of ``soft``; no gradient flows to
            it.

    Raises:
        ValueError: ``soft`` is not finite, a row of ``scores`` holds NaN, +inf or no finite entry,
            or the shapes differ.

    >>> soft = torch.tensor([0.25, 0.75], requires_grad=True)
    >>> y = straight_through(soft)
    >>> y.detach(), torch.autograd.grad(y @ torch.tensor([3.0, 4.0]), soft)[0]
    (tensor([0., 1.]), tensor([3., 4.]))
    """
    scores = soft if scores is None else scores
    check_scores("soft", soft)
    if (ill := int(soft.isneginf().sum())) > 0:
        raise ValueError(f"soft must be finite; got {ill} entries of -inf")
    check_scores("scores", scores)
    if scores.shape != soft.shape:
        shapes = f"{tuple(soft.shape)} and {tuple(scores.shape)}"
        raise ValueError(f"soft and scores must have the same shape; got {shapes}")
    return _one_hot(scores.detach()) + (soft - soft.detach())


def _one_hot(scores: Tensor) -> Tensor:
    return torch.zeros_like(scores).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)
