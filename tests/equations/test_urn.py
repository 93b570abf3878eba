"""Pólya's urn with decay, by hand and as an urn that is really drawn from."""

import pytest
import torch

from nlgnotes.equations.urn import urn_log_prior
from nlgnotes.randomness import generator


def test_the_urn_forgets_and_remembers():
    labels = torch.tensor([[0, 0, 0, 1]])
    for decay, p in ((1.0, 4 / 5), (0.0, 2 / 3)):
        assert urn_log_prior(labels, 2, 1.0, decay)[0, 3, 0].exp() == pytest.approx(p)
    assert torch.equal(
        urn_log_prior(labels, 2, 0.0, 0.5).exp(), torch.full((1, 4, 2), 0.5).double()
    )


def test_it_is_the_urn_whose_balls_are_counted_one_by_one():
    labels = torch.randint(3, (5, 6), generator=generator(100))
    found = urn_log_prior(labels, 3, 2.0, 0.7).exp()
    for row, probs in zip(labels.tolist(), found, strict=True):
        balls = [1.0] * 3
        for label, p in zip(row, probs, strict=True):
            expected = torch.tensor(balls, dtype=torch.float64) / sum(balls)
            torch.testing.assert_close(p, expected)
            balls = [1 + 0.7 * (ball - 1) + 2.0 * (label == c) for c, ball in enumerate(balls)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kinds": 0}, "kinds"),
        ({"burst": -1.0}, "burst must lie in .*; got -1"),
        ({"decay": 2.0}, r"decay must lie in \[0, 1\]; got 2"),
    ],
)
def test_bad_settings_are_refused(change, words):
    settings = {"kinds": 2, "burst": 1.0, "decay": 0.5} | change
    with pytest.raises(ValueError, match=words):
        urn_log_prior(torch.zeros(1, 1, dtype=torch.long), **settings)
