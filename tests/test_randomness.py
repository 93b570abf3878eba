"""One seed, many independent streams."""

import pytest
import torch
from scipy import stats

from nlgnotes.randomness import generator


def draw(*names, n=5):
    return torch.rand(n, generator=generator(*names))


def test_the_same_names_give_the_same_stream_and_others_another():
    assert torch.equal(draw(0, "a", 1), draw(0, "a", 1))
    different = [(0,), (1,), (0, "a"), (0, "a", 1), (0, "a1"), (0, 1, "a"), (0, ""), (0, "", "")]
    assert len({tuple(draw(*names).tolist()) for names in different}) == len(different)


def test_an_integer_and_its_text_are_one_name():
    assert torch.equal(draw(0, 7), draw(0, "7"))


def test_global_chance_is_left_alone():
    state = torch.get_rng_state()
    generator(0, "a")
    assert torch.equal(state, torch.get_rng_state())


def test_streams_of_neighbouring_seeds_are_uniform_and_uncorrelated():
    first = torch.stack([draw(seed, "x", n=2) for seed in range(2000)])
    assert stats.kstest(first[:, 0].numpy(), "uniform").pvalue > 1e-6  # false alarm 1e-6
    assert stats.pearsonr(first[:-1, 0], first[1:, 0]).pvalue > 1e-6  # false alarm 1e-6


def test_a_negative_or_boolean_seed_is_refused():
    for seed in (-1, True):
        with pytest.raises(ValueError, match="seed must be a non-negative integer; got"):
            generator(seed)
