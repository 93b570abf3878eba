"""Transforms and the sampler: by hand, against a literal loop, and laws over random rows.

Draws are compared by chi-squared, false alarm 1e-6.
"""

import inspect
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import stats

from nlgnotes.equations.sampling import (
    MinP,
    Sampler,
    Temperature,
    TopK,
    TopP,
    Transform,
    draw,
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

INF = math.inf
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
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
@pytest.mark.parametrize("dtype", DTYPES)
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
        lambda: Temperature(10**400),
        lambda: Temperature(np.array([1.0])),
        lambda: Temperature(np.bool_(True)),
        lambda: Temperature("1"),
        lambda: TopK(2.0),
        lambda: TopK(np.float64(2)),
        lambda: TopK(torch.tensor([2])),
        lambda: TopP(math.nan),
        lambda: TopP(np.float32(1.5)),
        lambda: MinP(None),
        lambda: MinP(INF),
        lambda: MaxEntropy(INF),
        lambda: RandomMask(math.nan),
        lambda: RandomTopK(2**63 - 1),
        lambda: NoisedTopK(3, math.nan),
    ],
)
def test_ill_parameters_are_refused(make):
    # What has another type is refused by the annotation, where the tests enforce it.
    words = r"must (lie in|be an integer|be a finite number).*; got|Type-check error"
    with pytest.raises((ValueError, TypeCheckError), match=words):
        make()


SCALARS = [np.int64, np.int32, np.uint8, np.array, torch.tensor]


@pytest.mark.parametrize("scalar", SCALARS)
def test_integers_of_numpy_and_torch_are_counts(scalar):
    for make in (TopK, RandomTopK, lambda k: NoisedTopK(k, 0.5), lambda k: TemperedTopK(k, 2)):
        assert make(scalar(3)) == make(3) and repr(make(scalar(3))) == repr(make(3))
        assert hash(make(scalar(3))) == hash(make(3))


@pytest.mark.parametrize("scalar", [np.float32, np.float64, np.float16, np.array, torch.tensor])
def test_floats_of_numpy_and_torch_are_numbers(scalar):
    for make in (Temperature, TopP, MinP, MaxEntropy, TargetEntropy, RandomMask):
        assert make(scalar(0.5)) == make(0.5) and repr(make(scalar(0.5))) == repr(make(0.5))
    assert torch.equal(Temperature(10**30)(torch.zeros(2)), torch.zeros(2))  # no int64


@pytest.mark.parametrize("transform", [RandomMask(0.5), NoisedTopK(3, 0.2), RandomTopK(4)])
def test_random_transforms_want_a_generator(transform):
    for call in (transform, Sampler((transform,)).transform):
        with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got None"):
            call(torch.zeros(4))


@pytest.mark.parametrize("chance", [None, 0, np.random.default_rng(0), torch])
def test_a_draw_wants_a_generator(chance):
    before = torch.get_rng_state()
    for sampler in (Sampler(), Sampler.greedy(), Sampler((RandomMask(0.5),))):
        with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
            inspect.unwrap(Sampler.sample)(sampler, torch.zeros(50), chance)
    assert torch.equal(before, torch.get_rng_state())


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vocab", [1, 2, 257, 40_000, 70_000])
@pytest.mark.parametrize("P", ["0.1", "0.3", "0.5", "0.9", "0.999"])
def test_top_p_of_a_uniform_row_has_the_size_of_exact_arithmetic(dtype, vocab, P):
    left = (TopP(float(P))(torch.full((2, vocab), 3.0, dtype=dtype)) > -INF).sum(-1)
    assert left.tolist() == [math.ceil(Fraction(P) * vocab)] * 2


@pytest.mark.parametrize("dtype", DTYPES[:2])
@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_top_p_in_half_precision_is_that_of_the_same_numbers_in_double(dtype, scale):
    x = rows("half", 4, 5000, scale=scale).to(dtype)
    wide = TopP(0.8)(x.double()) > -INF
    assert ((TopP(0.8)(x) > -INF) == wide).float().mean() > 1 - 1e-4


def test_min_p_by_hand():
    x = torch.tensor([0.6, 0.3, 0.1]).log()
    assert [kept(MinP(p)(x)) for p in (0.0, 0.4, 1.0)] == [[0, 1, 2], [0, 1], [0]]


@pytest.mark.parametrize("dtype", DTYPES)
@given(st.floats(0.05, 0.95), st.sampled_from([0.5, 0.25, 0.125, 2**-9]), st.floats(-20, 20))
def test_min_p_keeps_what_stands_at_the_threshold(dtype, top, P, shift):
    p = torch.tensor([top, P * top], dtype=dtype)
    p[1] = P * p[0]  # exact, for P is a power of two
    assert kept(MinP(P)(p.log())) == [0, 1]
    # Scores need not be normalised; what the shift rounds away is no more than half a unit each.
    assert kept(MinP(P)(p.double().log().add(shift).to(dtype))) == [0, 1]


@pytest.mark.parametrize(("a", "b", "P"), [(0.59, 0.295, 0.5), (0.52, 0.13, 0.25), (0.6, 0.3, 0.5)])
def test_min_p_at_its_threshold_in_float32(a, b, P):
    assert kept(MinP(P)(torch.tensor([a, b, 1 - a - b]).log()))[:2] == [0, 1]


@given(grids, st.sampled_from([0.01, 0.1, 0.3, 0.7]))
def test_min_p_agrees_with_the_formula(scores, P):
    top = max(scores)
    want = [i for i, s in enumerate(scores) if math.exp(s - top) >= P]
    for dtype in (torch.float32, torch.float64):
        assert kept(MinP(P)(torch.tensor(scores, dtype=dtype))) == want


def test_order_of_composition():
    x = rows("order", 50, 40)
    for k, T in ((3, 0.5), (7, 2.0)):
        one, other = Sampler((TopK(k), Temperature(T))), Sampler((Temperature(T), TopK(k)))
        assert torch.equal(one.transform(x), other.transform(x))
        assert torch.equal(one.transform(x), TemperedTopK(k, T)(x))
    # Top-p and a temperature do not commute: T = 1/2 makes (.66, .24, .11) of (.5, .3, .2).
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


TEMPERATURES = [5e-324, 1e-300, 1e-45, 1e-38, 1e-8, 1e-4, 0.3, 1, 7.0, 1e4, 1e38, 1e39, 1e300]
ROWS = {
    "positive": [10.0, 30.0, 20.0],
    "negative": [-10.0, -3.0, -20.0],
    "with zeros": [0.0, -1.0, 0.0],
    "one possible": [-INF, -INF, 2.0],
    "one token": [5.0],
    "one forbidden": [-INF, 1.0, 4.0],
    "largest": "max",
    "tiny": "tiny",
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("name", ROWS)
def test_a_draw_lies_in_the_vocabulary_at_every_temperature(dtype, T, name):
    limits, row = torch.finfo(dtype), ROWS[name]
    if row == "max":
        row = [limits.max, limits.min, limits.max / 2]
    if row == "tiny":
        row = [limits.tiny, -limits.tiny, limits.smallest_normal * 3]
    x = torch.tensor(row, dtype=dtype)
    p = (x.double() - x.double().max()).div(T).softmax(-1)
    for transform in (Temperature(T), TemperedTopK(len(row), T)):
        y = transform(x)
        assert y.dtype == dtype and not y.isnan().any() and (y < INF).all()
        ids = Sampler((transform,)).sample(x.expand(200, -1), generator(0, "every T"))
        assert 0 <= int(ids.min()) and int(ids.max()) < len(row)
        assert (p[ids] > 0).all()
        if float(p.max()) > 1 - 1e-9:
            assert (ids == x.argmax()).all()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.floats(-(2.0**127), 2.0**127, width=32) | st.just(-INF), min_size=1, max_size=5
    ).filter(lambda row: max(row) > -INF),
    st.sampled_from(EVERY),
    st.floats(1e-300, 1e300),
    st.sampled_from(DTYPES),
)
def test_no_transform_leaves_the_vocabulary(row, transform, T, dtype):
    x = torch.tensor(row, dtype=torch.float64).clamp(min=-INF, max=torch.finfo(dtype).max)
    x = torch.where(x == -INF, x, x.clamp(min=torch.finfo(dtype).min)).to(dtype)
    sampler = Sampler((Temperature(T), transform))
    ids = sampler.sample(x.expand(4, -1), generator(0, "any"))
    assert all(0 <= i < len(row) and row[i] > -INF for i in ids.tolist())


class Broken(Transform):
    """A transform that leaves no distribution."""

    def __init__(self, value):
        self.value = value

    def _apply(self, x, top, generator):
        return torch.full_like(x, self.value)


@pytest.mark.parametrize("value", [math.nan, INF, -INF])
def test_a_transform_that_leaves_no_distribution_is_refused(value):
    with pytest.raises(ValueError, match="logits after the transforms must"):
        Sampler((Broken(value),)).sample(torch.zeros(2, 3), generator(0))
    with pytest.raises(ValueError, match="logits must"):
        Sampler((Broken(value), TopK(2))).sample(torch.zeros(2, 3), generator(0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_draw_from_many_tokens_in_any_precision(dtype):
    """Uniform over 70,000: thirds of the vocabulary are equally likely, chi-squared, 1e-6."""
    ids = Sampler().sample(torch.zeros(1, dtype=dtype).expand(300, 70_000), generator(0, "thirds"))
    counts = torch.bincount(ids * 3 // 70_000, minlength=3)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-6


def test_ill_scores_are_refused_by_the_sampler():
    for bad in (math.nan, INF, -INF):
        for f in (lambda x: Sampler().sample(x, generator(0)), Sampler().transform):
            with pytest.raises(ValueError, match="logits must"):
                f(torch.full((2, 4), bad))
    for x in (torch.zeros(3).long(), torch.zeros(0, 3), torch.zeros(3, 0), torch.tensor(1.0)):
        with pytest.raises((ValueError, TypeCheckError)):
            Sampler().sample(x, generator(0))
    with pytest.raises((ValueError, TypeCheckError)):
        Sampler([TopK(1)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_draw_comes_with_its_log_probability(dtype):
    scores = rows("draw", 200, 9, scale=4.0).to(dtype)
    scores[:, ::3] = -INF
    u = torch.rand(200, generator=generator(100, "u"), dtype=torch.float64)
    chosen, log_probs = draw(scores, u)
    exact = scores.double().log_softmax(-1)
    assert log_probs.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    close = {"atol": 1e-12 if dtype == torch.float64 else 2e-6, "rtol": 0}
    torch.testing.assert_close(log_probs.double(), exact.gather(1, chosen[:, None])[:, 0], **close)
    # The interval of the cumulative distribution in which u lies is the token's.
    below = exact.exp().cumsum(-1) - exact.exp()
    low, width = (x.gather(1, chosen[:, None])[:, 0] for x in (below, exact.exp()))
    assert (u > low - 1e-6).all() and (u < low + width + 1e-6).all()


def test_an_error_of_a_draw_names_the_scores():
    with pytest.raises(ValueError, match="votes must not hold NaN; 1 row"):
        draw(torch.tensor([[0.0, math.nan]]), torch.zeros(1).double(), "votes")
