"""Checks of arguments: every error gives the argument, the rule and the value.

``name`` is the argument as its caller wrote it. The checks of one number return it as a plain
Python number, so that NumPy's scalars and tensors of no dimension are taken wherever a number is
asked for: ``k = check_count("k", k)``. Booleans and longer arrays are no numbers.
"""

from nlgnotes.validation.numbers import check_count, check_counts, check_interval, check_positive
from nlgnotes.validation.settings import (
    check_callable,
    check_flag,
    check_generator,
    check_keys,
    check_kind,
    check_path,
    check_strings,
)
from nlgnotes.validation.tensors import (
    FLOATS,
    check_finite,
    check_floats,
    check_log_probs,
    check_mask,
    check_scores,
)
from nlgnotes.validation.texts import (
    check_continuation,
    check_id_lists,
    check_ids,
    check_lengths,
    check_tokens,
    is_int64,
)
from nlgnotes.validation.words import describe, shown

__all__ = [
    "FLOATS",
    "check_callable",
    "check_continuation",
    "check_count",
    "check_counts",
    "check_finite",
    "check_flag",
    "check_floats",
    "check_generator",
    "check_id_lists",
    "check_ids",
    "check_interval",
    "check_keys",
    "check_kind",
    "check_lengths",
    "check_log_probs",
    "check_mask",
    "check_path",
    "check_positive",
    "check_scores",
    "check_strings",
    "check_tokens",
    "describe",
    "is_int64",
    "shown",
]
