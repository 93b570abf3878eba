"""Every function of the package checks its types in the tests: with shapes or without."""

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.intervals import Interval
from nlgnotes.validation import check_count


def test_shapes_are_checked():
    two, three = torch.full((1, 2), 0.5).log(), torch.full((1, 3), 1 / 3).log()
    assert kl_divergence(two, two).tolist() == [0]
    with pytest.raises(TypeCheckError, match="vocab"):
        kl_divergence(two, three)


def test_so_are_other_types():
    assert check_count("steps", 3) == 3
    with pytest.raises(TypeCheckError, match="name"):
        check_count(3, 3)


def test_so_are_the_fields_of_a_dataclass():
    with pytest.raises(TypeCheckError):
        Interval("a", 0.0, 1.0, 3)
