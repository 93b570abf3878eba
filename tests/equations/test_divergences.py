"""The divergences by hand, against scipy and torch, and the laws that hold between them."""

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from nlgnotes.equations.divergences import _checked, jensen_shannon, kl_divergence, total_variation
from nlgnotes.randomness import generator

weights = st.lists(st.integers(0, 20), min_size=5, max_size=5).filter(any)


def log_distribution(numbers):
    p = torch.tensor(numbers, dtype=torch.float64)
    return (p / p.sum()).log()


def random_rows(seed, n=50, vocab=7):
    return (
        torch.randn(2, n, vocab, generator=generator(seed, "rows"), dtype=torch.float64)
        .mul(3)
        .log_softmax(-1)
    )


def test_against_scipy_and_torch():
    p, q = random_rows(0)
    torch.testing.assert_close(
        kl_divergence(p, q), torch.tensor(entropy(p.exp(), q.exp(), axis=-1))
    )
    torch.testing.assert_close(
        kl_divergence(p, q),
        torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1),
    )
    torch.testing.assert_close(
        jensen_shannon(p, q), torch.tensor(jensenshannon(p.exp(), q.exp(), axis=-1) ** 2)
    )


def test_total_variation_is_the_largest_difference_over_all_events():
    p, q = random_rows(1, n=20, vocab=5)
    events = torch.tensor([[i >> j & 1 for j in range(5)] for i in range(32)], dtype=torch.float64)
    largest = (events @ (p.exp() - q.exp()).T).amax(0)
    torch.testing.assert_close(total_variation(p, q), largest)


def test_zeros():
    half, first, third = (
        torch.tensor(row).log() for row in ([0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    )
    assert kl_divergence(first, half).item() == pytest.approx(math.log(2))
    assert (
        kl_divergence(half, first).item() == math.inf
        and kl_divergence(first, third).item() == math.inf
    )
    assert total_variation(half, third).item() == pytest.approx(1.0)
    assert jensen_shannon(half, third).item() == pytest.approx(math.log(2))
    assert (
        kl_divergence(first, first).item()
        == total_variation(first, first).item()
        == jensen_shannon(third, third).item()
        == 0.0
    )


@settings(max_examples=200, deadline=None)
@given(weights, weights)
def test_laws(a, b):
    p, q = log_distribution(a), log_distribution(b)
    kl, tv, js = (
        kl_divergence(p, q).item(),
        total_variation(p, q).item(),
        jensen_shannon(p, q).item(),
    )
    assert kl >= 2 * tv**2 - 1e-12, "Pinsker"
    assert 0.5 * tv**2 - 1e-12 <= js <= tv * math.log(2) + 1e-12 and 0 <= tv <= 1 + 1e-12
    assert js == pytest.approx(jensen_shannon(q, p).item(), abs=1e-14) and tv == pytest.approx(
        total_variation(q, p).item()
    )
    assert (kl < 1e-12) == (tv < 1e-9) == (js < 1e-12)


def test_rows_broadcast_and_float32_is_enough():
    p, q = random_rows(2, n=6)
    assert total_variation(p[:, None], q[None]).shape == (6, 6)
    torch.testing.assert_close(
        kl_divergence(p.float(), q.float()), kl_divergence(p, q), rtol=1e-4, atol=1e-6
    )
    # A row of a language against one of a model: float64 with -inf against float32.
    assert kl_divergence(
        torch.tensor([0.0, -math.inf], dtype=torch.float64), torch.zeros(2).log_softmax(-1)
    ).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("f", [kl_divergence, total_variation, jensen_shannon])
def test_errors(f):
    good = torch.zeros(2, 3).log_softmax(-1)
    with pytest.raises(
        ValueError, match="log_q must hold log-probabilities that add up to 1 in every row; got 3"
    ):
        f(good, torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"log_p must hold .* got nan"):
        f(torch.full((3,), math.nan), good)


def test_shapes_that_do_not_fit():
    # The shape check of the tests answers first at the door; users get these sentences.
    with pytest.raises(
        ValueError, match=r"log_p and log_q must be over the same tokens; got 3 and 1"
    ):
        _checked(torch.zeros(2, 3), torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"shapes that fit; got \(2, 3\) and \(3, 3\)"):
        _checked(torch.zeros(2, 3), torch.zeros(3, 3))


def gradients(f, p, q, padding):
    """The gradient of f in the logits of p and of q, each with so many forbidden tokens behind."""
    forbidden = p.new_full((padding,), -math.inf)
    leaves = [torch.cat([x, forbidden]).requires_grad_() for x in (p, q)]
    return torch.autograd.grad(f(*(x.log_softmax(-1) for x in leaves)), leaves)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("padding", [1, 3])
@pytest.mark.parametrize("f", [kl_divergence, total_variation, jensen_shannon])
def test_a_forbidden_token_takes_no_part_in_the_gradient(f, padding, dtype):
    rows = [([1.0, 2.0], [0.5, 1.0]), ([0.0, 90.0], [90.0, 0.0]), ([3.0], [0.5])]
    for p, q in (map(torch.tensor, row) for row in rows):
        small = gradients(f, p.to(dtype), q.to(dtype), 0)
        wide = gradients(f, p.to(dtype), q.to(dtype), padding)
        for a, b in zip(small, wide, strict=True):
            assert b.isfinite().all() and not b[len(p) :].any()
            torch.testing.assert_close(b[: len(p)], a)


@pytest.mark.parametrize("f", [kl_divergence, total_variation, jensen_shannon])
def test_where_only_one_of_the_two_forbids_a_token(f):
    """The gradient is finite: in KL's first argument the forbidden token of p takes no part."""
    p = torch.tensor([1.0, 2.0, -math.inf], dtype=torch.float64).requires_grad_()
    q = torch.tensor([0.5, 1.0, 0.0], dtype=torch.float64).requires_grad_()
    found = torch.autograd.grad(f(p.log_softmax(-1), q.log_softmax(-1)), (p, q))
    assert all(g.isfinite().all() for g in found) and found[0][2] == 0


@pytest.mark.parametrize("f", [kl_divergence, total_variation, jensen_shannon])
def test_gradients_are_those_of_finite_differences(f):
    p, q = (x.clone().requires_grad_() for x in random_rows(3, n=3, vocab=4))
    assert torch.autograd.gradcheck(lambda a, b: f(a.log_softmax(-1), b.log_softmax(-1)), (p, q))


@pytest.mark.parametrize("f", [kl_divergence, total_variation, jensen_shannon])
def test_what_is_no_distribution_is_refused(f):
    good, plain = torch.zeros(3).log_softmax(-1), inspect.unwrap(f)
    for bad in (torch.zeros(3).long(), torch.tensor(0.0), torch.zeros(0, 3), [0.0], None):
        for pair in ((bad, good), (good, bad)):
            with pytest.raises(ValueError, match="must hold at least one row"):
                plain(*pair)
    for ill in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="add up to 1"):
            f(good, torch.full((3,), ill))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_double(dtype):
    """Uniform over 70,000 tokens: in float16 the probabilities would never add up to 1."""
    flat = torch.full((70_000,), -math.log(70_000), dtype=dtype)
    assert (
        kl_divergence(flat, flat) == total_variation(flat, flat) == jensen_shannon(flat, flat) == 0
    )


def test_rounding_leaves_no_divergence_above_its_bound():
    x = torch.randn(50, 400, generator=generator(0, "disjoint"))
    p = torch.cat((x, torch.full_like(x, -math.inf)), -1).log_softmax(-1)
    q = p.roll(400, -1)  # no token is possible under both
    for x, y in ((p, q), (p.bfloat16(), q.bfloat16())):
        assert float(total_variation(x, y).max()) <= 1
        assert float(jensen_shannon(x, y).max()) <= math.log(2)
