r"""Adversarial training: a discriminator tells texts from imitations, a generator learns from it.

.. math:: \min_G \max_D V(D, G), \qquad
   V(D, G) = \mathbb E_{x \sim P}[\log D(x)] + \mathbb E_{y \sim G}[\log(1 - D(y))].

Goodfellow et al. 2014 (arXiv:1406.2661). A text is discrete, so the generator learns by the score
function, as in SeqGAN (Yu et al. 2017, arXiv:1609.05473). Taught in: book/language-gans.ipynb.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, SupportsFloat, SupportsIndex

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from nlgnotes.batches import document_batch
from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.minimax import minimax_value
from nlgnotes.equations.policy_gradient import discounted_returns, score_function_surrogate
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.training.adamw import AdamW
from nlgnotes.training.likelihood import target_log_probs
from nlgnotes.validation import (
    check_count,
    check_generator,
    check_interval,
    check_kind,
    check_positive,
)

__all__ = ["Game", "adversarial_training"]


@dataclass(frozen=True)
class Game:
    """How an adversarial phase went, one entry for each update of the generator.

    Args:
        accuracy: how often the discriminator was right about whole texts, half of them real, before
            it learned from them.
        value: V(D, G) on the same texts, over all positions.
        reward: the generator's mean reward per word.
        seconds: spent in the loop, ``callback`` left out.
    """

    accuracy: tuple[float, ...]
    value: tuple[float, ...]
    reward: tuple[float, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def adversarial_training(
    model: Any,
    discriminator: Discriminator,
    documents: Documents,
    *,
    steps: SupportsIndex,
    generator: torch.Generator,
    batch: SupportsIndex = 128,
    warmup: SupportsIndex = 200,
    discriminator_steps: SupportsIndex = 1,
    learning_rate: SupportsFloat = 1e-3,
    discriminator_learning_rate: SupportsFloat = 1e-3,
    weight_decay: SupportsFloat = 0.01,
    discount: SupportsFloat = 0.5,
    memory: SupportsFloat = 0.9,
    progress: bool = True,
    callback: Callable[[int], object] | None = None,
) -> Game:
    r"""Train generator and discriminator against each other, the generator by REINFORCE.

    One step: the discriminator learns :math:`\max_D V` from real and from fresh generated texts,
    scoring the text after every word. Then the generator writes a new batch y and follows

    .. math:: \frac1n \sum_y \sum_t (R_t - b_t)\, \nabla \log G(y_t \mid y_{<t}), \qquad
              R_t = \sum_{s \ge t} \gamma^{s-t} r_s, \quad r_s = 2 D(y_{\le s}) - 1 ,

    with n the number of words in the batch. The gradients of both networks are cut to length 1
    where they are longer. With a discount :math:`\gamma` below 1 this is not the exact gradient of
    any objective: later rewards are credited less than they should be.

    The baseline :math:`b_t` knows only what stands before :math:`y_t`: it is the return if the last
    reward :math:`r_{t-1}` were paid again at every word up to the full length, plus, for each
    position, a moving average, over the batches before this one, of how far the returns lie above
    that.

    This is not SeqGAN to the letter. SeqGAN scores whole texts only, and estimates the worth of a
    word by completing the text many times (Monte-Carlo rollouts). Here a discriminator at every
    position rewards every word, so that nothing need be completed: a dense reward, in the spirit of
    ScratchGAN (de Masson d'Autume et al. 2019, arXiv:1905.09922).

    Args:
        model: the generator, trained in place; see ``generation.Generates``, and tokens to logits.
        discriminator: trained in place.
        documents: real texts; generated ones are cut at the same length.
        steps: updates of the generator.
        generator: where batches, texts and dropout are drawn from.
        batch: texts of each kind in an update.
        warmup: updates of the discriminator alone, before the first step.
        discriminator_steps: its updates in each step.
        learning_rate, discriminator_learning_rate: of Adam and AdamW.
        weight_decay: the discriminator's.
        discount: :math:`\gamma`, in [0, 1].
        memory: how much of the moving average stays from one batch to the next, in [0, 1).
        progress: show a bar.
        callback: called with the number of steps done: with 0 after the warm-up, then after each.

    Raises:
        ValueError: an argument out of range.
        FloatingPointError: a loss or a gradient of either network, or at the end a weight, is not
            finite; the message names the network and the step. A loss or a gradient is
            refused before that update: both networks keep the weights of their last whole one.
        KeyboardInterrupt: both networks keep the weights of their last whole update.
    """
    steps, batch = check_count("steps", steps), check_count("batch", batch)
    discriminator_steps = check_count("discriminator_steps", discriminator_steps)
    warmup = check_count("warmup", warmup, 0)
    learning_rate = check_positive("learning_rate", learning_rate)
    discriminator_learning_rate = check_positive(
        "discriminator_learning_rate", discriminator_learning_rate
    )
    weight_decay = check_interval("weight_decay", weight_decay, 0, torch.inf, closed="left")
    discount = check_interval("discount", discount, 0, 1)
    memory = check_interval("memory", memory, 0, 1, closed="left")
    check_generator(generator)
    check_kind("model", model, nn.Module)
    check_kind("discriminator", discriminator, Discriminator)
    check_kind("documents", documents, Documents)
    length = documents.tokens.shape[1]
    # What a reward of 1 at every word up to the full length is worth at each word.
    worth = discounted_returns(
        torch.ones(1, length), torch.ones(1, length, dtype=torch.bool), discount
    )
    model_optimizer = AdamW([(model.parameters(), 0.0)], learning_rate, betas=(0.9, 0.99))
    # Little momentum: what the discriminator learns from changes with every step.
    discriminator_optimizer = AdamW(
        [(discriminator.parameters(), weight_decay)], discriminator_learning_rate, betas=(0.5, 0.9)
    )

    def write() -> Documents:
        return generate_documents(model, batch, max_new_tokens=length, generator=generator)

    def update_discriminator(when: str) -> tuple[float, float]:
        chosen = torch.randint(len(documents), (batch,), generator=generator)
        real, fake = document_batch(documents.select(chosen)), write()
        s_real = discriminator(real.targets, generator)
        s_fake = discriminator(fake.tokens, generator)
        value = minimax_value(s_real[real.mask], s_fake[fake.mask])
        _update(discriminator, discriminator_optimizer, -value, f"the discriminator's, {when}")
        right = (_last(s_real, real.mask) > 0).sum() + (_last(s_fake, fake.mask) <= 0).sum()
        return float(right) / (2 * batch), float(value.detach())

    def update_generator(baseline: Tensor, when: str) -> tuple[float, Tensor]:
        fake = write()
        tokens, mask = fake.tokens, fake.mask
        with torch.no_grad():
            rewards = (2 * torch.sigmoid(discriminator(tokens)) - 1).masked_fill(~mask, 0.0)
        returns = discounted_returns(rewards, mask, discount)
        # The return if the reward before the word were paid again at every word to come.
        held = F.pad(rewards[:, :-1], (1, 0)) * worth
        mean = ((returns - held) * mask).sum(0) / mask.sum(0).clamp(min=1)
        log_probs = target_log_probs(model(F.pad(tokens[:, :-1], (1, 0))), tokens)
        loss = score_function_surrogate(log_probs[mask], returns[mask], (held + baseline)[mask])
        _update(model, model_optimizer, loss, f"the generator's, {when}")
        # The average moves after its use: a baseline that knew this batch would bias the gradient.
        return float(rewards.sum() / mask.sum()), memory * baseline + (1 - memory) * mean

    history: list[tuple[float, float, float]] = []
    baseline, seconds = torch.zeros(length), 0.0
    bar = tqdm(total=steps, disable=not progress, unit="step", dynamic_ncols=False, ascii=True)
    try:
        began = time.perf_counter()
        for step in range(warmup):
            update_discriminator(f"at warm-up step {step}")
        seconds += time.perf_counter() - began
        if callback is not None:
            callback(0)
        for step in range(steps):
            began, when = time.perf_counter(), f"at step {step}"
            first, *_ = [update_discriminator(when) for _ in range(discriminator_steps)]
            reward, baseline = update_generator(baseline, when)
            history.append((*first, reward))
            bar.update()
            bar.set_postfix_str(f"accuracy {first[0]:.2f}", refresh=False)
            seconds += time.perf_counter() - began
            if step + 1 == steps:
                _check_weights(model, "the generator's", step)
                _check_weights(discriminator, "the discriminator's", step)
            if callback is not None:
                callback(step + 1)
    finally:
        bar.close()
    accuracy, value, reward = zip(*history, strict=True)
    return Game(accuracy, value, reward, seconds)


def _update(network: nn.Module, optimizer: AdamW, loss: Tensor, whose: str) -> None:
    """One step down a loss, its gradient cut to length 1; refused where it is not finite."""
    if not bool(loss.isfinite()):
        raise FloatingPointError(f"loss must be finite; {whose}, is {float(loss.detach())}")
    optimizer.clear()
    loss.backward()
    # The length that clipping computes is finite only if every entry is: no pass of its own.
    length = float(nn.utils.clip_grad_norm_(network.parameters(), 1.0))
    if not length < torch.inf:
        raise FloatingPointError(f"gradient must be finite; {whose}, has length {length}")
    optimizer.step()


def _check_weights(network: nn.Module, whose: str, step: int) -> None:
    if not all(bool(p.isfinite().all()) for p in network.parameters()):
        raise FloatingPointError(f"weights must be finite; {whose} are not after step {step}")


def _last(scores: Tensor, mask: Tensor) -> Tensor:
    """The score at each text's last word."""
    return scores.gather(1, mask.sum(1, keepdim=True) - 1)[:, 0]
