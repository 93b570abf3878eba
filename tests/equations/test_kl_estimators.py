"""The three estimators: means and mean gradients by adding up over all draws."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.kl_estimators import KINDS, kl_estimates


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 7), st.integers(0, 10**6))
def test_means_and_mean_gradients_are_those_that_are_promised(size, seed):
    g = torch.Generator().manual_seed(seed)
    logits, known = torch.randn(2, size, generator=g, dtype=torch.float64)
    logits.requires_grad_()
    log_p, log_ref = logits.log_softmax(-1), known.log_softmax(-1)
    p, forward = log_p.exp().detach(), kl_divergence(log_p, log_ref)
    reverse = kl_divergence(log_ref, log_p)

    def gradient(x):
        return torch.autograd.grad(x, logits, retain_graph=True)[0]

    promised = {"k1": torch.zeros(size), "k2": gradient(forward), "k3": gradient(reverse)}
    for kind in KINDS:
        estimates = kl_estimates(log_p - log_ref, kind)
        if kind != "k2":
            assert float((p * estimates).sum()) == pytest.approx(float(forward), abs=1e-12)
        if kind != "k1":
            assert bool((estimates >= 0).all())
        mean = gradient((p * estimates).sum())
        assert torch.allclose(mean, promised[kind].double(), atol=1e-12)


def test_the_second_one_has_another_mean():
    p, ref = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.9, 0.1]).double()
    ell = p.log() - ref.log()
    mean = float((p * kl_estimates(ell, "k2")).sum())
    assert mean == pytest.approx((math.log(5 / 9) ** 2 + math.log(5) ** 2) / 4)
    assert abs(mean - float(kl_divergence(p.log(), ref.log()))) > 0.2


def test_another_kind_and_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match="kind must be one of k1, k2, k3"):
        kl_estimates(torch.zeros(1), "k4")
    with pytest.raises(ValueError, match="finite"):
        kl_estimates(torch.tensor([math.inf]), "k1")
