"""The game: its value and its best discriminator, by enumeration."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.divergences import jensen_shannon
from nlgnotes.equations.minimax import exact_value, minimax_value, optimal_discriminator
from nlgnotes.randomness import generator


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
    """p and q share nothing: D* is never wrong and V = 0; a text that neither writes has D* = 1/2."""
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
    assert (
        abs(
            float(
                minimax_value(scores[draws[0]], scores[draws[1]])
                - exact_value(log_p, log_q, scores.sigmoid())
            )
        )
        < 6 * error
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimax_value(torch.zeros(0), torch.zeros(1)), "got 0 and 1"),
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
