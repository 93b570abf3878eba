"""Ours against torchrl's, where it is installed (the extra ``peers``)."""

import pytest
import torch
from bench.ppo import comparisons, gradient, our_loss, torchrl_loss

from nlgnotes.equations.ppo import clip_slope, generalised_advantages
from nlgnotes.randomness import generator

pytest.importorskip("torchrl")


def test_the_objective_and_its_gradient_are_torchrl_s():
    chance = generator(0, "torchrl")
    old = torch.randn(50, 10, generator=chance) - 2
    new = old + 0.5 * torch.randn(50, 10, generator=chance)
    advantages = torch.randn(50, 10, generator=chance)
    ours, theirs = (gradient(loss(old, advantages), new) for loss in (our_loss, torchrl_loss))
    assert torch.allclose(ours[0], theirs[0], atol=1e-6)
    assert torch.allclose(ours[1], theirs[1], atol=1e-7)
    ratios = (new - old).exp()
    slopes = -clip_slope(ratios, advantages, 0.2) * ratios / 500
    assert torch.allclose(slopes, theirs[1], atol=1e-7)


@pytest.mark.parametrize(("discount", "decay"), [(1.0, 0.95), (0.9, 0.5), (1.0, 1.0), (0.99, 0.0)])
def test_the_advantages_are_torchrl_s(discount, decay):
    from torchrl.objectives.value.functional import generalized_advantage_estimate

    rewards, values = torch.randn(2, 7, 5, generator=generator(0, "torchrl", "gae"))
    done = torch.zeros(7, 5, 1, dtype=torch.bool)
    done[:, -1] = True
    after = torch.cat((values[:, 1:], torch.zeros(7, 1)), 1)
    theirs, _ = generalized_advantage_estimate(
        discount, decay, values[..., None], after[..., None], rewards[..., None], done, done
    )
    mask = torch.ones(7, 5, dtype=torch.bool)
    ours = generalised_advantages(rewards, values, mask, discount, decay)
    assert torch.allclose(ours, theirs[..., 0], atol=1e-5)


def test_the_rows_of_the_bench_agree():
    rows = list(comparisons())
    assert len(rows) == 3
    for row in rows:
        row.agree(row.ours(), row.peer())
