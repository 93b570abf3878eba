"""Circles show the angles they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nlgnotes.plotting.rotary import phasors


def test_radii_point_where_the_angles_say_and_bars_are_cosines():
    ax = phasors([0.0, np.pi / 2, np.pi], ["a", "b", "c"], title="three")
    bars, radii = ax.lines[1::3], ax.lines[2::3]
    tips = [(h.get_xdata()[1] - h.get_xdata()[0], h.get_ydata()[1]) for h in radii]
    np.testing.assert_allclose(tips, [(1, 0), (0, 1), (-1, 0)], atol=1e-12)
    np.testing.assert_allclose([np.diff(s.get_xdata())[0] for s in bars], [1, 0, -1], atol=1e-12)
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        "a",
        "b",
        "c",
    ] and ax.get_title() == "three"
    np.testing.assert_allclose(ax.get_xticks(), [h.get_xdata()[0] for h in radii])
    plt.close("all")


def test_labels_must_fit():
    with pytest.raises(
        ValueError, match=r"angles must hold one number per label \(2\); got shape \(3,\)"
    ):
        phasors([0, 1, 2], ["a", "b"])
