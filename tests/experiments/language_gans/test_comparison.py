"""The comparison of generators: by hand, and refused where it has no meaning."""

import numpy as np
import pytest
import torch

from nlgnotes.documents import Documents
from nlgnotes.experiments.language_gans.comparison import (
    difference_at_equal_diversity,
    discriminator_accuracy,
)
from nlgnotes.experiments.language_gans.quality_diversity import Point
from nlgnotes.intervals import Interval


def points(*rows):
    return [Point(t, Interval(o, o, o, 9), Interval(d, d, d, 9)) for t, o, d in rows]


def test_accuracy_by_hand():
    texts = Documents.from_lists([[1], [2], [3], [4]])
    scores = torch.tensor([1.0, -1.0, 2.0, 3.0])  # 3 of 4 right, and 1 of 4
    assert discriminator_accuracy(lambda d: scores, texts, texts) == 0.5
    scores = iter([torch.ones(4), -torch.ones(4)])
    assert discriminator_accuracy(lambda d: next(scores), texts, texts) == 1.0


def test_the_comparison_is_zero_with_itself_and_the_shift_of_a_shifted_sweep():
    a = points((0.5, 1.0, 4.0), (0.8, 2.0, 2.5), (1.0, 3.0, 2.0))
    shifts = (0.4, 0.5, 0.6)
    shifted = [points((0.5, 1 + s, 4.0), (0.8, 2 + s, 2.5), (1.0, 3 + s, 2.0)) for s in shifts]
    out = difference_at_equal_diversity(shifted, [a, a, a], 5)
    np.testing.assert_allclose(out["differences"], np.transpose([shifts] * 5))
    assert all(i["value"] == pytest.approx(0.5) and i["n"] == 3 for i in out["interval"])
    assert all(0 < i["low"] < 0.5 < i["high"] < 1 for i in out["interval"])
    np.testing.assert_allclose(difference_at_equal_diversity([a], [a])["differences"], 0)
    assert difference_at_equal_diversity([a], [points((1.0, 0.0, 9.0))]) == {
        "levels": [],
        "differences": [],
        "interval": [],
    }


def test_levels_lie_inside_what_the_given_temperatures_reach():
    a = points((0.3, 0.5, 9.0), (0.5, 1.0, 4.0), (0.8, 2.0, 2.5), (1.0, 3.0, 2.0), (1.2, 9.0, 1.0))
    b = points((0.3, 0.6, 8.0), (0.5, 1.5, 5.0), (0.8, 2.5, 2.0), (1.0, 3.5, 1.5), (1.2, 9.9, 1.2))
    out = difference_at_equal_diversity([a], [b], 3, (0.5, 1.0))
    # Both reach 2 to 4; three levels in between, and neither end.
    np.testing.assert_allclose(out["levels"], [2.5, 3.0, 3.5])
    np.testing.assert_allclose(out["differences"][0], [2 - 7 / 3, 5 / 3 - 13 / 6, 4 / 3 - 2])
    with pytest.raises(ValueError, match="points must hold at least one"):
        difference_at_equal_diversity([a], [b], 3, (0.9, 0.95))
    with pytest.raises(ValueError, match="temperatures"):
        difference_at_equal_diversity([a], [b], 3, (-1.0, 1.0))


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("at", [0, 3])
def test_a_score_that_is_no_number_is_no_verdict(real, at):
    texts, others = (Documents.from_lists([[i + 1] for i in range(n)]) for n in (4, 5))

    def scores_of(documents):
        scores = torch.ones(len(documents))
        if (documents is texts) == real:
            scores[at] = float("nan")
        return scores

    with pytest.raises(ValueError, match="scores_of must not give NaN; it does for 1 texts"):
        discriminator_accuracy(scores_of, texts, others)


def test_runs_that_do_not_belong_together_are_refused():
    sweep, texts = points((1.0, 3.0, 2.0), (0.5, 1.0, 4.0)), Documents.from_lists([[1]] * 5)
    with pytest.raises(ValueError, match="as many runs each, at least one; got 0 and 0"):
        difference_at_equal_diversity([], [])
    with pytest.raises(ValueError, match="got 1 and 2"):
        difference_at_equal_diversity([sweep], [sweep, sweep])
    with pytest.raises(ValueError, match="levels"):
        difference_at_equal_diversity([sweep], [sweep], 0)
    with pytest.raises(ValueError, match="one score for each of 5 and 5 texts; got 4 and 4"):
        discriminator_accuracy(lambda d: torch.ones(4), texts, texts)
