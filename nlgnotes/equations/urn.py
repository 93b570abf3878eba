"""Pólya's urn with decay: labels that have occurred become likelier."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_interval, check_tokens

__all__ = ["urn_log_prior"]


def urn_log_prior(
    labels: Int[Tensor, "n examples"], kinds: int, burst: float | int, decay: float | int
) -> Float[Tensor, "n examples kinds"]:
    """log p(y_e | y_1 … y_{e-1}) of Pólya's urn with decay, before the words of e are read.

        p(y_e = l) ∝ 1 + burst · Σ_{j<e} decay^{e-1-j} 1[y_j = l]

    Args:
        labels: 0 to ``kinds - 1``.
        kinds: how many labels.
        burst: what an occurrence adds to a label's weight; 0 makes the labels independent.
        decay: in [0, 1]; 1 forgets nothing, 0 all but the last label.

    Returns:
        float64, normalised over the labels.

    Raises:
        ValueError: labels that are no int64 ids below ``kinds``, ``kinds`` below 1, ``burst``
            outside [0, 10⁶] or ``decay`` outside [0, 1].

    >>> urn_log_prior(torch.tensor([[0, 0, 1]]), 2, 1.0, 0.5).exp()[0, :, 0]
    tensor([0.5000, 0.6667, 0.7143], dtype=torch.float64)
    """
    kinds = check_count("kinds", kinds)
    burst, decay = check_interval("burst", burst, 0, 1e6), check_interval("decay", decay, 0, 1)
    check_tokens("labels", labels, kinds)
    examples = labels.shape[1]
    age = torch.arange(examples)[:, None] - 1 - torch.arange(examples)
    weights = torch.where(age >= 0, float(decay) ** age.clamp(min=0).double(), 0.0)
    counts = weights @ F.one_hot(labels, kinds).double()
    weight = 1 + burst * counts
    return (weight / weight.sum(-1, keepdim=True)).log()
