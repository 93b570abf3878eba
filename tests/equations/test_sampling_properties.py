"""The checks against the paper's formulas as literal loops, and the theorems of the transforms."""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nlgnotes.equations.sampling import MinP, Temperature, TopK, TopP
from nlgnotes.equations.sampling_properties import (
    entropy,
    entropy_reduced,
    order_preserved,
    slope_preserved,
)
from nlgnotes.equations.sampling_variants import (
    MaxEntropy,
    NoisedTopK,
    RandomMask,
    RandomTopK,
    TargetEntropy,
    TemperedTopK,
)
from nlgnotes.randomness import generator

# Log-odds on a grid: two different numbers differ by far more than rounding.
pairs = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-4, 4), min_size=n, max_size=n),
        st.lists(st.one_of(st.integers(-4, 4), st.just(None)), min_size=n, max_size=n),
    )
)


def distribution(scores):
    return torch.tensor(
        [-math.inf if s is None else float(s) for s in scores], dtype=torch.float64
    ).softmax(-1)


def literal_order(p, q):
    return all(
        q[i] >= q[j] - 1e-9
        for i, j in itertools.product(range(len(p)), repeat=2)
        if p[i] > p[j] + 1e-9
    )


def literal_slope(x, y):
    """The four-index formula, multiplied out, over the tokens that q keeps."""
    kept = [i for i in range(len(x)) if y[i] is not None]
    return all(
        (x[i] - x[j]) * (y[m] - y[k]) == (y[i] - y[j]) * (x[m] - x[k])
        for i, j, k, m in itertools.product(kept, repeat=4)
        if x[m] != x[k]
    )


@settings(max_examples=300, deadline=None)
@given(pairs)
def test_checks_agree_with_the_literal_loops(pair):
    x, y = pair
    assume(any(s is not None for s in y))
    p, q = distribution(x), distribution(y)
    assert bool(order_preserved(p, q)) == literal_order(p.tolist(), q.tolist())
    assert bool(slope_preserved(p, q)) == literal_slope(x, y)
    H = [-math.fsum(a * math.log(a) for a in d.tolist() if a > 0) for d in (p, q)]
    assert float(entropy(p)) == pytest.approx(H[0], abs=1e-12)
    if abs(H[0] - H[1]) > 1e-9:
        assert bool(entropy_reduced(p, q)) == (H[1] <= H[0])


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=6), st.integers(-3, 3))
def test_slope_holds_for_every_affine_map_also_a_negative_one(x, a):
    p, q = distribution(x), distribution([a * s for s in x])
    assert slope_preserved(p, q)
    assert bool(order_preserved(p, q)) == (a >= 0 or len(set(x)) == 1)


def test_by_hand():
    p = torch.tensor([[0.5, 0.3, 0.2], [0.98, 0.01, 0.01], [0.4, 0.4, 0.2]])
    q = torch.tensor([[0.625, 0.375, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    assert entropy_reduced(p, q).tolist() == [True, False, True]
    assert order_preserved(p, q).tolist() == [True, False, True]  # the third breaks a tie only
    assert slope_preserved(p, q).tolist() == [
        True,
        True,
        True,
    ]  # two survivors, equals, one survivor
    assert entropy(p)[1] == pytest.approx(0.112, abs=5e-4) and entropy(q)[1] == pytest.approx(
        math.log(2)
    )
    # Breaking a tie beside another survivor breaks the slope: 0 on the left only.
    assert not slope_preserved(torch.tensor([0.4, 0.4, 0.2]), torch.tensor([0.5, 0.3, 0.2]))
    # A token from nowhere.
    assert not slope_preserved(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))


def test_tolerance_is_what_is_given():
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.45, 0.35, 0.2])
    assert not entropy_reduced(p, q) and entropy_reduced(p, q, tolerance=0.1)
    assert not slope_preserved(p, q) and slope_preserved(p, q, tolerance=0.3)
    swapped = torch.tensor([0.49, 0.51])
    assert not order_preserved(swapped.flip(0), swapped) and order_preserved(
        swapped.flip(0), swapped, tolerance=0.05
    )


def test_ill_arguments_are_refused():
    p = torch.tensor([0.5, 0.5])
    for bad, word in (
        ([0.5, 0.6], "add up to 1"),
        ([1.5, -0.5], "none negative"),
        ([math.nan, 1.0], "NaN"),
    ):
        with pytest.raises(ValueError, match=word):
            order_preserved(p, torch.tensor(bad))
    with pytest.raises(ValueError, match="add up to 1"):
        entropy(torch.tensor([2.0, 1.0]))  # scores are not probabilities
    with pytest.raises(ValueError, match="tolerance must lie"):
        entropy_reduced(p, p, tolerance=-1.0)


# Which theorem says what: entropy, order, slope.
THEOREMS = [
    (TopK(20), True, True, True),
    (TopP(0.8), True, True, True),
    (MinP(0.05), True, True, True),
    (Temperature(0.7), True, True, True),
    (Temperature(0.05), True, True, True),
    (Temperature(1.5), False, True, True),
    (TemperedTopK(20, 0.8), True, True, True),
    (RandomTopK(30), True, True, True),
    (MaxEntropy(2.0), True, True, True),
    (TargetEntropy(3.0), False, True, True),
    (RandomMask(0.4), None, False, True),
    (NoisedTopK(20, 0.05), None, True, False),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("transform", "falls", "order", "slope"), THEOREMS, ids=[repr(t[0]) for t in THEOREMS]
)
def test_the_theorems_over_random_rows(transform, falls, order, slope, dtype):
    g = generator(100, "theorems")
    scale = torch.rand(1000, 1, generator=g, dtype=dtype) * 6 + 0.3
    x = torch.randn(1000, 60, generator=g, dtype=dtype) * scale
    p, q = x.softmax(-1), transform(x, g).softmax(-1)
    for check, expected in (
        (entropy_reduced, falls),
        (order_preserved, order),
        (slope_preserved, slope),
    ):
        share = check(p, q).double().mean()
        if expected is not None:
            assert share == 1 if expected else share < 0.5, (check.__name__, float(share))


def test_entropy_falls_as_the_derivative_says():
    x = torch.randn(50, 40, generator=generator(100, "derivative"), dtype=torch.float64) * 2
    for T in (0.5, 1.0, 2.0):
        q, h = Temperature(T)(x).softmax(-1), 1e-5
        log_p = x.log_softmax(-1)
        variance = (q * log_p**2).sum(-1) - (q * log_p).sum(-1) ** 2
        slope = (
            entropy(((1 / T + h) * x).softmax(-1)) - entropy(((1 / T - h) * x).softmax(-1))
        ) / (2 * h)
        assert torch.allclose(slope, -variance / T, atol=1e-7)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [[1.0, 2.0], [0.0, 40.0], [0.0, 2000.0], [3.0]])
def test_a_forbidden_token_takes_no_part_in_the_gradient_of_the_entropy(row, dtype):
    plain = torch.tensor(row, dtype=dtype, requires_grad=True)
    wide = torch.tensor([*row, -math.inf, -math.inf], dtype=dtype, requires_grad=True)
    a, b = (torch.autograd.grad(entropy(x.softmax(-1)), x)[0] for x in (plain, wide))
    assert b.isfinite().all() and not b[len(row) :].any()
    torch.testing.assert_close(b[: len(row)], a)


def test_the_gradient_of_the_entropy_is_that_of_finite_differences():
    x = torch.randn(3, 5, generator=generator(0, "entropy"), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: entropy(z.softmax(-1)), (x,))


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_half_precision_is_summed_in_double(dtype):
    p = torch.full((2, 4096), 2.0**-12, dtype=dtype)  # exact in both
    assert entropy(p).tolist() == pytest.approx([12 * math.log(2)] * 2)
    assert (
        entropy_reduced(p, p).all() and order_preserved(p, p).all() and slope_preserved(p, p).all()
    )


@pytest.mark.parametrize("f", [entropy_reduced, order_preserved, slope_preserved])
def test_ill_tolerances_and_tensors_are_refused(f):
    p, plain = torch.tensor([0.5, 0.5]), inspect.unwrap(f)
    for bad in (-1, math.nan, math.inf, True, "1"):
        with pytest.raises(ValueError, match=r"tolerance must lie in \[0, inf\)"):
            plain(p, p, bad)
    for bad in (torch.tensor([1, 0]), torch.tensor(1.0), torch.zeros(0, 2), [0.5, 0.5], None):
        with pytest.raises(ValueError, match="must hold at least one row"):
            plain(p, bad)
    with pytest.raises(ValueError, match="same shape"):
        plain(p, p[None])
    assert f(p, p, np.float32(0.5)) and f(p, p, torch.tensor(0.5))
