"""PPO's objective against its cases and autograd, GAE against its sums, the penalised reward."""

import math
from inspect import unwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.ppo import (
    clip_objective,
    clip_slope,
    generalised_advantages,
    penalised_rewards,
    probability_ratios,
)

ratios_and_advantages = st.tuples(
    st.floats(0, 4, width=32), st.floats(-3, 3, width=32), st.floats(0, 0.9)
)


def by_cases(ratio, advantage, epsilon):
    """The objective as its six cases, and its derivative: no minimum and no clip is taken."""
    if advantage >= 0 and ratio > 1 + epsilon:
        return (1 + epsilon) * advantage, 0.0
    if advantage < 0 and ratio < 1 - epsilon:
        return (1 - epsilon) * advantage, 0.0
    return ratio * advantage, advantage


@settings(max_examples=200, deadline=None)
@given(ratios_and_advantages)
def test_the_objective_and_its_slope_are_their_cases_and_autograd_agrees(case):
    numbers = [torch.tensor(x, dtype=torch.float64) for x in case]
    ratio, advantage, epsilon = numbers[0].requires_grad_(), numbers[1], float(numbers[2])
    value, slope = by_cases(*(float(x.detach()) for x in (ratio, advantage)), epsilon)
    ours = clip_objective(ratio, advantage, epsilon)
    assert math.isclose(float(ours), value, abs_tol=1e-12)
    assert float(clip_slope(ratio, advantage, epsilon)) == pytest.approx(slope, abs=1e-12)
    assert float(ours) <= float(ratio) * float(advantage) + 1e-12
    edge = min(abs(float(ratio) - 1 - epsilon), abs(float(ratio) - 1 + epsilon))
    if edge > 1e-6:
        assert float(torch.autograd.grad(ours, ratio)[0]) == pytest.approx(slope, abs=1e-12)


def test_a_bad_word_that_became_likelier_is_not_clipped():
    ratio = torch.tensor([3.0, 30.0], requires_grad=True)
    advantage = torch.tensor([-1.0, -1.0])
    objective = clip_objective(ratio, advantage, 0.2)
    assert objective.tolist() == [-3.0, -30.0]
    assert torch.autograd.grad(objective.sum(), ratio)[0].tolist() == [-1.0, -1.0]


def test_infinity_clips_nothing_and_advantages_take_no_gradient():
    ratio = torch.tensor([0.0, 0.5, 5.0], requires_grad=True)
    advantage = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    assert clip_objective(ratio, advantage, math.inf).tolist() == [0.0, -1.0, 15.0]
    clip_objective(ratio, advantage, 0.2).sum().backward()
    assert ratio.grad is not None and advantage.grad is None


def test_ratios_are_quotients_and_the_old_policy_is_a_constant():
    new = torch.tensor([0.5, 0.2], dtype=torch.float64).log().requires_grad_()
    old = torch.tensor([0.25, 0.4], dtype=torch.float64).log().requires_grad_()
    ratios = probability_ratios(new, old)
    assert torch.allclose(ratios, torch.tensor([2.0, 0.5], dtype=torch.float64))
    ratios.sum().backward()
    assert torch.allclose(new.grad, ratios.detach()) and old.grad is None


def sums(rewards, values, discount, decay):
    """GAE as the double sum of its definition."""
    last = len(rewards)
    V = [*values, 0.0]
    errors = [rewards[t] + discount * V[t + 1] - V[t] for t in range(last)]
    return [
        sum((discount * decay) ** (s - t) * errors[s] for s in range(t, last)) for t in range(last)
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0, 1),
    st.floats(0, 1),
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
def test_advantages_are_the_sums_of_their_definition(seed, discount, decay, lengths):
    g = torch.Generator().manual_seed(seed)
    time = max(lengths)
    rewards, values = torch.randn(2, len(lengths), time, generator=g, dtype=torch.float64)
    mask = torch.arange(time) < torch.tensor(lengths)[:, None]
    padded = rewards.masked_fill(~mask, math.nan), values.masked_fill(~mask, math.inf)
    ours = generalised_advantages(*padded, mask, discount, decay)
    for row, length in enumerate(lengths):
        slow = sums(rewards[row, :length].tolist(), values[row, :length].tolist(), discount, decay)
        assert ours[row, :length].tolist() == pytest.approx(slow, abs=1e-10)
        assert not ours[row, length:].any()


def test_the_ends_of_lambda_are_the_return_less_the_value_and_one_error():
    rewards, values = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[10.0, 20.0, 30.0]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    whole = generalised_advantages(rewards, values, mask, 1.0, 1.0)
    assert whole.tolist() == [[7 - 10, 6 - 20, 4 - 30]]
    one = generalised_advantages(rewards, values, mask, 1.0, 0.0)
    assert one.tolist() == [[1 + 20 - 10, 2 + 30 - 20, 4 - 30]]


def test_the_penalised_rewards_add_up_to_score_less_the_penalty():
    log_ratios = torch.tensor([[0.5, -0.25, 9.0], [1.0, 1.0, 1.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    rewards = penalised_rewards(torch.tensor([3.0, -1.0]), log_ratios, mask, 2.0)
    assert rewards.tolist() == [[-1.0, 3.5, 0.0], [-2.0, -2.0, -3.0]]
    assert rewards.sum(1).tolist() == [3 - 2 * 0.25, -1 - 2 * 3]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: unwrap(probability_ratios)(torch.zeros(2), torch.zeros(3)), "same shape"),
        (lambda: probability_ratios(torch.tensor([math.nan]), torch.zeros(1)), "finite"),
        (lambda: clip_objective(-torch.ones(1), torch.ones(1), 0.2), "ratios must be at least 0"),
        (lambda: clip_objective(torch.ones(1), torch.ones(1), -0.1), "epsilon must"),
        (lambda: clip_slope(torch.ones(1), torch.ones(1), math.nan), "epsilon must"),
        (lambda: gae(discount=1.5), "discount must"),
        (lambda: gae(decay=-0.5), "decay must"),
        (lambda: gae(mask=torch.tensor([[False, True]])), "words first"),
        (lambda: gae(values=torch.zeros(1, 3)), "same shape"),
        (lambda: gae(rewards=torch.tensor([[0.0, math.inf]])), "finite"),
        (lambda: penalised(beta=-1.0), "beta must"),
        (lambda: penalised(mask=torch.zeros(1, 2, dtype=torch.bool)), "a word in each answer"),
        (lambda: penalised(scores=torch.zeros(2)), "same shape"),
        (lambda: penalised(log_ratios=torch.tensor([[math.nan, 0.0]])), "finite"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def gae(rewards=None, values=None, mask=None, discount=1.0, decay=1.0):
    rewards = torch.zeros(1, 2) if rewards is None else rewards
    values = torch.zeros(1, 2) if values is None else values
    mask = torch.ones(1, 2, dtype=torch.bool) if mask is None else mask
    return unwrap(generalised_advantages)(rewards, values, mask, discount, decay)


def penalised(scores=None, log_ratios=None, mask=None, beta=1.0):
    scores = torch.zeros(1) if scores is None else scores
    log_ratios = torch.zeros(1, 2) if log_ratios is None else log_ratios
    mask = torch.ones(1, 2, dtype=torch.bool) if mask is None else mask
    return unwrap(penalised_rewards)(scores, log_ratios, mask, beta)
