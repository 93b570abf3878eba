"""Best-of-N: by hand, against all the draws there are, and the laws of its KL and win rate."""

import itertools
import math

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.equations.best_of_n import (
    best_of_n_estimate,
    best_of_n_kl_bound,
    best_of_n_law,
    win_rate,
)
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.randomness import generator

P = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
TIED = torch.tensor([1.0, 0.0, 1.0, 2.0], dtype=torch.float64)


def by_listing(p, reward, n):
    """Every sequence of n draws; equal rewards share the choice."""
    found = torch.zeros_like(p)
    for draws in itertools.product(range(len(p)), repeat=n):
        top = max(float(reward[i]) for i in draws)
        best = [i for i in draws if float(reward[i]) == top]
        for i in best:
            found[i] += math.prod(float(p[j]) for j in draws) / len(best)
    return found


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_law_is_that_of_all_draws_ties_shared(n):
    found = best_of_n_law(P.log(), TIED, n).exp()
    assert torch.allclose(found, by_listing(P, TIED, n), atol=1e-12)


def test_rows_are_independent_and_many_answers_add_up_to_1():
    stream = generator(1)
    log_p = torch.randn(3, 5000, generator=stream, dtype=torch.float64).log_softmax(-1)
    reward = torch.randn(3, 5000, generator=stream, dtype=torch.float64)
    law = best_of_n_law(log_p, reward, 1024)
    assert torch.allclose(law.exp().sum(-1), torch.ones(3).double(), atol=1e-9)
    assert torch.allclose(law[1], best_of_n_law(log_p[1], reward[1], 1024))


def test_the_formula_bounds_the_kl_and_is_reached_by_many_answers_without_ties():
    assert best_of_n_kl_bound(1) == 0
    assert best_of_n_kl_bound(4) == pytest.approx(math.log(4) - 0.75)
    even = torch.full((20_000,), 1 / 20_000, dtype=torch.float64).log()
    reward = torch.arange(20_000.0)
    for n in (2, 16, 256):
        kl = float(kl_divergence(best_of_n_law(even, reward, n), even))
        assert 0 < best_of_n_kl_bound(n) - kl < 1e-3 + n * 1e-4
        tied = float(kl_divergence(best_of_n_law(P.log(), TIED, n), P.log()))
        assert tied < best_of_n_kl_bound(n)
    # The 16 answers of an even law and 256 draws: 2.97 nats where the formula says 4.55.
    few = torch.full((16,), 1 / 16).double().log()
    kl = float(kl_divergence(best_of_n_law(few, torch.arange(16.0), 256), few))
    assert kl == pytest.approx(math.log(16) - 0.0, abs=0.35) and kl < best_of_n_kl_bound(256) - 1


def test_the_estimate_is_the_mean_over_all_subsets():
    reward, values = (
        torch.tensor([0.0, 3.0, 1.0, 1.0, 2.0]),
        torch.tensor([5.0, 1.0, 2.0, 4.0, 3.0]),
    )
    for n in range(1, 6):
        wanted = []
        for subset in itertools.combinations(range(5), n):
            top = max(float(reward[i]) for i in subset)
            best = [float(values[i]) for i in subset if float(reward[i]) == top]
            wanted.append(sum(best) / len(best))
        found = best_of_n_estimate(reward, values, n)
        assert found.item() == pytest.approx(sum(wanted) / len(wanted), abs=1e-9)


def test_the_estimate_is_unbiased_for_the_exact_law():
    exact = float(
        (best_of_n_law(P.log(), TIED, 3).exp() * torch.tensor([1.0, 7.0, 2.0, 5.0])).sum()
    )
    draws = torch.multinomial(P.expand(20_000, -1), 6, True, generator=generator(2))
    values = torch.tensor([1.0, 7.0, 2.0, 5.0])[draws]
    estimates = best_of_n_estimate(TIED[draws], values, 3)
    error = float(estimates.std() / math.sqrt(20_000))
    assert abs(float(estimates.mean()) - exact) < 6 * error


def test_the_win_rate_by_listing_and_of_the_best_of_n():
    other = torch.tensor([0.25, 0.25, 0.25, 0.25], dtype=torch.float64)
    want = sum(
        float(P[i] * other[j])
        * (0.5 + 0.5 * math.copysign(1, TIED[i] - TIED[j]) * (TIED[i] != TIED[j]))
        for i in range(4)
        for j in range(4)
    )
    assert win_rate(P.log(), other.log(), TIED).item() == pytest.approx(float(want), abs=1e-7)
    even = torch.full((20_000,), 1 / 20_000, dtype=torch.float64).log()
    reward = torch.arange(20_000.0)
    for n in (2, 9):
        law = best_of_n_law(even, reward, n)
        assert win_rate(law, even, reward).item() == pytest.approx(n / (n + 1), abs=1e-3)
        assert win_rate(best_of_n_law(P.log(), TIED, n), P.log(), TIED) < n / (n + 1)


def test_ill_arguments_are_refused():
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        best_of_n_law(P.log(), TIED, 0)
    with pytest.raises((ValueError, TypeCheckError)):
        best_of_n_law(P.log(), TIED[:2], 2)
    with pytest.raises(ValueError, match="n must be an integer from 1 to 4"):
        best_of_n_estimate(TIED, TIED, 5)
    with pytest.raises(ValueError, match="values must be finite"):
        best_of_n_estimate(TIED, TIED / 0, 2)
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        best_of_n_kl_bound(0)
