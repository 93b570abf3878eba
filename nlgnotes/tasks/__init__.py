"""Tasks whose answers are known: dates in many languages, copying."""

from nlgnotes.tasks.copying import copies
from nlgnotes.tasks.dates import GROUPS, KINDS, LOCALES, Dates, DateTask, by_group, date_split

__all__ = ["GROUPS", "KINDS", "LOCALES", "DateTask", "Dates", "by_group", "copies", "date_split"]
