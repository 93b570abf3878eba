r"""Contextual calibration: undo what a prompt would answer to a question that says nothing.

Pure functions of probabilities over the labels, p for a question and p_null for the null input, in
shapes that broadcast. Taught in: book/calibration.ipynb.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import FLOATS, check_finite, describe

__all__ = ["calibrate", "null_weights", "prior_correction", "prompt_bias", "softmax_calibration"]

Labels = Float[Tensor, "*#batch labels"]


def prompt_bias(p_null: Float[Tensor, "*batch labels"]) -> Float[Tensor, "*batch"]:
    r"""How far the prompt's answer to nothing is from an even one: :math:`\max_k p_k - 1/K`.

    Args:
        p_null: the probabilities of the K labels for the null input.

    Returns:
        From 0, no label is preferred, to 1 - 1/K.

    Raises:
        ValueError: a row that is no distribution.

    >>> prompt_bias(torch.tensor([0.75, 0.25]))
    tensor(0.2500)
    """
    _check("p_null", p_null)
    return p_null.amax(-1) - 1 / p_null.shape[-1]


def null_weights(p_null: Float[Tensor, "*batch labels"]) -> Float[Tensor, "*batch labels labels"]:
    r"""Zhao et al.'s matrix :math:`W = \mathrm{diag}(p_{\mathrm{null}})^{-1}`.

    Zhao et al. 2021 (arXiv:2102.09690), section 5, with b = 0.

    Args:
        p_null: the probabilities of the labels for the null input, or their mean over several;
            above 0.

    Raises:
        ValueError: a row that is no distribution, or a probability of 0.

    >>> null_weights(torch.tensor([0.75, 0.25]))
    tensor([[1.3333, 0.0000],
            [0.0000, 4.0000]])
    """
    _check_null(p_null)
    return torch.diag_embed(1 / p_null)


def calibrate(
    p: Labels, weights: Float[Tensor, "*#batch labels labels"], bias: Labels | None = None
) -> Labels:
    r"""Affine calibration as the notes print it, :math:`\hat q = \mathrm{softmax}(W \hat p + b)`.

    Args:
        p: the probabilities of the labels for a question.
        weights: W.
        bias: b; 0 if None.

    Returns:
        The calibrated probabilities.

    Raises:
        ValueError: a row of ``p`` that is no distribution, or weights that are not finite.

    >>> W = null_weights(torch.tensor([0.6, 0.4]))
    >>> calibrate(torch.tensor([0.9, 0.1]), W), calibrate(torch.tensor([0.6, 0.4]), W)
    (tensor([0.7773, 0.2227]), tensor([0.5000, 0.5000]))
    """
    _check("p", p)
    labels = p.shape[-1]
    check_finite("weights", weights)
    if weights.dim() < 2 or weights.shape[-2:] != (labels, labels) or weights.dtype != p.dtype:
        raise ValueError(
            f"weights must be [..., {labels}, {labels}], in the type of p, {p.dtype}; "
            f"got {describe(weights)}"
        )
    _check_fits("weights", weights.shape[:-1], p)
    if bias is not None:
        check_finite("bias", bias)
        _check_fits("bias", bias.shape, p)
    scores = (weights @ p[..., None])[..., 0]
    return (scores if bias is None else scores + bias).softmax(-1)


def softmax_calibration(p: Labels, p_null: Labels) -> Labels:
    r"""The notes' rule with its W and b: :math:`\mathrm{softmax}(\hat p / p_{\mathrm{null}})`.

    The null input itself comes out uniform. The decision is that of :func:`prior_correction`; the
    probabilities are others: no ratio above :math:`e^{1 / \min p_{\mathrm{null}}}` can come out.

    Args:
        p: the probabilities of the labels for a question.
        p_null: those for the null input; above 0.

    Raises:
        ValueError: a row that is no distribution, or a probability of 0 in ``p_null``.
    """
    _check("p", p)
    _check_null(p_null)
    _check_fits("p_null", p_null.shape, p)
    return (p / p_null).softmax(-1)


def prior_correction(p: Labels, p_null: Labels) -> Labels:
    r"""Divide by the null's probabilities and normalise: :math:`q \propto p / p_{\mathrm{null}}`.

    If p is Bayes' rule with the prior :math:`\pi`, :math:`p_k \propto \pi_k\, p(x \mid k)`, and the
    null input tells nothing, so that :math:`p_{\mathrm{null}} = \pi`, then q is Bayes' rule with an
    even prior.

    Args:
        p: the probabilities of the labels for a question.
        p_null: those for the null input; above 0.

    Raises:
        ValueError: a row that is no distribution, or a probability of 0 in ``p_null``.

    >>> prior_correction(torch.tensor([0.9, 0.1]), torch.tensor([0.6, 0.4]))
    tensor([0.8571, 0.1429])
    """
    _check("p", p)
    _check_null(p_null)
    _check_fits("p_null", p_null.shape, p)
    ratio = p / p_null
    return ratio / ratio.sum(-1, keepdim=True)


def _check(name: str, p: Tensor) -> None:
    if not isinstance(p, Tensor) or p.dtype not in FLOATS or p.dim() == 0 or not p.numel():
        raise ValueError(f"{name} must hold probabilities of labels; got {describe(p)}")
    off = float((p.sum(-1) - 1).abs().max())
    if not bool((p >= 0).all()) or not off <= 1e-3:  # NaN fails both
        raise ValueError(
            f"{name} must be distributions over the last axis; got values from "
            f"{float(p.min()):g} and a sum {off:g} away from 1"
        )


def _check_fits(name: str, shape: torch.Size, p: Tensor) -> None:
    """That rows of labels broadcast against those of ``p``: as many labels, and rows that fit."""
    try:
        torch.broadcast_shapes(shape, p.shape)
        fits = bool(shape) and shape[-1] == p.shape[-1]
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"{name} must fit p of shape {tuple(p.shape)}; got {tuple(shape)}")


def _check_null(p_null: Tensor) -> None:
    _check("p_null", p_null)
    if not bool((1 / p_null).isfinite().all()):
        least = float(p_null.min())
        raise ValueError(f"p_null must be above 0 everywhere; got {least:g}: no weight can undo it")
