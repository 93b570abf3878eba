"""Every message gives the argument, the rule and the value."""

import math
import re

import pytest
import torch

from nlgnotes.validation import (
    check_continuation,
    check_count,
    check_interval,
    check_keys,
    check_positive,
    check_scores,
    check_tokens,
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
            "tokens must be an int64 tensor of shape [batch, time]; got (2,)",
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
    check_continuation(PROMPT, 4, 4, vocab_size=5, context=6)
    check_count("n", 0, 0), check_count("k", 3)
    check_positive("T", 1e-300), check_positive("T", 2)
    check_interval("p", 1, 0, 1), check_interval("p", 0.0, 0, 1, closed="left")
    check_scores("x", torch.tensor([[0.0, -math.inf], [-1e30, 3.0]]))
    (
        check_tokens("tokens", torch.tensor([[0, 4]]), 5),
        check_tokens("tokens", torch.zeros(2, 0).long(), 5, empty=True),
    )
