"""The temperature for an entropy: by hand, by bisection, and at the limits that ties set."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.sampling_properties import entropy
from nlgnotes.equations.sampling_variants import temper_to_entropy

scores = st.lists(st.floats(-6, 6), min_size=3, max_size=8, unique_by=lambda x: round(x, 2))


def by_bisection(row, E):
    """A slow second road: halve the interval of b = 1/T a hundred times."""
    low, high = 1e-6, 1e5
    for _ in range(200):
        b = math.sqrt(low * high)
        low, high = (b, high) if float(entropy((b * row).softmax(-1))) > E else (low, b)
    return (b * row).softmax(-1)


@settings(max_examples=30, deadline=None)
@given(scores, st.floats(0.1, 0.95))
def test_the_entropy_is_what_was_asked_for(row, share):
    row = torch.tensor(row, dtype=torch.float64)
    E = share * math.log(len(row))
    p = temper_to_entropy(row[None], E, upwards=True)[0].softmax(-1)
    assert float(entropy(p)) == pytest.approx(E, abs=1e-6)
    assert torch.allclose(p, by_bisection(row - row.max(), E), atol=1e-5)


def test_downwards_leaves_what_is_low_enough():
    rows = torch.tensor([[0.0, 0.0, 0.0], [0.0, 5.0, 10.0]])
    out = temper_to_entropy(rows, 0.8, upwards=False)
    assert out[1].equal(rows[1])
    # The three equals cannot have less than log 3 nats: they stay uniform.
    assert torch.allclose(out[0].softmax(-1), torch.full((3,), 1 / 3))


def test_dropped_tokens_stay_dropped_and_limits_are_uniform():
    row = torch.tensor([[2.0, 1.0, -math.inf, 0.0]])
    assert temper_to_entropy(row, 5.0, upwards=True)[0].softmax(-1).tolist() == pytest.approx(
        [1 / 3, 1 / 3, 0, 1 / 3]
    )
    tied = torch.tensor([[2.0, 2.0, 0.0]])
    assert temper_to_entropy(tied, 0.1, upwards=True)[0].softmax(-1).tolist() == pytest.approx(
        [0.5, 0.5, 0]
    )
