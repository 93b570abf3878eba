"""What a layer of experts costs: by hand, by counting its tensors, and from DeepSeekMoE's text."""

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlgnotes.equations.sparsity import layer_cost, segmented

SIZES = st.integers(1, 12)


def test_by_hand():
    # w = 2, h = 3: one expert is 2*3 + 3*2 = 12 numbers, 24 FLOPs; the router 2 per expert.
    assert layer_cost(2, 3, 5, 2, shared=1) == (12 * 6 + 10, 12 * 3 + 10, 24 * 3, 20, 10)


def test_the_choices_are_the_sets_and_those_of_the_paper():
    assert layer_cost(1, 1, 6, 3).choices == len(list(combinations(range(6), 3)))
    # Dai et al. 2024, section 3.1.
    coarse, fine = layer_cost(8, 16, 16, 2), layer_cost(8, 4, 64, 8)
    assert (coarse.choices, fine.choices) == (120, 4_426_165_368)


@given(SIZES, SIZES, SIZES, st.data())
def test_all_experts_used_make_a_dense_network_and_its_router(width, hidden, experts, data):
    shared = data.draw(st.integers(0, 4))
    cost = layer_cost(width, hidden, experts, experts, shared)
    dense = 2 * width * hidden * (experts + shared)
    assert cost == (dense + width * experts, cost.total, 2 * dense, 2 * width * experts, 1)


@given(SIZES, SIZES, st.integers(1, 8), st.integers(1, 4), st.data())
def test_cutting_experts_keeps_their_parameters_and_flops(width, piece, experts, parts, data):
    k = data.draw(st.integers(1, experts))
    shared = data.draw(st.integers(0, parts * k - 1))
    hidden = piece * parts
    coarse = layer_cost(width, hidden, experts, k)
    fine = layer_cost(width, *segmented(hidden, experts, k, parts, shared))
    more = width * ((parts - 1) * experts - shared)  # the router alone
    assert fine.total - coarse.total == fine.active - coarse.active == more
    assert fine.expert_flops == coarse.expert_flops
    assert fine.router_flops == coarse.router_flops + 2 * more
    if not shared:
        assert fine.choices >= coarse.choices


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: layer_cost(2, 3, 4, 5), "k must be an integer from 1 to 4; got 5"),
        (lambda: layer_cost(2, 0, 4, 1), "hidden must be an integer of at least 1; got 0"),
        (lambda: layer_cost(2, 3, 4, 1, -1), "shared must be an integer of at least 0; got -1"),
        (lambda: segmented(10, 4, 2, 4), "parts must divide hidden, 10; got 4"),
        (lambda: segmented(8, 4, 2, 4, 8), "shared must be an integer from 0 to 7; got 8"),
    ],
)
def test_bad_input(act, words):
    with pytest.raises(ValueError, match=words):
        act()


def test_large_counts_are_exact():
    assert layer_cost(1, 1, 256, 8).choices == math.comb(256, 8)
