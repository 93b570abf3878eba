"""Sinusoids: the mean of all tasks and its error, and the exact posterior, against slow oracles."""

import math

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.sinusoids import Points, Sinusoids

FAMILY = Sinusoids()


def even_tasks(family, n):
    """Tasks at the middles of n x n equal cells of the prior."""
    share = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    amplitude, phase = family.low + (family.high - family.low) * share, math.pi * share
    return torch.cartesian_prod(amplitude, phase)


def test_tasks_and_points_lie_where_the_paper_says():
    tasks = FAMILY.draw(4000, generator(1))
    assert tasks.shape == (4000, 2)
    for column, high, low in ((tasks[:, 0], 5, 0.1), (tasks[:, 1], math.pi, 0)):
        assert low <= column.min() < low + 0.05 and high - 0.05 < column.max() <= high
        # z below 6: false alarm below 1e-8
        assert abs(column.mean() - (low + high) / 2) < 6 * (high - low) / math.sqrt(12 * 4000)
    points = FAMILY.sample(tasks, 3, generator(2))
    assert points.x.shape == points.y.shape == (4000, 3, 1)
    assert -5 <= points.x.min() < -4.9 and 4.9 < points.x.max() <= 5
    amplitude, phase = tasks[7].tolist()
    for x, y in zip(points.x[7].flatten().tolist(), points.y[7].flatten().tolist(), strict=True):
        assert y == pytest.approx(amplitude * math.sin(x - phase), abs=1e-5)


def test_the_grid_has_even_places_for_all():
    points = FAMILY.grid(torch.tensor([[2.0, 0.0], [1.0, 1.0]]), 5)
    assert points.x[1].flatten().tolist() == [-4, -2, 0, 2, 4]
    assert points.y[0].flatten().tolist() == pytest.approx(
        [2 * math.sin(x) for x in (-4, -2, 0, 2, 4)]
    )


@pytest.mark.parametrize("family", [FAMILY, Sinusoids(1, 2)], ids=str)
def test_mean_and_its_error_are_averages_over_all_tasks(family):
    tasks = even_tasks(family, 200)
    values = family.grid(tasks, 100)
    mean = family.mean(values.x[0])
    assert values.y.mean(0) == pytest.approx(mean, abs=1e-3)
    assert float((values.y - mean).square().mean()) == pytest.approx(
        family.error_of_mean(), abs=2e-3
    )


def test_no_other_prediction_has_less_error_before_an_example():
    """The identity of the lecture: the excess is the squared distance from the mean."""
    values = FAMILY.grid(even_tasks(FAMILY, 200), 100)
    x = values.x[0]
    for other in (torch.zeros_like(x), FAMILY.mean(x) * 1.1, torch.sin(x)):
        excess = float((other - FAMILY.mean(x)).square().mean())
        assert float((values.y - other).square().mean()) == pytest.approx(
            FAMILY.error_of_mean() + excess, abs=3e-3
        )


def test_two_points_say_which_function_it_is():
    tasks = FAMILY.draw(50, generator(3)).double()
    x = torch.tensor([0.3, 1.9], dtype=torch.float64)[None, :, None].expand(50, 2, 1)
    asked = FAMILY.grid(tasks, 20)
    guess = FAMILY.best_prediction(Points(x, FAMILY.values(tasks, x)), asked.x)
    assert guess == pytest.approx(asked.y, abs=1e-5)
    many = FAMILY.best_prediction(FAMILY.sample(tasks, 10, generator(4)), asked.x)
    assert many == pytest.approx(asked.y, abs=1e-4)


def test_one_point_against_rejection():
    """A slow oracle: the mean of the drawn tasks that pass close to the point."""
    tasks = FAMILY.draw(4_000_000, generator(5)).double()
    x = FAMILY.grid(torch.zeros(1, 2), 7).x.double()
    for u, v in ((0.5, 1.0), (-2.0, -3.0), (1.0, 0.02)):
        point = Points(torch.full((1, 1, 1), u), torch.full((1, 1, 1), v))
        near = tasks[(tasks[:, 0] * torch.sin(u - tasks[:, 1]) - v).abs() < 0.01]
        assert len(near) > 2000
        values = FAMILY.values(near, x.expand(len(near), 7, 1))
        guess = FAMILY.best_prediction(point, x)[0]
        error = values.std(0) / math.sqrt(len(near))
        # z below 6 for each of 21, and the width of the window
        assert bool(((guess - values.mean(0)).abs() < 6 * error + 0.02).all())


def test_more_points_help():
    tasks = FAMILY.draw(2000, generator(6))
    shown, asked = FAMILY.sample(tasks, 1, generator(7)), FAMILY.grid(tasks, 20)
    one = FAMILY.best_prediction(shown, asked.x, cells=500)
    error = float((one - asked.y).square().mean())
    assert 0.5 < error < FAMILY.error_of_mean() - 0.5


def test_ill_arguments():
    with pytest.raises(ValueError, match="low must lie in"):
        Sinusoids(0, 1)
    with pytest.raises(ValueError, match="high must lie in"):
        Sinusoids(2, 1)
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got 0"):
        FAMILY.draw(0, generator(0))
    tasks = FAMILY.draw(2, generator(0))
    with pytest.raises(ValueError, match="points must be"):
        FAMILY.sample(tasks, 0, generator(0))
    with pytest.raises(ValueError, match="points must be"):
        FAMILY.grid(tasks, 0)
    none = Points(torch.zeros(1, 0, 1), torch.zeros(1, 0, 1))
    with pytest.raises(ValueError, match="at least 1 point"):
        FAMILY.best_prediction(none, torch.zeros(1, 1, 1))
    far = Points(torch.zeros(1, 1, 1), torch.full((1, 1, 1), 9.0))
    with pytest.raises(ValueError, match="one is of none"):
        FAMILY.best_prediction(far, torch.zeros(1, 1, 1))
    with pytest.raises(ValueError, match="cells must be"):
        FAMILY.best_prediction(far, torch.zeros(1, 1, 1), cells=0)


def test_one_point_near_a_zero():
    """Close to 0 the amplitude's density is 1 / A and the phase is known: a mean in closed form.

    At u = 1 all phases of the other branch lie outside (0, pi).
    """
    low, high = FAMILY.low, FAMILY.high
    amplitude = (high - low) / math.log(high / low)
    x = torch.tensor([0.0, 2.5], dtype=torch.float64)[None, :, None]
    for v in (0.0, 1e-5, -1e-5, 1e-4):
        point = Points(torch.ones(1, 1, 1).double(), torch.full((1, 1, 1), v).double())
        for cells in (2000, 20_000):
            guess = FAMILY.best_prediction(point, x, cells=cells)
            assert guess == pytest.approx(amplitude * torch.sin(x - 1), abs=2e-4)


def test_one_point_against_a_sum_over_the_amplitudes():
    """A slow oracle in the other variable: 1 / sqrt(A^2 - v^2), very many amplitudes."""
    x = torch.tensor([0.0, 2.5], dtype=torch.float64)
    for u, v in ((0.7, 0.01), (1.0, 0.03), (-4.2, 3.0)):
        low = max(FAMILY.low, abs(v))
        share = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
        a = low + (FAMILY.high - low) * share**2  # a square: the density may be infinite at |v|
        density = share / (a**2 - v**2).sqrt()
        total, mean = torch.zeros(()).double(), torch.zeros(2).double()
        for phase in (u - torch.asin(v / a), u - math.pi + torch.asin(v / a)):
            possible = density * (torch.remainder(phase, 2 * math.pi) < math.pi)
            total += possible.sum()
            mean += (possible * a * torch.sin(x[:, None] - phase)).sum(1)
        point = Points(torch.full((1, 1, 1), u).double(), torch.full((1, 1, 1), v).double())
        guess = FAMILY.best_prediction(point, x[None, :, None])[0, :, 0]
        assert guess == pytest.approx(mean / total, abs=1e-3)


@pytest.mark.parametrize("places", [(1.0, 1.0), (1.0, 1.0 - math.pi), (0.5, 0.5, 0.5)])
def test_points_that_say_the_same_twice(places):
    x = torch.tensor(places).double()[None, :, None]
    points = Points(x, FAMILY.values(torch.tensor([[2.0, 0.5]]).double(), x))
    with pytest.raises(ValueError, match="multiples of pi"):
        FAMILY.best_prediction(points, torch.zeros(1, 1, 1))
