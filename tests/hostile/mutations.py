"""Hostile values in place of one valid argument, by what the valid one is."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

# What each mutation must not change: the answer is that of the valid call, or a clear error.
SAME = "same"


def fresh(value: object) -> object:
    """A copy that a call may change, with generators in the same state; axes are emptied."""
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, nn.Module):
        return copy.deepcopy(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(fresh, value))
    if isinstance(value, list | tuple):
        return type(value)(map(fresh, value))
    if isinstance(value, Axes):
        for other in {*value.figure.axes} - {value}:
            other.remove()  # a colour bar
        if value.stale:  # something was drawn: most calls refuse before, and clearing is dear
            value.clear()
            value.stale = False
    if type(value) is dict:
        return {key: fresh(each) for key, each in value.items()}
    return value


def hostile_values(value: object) -> Iterator[tuple[str, object]]:
    """Pairs of a label and a value; a label that begins with ``same`` keeps the answer."""
    if isinstance(value, Tensor):
        yield from _tensors(value)
    elif isinstance(value, bool):
        yield from {"none": None, "text": "no", "number": 2, "tensor": torch.zeros(2)}.items()
    elif isinstance(value, int | float | Fraction):
        yield from _numbers(value)
    elif isinstance(value, str):
        yield from _texts(value)
    elif isinstance(value, np.ndarray):
        yield from _arrays(value)
    elif isinstance(value, nn.Module):
        yield from _modules(value)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from _records(value)
    elif isinstance(value, list | tuple):
        yield from _sequences(value)
    elif isinstance(value, Mapping):
        yield from _mappings(value)
    elif isinstance(value, Path):
        yield from {"none": None, "number": 3, "null": "a\0b", "missing": "no/such/file"}.items()
    elif isinstance(value, Callable) and not isinstance(value, type):
        yield from _functions()
    else:
        strange = {"none": None, "number": 3, "text": "x", "list": [], "object": object()}
        yield from strange.items()


def _strided(x: Tensor) -> Tensor:
    """The same numbers, of which no two are neighbours in memory."""
    return torch.stack([x, x], -1)[..., 0]


def _tensors(x: Tensor) -> Iterator[tuple[str, object]]:
    yield "same strided", _strided(x)
    yield "none", None
    yield "text", "x"
    yield "number", 0.5
    yield "list", x.tolist()
    yield "array", x.detach().numpy() if x.dtype != torch.bfloat16 else None
    yield "axis more", x[None]
    yield "empty", x[:0] if x.dim() else x.reshape(1)[:0]
    if x.dim():
        yield "scalar", x.flatten()[0]
        yield "row less", x[1:]
        yield "row more", torch.cat((x, x[:1]))
    if x.dim() > 1:
        yield "no column", x[..., :0]
        yield "column less", x[..., 1:]
        yield "column more", torch.cat((x, x[..., :1]), -1)
        yield "one row", x[:1]
        yield "transposed", x.transpose(0, -1)
    for dtype in (torch.bool, torch.int64, torch.int32, torch.complex64, torch.float8_e4m3fn):
        if dtype != x.dtype:
            yield str(dtype), x.to(dtype)
    if x.is_floating_point():
        yield from _floats(x)
    elif x.dtype == torch.bool:
        yield "float32", x.float()
        yield "uint8", x.to(torch.uint8)
        yield "all true", torch.ones_like(x)
        yield "all false", torch.zeros_like(x)
        yield "inverted", ~x
    else:
        yield "float32", x.float()
        yield "negative", -1 - x
        yield "large", x + 1000
        yield "largest", torch.full_like(x, 2**63 - 1)
        yield "least", torch.full_like(x, -(2**63))
        yield "zeros", torch.zeros_like(x)


def _floats(x: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "same gradient", x.detach().clone().requires_grad_()
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.float32):
        if dtype != x.dtype:
            yield str(dtype), x.to(dtype)
    most = torch.finfo(x.dtype).max
    for name, number in {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "huge": most}.items():
        for where in (0, -1):
            changed = x.detach().clone().flatten()
            if changed.numel():
                changed[where] = number
            yield f"{name} at {where}", changed.reshape(x.shape)
        yield f"all {name}", torch.full_like(x, number)
    yield "all -huge", torch.full_like(x, -most)
    yield "tiny", torch.full_like(x, torch.finfo(x.dtype).smallest_normal / 4)
    yield "negative", -x.abs() - 1
    yield "zeros", torch.zeros_like(x)
    yield "times 1000", x * 1000


def _numbers(value: float | int) -> Iterator[tuple[str, object]]:
    if isinstance(value, int):
        yield "same int64", np.int64(value)
        yield "same int32", np.int32(value)
        yield "same tensor", torch.tensor(value)
    yield "same float64", np.float64(value) if isinstance(value, float) else np.int16(value)
    yield "same array", np.array(value) if not isinstance(value, Fraction) else value
    numbers = (0, 1, -1, 2, 0.5, -0.5, 1.5, 7, 2**31, 2**63, 10**30, 10**400, 1e308, -1e308, 5e-324)
    for number in (*numbers, math.nan, math.inf, -math.inf, np.float32("nan"), np.float16(0.5)):
        yield f"{number:.3g}" if isinstance(number, float) else f"{str(number)[:12]}", number
    strange = (True, None, "3", b"3", 3j, [3], (), {}, Decimal(3), Fraction(1, 3), object())
    for other in strange:
        yield type(other).__name__, other
    yield "vector", torch.tensor([3])
    yield "array of one", np.array([0.5])
    yield "nan tensor", torch.tensor(math.nan)


def _texts(value: str) -> Iterator[tuple[str, object]]:
    strange = ("", "nothing", "\ud800", "a\0b", "x" * 10_000, value.upper(), value + " ")
    for text in strange:
        yield f"text {ascii(text)[:12]}", text
    for other in (None, 3, b"a", ["a"], math.nan):
        yield type(other).__name__, other


def _arrays(x: np.ndarray) -> Iterator[tuple[str, object]]:
    yield "same strided", np.stack([x, x], -1)[..., 0]
    yield "none", None
    yield "text", "x"
    yield "number", 0.5
    yield "empty", x[:0]
    yield "axis more", x[None]
    yield "scalar", x.flatten()[0]
    yield "objects", x.astype(object)
    yield "texts", x.astype(str)
    yield "complex", x.astype(complex)
    yield "bool", x.astype(bool)
    if x.dtype.kind == "f":
        for number in (math.nan, math.inf, -math.inf, 1e308, -1.0):
            changed = x.copy()
            changed.flat[0] = number
            yield f"{number} at 0", changed
    else:
        yield "negative", -1 - x
        yield "large", x + 10**6
        yield "float", x.astype(float)


def _modules(model: nn.Module) -> Iterator[tuple[str, object]]:
    yield "none", None
    yield "text", "x"
    yield "function", lambda *_: None
    yield "another", nn.Linear(2, 2)
    for name, number in {"nan": math.nan, "inf": math.inf, "huge": 1e38}.items():
        ill = copy.deepcopy(model)
        for parameter in ill.parameters():
            parameter.data.fill_(number)
        yield f"{name} weights", ill


def _records(record: tuple) -> Iterator[tuple[str, object]]:
    yield from {"none": None, "number": 3, "text": "x", "empty": (), "plain": tuple(record)}.items()
    for field in record._fields:
        for label, other in hostile_values(getattr(record, field)):
            try:
                changed = record._replace(**{field: other})
            except ValueError:
                continue  # the record itself refuses it, as its own constructor shows
            yield f"{label} in {field}" if not label.startswith(SAME) else label, changed


def _sequences(values: list | tuple) -> Iterator[tuple[str, object]]:
    kind = type(values)
    yield "none", None
    yield "number", 3
    yield "text", "ab"
    yield "bytes", b"ab"
    yield "empty", kind()
    yield "twice", values + values
    yield "fewer", values[1:]
    yield "set of none", {None}
    yield "mapping", {"a": 1}
    yield "of none", kind([None])
    yield "of nan", kind([math.nan])
    yield "of objects", kind([object()])
    yield "nested", kind([values])
    if values:
        for label, other in hostile_values(values[0]):
            if not label.startswith(SAME):
                yield f"{label} in the first", kind([other, *values[1:]])


def _mappings(values: Mapping) -> Iterator[tuple[str, object]]:
    yield from {"none": None, "number": 3, "text": "ab", "list": [1], "empty": {}}.items()
    yield "key more", {**values, "strange": 1}
    yield "key none", {**values, None: 1}
    if values:
        first, *others = values
        yield "key less", {key: values[key] for key in others}
        for label, other in hostile_values(values[first]):
            if not label.startswith(SAME):
                yield f"{label} in the first", {**values, first: other}


def _functions() -> Iterator[tuple[str, object]]:
    yield "none", None
    yield "number", 3
    yield "gives none", lambda *_, **__: None
    yield "gives text", lambda *_, **__: "x"
    yield "gives nan", lambda *_, **__: torch.tensor(math.nan)
    yield "gives a number", lambda *_, **__: 3
