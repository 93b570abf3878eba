"""Every message gives the argument, the rule and the value."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from nlgnotes.validation import (
    check_continuation,
    check_count,
    check_counts,
    check_generator,
    check_ids,
    check_interval,
    check_keys,
    check_lengths,
    check_log_probs,
    check_mask,
    check_positive,
    check_scores,
    check_strings,
    check_tokens,
    describe,
)

PROMPT = torch.zeros(1, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_count("k", 0), "k must be an integer of at least 1; got 0"),
        (lambda: check_count("k", 2.0), "k must be an integer of at least 1; got 2.0"),
        (lambda: check_count("k", True), "k must be an integer of at least 1; got True"),
        (lambda: check_positive("T", 0), "T must be a finite number above 0; got 0"),
        (lambda: check_positive("T", math.nan), "T must be a finite number above 0; got nan"),
        (lambda: check_positive("T", math.inf), "T must be a finite number above 0; got inf"),
        (lambda: check_positive("T", "1"), "T must be a finite number above 0; got '1'"),
        (lambda: check_interval("p", 1.2, 0, 1, closed="right"), "p must lie in (0, 1]; got 1.2"),
        (lambda: check_interval("p", 0, 0, 1, closed="right"), "p must lie in (0, 1]; got 0"),
        (lambda: check_interval("p", math.nan, 0, 1), "p must lie in [0, 1]; got nan"),
        (lambda: check_interval("p", 1, 0, 1, closed="neither"), "p must lie in (0, 1); got 1"),
        (
            lambda: check_keys("config", {"a": 1, "c": 2}, ("a", "b")),
            "config must hold the keys ['a', 'b']; got unknown ['c'], missing ['b']",
        ),
        (lambda: check_strings("a", "", 1), "a must hold at least 1 string; got ''"),
        (lambda: check_strings("a", [1], 0), "a must hold strings; got [1]"),
        (
            lambda: check_continuation(PROMPT, 4, 5, vocab_size=5, context=6),
            "stop_token must lie in [0, 5); got 5",
        ),
        (
            lambda: check_continuation(PROMPT, 5, None, vocab_size=5, context=6),
            "prompt and new tokens must fit the context of 6; got 3 + 5 (the last is not read)",
        ),
        (
            lambda: check_scores("x", torch.zeros(0, 3)),
            "x must hold at least one row of at least one score; got shape (0, 3)",
        ),
        (
            lambda: check_scores("x", torch.zeros(3).long()),
            "x must be a floating-point tensor; got torch.int64",
        ),
        (lambda: check_scores("x", [1.0]), "x must be a floating-point tensor; got list"),
        (
            lambda: check_scores("x", torch.tensor([[0.0, math.nan]])),
            "x must not hold NaN; 1 row(s) do",
        ),
        (
            lambda: check_scores("x", torch.tensor([[0.0, math.inf]])),
            "x must not hold +inf; 1 row(s) do",
        ),
        (
            lambda: check_scores("x", torch.full((2, 2), -math.inf)),
            "x must have a finite entry in every row; 2 row(s) are all -inf",
        ),
        (
            lambda: check_tokens("tokens", torch.zeros(2), 5),
            "tokens must be an int64 tensor of shape [batch, time]; "
            "got torch.float32 of shape (2,)",
        ),
        (
            lambda: check_tokens("tokens", torch.tensor([[5]]), 5),
            "tokens must hold ids in [0, 5); got 5 to 5",
        ),
        (
            lambda: check_tokens("tokens", torch.zeros(2, 0).long(), 5),
            "tokens must not be empty; got shape (2, 0)",
        ),
    ],
)
def test_each_error_speaks(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_what_is_well_passes_in_silence():
    assert check_continuation(PROMPT, 4, 4, vocab_size=5, context=6) == (4, 4)
    check_count("n", 0, 0), check_count("k", 3)
    check_positive("T", 1e-300), check_positive("T", 2)
    check_interval("p", 1, 0, 1), check_interval("p", 0.0, 0, 1, closed="left")
    check_scores("x", torch.tensor([[0.0, -math.inf], [-1e30, 3.0]]))
    check_scores("x", torch.tensor([[3e38], [2e38]]))  # maxima whose sum overflows
    check_tokens("tokens", torch.tensor([[0, 4]]), 5)
    check_tokens("tokens", torch.zeros(2, 0).long(), 5, empty=True)


INTEGERS = [
    3,
    np.int8(3),
    np.uint64(3),
    np.int64(3),
    np.array(3),
    torch.tensor(3),
    torch.tensor(3).int(),
]
FLOATS = [
    0.5,
    np.float16(0.5),
    np.float32(0.5),
    np.float64(0.5),
    np.array(0.5),
    torch.tensor(0.5),
    torch.tensor(0.5).bfloat16(),
    torch.tensor(0.5, requires_grad=True),
    Fraction(1, 2),
]
NO_NUMBERS = [
    True,
    np.bool_(True),
    torch.tensor(True),
    np.array(True),
    None,
    "3",
    3j,
    np.complex64(3),
    b"3",
    [3],
    (3,),
    np.array([3]),
    torch.tensor([3]),
    torch.zeros(0),
    np.zeros(0),
    Decimal(3),
    10**400,
    Fraction(10**400),
    {},
    math.nan,
    np.float32("nan"),
    torch.tensor(math.nan),
]


@pytest.mark.parametrize("value", INTEGERS, ids=repr)
def test_every_integer_comes_back_as_a_plain_one(value):
    for found in (check_count("n", value), check_count("n", value, 3, 3)):
        assert found == 3 and type(found) is int
    for found in (check_positive("x", value), check_interval("x", value, 3, 4)):
        assert found == 3 and type(found) is int
    check_counts(n=value, m=value)


@pytest.mark.parametrize("value", FLOATS, ids=repr)
def test_every_float_comes_back_as_a_plain_one(value):
    for found in (check_positive("x", value), check_interval("x", value, 0, 1, closed="neither")):
        assert found == 0.5 and type(found) is float
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got"):
        check_count("n", value)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda v: repr(v)[:20])
def test_what_is_no_number_is_refused(value):
    for check in (
        check_count,
        check_positive,
        lambda n, v: check_interval(n, v, -math.inf, math.inf),
    ):
        with pytest.raises(ValueError, match=r"^x must .*; got ") as error:
            check("x", value)
        assert len(str(error.value)) < 200


def test_limits_of_a_count_are_named():
    with pytest.raises(ValueError, match="k must be an integer from 1 to 5; got 6"):
        check_count("k", 6, 1, 5)
    assert check_positive("x", 10**30) == 1e30 and type(check_positive("x", 10**30)) is float
    assert check_count("k", 10**30) == 10**30


@pytest.mark.parametrize("bad", [None, 0, np.random.default_rng(0), torch, "cpu"])
def test_chance_comes_from_a_generator(bad):
    check_generator(torch.Generator())
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got"):
        check_generator(bad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("ill", [math.nan, math.inf, -math.inf])
def test_ill_rows_are_seen_in_every_precision(dtype, ill):
    for row in ([ill] * 3, [0.0, ill, 1.0], [-math.inf, ill, -math.inf]):
        x = torch.tensor([[0.0, 1.0, 2.0], row], dtype=dtype, requires_grad=True)
        if max(row) == -math.inf or ill != -math.inf:
            with pytest.raises(ValueError, match="x must"):
                check_scores("x", x)
        else:
            check_scores("x", x)
        if ill == -math.inf:
            check_log_probs("x", x)
        else:
            with pytest.raises(ValueError, match=r"x must hold log-probabilities, no NaN or \+inf"):
                check_log_probs("x", x)


@pytest.mark.parametrize(
    "bad", [[0.0], None, torch.zeros(2).long(), torch.zeros(2) > 0, np.zeros(2)]
)
def test_what_is_no_tensor_of_floats_is_refused(bad):
    for check in (check_scores, check_log_probs):
        with pytest.raises(ValueError, match="x must be a floating-point tensor; got"):
            check("x", bad)
    with pytest.raises(ValueError, match=r"x must be a floating-point tensor; got torch\.float8"):
        check_scores("x", torch.zeros(2).to(torch.float8_e4m3fn))
    with pytest.raises(ValueError, match="at least 1 log-probability; got 0"):
        check_log_probs("x", torch.zeros(0))


def test_masks_ids_and_lengths():
    good = torch.tensor([True, False])
    check_mask("m", good, (2,)), check_mask("m", good, [2])
    for bad in (
        good.float(),
        good.long(),
        good.to(torch.uint8),
        good[:1],
        good[None],
        None,
        [True],
    ):
        with pytest.raises(ValueError, match=r"m must be a boolean tensor of shape \(2,\); got"):
            check_mask("m", bad, (2,))
    check_ids("t", torch.tensor([0, 4]), (2,), 5)
    for bad in (torch.tensor([0, 4]).int(), torch.tensor([0]), torch.zeros(2), None, [0, 4]):
        with pytest.raises(ValueError, match=r"t must be an int64 tensor of shape \(2,\); got"):
            check_ids("t", bad, (2,), 5)
    for bad in ([0, 5], [-1, 0]):
        with pytest.raises(ValueError, match=r"t must hold ids in \[0, 5\); got"):
            check_ids("t", torch.tensor(bad), (2,), 5)
    check_lengths(torch.zeros(2, 3).int(), torch.tensor([0, 3]))
    for bad in ([4, 0], [-1, 0]):
        with pytest.raises(ValueError, match=r"lengths must lie in \[0, 3\]; got"):
            check_lengths(torch.zeros(2, 3).long(), torch.tensor(bad))


def test_an_error_says_dtype_and_shape():
    with pytest.raises(ValueError, match=r"got torch.int32 of shape \(1, 2\)$"):
        check_tokens("prompt", torch.zeros(1, 2).int(), 5)
    assert describe(np.zeros((2, 3))) == "a NumPy array, float64 of shape (2, 3)"
    assert describe(None) == "NoneType"


def test_keys_of_several_types_are_named():
    with pytest.raises(ValueError, match=r"got unknown \[1, 'c'\], missing \['b'\]"):
        check_keys("config", {"a": 1, "c": 2, 1: 3}, ("a", "b"))
