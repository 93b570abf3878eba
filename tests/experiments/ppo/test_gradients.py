"""The exact gradient against a difference quotient, and the estimates against it."""

import pytest
import torch

from nlgnotes.experiments.ppo.gradients import PAID, exact_gradient, gradient_error
from nlgnotes.experiments.ppo.standing import bench
from nlgnotes.randomness import generator
from nlgnotes.training.ppo_settings import PPOSettings


@pytest.fixture(scope="module")
def place():
    return bench()


@pytest.fixture(scope="module")
def away(place):
    """A policy that is not the reference, and its exact gradient."""
    actor = place.actor()
    with torch.no_grad():
        actor.policy.embedding[3] += 0.3
    return actor, exact_gradient(place, actor.policy, 2.0)


def test_the_exact_gradient_is_a_difference_quotient(place, away):
    actor, exact = away
    moved, step = place.actor().policy, 1e-2 / exact.norm()
    found = []
    for sign in (1, -1):
        start = 0
        with torch.no_grad():
            for p, q in zip(moved.parameters(), actor.policy.parameters(), strict=True):
                part = exact[start : start + p.numel()].view_as(p)
                p.copy_(q + sign * step * part)
                start += p.numel()
        found.append(place.standing(place.law(moved)).objective(2.0))
    slope = (found[0] - found[1]) / (2 * float(step))
    assert slope == pytest.approx(float(exact.square().sum()), rel=0.02)


def test_unbiased_estimates_point_where_the_gradient_points(place, away):
    actor, exact = away
    settings = PPOSettings(beta=2.0, batch=384)
    found = gradient_error(place, actor, settings, exact, 6, generator(0, "batches"))
    assert found.keys() == PAID.keys()
    # The value says 0 here, so that to subtract it changes nothing but the rewards of the past.
    assert found["less the value"]["cosine"] > 0.8
    assert found["whole reward"]["variance"] > found["GAE 0"]["variance"]
    again = gradient_error(place, actor, settings, exact, 6, generator(0, "batches"))
    assert again == found
    with pytest.raises(ValueError, match="batches must"):
        gradient_error(place, actor, settings, exact, 1, generator(0, "batches"))
