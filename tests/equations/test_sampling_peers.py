"""Ours against transformers' logits processors: the same tokens dropped, the same scores left."""

import pytest
import torch

from nlgnotes.equations.sampling import MinP, Temperature, TopK, TopP
from nlgnotes.randomness import generator


@pytest.fixture(scope="module")
def processors():
    """Here and not at the top, where every worker would import it to collect the tests."""
    return pytest.importorskip("transformers.generation.logits_process")


def scores(dtype, scale=3.0):
    return scale * torch.randn(20, 3000, generator=generator(100, "parity"), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("ours", "theirs", "value"),
    [
        (Temperature, "TemperatureLogitsWarper", 0.7),
        (Temperature, "TemperatureLogitsWarper", 1.6),
        (TopK, "TopKLogitsWarper", 1),
        (TopK, "TopKLogitsWarper", 50),
        (TopK, "TopKLogitsWarper", 5000),
        (TopP, "TopPLogitsWarper", 0.3),
        (TopP, "TopPLogitsWarper", 0.9),
        (MinP, "MinPLogitsWarper", 0.02),
        (MinP, "MinPLogitsWarper", 0.5),
    ],
)
def test_the_same_as_transformers(processors, dtype, ours, theirs, value):
    x = scores(dtype)
    a, b = ours(value)(x), getattr(processors, theirs)(value)(None, x)
    different = (a != b).sum(-1)
    if (
        ours is TopP and dtype == torch.float32
    ):  # they sum in float32 from the tail: the last token of a nucleus may differ
        assert different.max() <= 1 and different.sum() <= 2
    else:
        assert torch.equal(a, b)


def test_where_the_two_differ_is_a_tie(processors):
    x = torch.tensor([[3.0, 1.0, 1.0, 1.0, 0.0]])
    assert (TopK(2)(x) > -torch.inf).sum() == 2
    assert (processors.TopKLogitsWarper(2)(None, x) > -torch.inf).sum() == 4
    # A sum that equals P: both keep one token of two.
    p = torch.tensor([[0.5, 0.3, 0.2]]).log()
    assert torch.equal(TopP(0.5)(p), processors.TopPLogitsWarper(0.5)(None, p))
