"""Ours against torchrl's, where it is installed (the extra ``peers``)."""

import pytest
import torch

from nlgnotes.equations.ppo import (
    clip_objective,
    clip_slope,
    generalised_advantages,
    probability_ratios,
)
from nlgnotes.randomness import generator

pytest.importorskip("torchrl")


class Chosen(torch.distributions.Distribution):
    """A distribution whose log-probabilities are given, by the number of the draw."""

    def __init__(self, log_probs):
        super().__init__(validate_args=False)
        self.log_probs = log_probs

    def log_prob(self, action):
        return self.log_probs

    def rsample(self, shape=()):
        return torch.zeros(self.log_probs.shape)

    sample = rsample


def torchrl_loss(log_probs, old, advantages, epsilon):
    """``ClipPPOLoss`` on given log-probabilities: its loss, and the share of clipped ratios."""
    from tensordict import TensorDict
    from tensordict.nn import (
        ProbabilisticTensorDictModule,
        ProbabilisticTensorDictSequential,
        TensorDictModule,
    )
    from torchrl.objectives import ClipPPOLoss

    given = TensorDictModule(torch.nn.Identity(), in_keys=["new"], out_keys=["log_probs"])
    draw = ProbabilisticTensorDictModule(
        in_keys=["log_probs"], out_keys=["action"], distribution_class=Chosen, return_log_prob=True
    )
    actor = ProbabilisticTensorDictSequential(given, draw)
    loss = ClipPPOLoss(
        actor,
        None,
        clip_epsilon=epsilon,
        entropy_bonus=False,
        critic_coeff=None,
        normalize_advantage=False,
    )
    size = len(log_probs)
    data = TensorDict(
        {
            "new": log_probs,
            "action": torch.zeros(size),
            "action_log_prob": old,
            "advantage": advantages[:, None],
        },
        [size],
    )
    return loss(data)["loss_objective"]


def test_the_objective_and_its_gradient_are_torchrl_s():
    g = generator(0, "torchrl")
    old = torch.randn(500, generator=g) - 2
    log_probs = (old + 0.5 * torch.randn(500, generator=g)).requires_grad_()
    advantages = torch.randn(500, generator=g)
    theirs = torchrl_loss(log_probs, old, advantages, 0.2)
    ratios = probability_ratios(log_probs, old)
    ours = -clip_objective(ratios, advantages, 0.2).mean()
    assert torch.allclose(ours, theirs, atol=1e-6)
    gradients = [torch.autograd.grad(x, log_probs, retain_graph=True)[0] for x in (ours, theirs)]
    assert torch.allclose(*gradients, atol=1e-7)
    slopes = -clip_slope(ratios, advantages, 0.2) * ratios / 500
    assert torch.allclose(slopes, gradients[1], atol=1e-7)


@pytest.mark.parametrize(("discount", "decay"), [(1.0, 0.95), (0.9, 0.5), (1.0, 1.0), (0.99, 0.0)])
def test_the_advantages_are_torchrl_s(discount, decay):
    from torchrl.objectives.value.functional import generalized_advantage_estimate

    g = generator(0, "torchrl", "gae")
    rewards, values = torch.randn(2, 7, 5, generator=g)
    done = torch.zeros(7, 5, 1, dtype=torch.bool)
    done[:, -1] = True
    after = torch.cat((values[:, 1:], torch.zeros(7, 1)), 1)
    theirs, _ = generalized_advantage_estimate(
        discount, decay, values[..., None], after[..., None], rewards[..., None], done, done
    )
    mask = torch.ones(7, 5, dtype=torch.bool)
    ours = generalised_advantages(rewards, values, mask, discount, decay)
    assert torch.allclose(ours, theirs[..., 0], atol=1e-5)
