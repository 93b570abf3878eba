"""Confidence intervals for means, differences, ratios, proportions and measures of a corpus.

``confidence`` is the coverage, in (0, 1); ``values`` are an array, a tensor or lists of numbers.
Which function for which data:

* one number per independent unit: :func:`mean_interval`, :func:`paired_difference`;
* yes or no per unit: :func:`binomial_interval`, :func:`wilson_interval` (narrower),
  :func:`paired_proportions`;
* total over total, as in nats per token: :func:`ratio_of_totals`;
* trainings that share prompts: :func:`two_way_interval`;
* another function of means, of 8 units or more: :func:`bootstrap_interval`;
* a measure of a whole corpus, as distinct-n or self-BLEU: :func:`jackknife_interval`.
"""

from nlgnotes.intervals.bootstrap import bootstrap_interval, bootstrap_means, percentile_interval
from nlgnotes.intervals.interval import Interval
from nlgnotes.intervals.jackknife import jackknife_draws, jackknife_interval, two_way_interval
from nlgnotes.intervals.means import mean_interval, paired_difference, ratio_of_totals
from nlgnotes.intervals.proportions import (
    binomial_interval,
    paired_proportions,
    wilson_interval,
)

__all__ = [
    "Interval",
    "binomial_interval",
    "bootstrap_interval",
    "bootstrap_means",
    "jackknife_draws",
    "jackknife_interval",
    "mean_interval",
    "paired_difference",
    "paired_proportions",
    "percentile_interval",
    "ratio_of_totals",
    "two_way_interval",
    "wilson_interval",
]
