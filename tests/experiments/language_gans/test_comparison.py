"""The comparison of generators: by hand, and refused where it has no meaning."""

import numpy as np
import pytest
import torch

from nlgnotes.documents import Documents
from nlgnotes.experiments.language_gans import adversarial_training
from nlgnotes.experiments.language_gans.quality_diversity import (
    Point,
)
from nlgnotes.intervals import Interval


def points(*rows):
    return [Point(t, Interval(o, o, o, 9), Interval(d, d, d, 9)) for t, o, d in rows]


def test_judged_by_hand():
    texts = Documents.from_lists([[1], [2], [3], [4]])
    assert (
        adversarial_training.discriminator_accuracy(
            lambda d: torch.tensor([1.0, -1.0, 2.0, 3.0]), texts, texts
        )
        == 0.5
    )  # 3 of 4, and 1 of 4
    scores = iter([torch.ones(4), -torch.ones(4)])
    assert adversarial_training.discriminator_accuracy(lambda d: next(scores), texts, texts) == 1.0


def test_the_comparison_is_zero_with_itself_and_the_shift_of_a_shifted_sweep():
    a = points((0.5, 1.0, 4.0), (0.8, 2.0, 2.5), (1.0, 3.0, 2.0))
    b = points((0.5, 1.5, 4.0), (0.8, 2.5, 2.5), (1.0, 3.5, 2.0))
    out = adversarial_training.difference_at_equal_diversity([b, b, b], [a, a, a], 5)
    np.testing.assert_allclose(out["differences"], np.full((3, 5), 0.5))
    assert all(i["low"] == pytest.approx(0.5) == i["high"] for i in out["interval"])
    assert adversarial_training.difference_at_equal_diversity([a], [points((1.0, 0.0, 9.0))]) == {
        "levels": [],
        "differences": [],
        "interval": [],
    }
