"""The reference policy of the lectures on preferences, with its exact law.

Taught in: book/rlhf.ipynb.
"""

from typing import NamedTuple

from torch import Tensor

from nlgnotes import checkpoints, randomness
from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.comparisons import Rankings, RatedAnswers, draw_rankings

__all__ = ["Reference", "fresh_rankings", "load_reference"]


class Reference(NamedTuple):
    """A policy before anything is optimised.

    Args:
        world: prompts, answers and gold.
        model: the decoder.
        log_probs: its law, float64 ``[prompts, answers]``.
    """

    world: RatedAnswers
    model: Decoder
    log_probs: Tensor


def load_reference() -> Reference:
    """The shipped decoder ``comparisons``, which has read the writer's texts."""
    world, model = RatedAnswers(), checkpoints.load("comparisons").model
    return Reference(world, model, answer_log_probs(model, world.prompt_tokens, world.length))


def fresh_rankings(reference: Reference, many: int, ranked: int, seed: int, what: str) -> Rankings:
    """Rankings of answers of the reference by people who go by gold, with Gumbel noise.

    Args:
        reference: who answers.
        many: how many rankings.
        ranked: answers in each.
        seed, what: of the stream; other names give independent rankings.
    """
    stream = randomness.generator(seed, "rlhf", what)
    return draw_rankings(reference.log_probs, reference.world.gold, many, ranked, stream)
