"""PPO's clipped objective and advantages, against torchrl's."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.timing import Comparison, peer
from nlgnotes.equations.ppo import clip_objective, generalised_advantages, probability_ratios
from nlgnotes.randomness import generator

ANSWERS, WORDS = 256, 64
WRAPPED = (
    "torchrl's loss is a module: it computes the log-probabilities from a dictionary of tensors, "
    "here given, and the statistics that it reports."
)


def comparisons() -> Iterator[Comparison]:
    """The advantages of a batch, and the loss with its gradient."""
    functional = peer("torchrl.objectives.value.functional")
    chance = generator(0, "ppo")
    rewards, values, old = torch.randn(3, ANSWERS, WORDS, generator=chance)
    mask = torch.ones(ANSWERS, WORDS, dtype=torch.bool)
    done = torch.zeros(ANSWERS, WORDS, 1, dtype=torch.bool)
    done[:, -1] = True
    after = torch.cat((values[:, 1:], torch.zeros(ANSWERS, 1)), 1)
    given = (values[..., None], after[..., None], rewards[..., None], done, done)
    name = f"{ANSWERS} answers of {WORDS} words"
    for kind in ("generalized_advantage_estimate", "vec_generalized_advantage_estimate"):
        yield Comparison(
            name=f"advantages, {name}, {'vectorised' if kind[0] == 'v' else 'as a loop'}",
            unit="words",
            work=ANSWERS * WORDS,
            ours=partial(generalised_advantages, rewards, values, mask, 1.0, 0.95),
            peer=partial(getattr(functional, kind), 1.0, 0.95, *given),
            peer_name=f"torchrl's {kind}",
            aim=1.0,
            agree=same_advantages,
        )
    new = old + 0.3 * torch.randn(ANSWERS, WORDS, generator=chance)
    yield Comparison(
        name=f"clipped loss and gradient, {name}",
        unit="words",
        work=ANSWERS * WORDS,
        ours=partial(gradient, our_loss(old, rewards), new),
        peer=partial(gradient, torchrl_loss(old, rewards), new),
        peer_name="torchrl's ClipPPOLoss",
        aim=1.0,
        agree=same_gradients,
        note=WRAPPED,
    )


def our_loss(old: Tensor, advantages: Tensor) -> Callable[[Tensor], Tensor]:
    """The clipped loss of log-probabilities, a mean over the words."""
    return lambda new: -clip_objective(probability_ratios(new, old), advantages, 0.2).mean()


def torchrl_loss(old: Tensor, advantages: Tensor) -> Callable[[Tensor], Tensor]:
    """The same as torchrl's ``ClipPPOLoss`` computes it from log-probabilities that are given."""
    objectives, nn, tensordict = (
        peer(name) for name in ("torchrl.objectives", "tensordict.nn", "tensordict")
    )
    given = nn.TensorDictModule(torch.nn.Identity(), in_keys=["new"], out_keys=["log_probs"])
    draw = nn.ProbabilisticTensorDictModule(
        in_keys=["log_probs"], out_keys=["action"], distribution_class=Chosen, return_log_prob=True
    )
    loss = objectives.ClipPPOLoss(
        nn.ProbabilisticTensorDictSequential(given, draw),
        None,
        clip_epsilon=0.2,
        entropy_bonus=False,
        critic_coeff=None,
        normalize_advantage=False,
    )
    known = {
        "action": torch.zeros(old.numel()),
        "action_log_prob": old.flatten(),
        "advantage": advantages.reshape(-1, 1),
    }

    def of(new: Tensor) -> Tensor:
        data = tensordict.TensorDict({"new": new.flatten(), **known}, [old.numel()])
        return loss(data)["loss_objective"]

    return of


class Chosen(torch.distributions.Distribution):
    """A distribution whose log-probabilities are given, by the number of the draw."""

    def __init__(self, log_probs: Tensor) -> None:
        super().__init__(validate_args=False)
        self.log_probs = log_probs

    def log_prob(self, action: Tensor) -> Tensor:
        """Those that were given, whatever was drawn."""
        return self.log_probs

    def rsample(self, shape: tuple = ()) -> Tensor:
        """Zeros: nothing is drawn."""
        return torch.zeros(self.log_probs.shape)

    sample = rsample


def gradient(loss: Callable[[Tensor], Tensor], new: Tensor) -> tuple[Tensor, Tensor]:
    """A loss and its gradient in the log-probabilities."""
    leaf = new.clone().requires_grad_()
    value = loss(leaf)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


def same_advantages(ours: Tensor, theirs: Any) -> None:
    """Ours are theirs, which come with the targets of the value."""
    torch.testing.assert_close(ours, theirs[0][..., 0], atol=1e-4, rtol=1e-4)


def same_gradients(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    """The losses and the gradients are the same."""
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
