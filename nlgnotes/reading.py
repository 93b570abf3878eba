"""Reading files that are not trusted: bounded bytes, strict JSON, the header of safetensors.

Only ``ValueError`` and ``FileNotFoundError`` come out, whatever the bytes are.
"""

import json
import math
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlgnotes.validation import check_count, check_path

__all__ = [
    "JSON_LIMIT",
    "json_bytes",
    "parse_json",
    "read_bytes",
    "read_json",
    "weights_header",
]

JSON_LIMIT = 2**23  # bytes; what Python makes of them may take some thirty times as many
UNSIZED = 2**20  # bytes that are read of a file that says that it is shorter
HEADER_LIMIT = 2**20  # bytes of a safetensors header, about ten thousand tensors
LARGEST_INTEGER = 2**63  # as in every other reader of JSON; a longer one overflows a float

# Bytes of one element, for the kinds of numbers that weights can be.
ITEM_SIZES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}


def read_bytes(path: str | Path, limit: int) -> bytes:
    """All bytes of a file.

    Args:
        path: of a regular file (a link to one is one).
        limit: the most bytes that it may have.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, a device or a pipe, a file that may not be read or is too long.
    """
    path, limit = check_path("path", path), check_count("limit", limit, 0)
    try:
        size = _size(path)
        if size > limit:
            raise ValueError(f"{path} must have at most {limit} bytes; it has {size}")
        with path.open("rb") as file:
            # One byte more than its size says: a file under /proc says 0.
            most = min(limit, max(size, UNSIZED))
            data = file.read(most + 1)
    except OSError as error:
        raise _reason(path, error) from None
    if len(data) > most:  # it has grown, or its size was a lie, as under /proc
        raise ValueError(f"{path} must have at most {most} bytes; it has more")
    return data


def read_json(path: str | Path, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not strict JSON (:func:`parse_json`), or no object.
    """
    values = parse_json(str(path), read_bytes(path, limit))
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object; got {type(values).__name__}")
    return values


def parse_json(name: str, data: bytes | str) -> Any:
    """JSON as its standard has it: UTF-8, no NaN, no infinity, no key twice, numbers of 64 bits.

    Args:
        name: of what is read, for the message.
        data: the text.

    Raises:
        ValueError: anything else, values that are nested too deeply included.

    >>> parse_json("a list", "[1, 2.5, null]")
    [1, 2.5, None]
    """
    if not isinstance(data, bytes | str):
        raise ValueError(f"{name} must be text; got {type(data).__name__}")
    if len(data) > JSON_LIMIT:
        raise ValueError(f"{name} must have at most {JSON_LIMIT} bytes; got {len(data)}")
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        values = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
        # A lone surrogate has no UTF-8: such a string could be neither printed nor saved.
        text.encode("utf-8")
        if "\\u" in text:
            json.dumps(values, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(f"{name} is not JSON that can be read; it is nested too deeply") from None
    except ValueError as error:  # those of json and of UTF-8 are kinds of it
        raise ValueError(f"{name} is not JSON; {error}") from None
    return values


def json_bytes(name: str, values: Any, indent: int | None = None) -> bytes:
    """What :func:`read_json` reads back: strict JSON, and a line end.

    Args:
        name: of what is written, for the message.
        values: mappings, lists, strings, numbers, booleans and None.
        indent: spaces for each level; all on one line when None.

    Raises:
        ValueError: something that JSON cannot say, or that would be too long to be read.
    """
    indent = None if indent is None else check_count("indent", indent, 0, 16)
    if isinstance(values, Mapping):
        values = {k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}
    try:
        text = json.dumps(values, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
        data = text.encode("utf-8")
        parse_json(name, data)
    except RecursionError:
        raise ValueError(f"{name} must be JSON; it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be JSON; {error}") from None
    return data


def weights_header(path: str | Path) -> tuple[dict[str, tuple[int, ...]], int]:
    """What a safetensors file says that it holds, read without its numbers.

    Returns:
        The shape of every tensor by name, and the size of the whole file in bytes, which is the
        one that these shapes need.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no safetensors file, one of other numbers than floating-point ones, or one whose
            size is not what its header asks for.
    """
    path = check_path("path", path)
    try:
        size = _size(path)
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            header = file.read(length) if len(start) == 8 and length <= HEADER_LIMIT else b""
    except OSError as error:
        raise _reason(path, error) from None
    if not header or len(header) < length:
        raise ValueError(f"{path} is not a safetensors file; its header is cut or too long")
    tensors = parse_json(f"{path}: header", header)
    if not isinstance(tensors, dict):
        raise ValueError(f"{path} is not a safetensors file; its header is no JSON object")
    tensors.pop("__metadata__", None)
    shapes, bytes_needed = {}, 8 + length
    for name, tensor in tensors.items():
        shapes[name], count = _tensor(f"{path}: {name}", tensor)
        bytes_needed += count
    if size != bytes_needed:
        raise ValueError(
            f"{path} is not a whole safetensors file; "
            f"its header asks for {bytes_needed} bytes, it has {size}"
        )
    return shapes, size


def _size(path: Path) -> int:
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for without end
        raise ValueError(f"{path} must be a file; it is a folder or a device")
    return about.st_size


def _reason(path: Path, error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileNotFoundError(f"{path} is missing")
    return ValueError(f"{path} cannot be read; {error.strerror}")


def _tensor(name: str, tensor: Any) -> tuple[tuple[int, ...], int]:
    """The shape and the bytes of one entry of a header."""
    if not isinstance(tensor, dict) or tensor.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name} must have a dtype, a shape and data_offsets")
    kind, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    if not isinstance(kind, str) or kind not in ITEM_SIZES:
        raise ValueError(f"{name} must hold one of {', '.join(ITEM_SIZES)}; got {kind!r}")
    if not all(
        isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)
        for numbers in (shape, offsets)
    ):
        raise ValueError(f"{name} must have a shape and offsets of whole numbers")
    count = math.prod(shape) * ITEM_SIZES[kind] if len(shape) <= 8 else -1
    if len(offsets) != 2 or offsets[1] - offsets[0] != count:
        raise ValueError(f"{name} must have a shape that fills its place in the file")
    return tuple(shape), count


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return values


def _integer(digits: str) -> int:
    # By length first: Python turns long digits into a number in quadratic time.
    value = int(digits) if len(digits) <= 20 else LARGEST_INTEGER
    if not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
        raise ValueError(f"integers must have at most 64 bits; got {digits[:24]}")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"numbers must be finite; got {digits[:24]}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"numbers must be finite; got {name}")
