"""Tasks with a source and a target: dates in many languages, copying; and how each design of network is fed with them."""

from nlgnotes.tasks.copying import copies
from nlgnotes.tasks.dates import GROUPS, KINDS, LOCALES, Dates, DateTask, by_group, date_split
from nlgnotes.tasks.layout import Examples, Pair, exact_match, joined, paired

__all__ = ["GROUPS", "KINDS", "LOCALES", "DateTask", "Dates", "Examples", "Pair", "by_group", "copies", "date_split",
           "exact_match", "joined", "paired"]  # fmt: skip
