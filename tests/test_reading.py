"""What is read is strict and bounded, and only two kinds of errors come out, whatever the bytes."""

import json
import os
import struct
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as tensor_bytes

from nlgnotes.reading import (
    JSON_LIMIT,
    json_bytes,
    parse_json,
    read_bytes,
    read_json,
    weights_header,
)
from nlgnotes.validation import check_path

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_what_is_written_is_read_back(values):
    assert parse_json("x", json_bytes("x", values)) == values
    assert parse_json("x", json.dumps(values)) == values


BAD = {
    "cut": b'{"a": [1',
    "no UTF-8": b'"\xff"',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "NaN": b"[NaN]",
    "infinity": b"[-Infinity]",
    "1e999": b"[1e999]",
    "-1e999": b"[-1e999]",
    "2 ** 63": b"[9223372036854775808]",
    "10 ** 400": b"1" + b"0" * 400,
    "10 ** 1,000,000": b"1" + b"0" * 1_000_000,
    "a million digits": b"[0." + b"1" * 1_000_000 + b"e999]",
    "a key twice": b'{"a": 1, "b": {"c": 1, "c": 2}}',
    "deep list": b"[" * 200_000,
    "deep list, closed": b"[" * 200_000 + b"]" * 200_000,
    "deep object": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "lone surrogate": b'["\\ud800"]',
    "lone surrogate as a key": b'{"\\udfff": 1}',
    "too long": b" " * JSON_LIMIT + b"1",
    "empty": b"",
    "two values": b"1 2",
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_strict_json_is_a_value_error(kind, tmp_path):
    (tmp_path / "x.json").write_bytes(BAD[kind])
    started = time.process_time()
    for read in (lambda: parse_json("x", BAD[kind]), lambda: read_json(tmp_path / "x.json")):
        with pytest.raises(ValueError, match="x.* (is not JSON|must have at most)") as caught:
            read()
        assert caught.type is ValueError
    assert time.process_time() - started < 10


def test_strings_are_held_to_the_same(tmp_path):
    with pytest.raises(ValueError, match="x is not JSON") as caught:
        parse_json("x", '["\ud800"]')
    assert caught.type is ValueError
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ValueError, match="x.json must hold a JSON object; got list"):
        read_json(tmp_path / "x.json")
    assert parse_json("x", '"\\ud83d\\ude42"') == "🙂"  # a pair of them is a character


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_value_error(data):
    try:
        parse_json("x", data)
    except ValueError as error:
        assert type(error) is ValueError


@pytest.mark.parametrize(
    "values",
    [{"a": float("nan")}, {"a": {1, 2}}, {"a": 10**30}, {1: 1, "1": 2}, {"a": "\ud800"}, object()],
)
def test_what_could_not_be_read_is_not_written(values):
    with pytest.raises(ValueError, match="x must be JSON") as caught:
        json_bytes("x", values)
    assert caught.type is ValueError


def test_deep_values_are_not_written():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="x must be JSON; it is nested too deeply"):
        json_bytes("x", deep)
    while deep:  # taken apart by hand: Python's own way down would be as deep
        deep = deep.pop()


def test_what_is_no_file_is_an_error(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "nothing")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "file").write_bytes(b"12345678" * 2)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name, kind, message in (
        ("folder", ValueError, "must be a file"),
        ("pipe", ValueError, "must be a file"),
        ("zero", ValueError, "must be a file"),
        ("loop", ValueError, "cannot be read"),
        ("x" * 300, ValueError, "cannot be read"),
        ("nowhere", FileNotFoundError, "is missing"),
        ("nothing", FileNotFoundError, "is missing"),
        ("file/x", FileNotFoundError, "is missing"),
    ):
        for read in (lambda p: read_bytes(p, 99), weights_header, read_json):
            with pytest.raises(kind, match=message) as caught:
                read(tmp_path / name)
            assert caught.type is kind
    assert read_bytes(tmp_path / "link", 16) == b"12345678" * 2
    with pytest.raises(ValueError, match="at most 15 bytes; it has 16"):
        read_bytes(tmp_path / "file", 15)
    with pytest.raises(ValueError, match="at most 0 bytes; it has more"):
        read_bytes("/proc/self/status", 0)  # a file that says that it is empty


@pytest.mark.parametrize("path", [None, 3, b"x", ["x"], "a\0b"])
def test_what_is_no_path_is_an_error(path):
    with pytest.raises(ValueError, match="name must"):
        check_path("name", path)


TENSORS = {"a": torch.ones(2, 3), "b": torch.zeros(0).half(), "c": torch.tensor(1.0).double()}


def test_a_header_is_read_without_the_numbers(tmp_path):
    data = tensor_bytes(TENSORS, {"format": "pt"})
    (tmp_path / "w").write_bytes(data)
    assert weights_header(tmp_path / "w") == ({"a": (2, 3), "b": (0,), "c": ()}, len(data))


def packed(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}}


HEADERS = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "no header": packed(b""),
    "2 ** 60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "2 ** 64 - 1 bytes": b"\xff" * 8 + b"{}",
    "longer than the file": struct.pack("<Q", 99) + b"{}",
    "a list": packed([]),
    "no JSON": packed(b"{nothing}"),
    "nested": packed(b"[" * 100_000),
    "a key twice": packed(b'{"a": {}, "a": {}}'),
    "no entry": packed({"a": 3}),
    "no shape": packed({"a": {"dtype": "F32", "data_offsets": [0, 4]}}),
    "more": packed(entry(more=1), b"1234"),
    "whole numbers": packed(entry("I32"), b"1234"),
    "booleans": packed(entry("BOOL", (4,)), b"1234"),
    "complex": packed(entry("C64", (1,), (0, 8)), b"12345678"),
    "eight bits": packed(entry("F8_E4M3", (4,)), b"1234"),
    "a list as dtype": packed(entry(["F32"]), b"1234"),
    "negative": packed(entry(shape=(-1, -1)), b"1234"),
    "half": packed(entry(shape=(1.0,)), b"1234"),
    "true": packed(entry(shape=(True,)), b"1234"),
    "2 ** 60 numbers": packed(entry(shape=(2**60,), offsets=(0, 2**62))),
    "2 ** 62 times 2 ** 62": packed(entry(shape=(2**62, 2**62), offsets=(0, 4)), b"1234"),
    "a thousand axes": packed(entry(shape=(1,) * 1000), b"1234"),
    "short": packed(entry(), b"123"),
    "long": packed(entry(), b"12345"),
    "three offsets": packed(entry(offsets=(0, 2, 4)), b"1234"),
    "another size": packed(entry(offsets=(0, 8)), b"12345678"),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_that_cannot_be_right_are_errors(kind, tmp_path):
    (tmp_path / "w").write_bytes(HEADERS[kind])
    with pytest.raises(ValueError, match="w(: | is not a )") as caught:
        weights_header(tmp_path / "w")
    assert caught.type is ValueError


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_change_of_a_header_is_read_or_refused(tmp_path_factory, data):
    content = bytearray(tensor_bytes(TENSORS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "changed"
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        weights_header(file)
    except ValueError as error:
        assert type(error) is ValueError
