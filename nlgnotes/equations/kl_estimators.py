r"""Three estimators of a Kullback–Leibler divergence from draws, as values and as losses.

With :math:`y \sim \pi` and :math:`\ell(y) = \log \pi(y) - \log \pi_{\mathrm{ref}}(y)`:

.. math:: k_1 = \ell, \qquad k_2 = \tfrac12 \ell^2, \qquad k_3 = e^{-\ell} - 1 + \ell.

Schulman 2020 (joschu.net/blog/kl-approx.html). Taught in: book/ppo.ipynb.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.validation import FLOATS, describe

__all__ = ["KINDS", "kl_estimates"]

KINDS = ("k1", "k2", "k3")


def kl_estimates(log_ratios: Float[Tensor, "*batch"], kind: str) -> Float[Tensor, "*batch"]:
    r"""One of the three estimates, of each draw.

    As *values*, over draws from :math:`\pi`: k1 has the mean :math:`KL(\pi \|
    \pi_{\mathrm{ref}})`, k3 too if the reference gives nothing to what :math:`\pi` cannot write
    (else less), and k2 has not; k1 may be negative, the others never are. As *losses*, with
    the draws fixed and the gradient taken of k alone, the means are

    .. math:: \mathbb E[\nabla k_1] = 0, \qquad
              \mathbb E[\nabla k_2] = \nabla KL(\pi \| \pi_{\mathrm{ref}}), \qquad
              \mathbb E[\nabla k_3] = \nabla KL(\pi_{\mathrm{ref}} \| \pi),

    for :math:`\ell` of the whole draw, from the present :math:`\pi`, and with that same
    condition for k3. Of an answer's words taken one by one the last two do
    not hold: each word's gradient takes the words before it as given. As losses: Tang and Munos
    2025 (arXiv:2506.09477). Taught in: book/ppo.ipynb.

    Args:
        log_ratios: :math:`\ell`, finite; with a graph, if the result is to be a loss. Nats.
        kind: one of :data:`KINDS`.

    Raises:
        ValueError: another kind, or log-ratios that are not finite numbers.

    >>> kl_estimates(torch.tensor([0.0, -1.0]), "k1")
    tensor([ 0., -1.])
    >>> kl_estimates(torch.tensor([0.0, -1.0]), "k2")
    tensor([0.0000, 0.5000])
    >>> kl_estimates(torch.tensor([0.0, -1.0]), "k3")  # e - 2
    tensor([0.0000, 0.7183])
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    if not isinstance(log_ratios, Tensor) or log_ratios.dtype not in FLOATS:
        raise ValueError(f"log_ratios must be of floating point; got {describe(log_ratios)}")
    if not bool(log_ratios.isfinite().all()):
        raise ValueError("log_ratios must be finite; got some that are not")
    if kind == "k1":
        return log_ratios
    if kind == "k2":
        return 0.5 * log_ratios.square()
    # expm1: near 0 the difference e^-l - 1 + l is far smaller than its terms.
    return torch.expm1(-log_ratios) + log_ratios
