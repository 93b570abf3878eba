"""The three estimators of the KL on a decoder whose answers are all added up.

Taught in: book/ppo.ipynb.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.equations.kl_estimators import KINDS, kl_estimates
from nlgnotes.networks.transformer import Decoder, DecoderConfig

__all__ = ["all_answers", "answer_words", "expected_gradients", "small_decoder"]


def small_decoder(seed: int, name: str, vocab_size: int = 4, words: int = 3) -> Decoder:
    """A decoder in double precision with large random weights: far from uniform, and from others.

    Args:
        seed: of the weights.
        name: of their stream.
        vocab_size, words: its tokens, and how many an answer has; it reads a prompt of one token.
    """
    config = DecoderConfig(vocab_size, words + 1, width=16, layers=2, heads=2, hidden=32)
    model = Decoder(config, randomness.generator(seed, "ppo", "small", name)).double()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1:
                p.mul_(10)
    return model


def all_answers(vocab_size: int, words: int) -> Int[Tensor, "answers time"]:
    """Every answer after the prompt 0, the last word running fastest."""
    listed = torch.cartesian_prod(*[torch.arange(vocab_size)] * words).reshape(-1, words)
    return torch.cat((torch.zeros_like(listed[:, :1]), listed), 1)


def answer_words(
    model: Decoder, tokens: Int[Tensor, "answers time"]
) -> Float[Tensor, "answers words"]:
    """The log-probability of each word after the first token, with its graph."""
    return model(tokens[:, :-1]).log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]


def expected_gradients(
    policy: Decoder, reference: Decoder, tokens: Int[Tensor, "answers time"]
) -> dict[str, Float[Tensor, " weights"]]:
    r"""Gradients in the policy's weights, each an exact mean over the policy's answers.

    Args:
        policy, reference: of one vocabulary.
        tokens: every answer, of :func:`all_answers`.

    Returns:
        ``"KL(policy, reference)"`` and ``"KL(reference, policy)"``: of the divergences;
        ``"k1"``, ``"k2"``, ``"k3"``: as losses, of the whole answer's log-ratio; the same with
        ``" by word"``: summed over the log-ratios of the words; ``"k1 in the reward"``: the score
        function with the log-ratio for a reward.
    """
    weights = list(policy.parameters())
    with torch.no_grad():
        known = answer_words(reference, tokens)
    said = answer_words(policy, tokens)
    p, whole = said.sum(1).detach().exp(), (said - known).sum(1)

    def gradient(value: Tensor) -> Tensor:
        return torch.cat(
            [g.flatten() for g in torch.autograd.grad(value, weights, retain_graph=True)]
        )

    def mean(of: Callable[[str], Tensor], kind: str) -> Tensor:
        return gradient((p * of(kind)).sum())

    found: dict[str, Any] = {
        "KL(policy, reference)": gradient((said.sum(1).exp() * whole).sum()),
        "KL(reference, policy)": gradient(-(known.sum(1).exp() * whole).sum()),
        "k1 in the reward": gradient((p * whole.detach() * said.sum(1)).sum()),
    }
    for kind in KINDS:
        found[kind] = mean(lambda k: kl_estimates(whole, k), kind)
        found[f"{kind} by word"] = mean(lambda k: kl_estimates(said - known, k).sum(1), kind)
    return found
