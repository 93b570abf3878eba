"""Gumbel-max against the softmax, Gumbel-softmax against torch's: noise, draws and gradients."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import stats

from nlgnotes.equations.gumbel import gumbel_max, gumbel_noise, gumbel_softmax, straight_through
from nlgnotes.randomness import generator

FALSE_ALARM = 1e-7


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def theirs(logits, tau, seed, hard):
    """torch's function, which draws from the global generator: seeded inside a fork of it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return F.gumbel_softmax(logits, tau=tau, hard=hard)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("tau", [0.1, 0.5, 1, 3.0])
def test_same_noise_same_value_and_same_gradient_as_torch(dtype, hard, tau):
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    logits = (
        2 * torch.randn(40, 7, generator=generator(100, "logits"), dtype=dtype)
    ).requires_grad_()
    weights = torch.randn(40, 7, generator=generator(100, "weights"), dtype=dtype)
    ours, torchs = gumbel_softmax(logits, tau, seeded(3), hard=hard), theirs(logits, tau, 3, hard)
    assert torch.allclose(ours, torchs, atol=tolerance)
    # A function that is not linear, so that the value of y enters the gradient too.
    gradients = [torch.autograd.grad((weights * y**2).sum(), logits)[0] for y in (ours, torchs)]
    assert float(gradients[0].abs().max()) > 0.01
    assert torch.allclose(*gradients, atol=tolerance * 10 / tau)


def test_same_distribution_as_torch_without_sharing_noise():
    """Kolmogorov and Smirnov's test on every coordinate; 4 tests, false alarm 1e-7 each."""
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5], dtype=torch.float64).expand(20_000, 4)
    ours, torchs = (
        gumbel_softmax(logits, 0.7, generator(100, "ours")),
        theirs(logits, 0.7, 12345, False),
    )
    for i in range(4):
        assert stats.ks_2samp(ours[:, i].numpy(), torchs[:, i].numpy()).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    "draw",
    [gumbel_max, lambda x, g: gumbel_softmax(x, 5.0, g, hard=True)],
    ids=["max", "straight-through"],
)
def test_frequencies_are_those_of_the_softmax(draw):
    """Chi-square with 5 degrees of freedom, false alarm 1e-7."""
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.3, 0.3], dtype=torch.float64)
    n = 60_000
    counts = draw(logits.expand(n, 6), generator(100, "chi square")).sum(0)
    expected = n * logits.softmax(-1)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    assert statistic < stats.chi2.ppf(1 - FALSE_ALARM, 5)


def test_noise_is_standard_gumbel():
    """Kolmogorov and Smirnov's test against exp(-exp(-x)), false alarm 1e-7."""
    noise = gumbel_noise((50_000,), generator(100, "noise"), torch.float64)
    assert stats.kstest(noise.numpy(), "gumbel_r").pvalue > FALSE_ALARM
    assert noise.dtype == torch.float64 and bool(noise.isfinite().all())
    assert gumbel_noise((2, 0, 3), generator(0)).shape == (2, 0, 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.floats(1e-3, 50), st.integers(0, 10**6))
def test_temperature_never_moves_a_hard_draw(vocab, tau, seed):
    logits = 3 * torch.randn(5, vocab, generator=seeded(seed), dtype=torch.float64)
    hard = gumbel_softmax(logits, tau, seeded(seed + 1), hard=True)
    assert hard.equal(gumbel_max(logits, seeded(seed + 1)))  # one-hot to the last bit
    soft = gumbel_softmax(logits, tau, seeded(seed + 1))
    assert soft.argmax(-1).equal(hard.argmax(-1))
    assert torch.allclose(soft.sum(-1), torch.ones(5, dtype=torch.float64))


def test_gradient_flows_through_soft_and_straight_through_and_not_through_the_argmax():
    logits = torch.tensor([0.5, -0.5, 1.0], dtype=torch.float64, requires_grad=True)
    reward = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    assert not gumbel_max(logits, seeded(0)).requires_grad
    grads = [
        torch.autograd.grad(gumbel_softmax(logits, 0.8, seeded(0), hard=hard) @ reward, logits)[0]
        for hard in (False, True)
    ]
    # By hand: softmax's Jacobian over tau. A linear reward sees no difference between the two.
    y = gumbel_softmax(logits, 0.8, seeded(0)).detach()
    by_hand = y * (reward - (y * reward).sum()) / 0.8
    assert torch.allclose(grads[0], by_hand) and torch.allclose(grads[1], by_hand)


def test_straight_through_by_hand():
    soft = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], requires_grad=True)
    hard = straight_through(soft)
    assert hard.tolist() == [[0, 1, 0], [1, 0, 0]]
    grad = torch.autograd.grad((hard**3).sum(), soft)[0]
    assert grad.tolist() == [[0, 3, 0], [3, 0, 0]]  # 3 y^2 at the hard y


def test_a_temperature_that_rounds_everything_alike_still_moves_no_hard_draw():
    """In float32 many soft draws at tau = 1e8 are equal, so that their own argmax is no draw."""
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(20_000, 3)
    words = gumbel_max(logits, seeded(7))
    assert int((gumbel_softmax(logits, 1e8, seeded(7)).argmax(-1) != words.argmax(-1)).sum()) > 1000
    for tau in (1e-300, 1e-45, 1e-30, 1e4, 1e8, 1e30, 1e300):
        assert gumbel_softmax(logits, tau, seeded(7), hard=True).equal(words)


def test_the_word_may_be_sought_in_other_scores_than_the_gradient():
    soft, scores = (
        torch.tensor([0.2, 0.8], requires_grad=True),
        torch.tensor([3.0, 1.0], requires_grad=True),
    )
    y = straight_through(soft, scores)
    assert y.tolist() == [1, 0]
    slopes = torch.autograd.grad(y @ torch.tensor([3.0, 4.0]), (soft, scores), allow_unused=True)
    assert slopes[0].tolist() == [3, 4] and slopes[1] is None


def test_extremes_give_numbers():
    logits = torch.tensor([[1e4, -1e4, -math.inf]])
    for tau in (5e-324, 1e-300, 1e-45, 1e-38, 1e-30, 1e30, 1e39, 1e300):
        y = gumbel_softmax(logits, tau, seeded(0))
        assert bool(y.isfinite().all()) and float(y[0, 2]) == 0
    assert gumbel_softmax(torch.zeros(2, 3), 1e-30, seeded(0)).sum() == 2
    logits.requires_grad_()
    grad = torch.autograd.grad(gumbel_softmax(logits, 0.5, seeded(0))[0, 0], logits)[0]
    assert bool(grad.isfinite().all())


def test_ill_arguments_are_refused():
    x = torch.zeros(3)
    for tau in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="tau must be a finite number above 0"):
            gumbel_softmax(x, tau, seeded(0))
    for f in (gumbel_max, lambda x, g: gumbel_softmax(x, 1.0, g), lambda x, g: straight_through(x)):
        with pytest.raises(ValueError, match="NaN"):
            f(torch.tensor([0.0, math.nan]), seeded(0))
        with pytest.raises(ValueError, match="all -inf"):
            f(torch.full((2, 2), -math.inf), seeded(0))
    with pytest.raises(ValueError, match="same shape"):
        straight_through(torch.zeros(2), torch.zeros(3))
    for f in (
        lambda: gumbel_noise((2,), seeded(0), torch.float16),
        lambda: gumbel_max(x.half(), seeded(0)),
        lambda: gumbel_softmax(x.half(), 1.0, seeded(0)),
    ):
        with pytest.raises(ValueError, match="dtype must be"):
            f()


@pytest.mark.parametrize("chance", [None, 0, np.random.default_rng(0), torch])
def test_noise_wants_a_generator(chance):
    x, before = torch.zeros(50), torch.get_rng_state()
    for f, arguments in (
        (gumbel_noise, ((50,), chance)),
        (gumbel_max, (x, chance)),
        (gumbel_softmax, (x, 1, chance)),
    ):
        with pytest.raises((ValueError, TypeCheckError), match="generator"):
            inspect.unwrap(f)(*arguments)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
        inspect.unwrap(gumbel_noise)((50,), chance)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [1e-300, 1e-30, 0.5, 3, 1e30, 1e300])
def test_a_forbidden_token_has_no_gradient_at_any_temperature(tau, dtype):
    logits = torch.tensor([1.0, -math.inf, 0.5], dtype=dtype, requires_grad=True)
    for hard in (False, True):
        y = gumbel_softmax(logits, tau, seeded(1), hard=hard)
        (slope,) = torch.autograd.grad(y @ torch.tensor([1.0, 2.0, 4.0], dtype=dtype), logits)
        assert y[1] == slope[1] == 0 and slope.isfinite().all()
        assert float(y.detach().sum()) == pytest.approx(1)


def test_scalars_of_numpy_and_torch_are_numbers():
    x = torch.zeros(4)
    for half in (np.float32(0.5), np.float64(0.5), np.array(0.5), torch.tensor(0.5)):
        assert gumbel_softmax(x, half, seeded(0)).equal(gumbel_softmax(x, 0.5, seeded(0)))
    assert gumbel_noise((np.int64(2), torch.tensor(3)), seeded(0)).shape == (2, 3)
    for bad in (-1, 1.0, True, None):
        with pytest.raises(ValueError, match="shape must be an integer of at least 0"):
            inspect.unwrap(gumbel_noise)((2, bad), seeded(0))


def test_a_soft_vector_with_a_hole_is_refused():
    with pytest.raises(ValueError, match="soft must be finite; got 1"):
        straight_through(torch.tensor([0.5, -math.inf]))
