"""The further transforms: by hand, by bisection, at the limits, and draws by chi-squared."""

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.equations.sampling import TopK
from nlgnotes.equations.sampling_properties import entropy
from nlgnotes.equations.sampling_variants import (
    MaxEntropy,
    NoisedTopK,
    RandomMask,
    RandomTopK,
    TargetEntropy,
    temper_to_entropy,
)
from nlgnotes.randomness import generator

INF = math.inf
grids = st.lists(st.integers(-6, 6), min_size=1, max_size=7)
scores = st.lists(st.floats(-6, 6), min_size=3, max_size=8, unique_by=lambda x: round(x, 2))


def rows(name, *shape, dtype=torch.float64, scale=2.0):
    return scale * torch.randn(*shape, generator=generator(100, name), dtype=dtype)


def by_bisection(row, E):
    """A slow second road: halve the interval of b = 1/T a hundred times."""
    low, high = 1e-6, 1e5
    for _ in range(200):
        b = math.sqrt(low * high)
        low, high = (b, high) if float(entropy((b * row).softmax(-1))) > E else (low, b)
    return (b * row).softmax(-1)


@settings(max_examples=30, deadline=None)
@given(scores, st.floats(0.1, 0.95))
def test_the_entropy_is_what_was_asked_for(row, share):
    row = torch.tensor(row, dtype=torch.float64)
    E = share * math.log(len(row))
    p = temper_to_entropy(row[None], E, upwards=True)[0].softmax(-1)
    assert float(entropy(p)) == pytest.approx(E, abs=1e-6)
    assert torch.allclose(p, by_bisection(row - row.max(), E), atol=1e-5)


def test_downwards_leaves_what_is_low_enough():
    rows = torch.tensor([[0.0, 0.0, 0.0], [0.0, 5.0, 10.0]])
    out = temper_to_entropy(rows, 0.8, upwards=False)
    assert out[1].equal(rows[1])
    # The three equals cannot have less than log 3 nats: they stay uniform.
    assert torch.allclose(out[0].softmax(-1), torch.full((3,), 1 / 3))


def test_dropped_tokens_stay_dropped_and_limits_are_uniform():
    row = torch.tensor([[2.0, 1.0, -INF, 0.0]])
    assert temper_to_entropy(row, 5.0, upwards=True)[0].softmax(-1).tolist() == pytest.approx(
        [1 / 3, 1 / 3, 0, 1 / 3]
    )
    tied = torch.tensor([[2.0, 2.0, 0.0]])
    assert temper_to_entropy(tied, 0.1, upwards=True)[0].softmax(-1).tolist() == pytest.approx(
        [0.5, 0.5, 0]
    )


@settings(deadline=None)
@given(grids, st.floats(0.05, 2.5), st.booleans())
def test_entropy_transforms_reach_their_target_or_its_nearer_limit(scores, E, upwards):
    x = torch.tensor(scores).double()
    H = float(entropy(x.softmax(-1)))
    low, high = math.log(scores.count(max(scores))), math.log(len(scores))
    want = min(max(E, low), high) if upwards else min(H, max(E, low))
    y = (TargetEntropy if upwards else MaxEntropy)(E)(x)
    assert float(entropy(y.softmax(-1))) == pytest.approx(want, abs=1e-6)


def test_entropy_transforms_in_float32_and_with_extreme_scales():
    for scale in (1e-3, 1.0, 100.0):
        x = rows("extreme", 20, 400, dtype=torch.float32, scale=scale)
        assert (entropy(TargetEntropy(2.0)(x).softmax(-1)) - 2).abs().max() < 1e-5
    low = rows("low", 5, 3)
    assert MaxEntropy(1.2)(low) is low or torch.equal(MaxEntropy(1.2)(low), low)


def test_random_mask_drops_at_its_rate_and_never_the_top():
    x, n = rows("mask", 20, 1), 20_000
    x = rows("mask", 20).expand(n, 20)
    y = RandomMask(0.3)(x, generator(0, "mask"))
    assert (y.argmax(-1) == x.argmax(-1)).all()
    dropped = int((y == -INF).sum())
    # Two-sided binomial: false alarm 1e-6.
    assert stats.binomtest(dropped, n * 19, 0.3).pvalue > 1e-6
    assert (RandomMask(1.0)(x, generator(0)) > -INF).sum(-1).eq(1).all()


def test_random_mask_without_the_top_leaves_one_uniform_survivor():
    n = 12_000
    y = RandomMask(1.0, keep_top=False)(
        torch.tensor([5.0, 1.0, -INF, 0.0]).expand(n, 4), generator(0, "all")
    )
    assert (y > -INF).sum(-1).eq(1).all()
    counts = (y > -INF).sum(0)[[0, 1, 3]]
    assert stats.chisquare(counts.numpy()).pvalue > 1e-6  # false alarm 1e-6


def test_noised_top_k_mixes_and_keeps_the_order():
    x = rows("noise", 500, 30)
    p = TopK(5)(x).softmax(-1)
    assert torch.allclose(NoisedTopK(5, 0.0)(x, generator(0)).softmax(-1), p)
    q = NoisedTopK(5, 0.4)(x, generator(0)).softmax(-1)
    z = (q - 0.6 * p) / 0.4
    order = x.argsort(-1, descending=True)[:, :5]
    assert (
        torch.allclose(z.sum(-1), torch.ones(500).double())
        and (z.gather(-1, order).diff() <= 1e-9).all()
    )
    # The largest of 5 uniform spacings has mean (1 + 1/2 + ... + 1/5) / 5; 5.5 standard errors:
    # false alarm below 1e-6.
    largest = z.max(-1).values
    assert abs(
        largest.mean() - sum(1 / i for i in range(1, 6)) / 5
    ) < 5.5 * largest.std() / math.sqrt(500)


def test_random_top_k_draws_k_uniformly():
    x = rows("k", 6).expand(12_000, 6)
    sizes = (RandomTopK(4)(x, generator(0, "k")) > -INF).sum(-1)
    assert (
        stats.chisquare(torch.bincount(sizes, minlength=5)[1:5].numpy()).pvalue > 1e-6
    )  # false alarm 1e-6
    for k in (1, 2, 3, 4):
        assert torch.equal(RandomTopK(4)(x, generator(0, "k"))[sizes == k], TopK(k)(x)[sizes == k])


@pytest.mark.parametrize("unit", [1e-320, 1e-300, 1e-30, 1e30, 1e99, 1e101, 1e200, 8e307])
def test_the_unit_of_the_scores_does_not_matter(unit):
    """The same distribution, at the same entropy: the temperature takes the unit up."""
    x = torch.tensor([0.0, -0.25, -1.0, -INF, 0.5], dtype=torch.float64)
    for E in (0.3, 0.9, 1.2):
        p, q = (temper_to_entropy(x * s, E, upwards=True).softmax(-1) for s in (1.0, unit))
        assert (q > 0).tolist() == [True, True, True, False, True] or unit > 1
        # Below 1e-305 the exponent that the temperature needs leaves float64.
        if unit > 1e-305:
            assert torch.allclose(p, q, atol=1e-6)
        assert not q.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("E", [1e-300, 1e-3, 1.0, 50.0, 1e300])
def test_extreme_rows_and_targets_leave_distributions(dtype, E):
    limits = torch.finfo(dtype)
    rows = [[limits.max, limits.min, 0], [limits.tiny, 0, -INF], [3, 3, 3], [-INF, 1, -INF]]
    x = torch.tensor(rows, dtype=dtype)
    for transform in (TargetEntropy(E), MaxEntropy(E)):
        y = transform(x)
        assert not y.isnan().any() and (y < INF).all() and (y > -INF).any(-1).all()
        assert ((y == -INF) >= (x == -INF)).all()


def test_ill_rows_and_targets_are_refused():
    for bad in (math.nan, INF, -INF):
        with pytest.raises(ValueError, match="logits must"):
            temper_to_entropy(torch.full((2, 3), bad), 1.0, upwards=True)
    for E in (0, -1, math.nan, INF, True, "1", None):
        with pytest.raises(ValueError, match="E must be a finite number above 0"):
            inspect.unwrap(temper_to_entropy)(torch.zeros(2, 3), E, upwards=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_noise_in_half_precision_is_that_of_float32(dtype):
    x = rows("half", 20, 40).to(dtype)
    ours, wide = (NoisedTopK(9, 0.3)(y, generator(0, "half")).float() for y in (x, x.float()))
    assert ours.isneginf().equal(wide.isneginf())
    assert torch.allclose(ours.softmax(-1), wide.softmax(-1), atol=8 * torch.finfo(dtype).eps)
