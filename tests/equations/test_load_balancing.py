"""Measures and losses of balance: worked by hand, against definitions, and their bounds."""

import itertools
import math
from inspect import unwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations import load_balancing as lb
from nlgnotes.equations.gating import gate_values, noisy_logits, top_k_experts
from nlgnotes.randomness import generator


def test_squared_cv_by_hand_with_the_population_variance():
    # Mean 2, squared distances 1, 0, 1: 2/3 over 4.
    assert float(lb.squared_cv(torch.tensor([1.0, 2.0, 3.0]))) == pytest.approx(1 / 6)
    x = torch.tensor([1.0, 4.0, 2.0, 9.0], dtype=torch.float64)
    ratio = float((x.std() / x.mean()) ** 2 / lb.squared_cv(x))
    assert ratio == pytest.approx(4 / 3)  # torch's default divides by N - 1


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**31))
def test_the_bounds_hold_and_are_reached(experts, k, tokens, seed):
    k = min(k, experts)
    scores = torch.randn(tokens, experts, generator=generator(seed), dtype=torch.float64)
    counts = lb.expert_counts(top_k_experts(scores, k), experts)
    assert float(lb.squared_cv(counts.double())) <= experts / k - 1 + 1e-9
    assert lb.max_over_mean(counts) <= experts / k + 1e-9
    gates = gate_values(10 * scores, k)
    assert float(lb.squared_cv(lb.importance(gates))) <= experts - 1 + 1e-9
    # Always the same k experts, and all the weight on one.
    worst = lb.expert_counts(torch.arange(k).expand(tokens, k), experts)
    assert float(lb.squared_cv(worst.double())) == pytest.approx(experts / k - 1)
    assert lb.max_over_mean(worst) == pytest.approx(experts / k)
    assert lb.max_violation(worst) == pytest.approx(experts / k - 1)
    assert lb.dead_experts(worst) == experts - k
    one = torch.eye(experts, dtype=torch.float64)[:1].expand(tokens, -1)
    assert float(lb.squared_cv(lb.importance(one))) == pytest.approx(experts - 1)


def test_importance_and_counts_by_hand():
    gates = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]])
    assert lb.importance(gates).tolist() == [0.75, 0.75, 0.5]
    chosen = torch.tensor([[0, 1], [1, 2]])
    assert lb.expert_counts(chosen, 4).tolist() == [1, 2, 1, 0]
    assert lb.expert_fractions(chosen, 4).tolist() == [0.25, 0.5, 0.25, 0.0]
    assert lb.dead_experts(torch.tensor([100, 5, 0, 3]), 0.2) == 3


def by_sorting(clean, noisy, spread, k):
    """The smooth load as its definition says it, one token and one expert at a time."""
    load = [0.0] * clean.shape[1]
    for c, h, s in zip(clean.tolist(), noisy.tolist(), spread.tolist(), strict=True):
        for i in range(len(c)):
            others = sorted(h[:i] + h[i + 1 :], reverse=True)
            load[i] += 0.5 * math.erfc((others[k - 1] - c[i]) / s[i] / math.sqrt(2))
    return load


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_the_smooth_load_is_its_definition(experts, k, seed):
    k, chance = min(k, experts - 1), generator(seed)
    clean, raw = torch.randn(2, 4, experts, generator=chance, dtype=torch.float64)
    noisy = noisy_logits(clean, raw, chance)
    spread = torch.nn.functional.softplus(raw)
    ours = lb.smooth_load(clean, noisy, spread, k)
    assert ours.tolist() == pytest.approx(by_sorting(clean, noisy, spread, k), abs=1e-9)


def test_the_smooth_load_is_the_expected_count():
    chance = generator(2, "smooth-load")
    clean = torch.randn(1, 5, generator=chance, dtype=torch.float64).expand(40_000, 5)
    raw = torch.randn(1, 5, generator=chance, dtype=torch.float64).expand(40_000, 5)
    noisy, spread = noisy_logits(clean, raw, chance), torch.nn.functional.softplus(raw)
    smooth = lb.smooth_load(clean, noisy, spread, 2) / 40_000
    hard = lb.expert_counts(top_k_experts(noisy, 2), 5) / 40_000
    # Five deviations of a share, and as many of the smooth one's mean: below 1e-6.
    assert float((smooth - hard).abs().max()) < 10 * 0.5 / 200


def test_the_smooth_load_has_a_gradient_that_the_count_lacks():
    clean = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64, requires_grad=True)
    spread = torch.full((1, 3), 0.7, dtype=torch.float64)
    noisy = (clean + torch.tensor([[0.1, -0.2, 0.3]])).detach()
    load = lb.smooth_load(clean, noisy, spread, 1)
    (gradient,) = torch.autograd.grad(load[0], clean)
    z = (0.0 - 1.3) / 0.7
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / 0.7
    assert gradient.tolist()[0] == pytest.approx([density, 0.0, 0.0])


def test_switch_loss_by_hand_and_the_conventions_of_others():
    p = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]], dtype=torch.float64)
    chosen = p.topk(2).indices  # experts 0, 1 and 1, 2
    # f = (1, 2, 1) / 4, P = (.4, .4, .2).
    value = 3 * (0.25 * 0.4 + 0.5 * 0.4 + 0.25 * 0.2)
    assert float(lb.switch_loss(p, chosen)) == pytest.approx(value)
    deepseek = 3 / (2 * 2) * torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    assert float((deepseek * p.mean(0)).sum()) == pytest.approx(value)
    # Switch: k = 1, f of the arg max.
    first = p.argmax(-1, keepdim=True)
    assert float(lb.switch_loss(p, first)) == pytest.approx(3 * (0.5 * 0.4 + 0.5 * 0.4))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(1, 8), st.integers(1, 9), st.integers(0, 2**31))
def test_a_uniform_f_or_p_gives_one_whatever_the_other_is(experts, k, rounds, seed):
    k, chance = min(k, experts), generator(seed)
    p = torch.randn(rounds * experts, experts, generator=chance, dtype=torch.float64).softmax(-1)
    even = (torch.arange(rounds * experts)[:, None] + torch.arange(k)) % experts
    assert float(lb.switch_loss(p, even)) == pytest.approx(1)
    flat = torch.full_like(p, 1 / experts)
    assert float(lb.switch_loss(flat, top_k_experts(p, k))) == pytest.approx(1)


def test_uniform_is_not_the_minimum():
    p = torch.tensor([[0.51, 0.49]] * 7 + [[0.0, 1.0]] * 3, dtype=torch.float64)
    value = lb.switch_loss(p, p.argmax(-1, keepdim=True))
    # f = (.7, .3); P = (.357, .643).
    assert float(value) == pytest.approx(2 * (0.7 * 0.357 + 0.3 * 0.643)) and float(value) < 0.89


def test_the_gradient_is_f_and_flows_through_p_only():
    logits = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 1.0]], requires_grad=True)
    p = logits.softmax(-1)
    value = lb.switch_loss(p, p.argmax(-1, keepdim=True))
    (gradient,) = torch.autograd.grad(value, p)
    # N f / T at every token: 2 * (2/3, 1/3) / 3.
    assert torch.allclose(gradient, torch.tensor([4 / 9, 2 / 9]).expand(3, 2))


def test_the_bias_goes_up_where_there_is_too_little():
    counts = torch.tensor([6, 3, 0])
    assert lb.updated_bias(torch.tensor([0.5, 0.5, 0.5]), counts, 0.25).tolist() == [
        0.25,
        0.5,
        0.75,
    ]


def test_the_noise_floor_is_the_mean_over_all_choices():
    experts, k, tokens = 3, 2, 2
    options = list(itertools.combinations(range(experts), k))
    values = [
        float(lb.squared_cv(lb.expert_counts(torch.tensor(draw), experts).double()))
        for draw in itertools.product(options, repeat=tokens)
    ]
    expected = lb.sampled_squared_cv(experts, k, tokens)
    assert sum(values) / len(values) == pytest.approx(expected) == pytest.approx(0.25)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="x must not be all 0"):
        lb.squared_cv(torch.zeros(3))
    with pytest.raises(ValueError, match="gates must be finite and at least 0"):
        lb.importance(torch.tensor([[-0.1, 1.1]]))
    with pytest.raises(ValueError, match="chosen must hold experts in"):
        lb.expert_counts(torch.tensor([[3]]), 3)
    with pytest.raises(ValueError, match="chosen must be int64"):
        unwrap(lb.expert_counts)(torch.tensor([0, 1]), 3)
    p = torch.full((3, 2), 0.5)
    with pytest.raises(ValueError, match="chosen must have a row for each of 3"):
        unwrap(lb.switch_loss)(p, torch.tensor([[0]]))
    with pytest.raises(ValueError, match="probabilities must have shape"):
        unwrap(lb.switch_loss)(p[0], torch.tensor([[0]]))
    for rate in (0, -0.1):
        with pytest.raises(ValueError, match="rate must"):
            lb.updated_bias(torch.zeros(2), torch.tensor([1, 1]), rate)
    with pytest.raises(ValueError, match="bias must have shape"):
        unwrap(lb.updated_bias)(torch.zeros(3), torch.tensor([1, 1]), 0.1)
    with pytest.raises(ValueError, match="counts must be int64"):
        lb.max_over_mean(torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="counts must be at least 0"):
        lb.max_over_mean(torch.tensor([3, -1]))
    with pytest.raises(ValueError, match="share must"):
        lb.dead_experts(torch.tensor([1, 1]), 2)
    with pytest.raises(ValueError, match="k must"):
        lb.sampled_squared_cv(4, 5, 1)
    s = torch.zeros(1, 3)
    with pytest.raises(ValueError, match="spread must be above 0"):
        lb.smooth_load(s, s, s, 1)
    with pytest.raises(ValueError, match="k must"):
        lb.smooth_load(s, s, s + 1, 3)
    with pytest.raises(ValueError, match="same shape"):
        unwrap(lb.smooth_load)(s, s[:, :2], s + 1, 1)


@pytest.mark.parametrize(
    ("amounts", "dtype", "right"),
    [
        ([1.5e-4, 4.5e-4], torch.float16, 0.25),
        ([5e-4, 6e-4], torch.float16, 1 / 121),
        ([1e-22, 3e-22], torch.float32, 0.25),
        ([1e25, 3e25], torch.float32, 0.25),
    ],
)
def test_squared_cv_has_no_scale(amounts, dtype, right):
    found = float(lb.squared_cv(torch.tensor(amounts, dtype=dtype)))
    assert found == pytest.approx(right, rel=0.01)
