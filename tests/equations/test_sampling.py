"""Transforms: by hand, against a literal loop, laws over random rows, and draws by chi-squared (false alarm 1e-6)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.equations.sampling import MinP, Sampler, Temperature, TopK, TopP
from nlgnotes.equations.sampling_properties import entropy
from nlgnotes.equations.sampling_variants import (
    MaxEntropy,
    NoisedTopK,
    RandomMask,
    RandomTopK,
    TargetEntropy,
    TemperedTopK,
)
from nlgnotes.randomness import generator

INF = math.inf
EVERY = [
    Temperature(0.5),
    TopK(3),
    TopP(0.7),
    MinP(0.2),
    TemperedTopK(3, 2.0),
    MaxEntropy(0.9),
    TargetEntropy(1.1),
    RandomMask(0.5),
    RandomMask(0.9, keep_top=False),
    NoisedTopK(3, 0.2),
    RandomTopK(4),
]
IDS = [type(t).__name__ + str(i) for i, t in enumerate(EVERY)]
grids = st.lists(st.integers(-6, 6), min_size=1, max_size=7)


def rows(name, *shape, dtype=torch.float64, scale=2.0):
    return scale * torch.randn(*shape, generator=generator(100, name), dtype=dtype)


def kept(x):
    return (x > -INF).nonzero().squeeze(-1).tolist()


def literal_top_p(p, P):
    """The formula as it stands, in Python: {i: sum of those before i, sorted, < P}."""
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    return sorted(i for place, i in enumerate(order) if math.fsum(p[j] for j in order[:place]) < P)


@pytest.mark.parametrize("transform", EVERY, ids=IDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(11,), (5, 11), (2, 3, 11)])
def test_shape_dtype_not_in_place_and_dropped_stay_dropped(transform, dtype, shape):
    x = rows("laws", *shape, dtype=dtype)
    x[..., [2, 7]] = -INF
    before = x.clone()
    y = transform(x, generator(0, "laws"))
    assert y.shape == x.shape and y.dtype == dtype and torch.equal(x, before)
    assert (y[..., [2, 7]] == -INF).all()
    assert (y > -INF).any(-1).all() and not y.isnan().any()
    assert torch.equal(y, transform(x, generator(0, "laws")))


@pytest.mark.parametrize("transform", EVERY, ids=IDS)
def test_ill_rows_are_refused(transform):
    for bad, word in ((math.nan, "NaN"), (INF, r"\+inf"), (-INF, "all -inf")):
        with pytest.raises(ValueError, match=f"logits must .*{word}"):
            transform(torch.full((2, 4), bad), generator(0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Temperature(0.0),
        lambda: Temperature(-1.0),
        lambda: TopK(0),
        lambda: TopP(0.0),
        lambda: TopP(1.2),
        lambda: MinP(-0.1),
        lambda: MaxEntropy(0.0),
        lambda: TargetEntropy(-1.0),
        lambda: RandomMask(1.1),
        lambda: NoisedTopK(0, 0.1),
        lambda: NoisedTopK(3, 1.5),
        lambda: RandomTopK(0),
        lambda: TemperedTopK(0, 1.0),
        lambda: TemperedTopK(1, 0.0),
        lambda: Temperature(math.nan),
        lambda: Temperature(INF),
    ],
)
def test_ill_parameters_are_refused(make):
    with pytest.raises(
        ValueError,
        match=r"must (lie in|be an integer of at least 1|be a finite number above 0).*; got",
    ):
        make()


@pytest.mark.parametrize("transform", [RandomMask(0.5), NoisedTopK(3, 0.2), RandomTopK(4)])
def test_random_transforms_want_a_generator(transform):
    for call in (transform, Sampler((transform,)).transform):
        with pytest.raises(ValueError, match="generator must be a torch.Generator, because"):
            call(torch.zeros(4))


def test_top_k_keeps_exactly_k_of_equals_the_smaller_ids():
    x = torch.tensor([1.0, 5.0, 1.0, 1.0, -INF])
    assert [kept(TopK(k)(x)) for k in range(1, 6)] == [
        [1],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 2, 3],
    ]
    assert kept(TopK(2)(torch.tensor([0.0, -INF, -INF]))) == [0]


@given(grids, st.integers(1, 8))
def test_top_k_agrees_with_a_sorted_list(scores, k):
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    assert kept(TopK(k)(torch.tensor(scores).double())) == sorted(order[:k])


@given(grids, st.sampled_from([0.05, 0.3, 0.51, 0.77, 0.95, 0.999]))
def test_top_p_agrees_with_the_formula(scores, P):
    x = torch.tensor(scores).double() * 0.7
    assert kept(TopP(P)(x)) == literal_top_p(x.softmax(-1).tolist(), P)


def test_top_p_at_its_edges():
    for dtype in (torch.float32, torch.float64):
        p = torch.tensor([0.5, 0.3, 0.2], dtype=dtype)
        assert [kept(TopP(P)(p.log())) for P in (0.3, 0.5, 0.51, 0.8, 0.81)] == [
            [0],
            [0],
            [0, 1],
            [0, 1],
            [0, 1, 2],
        ]
    assert kept(TopP(0.5)(torch.zeros(4))) == [0, 1]
    x = torch.cat([torch.zeros(1), torch.full((50_000,), -40.0)])
    assert torch.equal(TopP(1.0)(x), x) and kept(TopP(1e-9)(x)) == [0]


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0])
def test_top_p_of_a_wide_row_sorts_no_differently(scale):
    x = rows("wide", 3, 2000, scale=scale)
    for i, row in enumerate(TopP(0.9)(x)):
        assert kept(row) == literal_top_p(x[i].softmax(-1).tolist(), 0.9)


def test_min_p_by_hand():
    x = torch.tensor([0.6, 0.3, 0.1]).log()
    assert [kept(MinP(p)(x)) for p in (0.0, 0.4, 1.0)] == [[0, 1, 2], [0, 1], [0]]


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
    # The largest of 5 uniform spacings has mean (1 + 1/2 + ... + 1/5) / 5; 5.5 standard errors: false alarm below 1e-6.
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


def test_order_of_composition():
    x = rows("order", 50, 40)
    for k, T in ((3, 0.5), (7, 2.0)):
        one, other = Sampler((TopK(k), Temperature(T))), Sampler((Temperature(T), TopK(k)))
        assert torch.equal(one.transform(x), other.transform(x))
        assert torch.equal(one.transform(x), TemperedTopK(k, T)(x))
    # Top-p and a temperature do not commute: half the temperature halves (.5, .3, .2) to (.66, .24, .11).
    p = torch.tensor([0.5, 0.3, 0.2]).log()
    assert kept(Sampler((Temperature(0.5), TopP(0.6))).transform(p)) == [0]
    assert kept(Sampler((TopP(0.6), Temperature(0.5))).transform(p)) == [0, 1]


def test_a_draw_follows_the_distribution():
    p = torch.tensor([0.4, 0.0, 0.3, 0.2, 0.1, 0.0])
    tokens = Sampler().sample(p.log().expand(50, 1000, 6), generator(0, "draw"))
    assert tokens.shape == (50, 1000) and tokens.dtype == torch.int64
    counts = torch.bincount(tokens.flatten(), minlength=6)
    assert counts[1] == counts[5] == 0
    seen = p > 0
    expected = p[seen].double() / p.double().sum() * 50_000
    assert stats.chisquare(counts[seen].numpy(), expected.numpy()).pvalue > 1e-6  # false alarm 1e-6


def test_top_1_is_greedy_and_one_row_gives_one_token():
    x = rows("greedy", 100, 9)
    x[:, 4] = x.amax(-1)  # equals: argmax takes the first
    assert torch.equal(Sampler.greedy().sample(x, generator(0)), x.argmax(-1))
    assert Sampler((TopK(1),)).sample(x[0], generator(0)).shape == ()
    assert Sampler.greedy() == Sampler((TopK(1),)) and hash(Sampler.greedy())
