"""Rotary positions agree with Llama's, with their definition and with what is worked by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

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
    # Width 2: |S_1| = |e^(i x)| = 1 at every distance. Width 4, base 1: equal angles, so |S_2| = 2.
    d = torch.tensor([0.0, 0.7, 40.0])
    torch.testing.assert_close(rotary_bound(d, 2), torch.ones(3).double())
    torch.testing.assert_close(rotary_bound(d, 4, 1), torch.full((3,), 1.5).double())


def test_aligned_scores_decay_on_average_and_independent_ones_do_not():
    """4,000 vectors; a mean of n scores with variance v is off by 5.5 sqrt(v/n) once in 2e7."""
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
    # E s^2 = d and E s^4 = 3 d^2 + 6 d, so a squared score has variance 2 d^2 + 6 d; the mean
    # square stays d at every distance.
    assert ((independent**2).mean(0) - width).abs().max() <= 5.5 * (
        (2 * width**2 + 6 * width) / n
    ) ** 0.5
    assert rotary_alignment(d, width)[0] == 1 and rotary_alignment(d, width)[4] < 0.5


def test_rotary_roads_agree():
    qkv = normal(2, 7, 3, 5, 6).double().requires_grad_()
    angles = rotary_angles(torch.arange(7), 6)
    fast = split_rotary(qkv, angles.cos(), angles.sin())
    slow = [
        rotary(qkv[:, :, 0].transpose(1, 2), torch.arange(7)),
        rotary(qkv[:, :, 1].transpose(1, 2), torch.arange(7)),
        qkv[:, :, 2].transpose(1, 2),
    ]
    weights = [normal(2, 5, 7, 6, seed=s).double() for s in range(3)]
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b)
    grads = [
        torch.autograd.grad(sum((w * x).sum() for w, x in zip(weights, road, strict=True)), qkv)[0]
        for road in (fast, slow)
    ]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rotary_angles(torch.arange(2), 3), "width must be even"),
        (lambda: rotary_angles(torch.tensor([torch.inf]), 4), "finite angles"),
        (lambda: rotary_angles(torch.tensor([1e30]), 40, 1e-300), "got base 1e-300"),
        (lambda: apply_rotary(torch.zeros(7, 4), *torch.zeros(2, 7, 3)), "twice the tables"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((ValueError, TypeCheckError), match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_turn_keeps_its_dtype_and_is_rounded_once(dtype):
    x, at = normal(3, 5, 8, dtype=torch.float64).to(dtype), torch.arange(5)
    assert rotary(x, at).dtype == dtype
    exact = rotary(x.double(), at)
    torch.testing.assert_close(
        rotary(x, at).double(), exact, atol=4 * torch.finfo(dtype).eps, rtol=0
    )


def test_rotary_equals_llama():
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    q, k, angles = (
        normal(2, 3, 11, 8),
        normal(2, 3, 11, 8, seed=1),
        rotary_angles(torch.arange(11), 8).float(),
    )
    cos, sin = (torch.cat((t, t), -1)[None] for t in (angles.cos(), angles.sin()))
    for ours, theirs in zip((q, k), llama.apply_rotary_pos_emb(q, k, cos, sin), strict=True):
        torch.testing.assert_close(rotary(ours, torch.arange(11)), theirs, atol=1e-5, rtol=0)
