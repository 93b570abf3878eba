"""Noisy top-k gating: worked by hand, and laws over random scores."""

import math
from inspect import unwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.gating import gate_values, keep_top_k, noisy_logits, top_k_experts
from nlgnotes.randomness import generator


def test_gates_by_hand():
    scores = torch.tensor([[math.log(3.0), 0.0, -5.0], [-1.0, -1.0 + math.log(4.0), -9.0]])
    assert torch.allclose(
        gate_values(scores, 2), torch.tensor([[0.75, 0.25, 0.0], [0.2, 0.8, 0.0]])
    )
    assert gate_values(scores, 1).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert top_k_experts(scores, 2).tolist() == [[0, 1], [1, 0]]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**31))
def test_keep_top_k_keeps_exactly_the_k_highest(experts, k, seed):
    k = min(k, experts)
    # Few different values: many ties.
    scores = torch.randint(0, 4, (5, experts), generator=generator(seed)).double()
    kept = keep_top_k(scores, k)
    stays = kept > -math.inf
    assert stays.sum(-1).tolist() == [k] * 5
    assert torch.equal(kept[stays], scores[stays])
    for row, stay in zip(scores, stays, strict=True):
        if k < experts:
            assert float(row[stay].min()) >= float(row[~stay].max())
    gates = gate_values(scores, k)
    assert torch.allclose(gates.sum(-1), torch.ones(5, dtype=torch.float64))
    assert torch.equal(gates > 0, stays)
    # Only differences of scores matter.
    assert torch.allclose(gate_values(scores + 3.0, k).sort(-1).values, gates.sort(-1).values)


def test_the_gradient_reaches_the_chosen_only_and_nothing_with_one():
    scores = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(gate_values(scores, 2)[0, 0], scores)
    p = 1 / (1 + math.exp(-1.0))
    assert torch.allclose(gradient, torch.tensor([[p * (1 - p), -p * (1 - p), 0.0]]))
    (gradient,) = torch.autograd.grad(gate_values(scores, 1).sum(), scores)
    assert gradient.tolist() == [[0.0, 0.0, 0.0]]


def test_the_noise_is_normal_with_deviation_softplus():
    raw = torch.tensor([[0.0, 2.0]]).expand(40_000, 2)
    clean = torch.tensor([[1.0, -3.0]]).expand(40_000, 2)
    drawn = noisy_logits(clean, raw, generator(0, "gating")) - clean
    for i, at in enumerate((0.0, 2.0)):
        expected = math.log1p(math.exp(at))
        z = drawn[:, i].double() / expected
        # A mean and a mean square of 40,000: false alarms below 1e-6.
        assert abs(float(z.mean())) < 5 / 200 and abs(float(z.square().mean()) - 1) < 8 / 200
        assert abs(float((z > 1).double().mean()) - 0.158655) < 5 * 0.3654 / 200
    assert abs(float((drawn[:, 0] * drawn[:, 1]).mean())) < 5 * 0.6931 * 2.127 / 200
    again = noisy_logits(clean, raw, generator(0, "gating")) - clean
    assert torch.equal(drawn, again)


def test_the_gradient_flows_through_scores_and_spread():
    clean = torch.zeros(1, 3, requires_grad=True)
    raw = torch.zeros(1, 3, requires_grad=True)
    normal = torch.empty(1, 3).normal_(generator=generator(1))
    noisy_logits(clean, raw, generator(1)).sum().backward()
    assert torch.equal(clean.grad, torch.ones(1, 3))
    assert torch.allclose(raw.grad, normal / 2)  # the derivative of softplus at 0


def test_bad_arguments_are_named():
    scores = torch.zeros(2, 3)
    for k in (0, 4, 1.5):
        with pytest.raises(ValueError, match="k must"):
            unwrap(top_k_experts)(scores, k)
    with pytest.raises(ValueError, match="scores must not hold NaN"):
        keep_top_k(torch.tensor([[0.0, math.nan]]), 1)
    with pytest.raises(ValueError, match="generator must"):
        unwrap(noisy_logits)(scores, scores, None)
    with pytest.raises(ValueError, match="same shape"):
        unwrap(noisy_logits)(scores, torch.zeros(2, 2), generator(0))
