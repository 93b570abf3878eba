"""The digest of a batch: equal values, equal digests; other values, other ones."""

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nlgnotes.training.digest import batch_digest

t = torch.tensor
Two = namedtuple("Two", "first second")


@dataclass
class Held:
    value: object


DIFFERENT = [
    None,
    0,
    1,
    True,
    1.0,
    "1",
    "",
    (),
    ((),),
    [1, 2],
    [2, 1],
    [[1], 2],
    [1, [2]],
    {"a": 1},
    {"a": 2},
    {"b": 1},
    {},
    t(1),
    t(1.0),
    t([1]),
    t([[1]]),
    t([True]),
    t([1, 2]),
    t([[1, 2]]),
    t([[1], [2]]),
    t([]),
    t([1.0, 2.0]),
    t([1.0, float("nan")]),
    t([1.0], dtype=torch.bfloat16),
    np.array([1]),
    np.array([1.0]),
    Two(t([1]), None),
    Two(None, t([1])),
    Held(1),
    Held(t([1])),
    SimpleNamespace(a=t([1])),
    SimpleNamespace(a=t([2])),
]


def test_no_two_of_these_have_one_digest():
    digests = [batch_digest(value) for value in DIFFERENT]
    assert len(set(digests)) == len(DIFFERENT)


def test_equal_values_have_equal_digests():
    assert batch_digest({"a": 1, "b": t([2])}) == batch_digest({"b": t([2]), "a": 1})
    wide = torch.arange(12).view(3, 4)
    assert batch_digest(wide[:, 1:3]) == batch_digest(wide[:, 1:3].clone())
    assert batch_digest(SimpleNamespace(a=1)) == batch_digest(SimpleNamespace(a=1))
    assert batch_digest(t([1.0, float("nan")])) == batch_digest(t([1.0, float("nan")]))


def test_what_holds_itself_is_refused():
    ring = []
    ring.append(ring)
    with pytest.raises(ValueError, match="must not hold itself"):
        batch_digest(ring)
