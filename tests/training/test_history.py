"""The history of a run: to JSON and back, and what is no history."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.training.history import History

WHOLE = {"steps": 2, "losses": [1.5, 0.5], "tokens": 7, "seconds": 0.25}
numbers = st.floats(-1e6, 1e6)


@settings(max_examples=100, deadline=None)
@given(st.lists(numbers, max_size=9), st.integers(0, 10**12), st.floats(0, 1e6))
def test_there_and_back(losses, tokens, seconds):
    history = History(len(losses), tuple(losses), tokens, seconds)
    assert History.from_json(history.to_json()) == history


TEXTS = [
    "",
    " ",
    "null",
    "5",
    "[]",
    '"text"',
    "{",
    "{}",
    "[1",
    "NaN",
    "\ud800",
    "[" * 100_000,
    '{"a":' * 50_000,
    "1" * 5000,
]
VALUES = [
    ("steps", None),
    ("steps", -1),
    ("steps", 1),
    ("steps", 2.0),
    ("steps", "2"),
    ("steps", True),
    ("steps", [2]),
    ("losses", 5),
    ("losses", None),
    ("losses", "ab"),
    ("losses", {"0": 1, "1": 2}),
    ("losses", [1.5]),
    ("losses", [1.5, None]),
    ("losses", [1.5, "2"]),
    ("losses", [1.5, True]),
    ("losses", [1.5, [2]]),
    ("losses", [1.5, float("nan")]),
    ("losses", [1.5, float("inf")]),
    ("losses", [1.5, 10**400]),
    ("tokens", -1),
    ("tokens", 1.5),
    ("tokens", None),
    ("tokens", "7"),
    ("seconds", -1),
    ("seconds", "1"),
    ("seconds", None),
    ("seconds", float("nan")),
    ("seconds", float("inf")),
    ("seconds", [1]),
    ("seconds", 10**400),
    ("other", 1),
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_what_is_no_history_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"history|steps|losses|tokens|seconds"):
        History.from_json(text)


@pytest.mark.parametrize(("key", "value"), VALUES, ids=lambda x: repr(x)[:20])
def test_a_value_of_another_kind_is_named(key, value):
    with pytest.raises(ValueError, match="history" if key == "other" else f"{key}|steps"):
        History.from_json(json.dumps({**WHOLE, key: value}))


@pytest.mark.parametrize("key", sorted(WHOLE))
def test_a_missing_key_is_named(key):
    with pytest.raises(ValueError, match=rf"missing \['{key}'\]"):
        History.from_json(json.dumps({k: v for k, v in WHOLE.items() if k != key}))


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*WHOLE, "x"]), inner, max_size=4)
        ),
    )
)
def test_any_json_is_a_history_or_a_value_error(value):
    try:
        History.from_json(json.dumps(value))
    except ValueError:
        return
    assert set(value) == set(WHOLE)


def test_a_summary_has_the_mean_of_each_twentieth():
    losses = tuple(float(i) for i in range(45))  # twentieths of two steps, and one step over
    found = History(45, losses, 0, 2.34).summary(1)
    assert found["loss"] == [*(2 * i + 0.5 for i in range(22)), 44.0]
    assert found["seconds"] == 2.3
    assert History(2, (1.23456, 2.0), 0, 0.0).summary(2)["loss"] == [1.23, 2.0]
