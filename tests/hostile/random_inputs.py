"""Hostile inputs that hypothesis draws: two arguments at a time, ill numbers anywhere."""

import math

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from hostile.mutations import SAME, hostile_values

NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-8, -1e-8, 1e4, -1e4, 1e30, -1e30, math.inf, -math.inf)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# The same numbers, seen in another way: no two neighbours, the last row again and again, a cut.
VIEWS = (
    lambda x: x,
    lambda x: torch.stack([x, x], -1)[..., 0],
    lambda x: x[-1:].expand(x.shape) if x.dim() else x,
    lambda x: x[..., :-1],
    lambda x: x.flip(0) if x.dim() else x,
    lambda x: x[:, None] if x.dim() else x,
)


def explored(calls: list, examples: int) -> tuple[int, list]:
    """How many inputs were drawn, and the faults: of each kind the smallest that was found."""
    drawn, faults = [0], []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attempt(data):
        call = data.draw(st.sampled_from(calls))
        chosen = data.draw(st.lists(st.sampled_from(sorted(call.tried)), min_size=1, max_size=2))
        changed = {name: data.draw(_other(call.tried[name])) for name in chosen}
        drawn[0] += 1
        if wrong := call.wrong_with(False, **changed):
            faults[:] = [[call.name, " and ".join(changed), repr(changed)[:300], wrong]]
            raise AssertionError(wrong)

    try:
        attempt()
    except AssertionError:
        pass
    return drawn[0], faults


def _other(value: object) -> st.SearchStrategy:
    """A hostile value in the place of a valid one."""
    listed = [other for label, other in hostile_values(value) if not label.startswith(SAME)]
    plain = st.sampled_from(range(len(listed))).map(listed.__getitem__)
    return st.one_of(plain, _tensors(value)) if isinstance(value, Tensor) else plain


@st.composite
def _tensors(draw, x: Tensor) -> Tensor:
    x = x.detach().clone()
    flat = x.reshape(-1)
    count = draw(st.integers(0, min(3, len(flat))))
    for place in [draw(st.integers(0, len(flat) - 1)) for _ in range(count)]:
        if x.is_floating_point():
            flat[place] = draw(st.sampled_from(NUMBERS) | st.just(math.nan))
        elif x.dtype != torch.bool:
            flat[place] = draw(st.integers(-3, 12))
        else:
            flat[place] = draw(st.booleans())
    if x.is_floating_point():
        x = x.to(draw(st.sampled_from(DTYPES)))
    return draw(st.sampled_from(VIEWS))(x)
