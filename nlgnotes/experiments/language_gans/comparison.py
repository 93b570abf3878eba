"""Comparison of generators: at equal diversity over temperatures, and by a discriminator."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from jaxtyping import Float
from torch import Tensor

from nlgnotes.documents import Documents
from nlgnotes.experiments.language_gans.quality_diversity import Point, at_equal_diversity, branch
from nlgnotes.intervals import mean_interval
from nlgnotes.validation import check_count, check_interval

__all__ = ["difference_at_equal_diversity", "discriminator_accuracy"]


def discriminator_accuracy(
    scores_of: Callable[[Documents], Float[Tensor, " n"]], real: Documents, fake: Documents
) -> float:
    """How often a discriminator is right about whole texts, half of them real.

    It takes a text for real if its score is above 0.

    Args:
        scores_of: the discriminator: from texts to one score each.
        real, fake: each counts for one half.

    Raises:
        ValueError: scores that are not one for each text, or NaN.
    """
    scores = scores_of(real), scores_of(fake)
    if [len(s) for s in scores] != [len(real), len(fake)]:
        wanted, got = f"{len(real)} and {len(fake)}", f"{len(scores[0])} and {len(scores[1])}"
        raise ValueError(f"scores_of must give one score for each of {wanted} texts; got {got}")
    if unknown := sum(int(s.isnan().sum()) for s in scores):
        raise ValueError(f"scores_of must not give NaN; it does for {unknown} texts")
    return float(((scores[0] > 0).double().mean() + (scores[1] <= 0).double().mean()) / 2)


def difference_at_equal_diversity(
    ours: Sequence[Sequence[Point]],
    theirs: Sequence[Sequence[Point]],
    levels: SupportsIndex = 7,
    temperatures: tuple[SupportsFloat, SupportsFloat] = (0.0, math.inf),
) -> dict[str, list[Any]]:
    """NLL_oracle of ours minus that of theirs at equal NLL_test, over runs.

    Positive where ours writes worse. The levels run evenly *inside* what every sweep of both
    reaches with the given temperatures. Its two ends are left out: each is the turning point or the
    coldest point of one run, where a small change of NLL_test is a large one of NLL_oracle.

    Args:
        ours, theirs: a sweep for each run, in the same order.
        levels: how many.
        temperatures: the coldest and the warmest that count, on both sides.

    Returns:
        ``levels``; ``differences`` (a list per run); and, from two runs on, ``interval`` over runs
        at each level. All are empty where the sweeps do not meet.

    Raises:
        ValueError: no run, another number of runs on the other side, fewer than one level, a sweep
            without a point at those temperatures, or as ``quality_diversity.branch``.
    """
    levels = check_count("levels", levels)
    low, high = (check_interval("temperatures", t, 0, math.inf) for t in temperatures)
    if not len(ours) or len(ours) != len(theirs):
        raise ValueError(
            "ours and theirs must hold as many runs each, at least one; "
            f"got {len(ours)} and {len(theirs)}"
        )
    kept = [
        [[p for p in points if low <= p.temperature <= high] for points in side]
        for side in (ours, theirs)
    ]
    reached = [branch(points)[0] for side in kept for points in side]
    first, last = max(tests[0] for tests in reached), min(tests[-1] for tests in reached)
    if first >= last:
        return {"levels": [], "differences": [], "interval": []}
    at = np.linspace(first, last, levels + 2)[1:-1]
    rows = [
        at_equal_diversity(a, at) - at_equal_diversity(b, at) for a, b in zip(*kept, strict=True)
    ]
    spread = [asdict(mean_interval(column)) for column in np.stack(rows).T] if len(rows) > 1 else []
    return {
        "levels": at.tolist(),
        "differences": [row.tolist() for row in rows],
        "interval": spread,
    }
