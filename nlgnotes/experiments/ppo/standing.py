"""Where a policy stands: its expected reward, its gold and its KL from the reference, as sums.

The reward is the linear proxy of lecture `rlhf`: it knows what a word is worth and not that a word
is worth less each time it comes again. Taught in: book/ppo.ipynb.
"""

import copy
from typing import Any, NamedTuple

from jaxtyping import Float64, Int
from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.preferences import expectation, tilt, tilt_at_kl
from nlgnotes.experiments.rlhf.reference import load_reference
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.comparisons import RatedAnswers

__all__ = ["Bench", "Standing", "bench"]


class Standing(NamedTuple):
    """Means over the prompts: the reward that is optimised, gold, and KL(policy ‖ reference)."""

    reward: float
    gold: float
    kl: float

    def objective(self, beta: float) -> float:
        """What the penalised reward is worth: reward less beta times KL."""
        return self.reward - beta * self.kl


class Bench(NamedTuple):
    """The reference with what is needed to train from it and to judge what comes out.

    Args:
        world: prompts and answers.
        reference: the decoder that all policies start from.
        log_ref: its exact law.
        reward: what is optimised, of every answer.
    """

    world: RatedAnswers
    reference: Decoder
    log_ref: Float64[Tensor, "prompts answers"]
    reward: Float64[Tensor, "prompts answers"]

    @property
    def prompts(self) -> Int[Tensor, "prompts one"]:
        """The prompts as a model reads them."""
        return self.world.prompt_tokens

    def actor(self) -> ActorCritic:
        """A copy of the reference with a value that says 0."""
        return ActorCritic(copy.deepcopy(self.reference).requires_grad_())

    def score(self, rows: Tensor, answers: Tensor) -> Tensor:
        """The reward of answers that are given as words."""
        return self.reward[rows, self.world.numbers(answers)]

    def law(self, policy: Any) -> Float64[Tensor, "prompts answers"]:
        """The exact law of a policy."""
        return answer_log_probs(policy, self.prompts, self.world.length)

    def standing(self, law: Float64[Tensor, "prompts answers"]) -> Standing:
        """Where a law stands."""
        return Standing(
            float(expectation(law, self.reward).mean()),
            float(expectation(law, self.world.gold).mean()),
            float(kl_divergence(law, self.log_ref).mean()),
        )

    def most(self, kl: float, reward: Float64[Tensor, "prompts answers"]) -> float:
        """The highest mean of a reward that a policy of that KL can have: that of its tilt.

        Args:
            kl: nats, above 0; beyond what the tilts reach it is the mean of the best answers.
            reward: of every answer: the one that is optimised, or gold.
        """
        coldest = tilt(self.log_ref, reward, 1e-3 * float(reward.max() - reward.min()))
        if kl >= float(kl_divergence(coldest, self.log_ref).mean()):
            return float(reward.amax(1).mean())
        return float(expectation(tilt_at_kl(self.log_ref, reward, kl)[0], reward).mean())

    def share(self, found: Standing, beta: float) -> float:
        """The objective above the reference's, as a share of the most that any policy gains."""
        start = self.standing(self.log_ref).objective(beta)
        best = self.standing(tilt(self.log_ref, self.reward, beta)).objective(beta)
        return (found.objective(beta) - start) / (best - start)


def bench() -> Bench:
    """The shipped reference and the linear proxy."""
    world, reference, log_ref = load_reference()
    return Bench(world, reference, log_ref, world.word_values @ world.counts.T)
