r"""Confidence intervals by leaving units out, for measures of a corpus and for shared prompts.

A bootstrap puts some texts twice into a corpus and so makes it less diverse than any that was
drawn; the mean of per-text scores forgets that each text is a reference for the others. What is
left out makes no doubles, and moves all the scores that it takes part in.
"""

from collections.abc import Callable
from typing import SupportsFloat, SupportsIndex

import numpy as np
from scipy import special

from nlgnotes.intervals.interval import Interval
from nlgnotes.intervals.sample import check_confidence, check_finite, read_numbers
from nlgnotes.validation import check_callable, check_count

__all__ = ["jackknife_draws", "jackknife_interval", "two_way_interval"]


def jackknife_draws(
    statistic: Callable[[np.ndarray], object], n: SupportsIndex, *, groups: SupportsIndex = 20
) -> np.ndarray:
    """A statistic of all units, and without each of some groups of them.

    Unit i is in group i modulo ``groups``; the units are independent, so that the order says
    nothing. As with :func:`bootstrap_means`, what is computed from one row of the result has its
    own value in row 0 and its leave-one-out values in the others; :func:`jackknife_interval` reads
    both.

    Args:
        statistic: a function of the indices that are kept (an array of integers), that returns a
            number or an array of them, always of one shape.
        n: how many units there are.
        groups: how many groups, from 2 to n; more of them are slower and say more of the spread. Of
            fewer than 20 units, each is a group.

    Returns:
        [1 + groups, ...]; row 0 is of all units.

    Raises:
        ValueError: fewer than two units or groups, or a statistic that is not finite.

    >>> x = np.array([1.0, 2.0, 6.0])
    >>> jackknife_draws(lambda kept: x[kept].mean(), 3)
    array([3. , 4. , 3.5, 1.5])
    """
    check_callable("statistic", statistic)
    n = check_count("n", n, 2)
    groups = min(check_count("groups", groups, 2), n)  # more groups than units are empty
    all_units = np.arange(n)
    group = all_units % groups
    kept = [all_units] + [all_units[group != g] for g in range(groups)]
    draws = read_numbers("statistic", [read_numbers("statistic", statistic(k)) for k in kept])
    check_finite("statistic of all units and without each group", draws)
    return draws


def jackknife_interval(draws, n: SupportsIndex, confidence: SupportsFloat = 0.95) -> Interval:
    r"""The grouped jackknife's interval of a statistic, from its draws, the value of all first.

    With :math:`\theta_{(g)}` the statistic without group g of G, and their mean
    :math:`\theta_{(\cdot)}`,

    .. math:: \hat\theta \pm t_{G-1} \sqrt{\frac{G-1}{G} \sum_g (\theta_{(g)} - \theta_{(\cdot)})^2}

    It is an interval for what the statistic is on average over corpora *of this size*: nothing is
    corrected for the size. The variance tends to be too large rather than too small (Efron & Stein
    1981). Of 20 to 320 texts of the newswire it covers distinct-3 97 to 99 % of the time and
    self-BLEU-3 99 %, and is 1.2 to 1.6 times as wide as it need be; the mean of the per-text scores
    covers 80 to 96 %, the bootstrap hardly ever. It is right for what changes smoothly with each
    unit, as these and ratios do, and not for medians or maxima.

    Args:
        draws: [1 + groups], as :func:`jackknife_draws` gives them, or a function of their rows.
        n: how many units there are.

    Raises:
        ValueError: fewer than three draws, one that is not finite, or all of them equal.

    >>> x = np.array([1.0, 2.0, 3.0])
    >>> print(jackknife_interval(jackknife_draws(lambda kept: x[kept].mean(), 3), 3))
    2 [-0.4841, 4.484]
    """
    x = read_numbers("draws", draws)
    n, confidence = check_count("n", n), check_confidence(confidence)
    if x.ndim != 1 or len(x) < 3:
        raise ValueError(f"draws must be the value of all and at least 2 more; got {x.shape}")
    check_finite("draws", x)
    error, groups = _error(x), len(x) - 1
    if error == 0:
        raise ValueError(f"draws must not all be equal; got {groups} equal groups")
    half = special.stdtrit(groups - 1, (1 + confidence) / 2) * error
    return Interval(float(x[0]), float(x[0] - half), float(x[0] + half), n)


def two_way_interval(
    values,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    confidence: SupportsFloat = 0.95,
) -> Interval:
    r"""The interval of a statistic of trainings that all meet the same prompts.

    Both vary, and neither alone tells the error: a mean over trainings forgets that other prompts
    would move all of them alike. One training after the other is left out, then one prompt after
    the other; the two variances add up, and Student's quantile has Welch and Satterthwaite's
    degrees of freedom. For a mean the two are the variances of the row means and of the column
    means, each divided by its number; what the cells have of their own is counted twice, which errs
    on the safe side.

    Where every training has prompts of its own, take :func:`mean_interval` of the trainings' means.
    For a difference of two arms, give the table of the differences.

    Args:
        values: [trainings, prompts, ...], finite, at least two of each.
        statistic: of such an array; one number.

    Raises:
        ValueError: fewer than two trainings or prompts, a value or a statistic that is not finite,
            or no spread at all.

    >>> print(two_way_interval([[1.0, 2.0, 4.0], [2.0, 2.0, 5.0]]))
    2.667 [-0.8917, 6.225]
    """
    x, confidence = read_numbers("values", values), check_confidence(confidence)
    if x.ndim < 2 or min(x.shape[:2]) < 2:
        raise ValueError(f"values must be [trainings, prompts, ...], 2 or more; got {x.shape}")
    check_finite("values", x)
    rows, columns = x.shape[:2]
    check_callable("statistic", statistic)
    if (shape := read_numbers("statistic", statistic(x)).shape) != ():
        raise ValueError(f"statistic must return one number; got shape {shape}")
    by_row = jackknife_draws(lambda kept: statistic(x[kept]), rows, groups=rows)
    by_column = jackknife_draws(lambda kept: statistic(x[:, kept]), columns, groups=columns)
    parts = _error(by_row) ** 2, _error(by_column) ** 2
    variance = sum(parts)
    if variance == 0:
        raise ValueError("values must not all be equal; got no spread over rows or columns")
    freedom = variance**2 / (parts[0] ** 2 / (rows - 1) + parts[1] ** 2 / (columns - 1))
    half = special.stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variance)
    return Interval(by_row[0], by_row[0] - half, by_row[0] + half, rows)


def _error(draws: np.ndarray) -> float:
    """The standard error of the value of all, from the values without each group."""
    groups = len(draws) - 1
    return float(np.sqrt((groups - 1) / groups * ((draws[1:] - draws[1:].mean()) ** 2).sum()))
