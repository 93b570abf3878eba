"""Ways to use a reward without a policy gradient: prompting, best-of-N, training on the best.

Taught in: book/rlhf.ipynb.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.best_of_n import best_of_n_law
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.preferences import expectation
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.comparisons import RatedAnswers, draw_answers, text_batch
from nlgnotes.training.loop import fit

__all__ = ["fine_tuned", "gold_and_kl", "hinted_laws", "prompted", "repeats", "tuned_on_best"]


def gold_and_kl(
    policy: Float[Tensor, "prompts answers"],
    log_ref: Float[Tensor, "prompts answers"],
    gold: Float[Tensor, "prompts answers"],
) -> dict[str, float]:
    """What a policy is worth and how far it is from the reference: ``gold`` and ``kl``, exactly."""
    return {
        "gold": round(float(expectation(policy, gold).mean()), 5),
        "kl": round(float(kl_divergence(policy, log_ref).mean()), 5),
    }


def repeats(policy: Float[Tensor, "prompts answers"], world: RatedAnswers) -> float:
    """The probability of an answer that says a word three times or more, of those gold reads."""
    return float(policy.exp()[:, world.counts.amax(-1) >= 3].sum(-1).mean())


def hinted_laws(
    reference: Decoder, world: RatedAnswers
) -> Float64[Tensor, "hints prompts answers"]:
    """The reference's law after the prompt, an opening and one word more: a hint to go on from.

    Each word is tried as the hint; the opening is the commonest. Nothing is trained.
    """
    opening = int(torch.tensor(world.openings).argmax())
    laws = []
    for hint in range(world.vocab_size):
        given = torch.tensor([[opening, hint]]).expand(world.prompts, -1)
        prompts = torch.cat((world.prompt_tokens, given), 1)
        laws.append(answer_log_probs(reference, prompts, world.length))
    return torch.stack(laws)


def prompted(
    laws: Float64[Tensor, "hints prompts answers"], reward: Float[Tensor, "prompts answers"]
) -> tuple[Float64[Tensor, "prompts answers"], Int[Tensor, " prompts"]]:
    """The law of the hint that a reward likes best, prompt by prompt, and which hint that is."""
    best = torch.stack([expectation(law, reward) for law in laws]).argmax(0)
    return laws[best, torch.arange(laws.shape[1])], best


def fine_tuned(
    reference: Decoder,
    tokens: Int[Tensor, "texts time"],
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> Decoder:
    """A copy of the reference, trained by likelihood on given texts (supervised fine-tuning).

    Args:
        reference: stays as it is.
        tokens: prompts and answers.
        settings: ``passes`` over the texts (at least one step), ``batch``, ``learning_rate``.
        generator: which texts make a batch.
    """
    model = copy.deepcopy(reference)
    size = min(settings["batch"], len(tokens))

    def draw(stream: torch.Generator):
        return text_batch(tokens[torch.randint(len(tokens), (size,), generator=stream)])

    fit(
        model,
        draw,
        steps=max(1, round(settings["passes"] * len(tokens) / size)),
        learning_rate=settings["learning_rate"],
        generator=generator,
        progress=False,
    )
    return model.eval()


def tuned_on_best(
    reference: Decoder,
    world: RatedAnswers,
    log_ref: Float[Tensor, "prompts answers"],
    reward: Float[Tensor, "prompts answers"],
    n: int,
    settings: Mapping[str, Any],
    seed: int,
) -> Float64[Tensor, "prompts answers"]:
    """The law of the reference after training on answers that were the best of n.

    Args:
        reference: stays as it is.
        world: prompts and answers.
        log_ref: the reference's law.
        reward: what chooses the best.
        n: of how many.
        settings: as in :func:`fine_tuned`, and ``texts``, how many best answers there are.
        seed: of the answers and of the training.
    """
    stream = randomness.generator(seed, "rlhf", "best answers", n)
    prompts = torch.randint(world.prompts, (settings["texts"],), generator=stream)
    answers = draw_answers(best_of_n_law(log_ref, reward, n), prompts, stream)
    model = fine_tuned(reference, world.tokens(prompts, answers), settings, stream)
    return answer_log_probs(model, world.prompt_tokens, world.length)
