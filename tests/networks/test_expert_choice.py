"""Expert choice: a slow oracle, equal loads, and that an earlier answer knows later tokens."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nlgnotes.networks.expert_choice import expert_capacity, expert_choice, expert_choice_answer
from nlgnotes.networks.moe import MoELayer
from nlgnotes.randomness import generator


def layer(experts=4, k=1, shared=0, width=8):
    made = MoELayer(
        width, 6, experts, k, generator(0, "layer"), shared=shared, gates="all"
    ).double()
    for weight in made.parameters():  # large enough that nothing is near 0
        weight.data.mul_(25)
    return made


def states(batch=3, time=8, width=8):
    return torch.randn(batch, time, width, generator=generator(1), dtype=torch.float64)


def test_capacities_by_hand():
    got = [expert_capacity(t, n, c) for t, n, c in ((8, 4, 1), (9, 4, 1), (1, 4, 1), (3, 2, 5))]
    assert got == [2, 3, 1, 3]


@given(st.integers(1, 6), st.integers(2, 5), st.data())
def test_each_expert_has_the_best_of_its_column(tokens, experts, data):
    capacity = data.draw(st.integers(1, tokens))
    scores = torch.randn(2, tokens, experts, generator=generator(2, tokens, experts))
    places, gates = expert_choice(scores, capacity)
    assert places.shape == gates.shape == (2, experts, capacity)
    share = scores.softmax(-1)
    for row in range(2):
        for expert in range(experts):
            column = share[row, :, expert].tolist()
            best = sorted(range(tokens), key=lambda t: -column[t])[:capacity]
            assert places[row, expert].tolist() == best
            assert gates[row, expert].tolist() == [column[t] for t in best]


@pytest.mark.parametrize("always", [0, 1])  # shared experts
def test_the_answer_is_the_sum_over_the_experts_that_chose(always):
    moe, x = layer(shared=always), states()
    wanted = moe.shared_answer(x.flatten(0, 1)).view_as(x).clone()
    for row in range(len(x)):
        places, gates = expert_choice(x[row] @ moe.gate, expert_capacity(8, 4, 1.5))
        for expert in range(4):
            for place, gate in zip(places[expert].tolist(), gates[expert], strict=True):
                inside = F.gelu(x[row, place] @ moe.up[expert])
                wanted[row, place] += gate * (inside @ moe.down[expert])
    assert torch.allclose(expert_choice_answer(moe, x, 1.5), wanted, atol=1e-12)


def test_one_expert_with_room_for_all_is_the_dense_network():
    moe, x = layer(experts=1), states()
    dense = F.gelu(x @ moe.up[0]) @ moe.down[0]
    assert torch.allclose(expert_choice_answer(moe, x, 1), dense, atol=1e-12)


def test_the_last_token_changes_answers_before_it_and_not_where_tokens_choose():
    moe, x = layer(), states()
    other = x.clone()
    other[:, -1] = -3 * x[:, -1]
    before = expert_choice_answer(moe, x, 1)[:, :-1]
    after = expert_choice_answer(moe, other, 1)[:, :-1]
    assert (before - after).abs().max() > 0.1
    here, there = (moe(each[:, :-1].flatten(0, 1))[0] for each in (x, other))
    assert here.equal(there)


def test_rows_of_a_batch_do_not_compete():
    moe, x = layer(), states()
    assert torch.allclose(
        expert_choice_answer(moe, x, 1)[1:2], expert_choice_answer(moe, x[1:2], 1), atol=1e-12
    )


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: expert_choice(torch.zeros(3, 2), 4), "capacity must be an integer from 1 to 3"),
        (lambda: expert_choice(torch.full((3, 2), float("nan")), 1), "scores must"),
        (lambda: expert_capacity(8, 4, 0), "factor must be a finite number above 0; got 0"),
        (lambda: expert_capacity(0, 4, 1), "tokens must be an integer of at least 1; got 0"),
    ],
)
def test_bad_input(act, words):
    with pytest.raises(ValueError, match=words):
        act()
