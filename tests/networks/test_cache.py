"""A cache is a value: it holds its own tokens whatever else is written over the same buffers."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.networks.cache import Cache


def new(time, value, batch=2, width=3):
    """Keys and values ``[batch, heads, time, width]`` that are all one number."""
    return torch.full((2, batch, 1, time, width), float(value))


def extended(cache, time, value):
    after = cache.advance(time)
    for layer in range(2):
        after.write(layer, *new(time, value))
    return after


def test_by_hand():
    empty = Cache.empty(2, 3, 1, 4, 2)
    full = empty.advance(2)
    keys, values = full.write(1, torch.ones(3, 1, 2, 2), torch.zeros(3, 1, 2, 2))
    assert keys.tolist() == [[[[1.0, 1.0]] * 2]] * 3 and not values.any()
    assert (empty.length, full.length, full.capacity, full.batch) == (0, 2, 4, 3)
    assert full.rows(torch.tensor([2, 2])).batch == 2
    with pytest.raises(ValueError, match="capacity of 4; got 3 after 2"):
        full.advance(3)
    with pytest.raises(ValueError, match="time must be an integer of at least 1; got 0"):
        full.advance(0)


def test_one_continuation_copies_nothing():
    a = extended(Cache.empty(2, 2, 1, 9, 3), 2, 1)
    b = extended(a, 3, 2)
    assert b.buffers is a.buffers


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_cache_of_a_tree_holds_its_own_tokens(data):
    """Continue any cache there is, in any order, by any number: no other one changes."""
    # Blocks of five, as they are for many rows.
    blocked = torch.zeros(2, 2, 3, 2, 1, 5, 3)
    empty = data.draw(st.sampled_from((Cache.empty(2, 2, 1, 12, 3), Cache(blocked, 12))))
    known = [(empty, [])]
    for value in range(1, data.draw(st.integers(1, 12)) + 1):
        cache, held = data.draw(st.sampled_from(known))
        if len(held) == 12:
            continue
        time = data.draw(st.integers(1, min(4, 12 - len(held))))
        how = data.draw(st.sampled_from(("step", "rows", "copy")))
        cache = {
            "step": lambda c: c,
            "rows": lambda c: c.rows(torch.tensor([1, 0])),
            "copy": copy.deepcopy,
        }[how](cache)
        known.append((extended(cache, time, value), held + [value] * time))
    for cache, held in known:
        assert cache.length == len(held)
        for buffer in (cache.keys, cache.values):
            assert buffer.shape == (2, 2, 1, len(held), 3)
            assert (buffer == torch.tensor(held)[:, None]).all()


def test_a_cache_of_inference_mode_can_be_continued_outside_of_it():
    with torch.inference_mode():
        a = extended(Cache.empty(2, 2, 1, 9, 3), 2, 1)
    b = extended(a, 1, 2)
    assert b.keys[0, 0, 0, :3, 0].tolist() == [1, 1, 2]


@pytest.mark.parametrize("index", [[2], [-1], []])
def test_rows_that_are_not_there_are_errors(index):
    with pytest.raises(ValueError, match=r"index must hold rows in \[0, 2\)"):
        Cache.empty(2, 2, 1, 9, 3).rows(torch.tensor(index, dtype=torch.long))
