"""Attention agrees with torch's and transformers', and with what can be worked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.networks.attention import Cache, causal_mask, scaled_dot_product_attention
from nlgnotes.networks.rotary import (
    apply_rotary,
    rotary,
    rotary_alignment,
    rotary_angles,
    rotary_bound,
    split_rotary,
)
from nlgnotes.randomness import generator


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
    q, k, v = (
        normal(2, 3, queries, 5, seed=seed),
        normal(2, 3, keys, 5, seed=seed + 1),
        normal(2, 3, keys, 5, seed=seed + 2),
    )
    mask = torch.rand(2, 3, queries, keys, generator=generator(seed)) < 0.5
    mask[0, 0, 0] = False  # a row that sees nothing
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    torch.testing.assert_close(
        output, F.scaled_dot_product_attention(q, k, v, attn_mask=mask), atol=1e-6, rtol=0
    )
    assert (weights[0, 0, 0] == 0).all() and (weights[~mask] == 0).all()


def test_blind_row_has_finite_gradient_and_bad_mask_is_named():
    q = normal(1, 2, 3).requires_grad_()
    scaled_dot_product_attention(q, q, q, torch.tensor([[False, False], [True, True]]))[
        0
    ].sum().backward()
    assert torch.isfinite(q.grad).all()
    with pytest.raises(ValueError, match="mask must broadcast"):
        scaled_dot_product_attention(q, q, q, torch.ones(3, 3, dtype=torch.bool))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(-200, 200))
def test_rotary_scores_depend_on_distance_only(m, n, shift):
    q, k = normal(1, 14, dtype=torch.float64), normal(1, 14, seed=1, dtype=torch.float64)

    def score(i, j):
        return (rotary(q, torch.tensor([i])) * rotary(k, torch.tensor([j]))).sum().item()

    assert score(m, n) == pytest.approx(score(m + shift, n + shift), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 9), st.floats(-500, 500), st.integers(0, 1000), st.sampled_from((10.0, 10000))
)
def test_rotary_bound_bounds_every_score(half, distance, seed, base):
    q, k = (
        normal(2 * half, seed=seed, dtype=torch.float64),
        normal(2 * half, seed=seed + 1, dtype=torch.float64),
    )
    score = (rotary(q[None], torch.tensor([distance], dtype=torch.float64), base)[0] * k).sum()
    h = torch.complex(q[:half], q[half:]) * torch.complex(k[:half], k[half:]).conj()
    steps = torch.cat((h, h.new_zeros(1))).diff().abs().max()
    bound = (
        steps
        * half
        * rotary_bound(torch.tensor([distance], dtype=torch.float64), 2 * half, base)[0]
    )
    assert score.abs() <= bound * (1 + 1e-9) + 1e-12


def test_rotary_bound_by_hand():
    # Width 2: |S_1| = |e^(i x)| = 1 at every distance. Width 4, base 1: the angles are equal, so |S_2| = 2.
    d = torch.tensor([0.0, 0.7, 40.0])
    torch.testing.assert_close(rotary_bound(d, 2), torch.ones(3).double())
    torch.testing.assert_close(rotary_bound(d, 4, 1), torch.full((3,), 1.5).double())


def test_aligned_scores_decay_on_average_and_independent_ones_do_not():
    """4,000 vectors of width 16; a mean of n scores with variance v is off by more than 5.5 sqrt(v/n) once in 2e7."""
    n, width, d = 4000, 16, torch.tensor([0, 1, 7, 60, 500])
    q, k = (
        normal(n, 1, width, dtype=torch.float64),
        normal(n, 1, width, seed=1, dtype=torch.float64),
    )
    turned = rotary(q.expand(n, 5, width), d)
    aligned, independent = (turned * q).sum(-1), (turned * k).sum(-1)
    error = 5.5 * aligned.std(0) / n**0.5
    assert ((aligned.mean(0) - width * rotary_alignment(d, width)).abs() <= error).all()
    assert (independent.mean(0).abs() <= 5.5 * (width / n) ** 0.5).all()
    # E s^2 = d and E s^4 = 3 d^2 + 6 d, so a squared score has variance 2 d^2 + 6 d; the mean square stays d at every distance.
    assert ((independent**2).mean(0) - width).abs().max() <= 5.5 * (
        (2 * width**2 + 6 * width) / n
    ) ** 0.5
    assert rotary_alignment(d, width)[0] == 1 and rotary_alignment(d, width)[4] < 0.5


def test_rotary_roads_agree_and_bad_widths_are_named():
    qkv = normal(2, 7, 3, 5, 6).double().requires_grad_()
    angles = rotary_angles(torch.arange(7), 6)
    fast = split_rotary(qkv, angles.cos(), angles.sin())
    slow = [
        rotary(qkv[:, :, 0].transpose(1, 2), torch.arange(7)),
        rotary(qkv[:, :, 1].transpose(1, 2), torch.arange(7)),
        qkv[:, :, 2].transpose(1, 2),
    ]
    weights = [normal(2, 5, 7, 6, seed=s).double() for s in range(3)]
    for a, b in zip(fast, slow):
        torch.testing.assert_close(a, b)
    grads = [
        torch.autograd.grad(sum((w * x).sum() for w, x in zip(weights, road)), qkv)[0]
        for road in (fast, slow)
    ]
    torch.testing.assert_close(*grads)
    with pytest.raises(ValueError, match="width must be even"):
        rotary_angles(torch.arange(2), 3)
    with pytest.raises(ValueError, match="twice the tables"):
        apply_rotary(torch.zeros(7, 4), angles.cos(), angles.sin())


def test_rotary_equals_llama():
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    q, k, angles = (
        normal(2, 3, 11, 8),
        normal(2, 3, 11, 8, seed=1),
        rotary_angles(torch.arange(11), 8).float(),
    )
    cos, sin = (torch.cat((t, t), -1)[None] for t in (angles.cos(), angles.sin()))
    for ours, theirs in zip((q, k), llama.apply_rotary_pos_emb(q, k, cos, sin)):
        torch.testing.assert_close(rotary(ours, torch.arange(11)), theirs, atol=1e-5, rtol=0)


def test_cache_is_a_value():
    empty = Cache.empty(2, 3, 1, 4, 2)
    keys, _ = empty.write(1, torch.ones(3, 1, 2, 2), torch.ones(3, 1, 2, 2))
    full = empty.advanced(2)
    assert keys.shape == (3, 1, 2, 2) and (
        empty.length,
        full.length,
        full.capacity,
        full.batch,
    ) == (0, 2, 4, 3)
    assert full.rows(torch.tensor([2, 2])).batch == 2
    with pytest.raises(ValueError, match="capacity of 4; got 3 after 2"):
        full.advanced(3)
