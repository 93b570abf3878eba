"""Log-ratios of words that were drawn from another distribution than the one that is scored.

Taught in: book/ppo.ipynb.
"""

from typing import Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs

__all__ = ["Transformed", "reported_kl"]


class Transformed:
    """A model whose next word is drawn by a sampler: its logits are the sampler's scores.

    Args:
        model: a decoder.
        sampler: of ``equations.sampling``, without randomness of its own.
    """

    def __init__(self, model: Any, sampler: Any) -> None:
        self.model, self.sampler, self.config = model, sampler, model.config
        self.empty_cache = model.empty_cache

    def step(
        self, tokens: Int[Tensor, "batch time"], cache: Any
    ) -> tuple[Float[Tensor, "batch time vocab"], Any]:
        """The scores after each new token, and the cache with them in it."""
        logits, cache = self.model.step(tokens, cache)
        return self.sampler.transform(logits, torch.Generator()), cache


def reported_kl(
    policy: Any,
    sampler: Any,
    prompts: Int[Tensor, "prompts time"],
    words: int,
    log_policy: Float64[Tensor, "prompts answers"],
    log_ref: Float64[Tensor, "prompts answers"],
) -> float:
    r"""The mean of :math:`\log \pi(y|x) - \log \pi_{ref}(y|x)` over answers drawn by a sampler.

    Exactly, by enumeration, a mean over the prompts. For plain sampling it is the KL; for any other
    sampler it is no KL, and may be negative. Taught in: book/ppo.ipynb.

    Args:
        policy: what the sampler transforms.
        sampler: see :class:`Transformed`.
        prompts, words: as in ``answer_log_probs``.
        log_policy, log_ref: the exact laws of policy and reference, drawn plainly.
    """
    drawn = answer_log_probs(Transformed(policy, sampler), prompts, words).exp()
    return float((drawn * (log_policy - log_ref)).sum(1).mean())
