r"""The game of a generator and a discriminator, solved where every text can be listed.

.. math:: \min_G \max_D V(D, G), \qquad
   V(D, G) = \mathbb E_{x \sim p}[\log D(x)] + \mathbb E_{y \sim q}[\log(1 - D(y))],

with p the language and q the generator. Goodfellow et al. 2014 (arXiv:1406.2661). Taught in: book/language-gans.ipynb.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["exact_value", "minimax_value", "optimal_discriminator"]


def minimax_value(real: Float[Tensor, "*n"], fake: Float[Tensor, "*m"]) -> Float[Tensor, ""]:
    r"""V(D, G) from samples: the mean of :math:`\log\sigma(s)` over texts and of :math:`\log\sigma(-s)` over imitations.

    Args:
        real: the discriminator's scores *s* of texts, its log-odds that they are real: :math:`D = \sigma(s)`.
        fake: its scores of imitations.

    Returns:
        At most 0; :math:`-2 \log 2` for a discriminator that tosses a coin.

    Raises:
        ValueError: either is empty.

    >>> minimax_value(torch.zeros(2), torch.zeros(3))
    tensor(-1.3863)
    """
    if real.numel() == 0 or fake.numel() == 0:
        raise ValueError(
            f"real and fake must hold at least one score each; got {real.numel()} and {fake.numel()}"
        )
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def optimal_discriminator(
    log_p: Float[Tensor, "*n"], log_q: Float[Tensor, "*m"]
) -> Float[Tensor, "*n"]:
    r"""The discriminator that no other beats, :math:`D^*(x) = \frac{p(x)}{p(x) + q(x)}`; 1/2 where both are 0.

    Args:
        log_p: log-probability of each text in the language.
        log_q: of the same text under the generator.

    Raises:
        ValueError: shapes differ.

    >>> optimal_discriminator(torch.tensor([0.75, 0.25]).log(), torch.tensor([0.25, 0.75]).log())
    tensor([0.7500, 0.2500])
    """
    if log_p.shape != log_q.shape:
        raise ValueError(
            f"log_p and log_q must have the same shape; got {tuple(log_p.shape)} and {tuple(log_q.shape)}"
        )
    neither = log_p.isneginf() & log_q.isneginf()
    return torch.sigmoid(torch.where(neither, 0.0, log_p - log_q))


def exact_value(
    log_p: Float[Tensor, "*batch n"], log_q: Float[Tensor, "*batch n"], d: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""V(D, G) by adding up over all texts: :math:`\sum_x p(x) \log D(x) + q(x) \log(1 - D(x))`, with 0 log 0 = 0.

    At :math:`D^*` it is :math:`2\, d_{JS}(p, q) - 2 \log 2`.

    Args:
        log_p, log_q: as for :func:`optimal_discriminator`, over the last axis.
        d: the discriminator's probability that each text is real.

    Raises:
        ValueError: shapes differ, or a ``d`` outside [0, 1].
    """
    if log_p.shape != log_q.shape or log_p.shape != d.shape:
        shapes = f"{tuple(log_p.shape)}, {tuple(log_q.shape)} and {tuple(d.shape)}"
        raise ValueError(f"log_p, log_q and d must have the same shape; got {shapes}")
    if not bool(((d >= 0) & (d <= 1)).all()):
        raise ValueError(f"d must lie in [0, 1]; got {float(d.min())} to {float(d.max())}")
    return (torch.xlogy(log_p.exp(), d) + torch.xlogy(log_q.exp(), 1 - d)).sum(-1)
