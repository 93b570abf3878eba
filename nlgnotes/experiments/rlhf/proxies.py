"""Proxies of the gold reward: what is learned from comparisons, and two that are made.

Taught in: book/rlhf.ipynb.
"""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.decoding.enumeration import answer_scores
from nlgnotes.equations.preferences import expectation, tilt_at_kl
from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.comparisons import Pairs, RatedAnswers
from nlgnotes.training.reward_model import fit_reward_model
from nlgnotes.validation import check_count, check_positive

__all__ = [
    "KINDS",
    "first_pairs",
    "frontier",
    "linear_reward",
    "network_reward",
    "noise_only_proxy",
    "pair_accuracy",
    "peak",
    "spread",
]

KINDS = ("linear", "from scratch", "pretrained")
"""Reward models: one number a word, a new decoder, the reference with a head."""


def first_pairs(pairs: Pairs, many: SupportsIndex) -> Pairs:
    """The first pairs.

    Raises:
        ValueError: fewer than ``many`` are there.
    """
    many = check_count("many", many, 1, len(pairs.prompts))
    return Pairs(*(part[:many] for part in pairs))


def pair_accuracy(reward: Float[Tensor, "prompts answers"], pairs: Pairs) -> Float[Tensor, " n"]:
    """1 where the reward orders a pair as it was ranked, 0 where it does not, ½ where it ties."""
    gap = reward[pairs.prompts, pairs.chosen] - reward[pairs.prompts, pairs.rejected]
    return (gap > 0).double() + 0.5 * (gap == 0).double()


def linear_reward(
    world: RatedAnswers, pairs: Pairs, ridge: SupportsFloat = 1.0
) -> Float64[Tensor, "prompts answers"]:
    r"""The best reward that adds up a number for each word: Bradley–Terry on counts.

    It maximises :math:`\sum \log \sigma(r(y_w) - r(y_l)) - \tfrac{ridge}{2} |v|^2` over v, one
    number for each word that gold reads and each prompt. No penalty of repetition can be written
    so: the proxy is misspecified, whatever the data.

    Args:
        world: prompts and answers.
        pairs: comparisons.
        ridge: above 0, so that the maximum exists.

    Returns:
        The reward of every answer.

    Raises:
        ValueError: ridge is not above 0.
    """
    ridge = check_positive("ridge", ridge)
    gaps = world.counts[pairs.chosen] - world.counts[pairs.rejected]
    values = torch.zeros(world.prompts, world.vocab_size, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=300, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimizer.zero_grad()
        margins = (gaps * values[pairs.prompts]).sum(-1)
        loss = -F.logsigmoid(margins).sum() + ridge / 2 * (values**2).sum()
        loss.backward()
        return loss

    optimizer.step(cost)
    return values.detach() @ world.counts.T


def network_reward(
    kind: str,
    reference: Decoder,
    world: RatedAnswers,
    pairs: Pairs,
    settings: Mapping[str, Any],
    seed: int,
    together: bool = False,
) -> Float64[Tensor, "prompts answers"]:
    """What a trained reward model gives to every answer.

    Args:
        kind: ``"from scratch"`` or ``"pretrained"``.
        reference: the language model to start from, or whose sizes to take.
        world: prompts and answers.
        pairs: comparisons.
        settings: ``epochs``, ``batch``, ``learning_rate``.
        seed: of the weights and of the order of the pairs.
        together: keep the pairs of a ranking in one batch, as far as they fit.

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS[1:]:
        raise ValueError(f"kind must be one of {', '.join(KINDS[1:])}; got {kind!r}")
    if kind == "pretrained":
        model = RewardModel.on(reference)
    else:
        model = RewardModel(reference.config, randomness.generator(seed, "rlhf", "weights"))
    fit_reward_model(
        model,
        world.tokens(pairs.prompts, pairs.chosen),
        world.tokens(pairs.prompts, pairs.rejected),
        epochs=settings["epochs"],
        batch=settings["batch"],
        learning_rate=settings["learning_rate"],
        generator=randomness.generator(seed, "rlhf", "order"),
        rankings=pairs.rankings if together else None,
    )
    return answer_scores(model.eval(), world.prompt_tokens, world.length)


def spread(
    log_probs: Float[Tensor, "prompts answers"], reward: Float[Tensor, "prompts answers"]
) -> float:
    """The standard deviation of a reward under a policy, a mean over the prompts."""
    mean = expectation(log_probs, reward)
    return float((expectation(log_probs, reward**2) - mean**2).clamp(min=0).sqrt().mean())


def noise_only_proxy(
    world: RatedAnswers, log_ref: Float[Tensor, "prompts answers"], size: SupportsFloat = 1.0
) -> Float64[Tensor, "prompts answers"]:
    """Gold plus a score of the first word, which gold does not read.

    The writer draws that word independently of the others, so that the error of this proxy is
    independent of gold under the writer, and nearly so under a model of it.

    Args:
        world: prompts and answers.
        log_ref: the reference.
        size: of the error, in standard deviations of gold under the reference.
    """
    return world.gold + size * spread(log_ref, world.gold) * world.opening_score


def frontier(
    log_ref: Float[Tensor, "prompts answers"],
    proxy: Float[Tensor, "prompts answers"],
    gold: Float[Tensor, "prompts answers"],
    kls: Sequence[SupportsFloat],
) -> dict[str, list[float | None]]:
    """Proxy and gold of the optimal policies for a proxy, by KL; None where it has none.

    Args:
        log_ref: the reference.
        proxy: what is optimised.
        gold: what is meant.
        kls: nats, as a mean over the prompts.

    Returns:
        ``gold`` and ``proxy``, expectations, one a KL; the proxy is less its own mean under the
        reference, in its own standard deviations there.
    """
    scaled = (proxy - expectation(log_ref, proxy)[:, None]) / spread(log_ref, proxy)
    found: dict[str, list[float | None]] = {"gold": [], "proxy": []}
    for kl in kls:
        try:
            policy, _ = tilt_at_kl(log_ref, scaled, kl)
        except ValueError:
            for row in found.values():
                row.append(None)
            continue
        for name, reward in (("gold", gold), ("proxy", scaled)):
            found[name].append(round(float(expectation(policy, reward).mean()), 5))
    return found


def peak(
    kls: Sequence[SupportsFloat], gold: Sequence[SupportsFloat | None]
) -> tuple[float, float, float]:
    """The highest gold along a frontier, the KL where it is, and how far it has fallen at the end.

    Raises:
        ValueError: no point of the frontier is there.
    """
    points = [
        (float(value), float(kl)) for kl, value in zip(kls, gold, strict=True) if value is not None
    ]
    if not points:
        raise ValueError("gold must hold at least one number; got none")
    top, where = max(points, key=lambda point: point[0])
    return top, where, top - points[-1][0]
