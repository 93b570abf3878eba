"""The score function: unbiased for every baseline, its variance by enumeration, and the baseline that makes it least."""

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.equations.policy_gradient import (
    optimal_baseline,
    reward_gradient,
    score_function_moments,
    score_function_surrogate,
)
from nlgnotes.randomness import generator

problems = st.tuples(st.integers(2, 6), st.integers(0, 10**6), st.floats(-5, 5))


def problem(vocab, seed):
    g = torch.Generator().manual_seed(seed)
    return (
        torch.randn(vocab, generator=g, dtype=torch.float64) * 2,
        3 * torch.randn(vocab, generator=g, dtype=torch.float64),
    )


def literal(logits, rewards, baseline):
    """Mean and variance as loops over draws, the score by automatic differentiation."""
    logits = logits.clone().requires_grad_()
    p, draws = logits.softmax(-1).tolist(), []
    for y in range(len(p)):
        score = torch.autograd.grad(logits.log_softmax(-1)[y], logits)[0]
        draws.append((rewards[y] - baseline) * score)
    mean = sum(w * d for w, d in zip(p, draws))
    return mean, sum(w * (d - mean) ** 2 for w, d in zip(p, draws))


@settings(max_examples=60, deadline=None)
@given(problems)
def test_moments_are_those_of_the_literal_loop_and_the_mean_is_the_gradient(case):
    vocab, seed, b = case
    logits, rewards = problem(vocab, seed)
    per_logit = torch.linspace(-b, b, vocab, dtype=torch.float64)
    by_autograd = logits.clone().requires_grad_()
    gradient = torch.autograd.grad((by_autograd.softmax(-1) * rewards).sum(), by_autograd)[0]
    assert torch.allclose(reward_gradient(logits, rewards), gradient, atol=1e-12)
    for baseline in (0, b, per_logit):
        mean, variance = score_function_moments(logits, rewards, baseline)
        slow = literal(logits, rewards, baseline)
        assert torch.allclose(mean, gradient, atol=1e-12) and torch.allclose(
            slow[0], gradient, atol=1e-12
        )
        assert torch.allclose(variance, slow[1], atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_the_optimal_baseline_is_optimal(case):
    vocab, seed, shift = case
    logits, rewards = problem(vocab, seed)
    best = optimal_baseline(logits, rewards)
    single = optimal_baseline(logits, rewards, per_component=True)
    assert best.shape == (1,) and single.shape == (vocab,)
    least = score_function_moments(logits, rewards, best)[1].sum()
    mean_reward = (logits.softmax(-1) * rewards).sum()
    for other in (0.0, mean_reward, best + 0.1, best - 0.1, best + shift):
        assert least <= score_function_moments(logits, rewards, other)[1].sum() + 1e-12
    by_logit = score_function_moments(logits, rewards, single)[1]
    assert bool((by_logit <= score_function_moments(logits, rewards, best)[1] + 1e-12).all())
    # The excess is quadratic: (b - b*)^2 E|grad log p|^2.
    p = logits.softmax(-1)
    length = (p * (1 - 2 * p + (p**2).sum())).sum()
    excess = score_function_moments(logits, rewards, best + shift)[1].sum() - least
    assert torch.allclose(excess, shift**2 * length, atol=1e-9)
    # A shift of the rewards moves the baseline with it and changes nothing else.
    assert torch.allclose(optimal_baseline(logits, rewards + shift), best + shift, atol=1e-9)


def test_by_hand_two_choices():
    """p = (.2, .8), R = (1, 0): scores (.8, -.8) and (-.2, .2), so b* = .2 .64 / (.2 .64 + .8 .04) = .8, and E[R] = .2."""
    logits, rewards = (
        torch.tensor([0.2, 0.8], dtype=torch.float64).log(),
        torch.tensor([1.0, 0.0], dtype=torch.float64),
    )
    assert float(optimal_baseline(logits, rewards)) == pytest.approx(0.8)
    assert reward_gradient(logits, rewards).tolist() == pytest.approx([0.16, -0.16])
    # With b = .8 the two draws give .2 (.8, -.8) and -.8 (-.2, .2): the same, so nothing varies.
    for baseline, total in (
        (0.8, 0.0),
        (0.2, 2 * (0.2 * 0.64**2 + 0.8 * 0.04**2 - 0.16**2)),
        (0, 2 * (0.2 * 0.64 - 0.16**2)),
    ):
        assert float(score_function_moments(logits, rewards, baseline)[1].sum()) == pytest.approx(
            total, abs=1e-12
        )


def test_batches_are_rows():
    logits, rewards = torch.randn(
        2, 3, 4, 5, generator=generator(100, "batch"), dtype=torch.float64
    )
    best, single = (
        optimal_baseline(logits, rewards),
        optimal_baseline(logits, rewards, per_component=True),
    )
    assert best.shape == (3, 4, 1) and single.shape == (3, 4, 5)
    for baseline, row in ((best, best[1, 2]), (single, single[1, 2])):
        mean, variance = score_function_moments(logits, rewards, baseline)
        a, b = score_function_moments(logits[1, 2], rewards[1, 2], row)
        assert torch.allclose(mean[1, 2], a) and torch.allclose(variance[1, 2], b)
        assert torch.allclose(mean, reward_gradient(logits, rewards))


def test_a_certain_policy_has_no_gradient_and_any_baseline_will_do():
    logits, rewards = torch.tensor([0.0, -math.inf]), torch.tensor([2.0, 7.0])
    assert optimal_baseline(logits, rewards).tolist() == [2.0]
    assert optimal_baseline(logits, rewards, per_component=True).tolist() == [2.0, 2.0]
    mean, variance = score_function_moments(logits, rewards)
    assert mean.tolist() == [0, 0] and variance.tolist() == [0, 0]


def test_the_surrogate_gives_the_estimate():
    logits = torch.tensor([0.3, -1.0, 0.8], dtype=torch.float64, requires_grad=True)
    draws, rewards = (
        torch.tensor([2, 0, 2, 1]),
        torch.tensor([1.0, -2.0, 0.5, 4.0], dtype=torch.float64, requires_grad=True),
    )
    baseline = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    loss = score_function_surrogate(logits.log_softmax(-1)[draws], rewards, baseline)
    got = torch.autograd.grad(loss, (logits, rewards, baseline), allow_unused=True)
    p = logits.softmax(-1).detach()
    by_hand = (
        sum(
            (r - 0.25) * (torch.eye(3, dtype=torch.float64)[y] - p)
            for y, r in zip(draws.tolist(), rewards.tolist())
        )
        / 4
    )
    assert torch.allclose(got[0], -by_hand) and got[1] is None and got[2] is None


def test_the_surrogate_is_unbiased_by_monte_carlo():
    """Each of 5 means within its z-interval, false alarm 1e-7 in all; the standard errors are the exact ones."""
    logits, rewards = problem(5, 7)
    n, g = 40_000, generator(100, "monte carlo")
    draws = torch.multinomial(logits.softmax(-1), n, replacement=True, generator=g)
    x = logits.clone().requires_grad_()
    estimate = -torch.autograd.grad(
        score_function_surrogate(x.log_softmax(-1)[draws], rewards[draws], 1.0), x
    )[0]
    mean, variance = score_function_moments(logits, rewards, 1.0)
    z = ((estimate - mean) / (variance / n).sqrt()).abs().max()
    assert float(z) < stats.norm.isf(1e-7 / 10)
    assert torch.allclose(mean, reward_gradient(logits, rewards))


def test_ill_arguments_are_refused():
    x = torch.zeros(3)
    # Two shapes that differ are refused by the annotation where it is enforced, as here, and by the function elsewhere.
    plain = inspect.unwrap(score_function_surrogate)
    with pytest.raises(ValueError, match="same shape"):
        plain(x, torch.zeros(2))
    with pytest.raises(ValueError, match="at least one draw"):
        score_function_surrogate(torch.zeros(0), torch.zeros(0))
    with pytest.raises(ValueError, match="baseline must broadcast"):
        score_function_surrogate(x, x, torch.zeros(2, 3))
    for f in (reward_gradient, score_function_moments, optimal_baseline):
        with pytest.raises(ValueError, match="same shape"):
            inspect.unwrap(f)(x, torch.zeros(1, 3))
        with pytest.raises(ValueError, match="NaN"):
            f(torch.tensor([0.0, math.nan]), torch.zeros(2))
