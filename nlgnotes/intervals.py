"""Confidence intervals for means, differences, ratios and proportions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from nlgnotes.validation import check_count, check_interval

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
    """An estimate with the ends of its confidence interval, ``low <= value <= high``, from ``n`` observations."""

    value: float | int
    low: float | int
    high: float | int
    n: int

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

    def scaled(self, factor: float | int) -> "Interval":
        """The interval of ``factor`` times the quantity (for a change of unit)."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Interval(self.value * factor, low, high, self.n)


def mean_interval(values, confidence: float = 0.95) -> Interval:
    r"""The mean of independent values with Student's interval.

    :math:`\bar x \pm t_{n-1}\, s / \sqrt n`, with *s* the sample standard deviation (divisor n - 1).

    Args:
        values: a one-dimensional array or tensor of at least two finite numbers.
        confidence: coverage, in (0, 1).

    Raises:
        ValueError: fewer than two values, one that is not finite, or a confidence outside (0, 1).

    >>> print(mean_interval([1.0, 2.0, 3.0]))
    2 [-0.4841, 4.484]
    """
    x = _vector("values", values, least=2)
    check_interval("confidence", confidence, 0, 1, closed="neither")
    half = stats.t.ppf((1 + confidence) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(x.mean() - half), float(x.mean() + half), len(x))


def paired_difference(a, b, confidence: float = 0.95) -> Interval:
    """The mean of ``a - b`` over pairs, with Student's interval of the differences.

    Raises:
        ValueError: the two do not have the same length, or as in :func:`mean_interval`.
    """
    x, y = _vector("a", a, least=2), _vector("b", b, least=2)
    if len(x) != len(y):
        raise ValueError(f"a and b must have the same length; got {len(x)} and {len(y)}")
    return mean_interval(x - y, confidence)


def ratio_of_totals(numerators, denominators, confidence: float = 0.95) -> Interval:
    r"""Total over total, as in nats per token: :math:`R = \sum_i a_i / \sum_i b_i`.

    The interval is the delta method's over independent units i (documents, not tokens: the
    tokens of one document are dependent): the residuals :math:`a_i - R b_i` have standard
    deviation *s*, and R has standard error :math:`s / (\bar b \sqrt n)`.

    Raises:
        ValueError: lengths differ, a total of zero below, or as in :func:`mean_interval`.

    >>> print(ratio_of_totals([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]))
    2 [2, 2]
    """
    a, b = (
        _vector("numerators", numerators, least=2),
        _vector("denominators", denominators, least=2),
    )
    check_interval("confidence", confidence, 0, 1, closed="neither")
    if len(a) != len(b):
        raise ValueError(
            f"numerators and denominators must have the same length; got {len(a)} and {len(b)}"
        )
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
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """The percentile bootstrap: the statistic of the sample, and quantiles of it over resamples with replacement.

    Args:
        values: the sample; its first axis is the unit that is resampled.
        statistic: a function of an array like ``values`` that returns one number.
        generator: where the resampling draws from.
        resamples: how many resamples, at least 2.
        confidence: coverage, in (0, 1).

    Raises:
        ValueError: fewer than two units, or an argument out of range.
    """
    x = np.asarray(values, dtype=float)
    check_count("resamples", resamples, 2)
    check_interval("confidence", confidence, 0, 1, closed="neither")
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(f"values must hold at least 2 units; got shape {x.shape}")
    rows = torch.randint(len(x), (resamples, len(x)), generator=generator).numpy()
    drawn = [statistic(x[r]) for r in rows]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(statistic(x)), float(low), float(high), len(x))


def bootstrap_means(values, generator: torch.Generator, *, resamples: int = 1000) -> np.ndarray:
    """The mean of every column, and those of resamples of the *rows*: for statistics of many means at once.

    What is computed from the columns of one row of the result (a ratio, a slope) has the sample's own value in row 0
    and its bootstrap distribution in the others; :func:`percentile_interval` reads both. NaN is a missing value:
    a column's mean is over the rows that have it.

    Args:
        values: [units, columns]; a unit is resampled with all its columns.
        generator: where the resampling draws from.
        resamples: how many resamples, at least 2.

    Returns:
        [1 + resamples, columns]; row 0 is the sample itself.

    Raises:
        ValueError: fewer than two units, or a column without a value.

    >>> bootstrap_means([[1.0, 5.0], [3.0, float("nan")]], torch.Generator().manual_seed(0))[0]
    array([2., 5.])
    """
    x = np.asarray(values, dtype=float)
    check_count("resamples", resamples, 2)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(
            f"values must be [units, columns] with at least 2 units; got shape {x.shape}"
        )
    there = ~np.isnan(x)
    if not there.any(0).all():
        raise ValueError(
            f"values must have a number in every column; {int((~there.any(0)).sum())} have none"
        )
    both = np.concatenate([np.where(there, x, 0.0), there], 1)
    totals = [both.sum(0, keepdims=True)]
    for start in range(0, resamples, 100):
        rows = torch.randint(
            len(x), (min(100, resamples - start), len(x)), generator=generator
        ).numpy()
        often = np.stack([np.bincount(r, minlength=len(x)) for r in rows]).astype(float)
        totals.append(often @ both)
    sums, counts = np.split(np.concatenate(totals), 2, axis=1)
    with np.errstate(invalid="ignore"):
        return sums / counts


def percentile_interval(draws, n: int, confidence: float = 0.95) -> Interval:
    """The interval of a statistic from its bootstrap draws, the sample's own value first (:func:`bootstrap_means`).

    Args:
        draws: [1 + resamples]; NaN (a resample in which nothing was there) is left out.
        n: how many units were resampled.
        confidence: coverage, in (0, 1).

    Raises:
        ValueError: fewer than three draws, or a confidence outside (0, 1).

    >>> print(percentile_interval([2.0, 1.0, 2.0, 3.0], n=7, confidence=0.5))
    2 [1.5, 2.5]
    """
    x = np.asarray(draws, dtype=float)
    check_interval("confidence", confidence, 0, 1, closed="neither")
    if x.ndim != 1 or len(x) < 3:
        raise ValueError(
            f"draws must be one-dimensional, the sample's value and at least 2 more; got shape {x.shape}"
        )
    low, high = np.nanquantile(x[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(x[0]), float(low), float(high), n)


def binomial_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """A proportion with Clopper and Pearson's exact interval (never too narrow).

    Raises:
        ValueError: ``trials`` below 1, ``successes`` outside [0, trials], or a confidence outside (0, 1).

    >>> print(binomial_interval(0, 10))
    0 [0, 0.3085]
    """
    check_count("trials", trials)
    check_count("successes", successes, 0)
    check_interval("confidence", confidence, 0, 1, closed="neither")
    if successes > trials:
        raise ValueError(f"successes must not exceed trials ({trials}); got {successes}")
    exact = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Interval(successes / trials, float(exact.low), float(exact.high), trials)


def _vector(name: str, values, least: int) -> np.ndarray:
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or len(x) < least:
        raise ValueError(
            f"{name} must be one-dimensional with at least {least} numbers; got shape {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"{name} must be finite; {int((~np.isfinite(x)).sum())} of {len(x)} are not"
        )
    return x
