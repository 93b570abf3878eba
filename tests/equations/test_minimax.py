"""The game: its value and its best discriminator, by enumeration."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.divergences import jensen_shannon
from nlgnotes.equations.minimax import exact_value, minimax_value, optimal_discriminator
from nlgnotes.randomness import generator

NAN, INFINITE = torch.tensor([math.nan]), torch.tensor([math.inf])
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def two_distributions(seed, n=6):
    return torch.randn(2, n, generator=generator(seed), dtype=torch.float64).mul(2).log_softmax(-1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_best_discriminator_is_worth_two_js_minus_two_log_two_and_no_other_more(seed):
    log_p, log_q = two_distributions(seed)
    best = optimal_discriminator(log_p, log_q)
    torch.testing.assert_close(best, log_p.exp() / (log_p.exp() + log_q.exp()))
    value = exact_value(log_p, log_q, best)
    torch.testing.assert_close(value, 2 * jensen_shannon(log_p, log_q) - 2 * math.log(2))
    other = torch.rand(6, generator=generator(seed, "other"), dtype=torch.float64)
    assert exact_value(log_p, log_q, other) <= value + 1e-12


def test_the_game_where_texts_are_impossible():
    """p and q share nothing: D* is never wrong and V = 0; where neither writes, D* = 1/2."""
    log_p, log_q = torch.tensor([1.0, 0.0, 0.0]).log(), torch.tensor([0.0, 1.0, 0.0]).log()
    best = optimal_discriminator(log_p, log_q)
    assert best.tolist() == [1.0, 0.0, 0.5]
    assert exact_value(log_p, log_q, best) == 0
    assert optimal_discriminator(log_p, log_p)[0] == 0.5


def test_the_sampled_value_has_the_exact_one_as_its_mean():
    """20,000 draws of each; 6 standard errors, so a false alarm below 1e-8."""
    log_p, log_q = two_distributions(1)
    scores = torch.randn(6, generator=generator(2), dtype=torch.float64)
    draws = [
        torch.multinomial(x.exp(), 20_000, replacement=True, generator=generator(3, name))
        for name, x in (("0", log_p), ("1", log_q))
    ]
    terms = (
        torch.nn.functional.logsigmoid(scores[draws[0]]),
        torch.nn.functional.logsigmoid(-scores[draws[1]]),
    )
    error = math.sqrt(sum(float(t.var()) / len(t) for t in terms))
    sampled = minimax_value(scores[draws[0]], scores[draws[1]])
    assert abs(float(sampled - exact_value(log_p, log_q, scores.sigmoid()))) < 6 * error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimax_value(torch.zeros(0), torch.zeros(1)), "real must hold at least one"),
        (lambda: minimax_value(torch.zeros(1), torch.tensor([math.nan])), "fake must not hold NaN"),
        (lambda: optimal_discriminator(NAN, torch.zeros(1)), "log_p must hold log-probabilities"),
        (lambda: optimal_discriminator(torch.zeros(1), -NAN), "log_q must hold log-probabilities"),
        (lambda: optimal_discriminator(NAN - math.inf, INFINITE), "no NaN or .inf; got"),
        (lambda: exact_value(INFINITE, -INFINITE, torch.zeros(1)), "log_p must hold"),
        (lambda: exact_value(-INFINITE, -INFINITE, NAN), "d must lie in"),
        (lambda: exact_value(-INFINITE, -INFINITE, -INFINITE), "d must lie in"),
        (lambda: optimal_discriminator(torch.zeros(2), torch.zeros(3)), "same shape"),
        (
            lambda: exact_value(torch.zeros(1), torch.zeros(1), torch.tensor([1.5])),
            "d must lie in \\[0, 1\\]",
        ),
    ],
)
def test_errors_speak(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_the_value_where_texts_are_impossible(dtype):
    """At D = D* = (0, 1): -q / (1 - d) and p / d, and nothing of 0 over 0."""
    log_p = torch.tensor([-math.inf, 0.0], dtype=dtype, requires_grad=True)
    log_q = torch.tensor([0.0, -math.inf], dtype=dtype, requires_grad=True)
    d = torch.tensor([0.0, 1.0], dtype=dtype, requires_grad=True)
    value = exact_value(log_p, log_q, d)
    found = torch.autograd.grad(value, (log_p, log_q, d))
    assert value == 0 and [g.tolist() for g in found] == [[0, 0], [0, 0], [-1, 1]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_best_discriminator_has_finite_gradients(dtype):
    log_p = torch.tensor([-math.inf, 0.0, -math.inf, -1.0], dtype=dtype, requires_grad=True)
    log_q = torch.tensor([0.0, -math.inf, -math.inf, -1.0], dtype=dtype, requires_grad=True)
    best = optimal_discriminator(log_p, log_q)
    assert best.tolist() == [0, 1, 0.5, 0.5] and best.dtype == dtype
    for g, sign in zip(torch.autograd.grad(best.sum(), (log_p, log_q)), (1, -1), strict=True):
        assert g.tolist() == [0, 0, 0, sign * 0.25]


def test_gradients_are_those_of_finite_differences():
    log_p, log_q = (x.clone().requires_grad_() for x in two_distributions(5, n=4))
    d = torch.tensor([0.2, 0.5, 0.7, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(exact_value, (log_p, log_q, d))
    assert torch.autograd.gradcheck(optimal_discriminator, (log_p, log_q))
    assert torch.autograd.gradcheck(minimax_value, (log_p, log_q))


@pytest.mark.parametrize("dtype", DTYPES)
def test_certain_scores_have_their_value_and_finite_gradients(dtype):
    sure = torch.tensor([math.inf, 1.0], dtype=dtype, requires_grad=True)
    fake = torch.tensor([-math.inf, 0.0], dtype=dtype, requires_grad=True)
    right = minimax_value(sure, fake)
    want = -math.log1p(math.exp(-1)) / 2 - math.log(2) / 2
    assert float(right.detach()) == pytest.approx(want, rel=4 * torch.finfo(dtype).eps)
    assert all(g.isfinite().all() for g in torch.autograd.grad(right, (sure, fake)))
    wrong = minimax_value(-sure, fake)
    assert wrong == -math.inf and torch.autograd.grad(wrong, sure)[0].isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_sums_in_half_precision(dtype):
    many = torch.zeros(200_000, dtype=dtype)
    assert float(minimax_value(many, many)) == pytest.approx(-2 * math.log(2), rel=0.01)
    flat, half = torch.full((4096,), -12 * math.log(2), dtype=dtype), torch.full((4096,), 0.5)
    value = exact_value(flat, flat, half.to(dtype))
    assert float(value) == pytest.approx(-2 * math.log(2), rel=0.04)  # exp of a rounded -8.3
