"""Attention agrees with torch's fused one in every dtype, and with what can be worked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.networks.attention import causal_mask, scaled_dot_product_attention
from nlgnotes.randomness import generator

HALF = [torch.float16, torch.bfloat16]


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=generator(seed, "attention"), dtype=dtype)


def test_two_keys_by_hand():
    q, k = torch.ones(1, 1), torch.tensor([[0.0], [1.0]])
    output, weights = scaled_dot_product_attention(q, k, torch.tensor([[0.0], [1.0]]))
    assert weights.tolist()[0] == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])
    assert output.item() == pytest.approx(math.e / (1 + math.e))


def test_causal_mask_by_hand():
    assert causal_mask(2, 3).tolist() == [[True, True, False], [True, True, True]]
    with pytest.raises(ValueError, match="keys must be an integer of at least 3; got 2"):
        causal_mask(3, 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 1000))
def test_equals_torch_fused_attention(queries, keys, seed):
    q = normal(2, 3, queries, 5, seed=seed)
    k, v = normal(2, 3, keys, 5, seed=seed + 1), normal(2, 3, keys, 5, seed=seed + 2)
    mask = torch.rand(2, 3, queries, keys, generator=generator(seed)) < 0.5
    mask[0, 0, 0] = False  # a row that sees nothing
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(output, fused, atol=1e-6, rtol=0)
    assert (weights[0, 0, 0] == 0).all() and (weights[~mask] == 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(HALF),
    st.floats(0.01, 1000),
    st.integers(1, 64),
    st.integers(0, 99),
    st.booleans(),
)
def test_half_precision_equals_torch_fused_attention(dtype, size, width, seed, masked):
    """Up to q·k = 6.4e7, a thousand times what float16 can hold; scaled, a hundred times."""
    q, k = (normal(1, 2, 3, width, seed=seed + i).clamp(-1, 1) * size for i in range(2))
    q, k, v = q.to(dtype), k.to(dtype), normal(1, 2, 3, 4, seed=seed).to(dtype)
    mask = causal_mask(3) if masked else None
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    exact, exact_weights = scaled_dot_product_attention(q.double(), k.double(), v.double(), mask)
    assert output.dtype == weights.dtype == dtype
    torch.testing.assert_close(output, exact.to(dtype), atol=0, rtol=0)
    torch.testing.assert_close(weights, exact_weights.to(dtype), atol=0, rtol=0)
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    # A score near s is off by s times float32's rounding in the fused one, and so is its weight.
    slack = 8 * torch.finfo(dtype).eps + 2e-7 * size**2 * width**0.5
    assert (output.double() - fused.double()).abs().max() <= slack * v.abs().max() * 4


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("size", [40.0, 200.0, 6e4])
def test_a_product_beyond_float16_by_hand(dtype, size):
    """The first key scores higher by size * size / 8 at least, so it gets all the weight."""
    q, v = torch.full((1, 64), size), torch.tensor([[1.0], [2.0]])
    k = torch.stack([torch.full((64,), size), torch.full((64,), 0.5 * size)])
    output, weights = scaled_dot_product_attention(*(x.to(dtype) for x in (q, k, v)))
    assert output.tolist() == [[1.0]] and weights.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_a_score_that_is_not_finite_is_an_error(dtype):
    q = torch.tensor([[torch.nan]], dtype=dtype)
    with pytest.raises(ValueError, match="query and key must give finite scores"):
        scaled_dot_product_attention(q, torch.ones_like(q), torch.ones_like(q))
    large = torch.tensor([[1e30]])
    with pytest.raises(ValueError, match="finite scores in torch.float32; got 1 that are not"):
        scaled_dot_product_attention(large, large, large)
    # What no query may see may be anything.
    k, v = torch.tensor([[1.0], [torch.inf]]), torch.ones(2, 1)
    mask = torch.tensor([[True, False]])
    assert scaled_dot_product_attention(torch.ones(1, 1), k, v, mask)[1].tolist() == [[1.0, 0.0]]
    assert not scaled_dot_product_attention(torch.ones(1, 1), k, v, mask & False)[0].any()


def test_blind_row_has_finite_gradient_and_bad_mask_is_named():
    q = normal(1, 2, 3).requires_grad_()
    blind = torch.tensor([[False, False], [True, True]])
    scaled_dot_product_attention(q, q, q, blind)[0].sum().backward()
    assert torch.isfinite(q.grad).all()
    with pytest.raises(ValueError, match="mask must broadcast"):
        scaled_dot_product_attention(q, q, q, torch.ones(3, 3, dtype=torch.bool))
