"""Half precision is widened, everything else left as it is."""

import pytest
import torch

from nlgnotes.equations.precision import at_least_float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_sum_that_half_precision_cannot_hold(dtype):
    many = torch.ones(100_000, dtype=dtype)
    assert float(many.cumsum(0)[-1]) != 100_000
    assert at_least_float32(many).cumsum(0)[-1] == 100_000


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_wide_enough_is_not_copied(dtype):
    x = torch.ones(3, dtype=dtype)
    assert at_least_float32(x) is x


def test_a_gradient_comes_back_in_its_own_precision():
    x = torch.ones(3, dtype=torch.float16, requires_grad=True)
    (slope,) = torch.autograd.grad(at_least_float32(x).sum(), x)
    assert slope.dtype == torch.float16 and slope.tolist() == [1, 1, 1]
