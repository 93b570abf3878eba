"""Confidence intervals for means, differences, ratios and proportions.

``confidence`` is the coverage, in (0, 1); ``values`` are an array, a tensor or lists of numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

import numpy as np
import torch
from scipy import stats

from nlgnotes.validation import check_count, check_generator, check_interval, describe

__all__ = [
    "Interval",
    "binomial_interval",
    "bootstrap_interval",
    "bootstrap_means",
    "mean_interval",
    "paired_difference",
    "percentile_interval",
    "ratio_of_totals",
]


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its confidence interval, from ``n`` observations.

    An end that rounding leaves on the wrong side of the estimate is moved to it.

    Raises:
        ValueError: not ``low <= value <= high``, a number that is not finite, or ``n`` below 1.
    """

    value: SupportsFloat
    low: SupportsFloat
    high: SupportsFloat
    n: SupportsIndex

    def __post_init__(self):
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        object.__setattr__(self, "n", check_count("n", self.n))
        value, low, high = self.value, self.low, self.high
        rounding = 1e-12 + 1e-9 * max(abs(value), abs(low), abs(high))
        if max(low - value, value - high, low - high) > rounding:
            raise ValueError(f"value must lie in its interval [{low:g}, {high:g}]; got {value:g}")
        object.__setattr__(self, "low", min(low, value))
        object.__setattr__(self, "high", max(high, value))

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __format__(self, spec: str) -> str:
        """All three numbers in one format.

        >>> f"{Interval(0.5, 0.25, 0.75, 10):.1f}"
        '0.5 [0.2, 0.8]'
        """
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]" if spec else str(self)

    def __contains__(self, number: float | int) -> bool:
        return self.low <= number <= self.high

    def scaled(self, factor: SupportsFloat) -> "Interval":
        """The interval of ``factor``, a finite number, times the quantity (a change of unit)."""
        by = _finite("factor", factor)
        return Interval(self.value * by, *sorted((self.low * by, self.high * by)), self.n)


def mean_interval(values, confidence: SupportsFloat = 0.95) -> Interval:
    r"""The mean of independent values with Student's interval.

    :math:`\bar x \pm t_{n-1}\, s / \sqrt n`, with *s* the sample standard deviation (divisor
    n - 1). It knows no bounds: for values that are 0 or 1 it may leave [0, 1], and where all values
    are equal it has no width. For proportions take :func:`binomial_interval`.

    Raises:
        ValueError: not one dimension of at least two finite values, or an ill confidence.

    >>> print(mean_interval([1.0, 2.0, 3.0]))
    2 [-0.4841, 4.484]
    """
    x = _vector("values", values)
    confidence = _confidence(confidence)
    half = stats.t.ppf((1 + confidence) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(x.mean() - half), float(x.mean() + half), len(x))


def paired_difference(a, b, confidence: SupportsFloat = 0.95) -> Interval:
    """The mean of ``a - b`` over pairs, with Student's interval of the differences.

    Raises ``ValueError`` for two lengths, or as :func:`mean_interval`.
    """
    x, y = _vector("a", a), _vector("b", b)
    if len(x) != len(y):
        raise ValueError(f"a and b must have the same length; got {len(x)} and {len(y)}")
    return mean_interval(x - y, confidence)


def ratio_of_totals(numerators, denominators, confidence: SupportsFloat = 0.95) -> Interval:
    r"""Total over total, as in nats per token: :math:`R = \sum_i a_i / \sum_i b_i`.

    The interval is the delta method's over independent units i (documents, not tokens: the
    tokens of one document are dependent): the residuals :math:`a_i - R b_i` have standard
    deviation *s*, and R has standard error :math:`s / (\bar b \sqrt n)`.

    Raises:
        ValueError: lengths differ, a total of zero below, or as in :func:`mean_interval`.

    >>> print(ratio_of_totals([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]))
    2 [2, 2]
    """
    a, b = _vector("numerators", numerators), _vector("denominators", denominators)
    confidence = _confidence(confidence)
    if len(a) != len(b):
        raise ValueError(f"totals must be of the same length; got {len(a)} and {len(b)} units")
    if b.sum() == 0:
        raise ValueError("denominators must not add up to 0; got 0")
    ratio = a.sum() / b.sum()
    error = (a - ratio * b).std(ddof=1) / (abs(b.mean()) * np.sqrt(len(a)))
    half = stats.t.ppf((1 + confidence) / 2, len(a) - 1) * error
    return Interval(float(ratio), float(ratio - half), float(ratio + half), len(a))


def bootstrap_interval(
    values,
    statistic: Callable[[np.ndarray], float],
    generator: torch.Generator,
    *,
    resamples: SupportsIndex = 1000,
    confidence: SupportsFloat = 0.95,
) -> Interval:
    """The percentile bootstrap: quantiles of a statistic over resamples with replacement.

    Where all units are equal, all resamples are. The mean of zeros only, or of ones only, then has
    Clopper and Pearson's interval, which holds for the mean of any values in [0, 1]. Any other
    statistic that one other value would move is refused; one that it would not, as the median, has
    an interval of no width.

    Args:
        values: the sample, finite numbers; its first axis is the unit that is resampled.
        statistic: a function of an array like ``values`` that returns one number.
        generator: where the resampling draws from.
        resamples: how many resamples, at least 2.

    Raises:
        ValueError: fewer than two units; all of them equal, as above; a value, or the statistic of
            the sample or of a resample, that is not finite; the sample's statistic outside the
            interval (a biased one, as the number of different values is); no generator; an argument
            out of range.
    """
    x = _numbers("values", values)
    resamples, confidence = check_count("resamples", resamples, 2), _confidence(confidence)
    check_generator(generator)
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(f"values must hold at least 2 units; got shape {x.shape}")
    _check_finite("values", x)
    value = _statistic(statistic, x)
    if (x == x[0]).all():
        return _of_equal_units(x, statistic, confidence)
    rows = torch.randint(len(x), (resamples, len(x)), generator=generator).numpy()
    drawn = np.array([_statistic(statistic, x[r]) for r in rows])
    _check_finite("statistic of the sample and of every resample", np.append(drawn, value))
    return _between(value, drawn, len(x), confidence)


def bootstrap_means(
    values, generator: torch.Generator, *, resamples: SupportsIndex = 1000
) -> np.ndarray:
    """The mean of every column, and of resamples of the *rows*: for statistics of many means.

    What is computed from the columns of one row of the result (a ratio, a slope) has the sample's
    own value in row 0 and its bootstrap distribution in the others; :func:`percentile_interval`
    reads both. NaN is a missing value: a column's mean is over the rows that have it.

    Args:
        values: [units, columns], finite or NaN; a unit is resampled with all its columns.
        generator: where the resampling draws from.
        resamples: how many resamples, at least 2.

    Returns:
        [1 + resamples, columns]; row 0 is the sample itself. NaN where a resample has no value.

    Raises:
        ValueError: fewer than two units, a column without a value, an infinite value, no generator,
            or an argument out of range.

    >>> bootstrap_means([[1.0, 5.0], [3.0, float("nan")]], torch.Generator().manual_seed(0))[0]
    array([2., 5.])
    """
    x = _numbers("values", values)
    resamples = check_count("resamples", resamples, 2)
    check_generator(generator)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"values must be [units, columns], 2 units or more; got shape {x.shape}")
    there = ~np.isnan(x)
    _check_finite("values", x[there])
    if (empty := int((~there.any(0)).sum())) > 0:
        raise ValueError(f"values must have a number in every column; {empty} have none")
    both = np.concatenate([np.where(there, x, 0.0), there], 1)
    totals = [both.sum(0, keepdims=True)]
    # A hundred resamples at a time: how often each row was drawn, times the rows.
    for start in range(0, resamples, 100):
        size = (min(100, resamples - start), len(x))
        rows = torch.randint(len(x), size, generator=generator).numpy()
        often = np.stack([np.bincount(r, minlength=len(x)) for r in rows]).astype(float)
        totals.append(often @ both)
    sums, counts = np.split(np.concatenate(totals), 2, axis=1)
    with np.errstate(invalid="ignore"):
        return sums / counts


def percentile_interval(draws, n: SupportsIndex, confidence: SupportsFloat = 0.95) -> Interval:
    """The interval of a statistic from its bootstrap draws, the sample's own value first.

    :func:`bootstrap_means` makes such draws. Draws that are all equal give an interval of no width,
    which is no evidence of certainty: of 0 successes in ``n``, say :func:`binomial_interval`.

    Args:
        draws: [1 + resamples]; NaN (a resample in which nothing was there) is left out.
        n: how many units were resampled, at least 1.

    Raises:
        ValueError: fewer than three draws, the sample's own value or an end not finite, the value
            outside the interval, or an argument out of range.

    >>> print(percentile_interval([2.0, 1.0, 2.0, 3.0], n=7, confidence=0.5))
    2 [1.5, 2.5]
    """
    x = _numbers("draws", draws)
    n, confidence = check_count("n", n), _confidence(confidence)
    if x.ndim != 1 or len(x) < 3:
        raise ValueError(f"draws must be the sample's value and at least 2 more; got {x.shape}")
    there = x[1:][~np.isnan(x[1:])]
    if not len(there):
        raise ValueError(f"draws must hold a number in some resample; got {len(x) - 1} NaN")
    return _between(float(x[0]), there, n, confidence)


def binomial_interval(
    successes: SupportsIndex, trials: SupportsIndex, confidence: SupportsFloat = 0.95
) -> Interval:
    """A proportion with Clopper and Pearson's exact interval (never too narrow).

    Raises:
        ValueError: ``trials`` below 1, ``successes`` outside [0, trials], or an ill confidence.

    >>> print(binomial_interval(0, 10))
    0 [0, 0.3085]
    """
    trials, successes = check_count("trials", trials), check_count("successes", successes, 0)
    confidence = _confidence(confidence)
    if successes > trials:
        raise ValueError(f"successes must not exceed trials ({trials}); got {successes}")
    exact = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Interval(successes / trials, float(exact.low), float(exact.high), trials)


def _between(value: float, drawn: np.ndarray, n: int, confidence: float) -> Interval:
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high), n)


def _statistic(statistic: Callable[[np.ndarray], float], x: np.ndarray) -> float:
    found = statistic(x)
    try:
        return float(found)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"statistic must return one number; got {describe(found)}") from None


def _of_equal_units(x: np.ndarray, statistic: Callable, confidence: float) -> Interval:
    other = x.copy()
    other[0] = np.where((x[0] == 0) | (x[0] == 1), 1 - x[0], x[0] + 1)
    value, moved = _statistic(statistic, x), _statistic(statistic, other)
    if moved == value:
        return Interval(value, value, value, len(x))
    if x.ndim == 1 and x[0] in (0, 1) and np.allclose([value, moved], [x.mean(), other.mean()]):
        return binomial_interval(int(x.sum()), len(x), confidence)
    raise ValueError(f"values must not all be equal for this statistic; got {len(x)} equal units")


def _finite(name: str, value: SupportsFloat) -> float | int:
    return check_interval(name, value, -math.inf, math.inf, closed="neither")


def _confidence(confidence: SupportsFloat) -> float:
    return float(check_interval("confidence", confidence, 0, 1, closed="neither"))


def _check_finite(name: str, x: np.ndarray) -> None:
    if (ill := int((~np.isfinite(x)).sum())) > 0:
        raise ValueError(f"{name} must be finite; {ill} of {x.size} are not")


def _numbers(name: str, values) -> np.ndarray:
    """Values as an array of float64, from an array, a tensor of any precision, or lists."""
    # NumPy has no bfloat16, and reads no tensor that is part of a graph.
    if isinstance(values, torch.Tensor) and not values.is_complex():
        return values.detach().cpu().double().numpy()
    try:
        if not np.iscomplexobj(values):
            return np.asarray(values, dtype=float)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise ValueError(f"{name} must be real numbers; got {describe(values)}")


def _vector(name: str, values) -> np.ndarray:
    x = _numbers(name, values)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"{name} must be one-dimensional, at least 2 numbers; got shape {x.shape}")
    _check_finite(name, x)
    return x
