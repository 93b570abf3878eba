"""Clusters: where the points lie, what decides their class, and a common mean that says nothing."""

from inspect import unwrap

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.clusters import Clusters


def task(**changes):
    return Clusters.draw(generator(3, "clusters"), **{"clusters": 5, "width": 4, **changes})


def test_a_point_is_its_centre_and_normal_noise_and_its_class_follows_from_the_noise():
    made = task()
    points = made.sample(20_000, generator(0))
    z = points.x - made.centres[points.clusters]
    assert float(z.mean(0).abs().max()) < 6 / 141 and abs(float(z.std()) - 1) < 0.02
    for c in range(5):
        here = points.clusters == c
        expected = (z[here] @ made.rules[c]).argmax(-1)
        assert float((expected == points.labels[here]).float().mean()) > 0.999  # rounding
        # A share of 1/5 of 20,000: five deviations are below a false alarm of 1e-6.
        assert abs(float(here.float().mean()) - 0.2) < 5 * 0.4 / 141


def test_the_centres_have_mean_zero_over_the_points_and_shares_are_zipfs():
    made = task(zipf=1.0)
    expected = torch.tensor([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert torch.allclose(made.shares, expected / expected.sum())
    assert torch.allclose(made.shares @ made.centres, torch.zeros(4), atol=1e-6)


def test_a_common_mean_moves_the_points_and_nothing_else():
    plain, moved = task(), task(common=7.0)
    assert float(moved.common.norm()) == pytest.approx(7.0, rel=1e-5)
    a, b = plain.sample(50, generator(1)), moved.sample(50, generator(1))
    assert torch.equal(a.labels, b.labels) and torch.equal(a.clusters, b.clusters)
    assert torch.allclose(b.x - a.x, moved.common.expand(50, 4), atol=1e-5)


def test_bad_arguments_are_named():
    for changes, match in (
        ({"clusters": 0}, "clusters must"),
        ({"common": -1.0}, "common must"),
        ({"zipf": -1.0}, "zipf must"),
        ({"distance": float("inf")}, "distance must"),
    ):
        with pytest.raises(ValueError, match=match):
            task(**changes)
    with pytest.raises(ValueError, match="generator must"):
        unwrap(Clusters.sample)(task(), 3, None)
    with pytest.raises(ValueError, match="n must"):
        task().sample(0, generator(0))
