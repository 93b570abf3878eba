"""Confidence intervals for proportions: of one sample of yes or no, and of pairs."""

import math
from typing import SupportsFloat, SupportsIndex

import numpy as np
from scipy import special

from nlgnotes.intervals.interval import Interval
from nlgnotes.intervals.sample import check_confidence, read_pairs, zeros_and_ones
from nlgnotes.validation import check_count

__all__ = ["binomial_interval", "paired_proportions", "wilson_interval"]


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
    confidence = check_confidence(confidence)
    if successes > trials:
        raise ValueError(f"successes must not exceed trials ({trials}); got {successes}")
    tail, failures = (1 - confidence) / 2, trials - successes
    low = special.betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return Interval(successes / trials, float(low), float(high), trials)


def wilson_interval(
    successes: SupportsIndex, trials: SupportsIndex, confidence: SupportsFloat = 0.95
) -> Interval:
    r"""A proportion with Wilson's interval: all shares p that a score test would not reject.

    With :math:`\hat p` the share of successes, n trials and the normal quantile z, the p with
    :math:`|\hat p - p| \le z \sqrt{p (1 - p) / n}`. It covers ``confidence`` on average over p,
    and less for some p, where :func:`binomial_interval` never does.

    Raises:
        ValueError: ``trials`` below 1, ``successes`` outside [0, trials], or an ill confidence.

    Source: Wilson 1927 (doi 10.1080/01621459.1927.10502953).

    >>> print(wilson_interval(20, 20))
    1 [0.8389, 1]
    """
    trials, successes = check_count("trials", trials), check_count("successes", successes, 0)
    confidence = check_confidence(confidence)
    if successes > trials:
        raise ValueError(f"successes must not exceed trials ({trials}); got {successes}")
    p, z2n = successes / trials, float(special.ndtri((1 + confidence) / 2)) ** 2 / trials
    middle, half = p + z2n / 2, math.sqrt(z2n * (p * (1 - p) + z2n / 4))
    low = max(0.0, (middle - half) / (1 + z2n)) if successes else 0.0
    high = min(1.0, (middle + half) / (1 + z2n)) if successes < trials else 1.0
    return Interval(p, low, high, trials)


def paired_proportions(a, b, confidence: SupportsFloat = 0.95) -> Interval:
    r"""The difference of two proportions of one set of units, each answered twice: a less b.

    Bonett and Price's interval, with Student's quantile. Of n pairs, :math:`n_{12}` say yes only in
    a and :math:`n_{21}` only in b. As if one more pair of each kind had been seen,

    .. math:: \tilde p_{12} = \frac{n_{12} + 1}{n + 2}, \quad
              \tilde p_{21} = \frac{n_{21} + 1}{n + 2}, \quad
              \tilde p_{12} - \tilde p_{21} \pm t_{n-1}
              \sqrt{\frac{\tilde p_{12} + \tilde p_{21} - (\tilde p_{12} - \tilde p_{21})^2}{n + 2}}

    within [-1, 1]. The estimate is :math:`(n_{12} - n_{21}) / n`. It covers at least 94 %
    where at most nine pairs in ten differ (n from 8 to 100, on a grid), and 92 % where all may;
    Student's interval of the differences covers as little as 5 % where nearly all pairs agree
    (n = 10).

    Args:
        a, b: 0 or 1 for each unit, in the same order; at least two units.

    Raises:
        ValueError: other values, two lengths, or an ill confidence.

    Source: Bonett & Price 2012, as in Fagerland, Lydersen & Laake 2014 (doi 10.1002/sim.6148);
    there the quantile is the normal one.

    >>> print(paired_proportions([1, 1, 1, 0, 1, 0, 1, 1], [0, 0, 1, 0, 1, 0, 0, 1]))
    0.375 [-0.1788, 0.7788]
    """
    (x, y), confidence = read_pairs(("a", "b"), a, b), check_confidence(confidence)
    if not (zeros_and_ones(x) and zeros_and_ones(y)):
        raise ValueError("a and b must be 0 or 1; of other numbers take paired_difference")
    n = len(x)
    first, second = int((x > y).sum()), int((x < y).sum())
    p, q = (first + 1) / (n + 2), (second + 1) / (n + 2)
    half = special.stdtrit(n - 1, (1 + confidence) / 2) * np.sqrt((p + q - (p - q) ** 2) / (n + 2))
    low, high = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return Interval((first - second) / n, float(low), float(high), n)
