"""One seed, many independent streams."""

import hashlib
import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.randomness import generator


def draw(*names, n=5):
    return torch.rand(n, generator=generator(*names))


def test_the_same_names_give_the_same_stream_and_others_another():
    assert torch.equal(draw(0, "a", 1), draw(0, "a", 1))
    different = [(0,), (1,), (0, "a"), (0, "a", 1), (0, "a1"), (0, 1, "a"), (0, ""), (0, "", "")]
    assert len({tuple(draw(*names).tolist()) for names in different}) == len(different)


STRANGE = [
    "",
    "1",
    "-1",
    "01",
    "1.0",
    "True",
    "False",
    "\x1f",
    "a\x1fb",
    "\x1e",
    "\x1e31",
    "é",
    "\ud800",
]


def test_different_names_are_different_streams():
    names = [*STRANGE, "a", "b", 1, -1, 0, 10**30, True, False]
    uses = [(name,) for name in names] + [("a", "b"), ("a", "", "b"), ("a\x1f", "b"), (1, 1), (11,)]
    uses += [(), ("", ""), ("1", 1), (1, "1"), ("1", "1"), ("a\x1f1",), ("a", 1), ("a", "1")]
    assert len({tuple(draw(0, *use).tolist()) for use in uses}) == len(uses)


@given(
    st.lists(st.text() | st.integers(), max_size=3), st.lists(st.text() | st.integers(), max_size=3)
)
def test_two_lists_of_names_share_a_stream_only_if_they_are_equal(a, b):
    same = [(type(x), x) for x in a] == [(type(x), x) for x in b]
    assert torch.equal(draw(0, *a), draw(0, *b)) == same


@pytest.mark.parametrize("names", [(), ("weights",), ("look", 3, 40), ("unsure", False), (-2,)])
def test_the_streams_of_plain_names_are_those_of_the_lectures(names):
    """Their seed is 63 bits of BLAKE2b of the seed and the names, joined by a unit separator."""
    text = "\x1f".join(map(str, (5, *names))).encode()
    seed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
    assert generator(5, *names).initial_seed() == seed


@pytest.mark.parametrize("scalar", [np.int64, np.int32, np.array, torch.tensor])
def test_integers_of_numpy_and_torch_are_integers(scalar):
    assert torch.equal(draw(scalar(3), "a", scalar(4)), draw(3, "a", 4))
    assert torch.equal(draw(3, np.str_("a")), draw(3, "a"))


@pytest.mark.parametrize("bad", [None, 1.0, 0.5, ("a",), b"a", math.nan, np.array([1]), 2**2000])
def test_names_of_other_types_are_refused(bad):
    with pytest.raises(ValueError, match="names must be strings or integers; got"):
        inspect.unwrap(generator)(0, "a", bad)


def test_global_chance_is_left_alone():
    state = torch.get_rng_state()
    generator(0, "a")
    assert torch.equal(state, torch.get_rng_state())


def test_streams_of_neighbouring_seeds_are_uniform_and_uncorrelated():
    first = torch.stack([draw(seed, "x", n=2) for seed in range(2000)])
    assert stats.kstest(first[:, 0].numpy(), "uniform").pvalue > 1e-6  # false alarm 1e-6
    assert stats.pearsonr(first[:-1, 0], first[1:, 0]).pvalue > 1e-6  # false alarm 1e-6


def test_a_negative_or_boolean_seed_is_refused():
    for seed in (-1, True, 1.0, "1", None, np.bool_(True), 2**2000, torch.tensor([1])):
        with pytest.raises(ValueError, match="seed must be an integer of at least 0; got"):
            inspect.unwrap(generator)(seed)
