"""What the tests of intervals share."""

from scipy import stats


def ends(interval):
    return interval.low, interval.high


def least(repetitions, coverage):
    """Hits that a true coverage reaches but for one time in a million."""
    return stats.binom.ppf(1e-6, repetitions, coverage)
