"""The score function: unbiased for every baseline; its variance and best baseline by counting."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.equations.policy_gradient import (
    discounted_returns,
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
    mean = sum(w * d for w, d in zip(p, draws, strict=True))
    return mean, sum(w * (d - mean) ** 2 for w, d in zip(p, draws, strict=True))


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
    """p = (.2, .8), R = (1, 0): the scores are (.8, -.8) and (-.2, .2), and E[R] is .2.

    So b* = .2 .64 / (.2 .64 + .8 .04) = .8.
    """
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
            for y, r in zip(draws.tolist(), rewards.tolist(), strict=True)
        )
        / 4
    )
    assert torch.allclose(got[0], -by_hand) and got[1] is None and got[2] is None


def test_the_surrogate_is_unbiased_by_monte_carlo():
    """Each of 5 means within its z-interval, by exact standard errors; false alarm 1e-7 in all."""
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
    # Two shapes that differ are refused by the annotation where it is enforced, as here.
    plain = inspect.unwrap(score_function_surrogate)
    with pytest.raises(ValueError, match="same shape"):
        plain(x, torch.zeros(2))
    with pytest.raises(ValueError, match="at least 1 log-probability"):
        score_function_surrogate(torch.zeros(0), torch.zeros(0))
    with pytest.raises(ValueError, match="baseline must broadcast"):
        score_function_surrogate(x, x, torch.zeros(2, 3))
    for bad in (math.nan, math.inf, -math.inf, True, "1", None):
        with pytest.raises(ValueError, match="baseline must"):
            plain(x, x, bad)
        with pytest.raises(ValueError, match="baseline must"):
            inspect.unwrap(score_function_moments)(x, x, bad)
    for f in (reward_gradient, score_function_moments, optimal_baseline):
        with pytest.raises(ValueError, match="same shape"):
            inspect.unwrap(f)(x, torch.zeros(1, 3))
        with pytest.raises(ValueError, match="NaN"):
            f(torch.tensor([0.0, math.nan]), torch.zeros(2))


INF = math.inf
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reward", [-INF, INF, 7.0])
def test_a_forbidden_choice_takes_no_part_whatever_its_reward(dtype, reward):
    logits, rewards = (torch.tensor([1.0, 2.0, x], dtype=dtype) for x in (-INF, reward))
    small = [x[:2] for x in (logits, rewards)]
    found = reward_gradient(logits, rewards)
    assert found.tolist() == [*reward_gradient(*small).tolist(), 0] and found.dtype == dtype
    for a, b in zip(
        score_function_moments(logits, rewards, 0.5),
        score_function_moments(*small, 0.5),
        strict=True,
    ):
        assert a.tolist() == [*b.tolist(), 0]
    assert torch.equal(optimal_baseline(logits, rewards), optimal_baseline(*small))
    each = optimal_baseline(logits, rewards, per_component=True)
    assert torch.equal(each[:2], optimal_baseline(*small, per_component=True))


def test_by_hand_with_a_forbidden_choice():
    logits = torch.tensor([1.0, 2.0, -INF], dtype=torch.float64)
    s = 1 / (1 + math.e) * math.e / (1 + math.e)  # p (1 - p), about .1966
    assert reward_gradient(logits, logits).tolist() == pytest.approx([-s, s, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_draw_of_advantage_zero_takes_no_part(dtype):
    log_probs = torch.tensor([-1.0, -INF], dtype=dtype, requires_grad=True)
    loss = score_function_surrogate(log_probs, torch.tensor([2.0, 1.0], dtype=dtype), 1.0)
    assert loss == 0.5 and torch.autograd.grad(loss, log_probs)[0].tolist() == [-0.5, 0]
    logits = torch.tensor([0.0, 0.0, -INF], dtype=dtype, requires_grad=True)
    loss = score_function_surrogate(logits.log_softmax(-1), torch.tensor([1.0, 0, 0]).to(dtype))
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()


@pytest.mark.parametrize("bad", [math.nan, INF, -INF])
def test_rewards_that_are_not_finite_are_refused(bad):
    x, rewards = torch.zeros(2), torch.tensor([1.0, bad])
    for f in (reward_gradient, score_function_moments, optimal_baseline, score_function_surrogate):
        with pytest.raises(ValueError, match=r"rewards.* must be finite; got 1"):
            f(x, rewards)
    mask = torch.tensor([[True, True]])
    for discount in (0, 0.5, 1):
        with pytest.raises(ValueError, match="rewards must be finite"):
            discounted_returns(rewards[None], mask, discount)
        # What stands where padded is not looked at.
        masked = discounted_returns(rewards[None], torch.tensor([[True, False]]), discount)
        assert masked.tolist() == [[1, 0]]


@pytest.mark.parametrize("bad", [math.nan, INF])
def test_log_probabilities_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="log_probs must hold log-probabilities"):
        score_function_surrogate(torch.tensor([bad]), torch.tensor([1.0]))


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_sums_in_half_precision(dtype):
    many = torch.ones(100_000, dtype=dtype)
    assert score_function_surrogate(-many, many) == 1
    # A uniform policy over 70,000 choices that all pay 1: E[R] = 1, and no gradient.
    flat, pay = torch.zeros(70_000, dtype=dtype), many[:70_000]
    assert float(reward_gradient(flat, pay).abs().max()) < 1e-8
    paid = discounted_returns(many[None, :3000], torch.ones(1, 3000, dtype=torch.bool), 1)
    assert float(paid[0, 0]) == pytest.approx(3000, rel=torch.finfo(dtype).eps)


def test_returns_against_the_double_sum():
    rewards = torch.randn(3, 6, generator=generator(1, "returns"), dtype=torch.float64)
    mask = torch.arange(6) < torch.tensor([6, 3, 0])[:, None]
    for discount in (0, 0.9, np.float32(0.5), 1):
        found = discounted_returns(rewards, mask, discount)
        for row in range(3):
            n = int(mask[row].sum())
            for t in range(6):
                want = sum(float(discount) ** (s - t) * float(rewards[row, s]) for s in range(t, n))
                assert float(found[row, t]) == pytest.approx(want if t < n else 0, abs=1e-12)


def test_ill_returns_are_refused():
    rewards, mask, f = (
        torch.ones(1, 3),
        torch.ones(1, 3, dtype=torch.bool),
        inspect.unwrap(discounted_returns),
    )
    for bad in (-0.1, 1.1, math.nan, True, "1", None):
        with pytest.raises(ValueError, match=r"discount must lie in \[0, 1\]; got"):
            f(rewards, mask, bad)
    for bad in (mask.float(), mask[:, :2], mask.long(), None):
        with pytest.raises(ValueError, match="mask must be a boolean tensor of shape"):
            f(rewards, bad, 1)
    for bad in (rewards[0], rewards.long(), [[1.0]], None):
        with pytest.raises(ValueError, match="rewards must be a floating-point tensor of shape"):
            f(bad, mask, 1)


def test_the_surrogate_has_the_gradient_of_finite_differences():
    logits, rewards = problem(4, 3)
    assert torch.autograd.gradcheck(
        lambda z: score_function_surrogate(z.log_softmax(-1), rewards, 0.3),
        (logits.requires_grad_(),),
    )
