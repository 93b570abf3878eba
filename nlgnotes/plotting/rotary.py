"""Figures of rotations: angles on a row of circles."""

from collections.abc import Sequence

import numpy as np

from nlgnotes.intervals.sample import check_finite, read_numbers
from nlgnotes.plotting.style import BLUE, RED, new_axes
from nlgnotes.validation import check_strings

__all__ = ["phasors"]


def phasors(angles, labels: Sequence[str], *, title: str = "", ax=None):
    """One circle per angle, its radius turned by it, counterclockwise from the right.

    The bar on the horizontal line is the cosine.

    Args:
        angles: in radians, one per circle.
        labels: below the circles.
        title: above the row.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: the labels do not fit the angles.
    """
    labels = check_strings("labels", labels)
    turned = read_numbers("angles", angles)
    if turned.shape != (len(labels),):
        raise ValueError(
            f"angles must hold one number per label ({len(labels)}); got shape {turned.shape}"
        )
    check_finite("angles", turned)
    ax = new_axes(ax, (7.2, 1.6))
    centre, round_ = 2.5 * np.arange(len(labels)), np.linspace(0, 2 * np.pi, 60)
    for x, angle in zip(centre, turned, strict=True):
        ax.plot(x + np.cos(round_), np.sin(round_), color="0.75", linewidth=1)
        ax.plot(
            [x, x + np.cos(angle)], [0, 0], color=RED, linewidth=4, solid_capstyle="butt", alpha=0.6
        )
        ax.plot(
            [x, x + np.cos(angle)],
            [0, np.sin(angle)],
            color=BLUE,
            marker="o",
            markersize=4,
            markevery=[1],
        )
    ax.set_xticks(centre, labels)
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set(aspect="equal", xlim=(-1.3, centre[-1] + 1.3), ylim=(-1.15, 1.15), title=title)
    return ax
