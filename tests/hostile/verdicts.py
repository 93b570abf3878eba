"""Whether what a call did is right: an answer without a NaN, or an error of the package's own."""

import dataclasses
import linecache
import math
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

SECONDS = 5  # of the processor: a busy machine is no fault
# What torch and NumPy say of more numbers than fit the memory, or a size of 64 bits.
TOO_MUCH = re.compile(
    "can't allocate memory|Unable to allocate|Storage size calculation overflowed|Overflow when unp"
    "|Maximum allowed size|too large to convert to C long"
)
OURS = (ValueError, TypeError, FileNotFoundError, FloatingPointError)
DISK = (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)  # documented


class Hangs(BaseException):
    """A call took longer than ``SECONDS``."""


def called(
    function: Callable, arguments: dict, *values: object
) -> tuple[object, BaseException | None]:
    """What a call gives, and the error that it raises."""

    def stop(*_):
        raise Hangs

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = function(*values, **arguments)
            return list(answer) if isinstance(answer, Iterator) else answer, None
    except (Exception, Hangs) as error:
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def fault(
    answer: object, error: BaseException | None, right: object, same: bool, passes_nan: bool
) -> str | None:
    """What is wrong with an outcome, in words; None if nothing is.

    ``right`` is the answer to the valid call, and ``same`` says that this call must have it too;
    ``passes_nan`` that the function documents that a NaN stays one.
    """
    if error is not None:
        too_much = isinstance(error, MemoryError) or TOO_MUCH.search(str(error))
        return None if too_much or clear(error) else f"{type(error).__name__}: {str(error)[:90]}"
    if holds_nan(answer) and not (holds_nan(right) or passes_nan):
        return "NaN, silently"
    if same and not alike(answer, right):
        return f"another answer: {str(answer)[:60]}, not {str(right)[:60]}"
    return None


def clear(error: BaseException) -> bool:
    """Whether the package itself raised an error, of the kinds that it documents, with words."""
    if isinstance(error, DISK):
        return True
    if not isinstance(error, OURS) or not str(error):
        return False
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    file = last.tb_frame.f_code.co_filename
    line = linecache.getline(file, last.tb_lineno).strip()
    return "nlgnotes" in file.split("/") and line.startswith("raise")


def parts(value: object) -> list | None:
    """What a value is made of; None for what has no parts."""
    if isinstance(value, Mapping):
        return [each for key, each in value.items() if key != "seconds"]
    if isinstance(value, list | tuple):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # What a cache has not written yet is whatever the memory held, and no time is like another.
        fields = {field.name for field in dataclasses.fields(value)}
        names = sorted(fields - {"buffers", "seconds"})
        return [getattr(value, name) for name in names]
    return None


def holds_nan(value: object) -> bool:
    """Whether a NaN is anywhere in an answer."""
    if isinstance(value, Tensor):
        return value.is_floating_point() and bool(value.detach().isnan().any())
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f" and bool(np.isnan(value).any())
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    inner = parts(value)
    return inner is not None and any(map(holds_nan, inner))


def alike(a: object, b: object) -> bool:
    """Whether two answers are the same; of objects without a value only the type is compared."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        return torch.allclose(a, b, equal_nan=True) if a.is_floating_point() else torch.equal(a, b)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and (a.dtype.kind not in "fiub" or np.allclose(a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-5) or (math.isnan(a) and math.isnan(b))
    first, second = parts(a), parts(b)
    if first is not None and second is not None:
        return len(first) == len(second) and all(map(alike, first, second))
    return type(a) is type(b) and (a == b or not isinstance(a, int | str | bool))
