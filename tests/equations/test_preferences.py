"""Preferences: worked by hand, against enumeration, and the laws of the optimal policy."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import TypeCheckError

from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.preferences import (
    expectation,
    pairwise_loss,
    plackett_luce_log_prob,
    tilt,
    tilt_at_kl,
)
from nlgnotes.randomness import generator


def drawn(*names, rows=2, size=30):
    stream = generator(11, *names)
    logits = torch.randn(rows, size, generator=stream, dtype=torch.float64)
    return logits.log_softmax(-1), torch.randn(rows, size, generator=stream, dtype=torch.float64)


def test_the_pairwise_loss_by_hand_and_against_torch():
    chosen, rejected = torch.tensor([3.0, 1.0]).log(), torch.zeros(2)
    # -log of 3/4 and of 1/2, averaged.
    want = -(math.log(0.75) + math.log(0.5)) / 2
    assert pairwise_loss(chosen, rejected).item() == pytest.approx(want, abs=1e-6)
    same = F.binary_cross_entropy_with_logits(chosen - rejected, torch.ones(2))
    assert torch.allclose(pairwise_loss(chosen, rejected), same)
    assert torch.allclose(pairwise_loss(chosen + 7, rejected + 7), same)


def test_a_ranking_of_two_is_bradley_and_terry_and_all_rankings_add_up_to_1():
    rewards = torch.tensor([0.3, -1.0, 2.0, 0.0], dtype=torch.float64)
    assert plackett_luce_log_prob(rewards[:2]).item() == pytest.approx(
        -pairwise_loss(rewards[:1], rewards[1:2]).item(), abs=1e-6
    )
    every = torch.stack([rewards[list(o)] for o in itertools.permutations(range(4))])
    assert plackett_luce_log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-12)
    # First 2.0 of all four, then 0.3 of three, then 0.0 of two.
    e = rewards.exp()
    want = e[2] / e.sum() * e[0] / (e.sum() - e[2]) * e[3] / (e[3] + e[1])
    assert plackett_luce_log_prob(rewards[[2, 0, 3, 1]]).exp().item() == pytest.approx(float(want))


def test_the_tilt_is_optimal():
    log_ref, reward = drawn("tilt")
    best = tilt(log_ref, reward, 0.7)

    def objective(policy):
        return expectation(policy, reward) - 0.7 * kl_divergence(policy, log_ref)

    top = objective(best)
    # Its value is beta log E exp(r / beta).
    assert torch.allclose(top, 0.7 * (log_ref + reward / 0.7).logsumexp(-1))
    for i in range(50):
        noise = torch.randn(best.shape, generator=generator(i), dtype=torch.float64)
        assert (objective((best + 0.3 * noise).log_softmax(-1)) < top).all()
    assert torch.allclose(tilt(log_ref, reward, math.inf), log_ref)


def test_expected_reward_along_the_tilt_rises_by_its_variance():
    log_ref, reward = drawn("variance")
    rate = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    log_p = (log_ref + rate * reward).log_softmax(-1)
    mean = (log_p.exp() * reward).sum(-1)
    found = torch.autograd.grad(mean.sum(), rate)[0]
    at = tilt(log_ref, reward, 1 / 1.3)
    variance = expectation(at, reward**2) - expectation(at, reward) ** 2
    assert found.item() == pytest.approx(float(variance.sum()), abs=1e-10)


@pytest.mark.parametrize("kl", [0.01, 0.5, 2.0])
def test_the_tilt_of_a_given_kl_has_that_kl(kl):
    log_ref, reward = drawn("kl")
    policy, beta = tilt_at_kl(log_ref, reward, kl)
    assert kl_divergence(policy, log_ref).mean().item() == pytest.approx(kl, abs=1e-6)
    assert torch.allclose(policy, tilt(log_ref, reward, beta))
    scaled, other = tilt_at_kl(log_ref, 10 * reward + 3, kl)
    assert torch.allclose(scaled, policy, atol=1e-8) and other == pytest.approx(10 * beta, rel=1e-6)


def test_answers_that_the_reference_never_gives_stay_impossible():
    log_ref = torch.tensor([[0.5, 0.5, 0.0]]).log()
    policy, _ = tilt_at_kl(log_ref, torch.tensor([[0.0, 1.0, 9.0]]), 0.1)
    assert policy[0, 2].exp() == 0 and policy.exp().sum().item() == pytest.approx(1)


def test_ill_arguments_are_refused():
    log_ref, reward = drawn("ill")
    with pytest.raises(ValueError, match=r"kl must lie in .* reach; got 50"):
        tilt_at_kl(log_ref, reward, 50)
    with pytest.raises(ValueError, match="reward must not be constant"):
        tilt_at_kl(log_ref, 0 * reward, 1.0)
    with pytest.raises(ValueError, match="beta must be a finite number above 0"):
        tilt(log_ref, reward, 0)
    with pytest.raises((ValueError, TypeCheckError)):
        tilt(log_ref, reward[:1], 1.0)
    ill = reward.clone()
    ill[0, 0] = math.nan
    with pytest.raises(ValueError, match="values must be finite; 1 are not"):
        expectation(log_ref, ill)
    with pytest.raises((ValueError, TypeCheckError)):
        pairwise_loss(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="rewards must rank"):
        plackett_luce_log_prob(torch.zeros(2, 0))


def test_a_kl_that_only_a_forbidden_answer_would_reach_is_refused():
    log_ref, reward = torch.tensor([[0.5, 0.5, 0.0]]).log(), torch.tensor([[0.0, 1.0, 5.0]])
    law, _ = tilt_at_kl(log_ref, reward, 0.6)
    assert float(kl_divergence(law, log_ref)) == pytest.approx(0.6, abs=1e-6)
    assert law[0, 2] == -math.inf
    with pytest.raises(ValueError, match="kl must lie in"):
        tilt_at_kl(log_ref, reward, 1.0)  # of what may be said no law is farther than log 2
