"""Layers of experts against every expert on every token, by hand, and where experts are full."""

from inspect import unwrap

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.gating import gate_values
from nlgnotes.networks.moe import MoELayer, Routing, expert_networks, expert_products
from nlgnotes.randomness import generator

SIZES = {"width": 8, "hidden": 12, "experts": 5, "k": 2}


def layer(seed=0, dtype=torch.float32, **changes):
    made = MoELayer(**{**SIZES, **changes}, generator=generator(seed, "layer"))
    with torch.no_grad():  # a gate that prefers, answers that are not small
        for p in made.parameters():
            p.normal_(0, 0.5, generator=generator(seed, "weights", tuple(p.shape).__repr__()))
    return made.to(dtype)


def hidden(tokens=17, width=8, dtype=torch.float32):
    return torch.randn(tokens, width, generator=generator(1, "x")).to(dtype)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["chosen", "all"]),
    st.integers(0, 2),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_sorted_dispatch_is_every_expert_on_every_token(t, n, k, capacity, gates, shared, dtype):
    moe = layer(experts=n, k=min(k, n), shared=shared, gates=gates, dtype=dtype)
    found = []
    for answer in (moe.answer, moe.answer_densely):
        x = hidden(t, dtype=dtype).requires_grad_()
        routing = moe.route(x, generator(5), capacity)
        out = answer(x, routing)
        weights = [p for name, p in moe.named_parameters()]
        gradients = torch.autograd.grad(out.square().sum(), [x, *weights], allow_unused=True)
        found.append([out, *(torch.zeros(1) if g is None else g for g in gradients)])
    for ours, oracle in zip(*found, strict=True):
        assert torch.allclose(ours, oracle, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_expert_is_the_dense_network(dtype):
    moe = layer(experts=1, k=1, dtype=dtype)
    x = hidden(dtype=dtype)
    out, routing = moe(x)
    dense = F.gelu(x @ moe.up[0]) @ moe.down[0]
    assert torch.equal(routing.weights, torch.ones(17, 1, dtype=dtype))
    assert torch.allclose(out, dense, atol=1e-6 if dtype == torch.float32 else 1e-14, rtol=0)


def test_a_layer_by_hand():
    moe = MoELayer(1, 1, 2, 2, generator(0))
    with torch.no_grad():
        moe.gate.copy_(torch.tensor([[0.0, 1.0]]))
        moe.up.copy_(torch.tensor([2.0, 3.0]).view(2, 1, 1))
        moe.down.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1))
    out, routing = moe(torch.tensor([[1.0]]))
    second = 1 / (1 + torch.exp(torch.tensor(-1.0)))
    gelu = F.gelu(torch.tensor([2.0, 3.0]))
    assert torch.allclose(out, (1 - second) * gelu[0] - second * gelu[1])
    assert routing.chosen.tolist() == [[1, 0]] and routing.counts.tolist() == [1, 1]


def test_the_gates_are_the_papers():
    moe, x = layer(), hidden()
    routing = moe.route(x, generator(3))
    assert torch.allclose(routing.gates, gate_values(routing.noisy, 2))
    assert torch.allclose(routing.probabilities, (x @ moe.gate).softmax(-1))
    assert torch.equal(routing.counts, (routing.gates > 0).sum(0))
    assert torch.allclose(routing.spread, F.softplus(x @ moe.noise))
    plain = moe.route(x)
    assert plain.spread is None and torch.equal(plain.noisy, plain.clean)
    everywhere = layer(gates="all").route(x)
    expected = everywhere.probabilities.topk(2).values
    assert torch.allclose(everywhere.weights, expected)


def test_the_bias_chooses_and_does_not_weigh():
    moe, x = layer(), hidden()
    before = moe.route(x)
    moe.bias[3] = 100.0
    after = moe.route(x)
    assert bool((after.chosen[:, 0] == 3).all())
    scores = before.clean.gather(-1, after.chosen)
    assert torch.allclose(after.weights, scores.softmax(-1))
    assert "bias" in moe.state_dict() and "bias" not in dict(moe.named_parameters())


def test_a_full_expert_takes_the_first_and_the_rest_pass_by():
    moe, x = layer(k=1), hidden(6)
    moe.bias.copy_(torch.tensor([100.0, 0, 0, 0, 0]))  # all to expert 0
    out, routing = moe(x, capacity=4)
    assert routing.kept[:, 0].tolist() == [True] * 4 + [False] * 2
    assert torch.equal(out[4:], torch.zeros(2, 8))
    assert torch.allclose(out[:4], moe(x[:4])[0])
    assert routing.counts.tolist() == [6, 0, 0, 0, 0]  # what was chosen, not what had room
    enough = moe(x, capacity=6)
    assert bool(enough[1].kept.all())


def test_shared_experts_are_always_on():
    moe, x = layer(shared=2), hidden()
    assert moe.shared_up.shape == (8, 24)
    alone = F.gelu(x @ moe.shared_up) @ moe.shared_down
    without = layer(shared=2)
    with torch.no_grad():
        without.down.zero_()
    assert torch.allclose(without(x)[0], alone, atol=1e-6)


def test_both_roads_of_the_products_agree():
    chance = generator(4)
    counts = torch.tensor([3, 0, 5, 1])
    for inner, outer in ((4, 8), (3, 5)):  # rows of 16 bytes, and not
        rows = torch.randn(9, inner, generator=chance)
        matrices = torch.randn(4, inner, outer, generator=chance)
        ours = expert_products(rows, matrices, counts)
        exact = expert_products(rows.double(), matrices.double(), counts)
        expert = torch.tensor([0, 0, 0, 2, 2, 2, 2, 2, 3])
        for row, e, out in zip(rows, expert, ours, strict=True):
            assert torch.allclose(row @ matrices[e], out, atol=1e-5)
        assert torch.allclose(ours.double(), exact, atol=1e-5)
    up, down = (torch.randn(4, *s, generator=chance) for s in ((4, 8), (8, 4)))
    rows = torch.randn(9, 4, generator=chance)
    answers = expert_networks(rows, up, down, counts)
    assert torch.allclose(answers[8], F.gelu(rows[8] @ up[3]) @ down[3], atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("hidden_width", [12, 13])  # with a grouped product, and without
@pytest.mark.parametrize("capacity", [None, 1])
def test_without_a_gradient_the_answers_are_the_same_bits(dtype, hidden_width, capacity):
    moe, x = layer(hidden=hidden_width, shared=1, dtype=dtype), hidden(dtype=dtype)
    before = [v.clone() for v in (x, *moe.parameters())]
    routing = moe.route(x, capacity=capacity)
    with torch.no_grad():
        without = moe.answer(x, routing)
    assert torch.equal(without, moe.answer(x, routing))
    assert all(map(torch.equal, before, (x, *moe.parameters())))  # GELU in place spoils neither


def test_half_precision_and_nothing_chosen_twice():
    moe, x = layer(width=16, hidden=16).bfloat16(), hidden(9, 16).bfloat16()
    out, routing = moe(x)
    assert out.dtype == torch.bfloat16
    assert all(len(set(row)) == 2 for row in routing.chosen.tolist())


def test_some_of_the_tokens():
    routing = layer().route(hidden(4), generator(0))
    some = routing.at(torch.tensor([True, False, True, False]))
    assert torch.equal(some.chosen, routing.chosen[::2])
    assert torch.equal(some.spread, routing.spread[::2])
    with pytest.raises(ValueError, match="mask must"):
        unwrap(Routing.at)(routing, torch.ones(3, dtype=torch.bool))


def test_weights_come_from_the_generator_only():
    torch.manual_seed(1)
    a = MoELayer(**SIZES, generator=generator(7), shared=1)
    torch.manual_seed(2)
    b = MoELayer(**SIZES, generator=generator(7), shared=1)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(p, q)
    assert not a.noise.any() and not a.bias.any()
    assert 0.015 < float(a.up.detach().std()) < 0.025


def test_bad_arguments_are_named():
    for changes, match in (
        ({"k": 6}, "k must"),
        ({"experts": 0}, "experts must"),
        ({"shared": -1}, "shared must"),
        ({"gates": "some"}, "gates must"),
        ({"out_std": -1.0}, "std must"),
    ):
        with pytest.raises(ValueError, match=match):
            MoELayer(**{**SIZES, **changes}, generator=generator(0))
    with pytest.raises(ValueError, match="generator must"):
        unwrap(MoELayer.__init__)(layer(), 8, 8, 2, 1, None)
    with pytest.raises(ValueError, match="capacity must"):
        layer().route(hidden(), capacity=0)


def test_a_routing_of_another_k_is_answered_as_it_says():
    x, one, two = hidden(), layer(k=1), layer(k=2)
    routing = one.route(x)
    torch.testing.assert_close(two.answer(x, routing), two.answer_densely(x, routing))


def test_rows_that_are_not_contiguous_are_taken():
    rows = torch.randn(16, 6, generator=generator(0, "rows"), dtype=torch.float32).t()
    matrices, counts = torch.randn(2, 16, 8, generator=generator(0, "m")), torch.tensor([2, 4])
    got = expert_products(rows, matrices, counts)
    torch.testing.assert_close(got, expert_products(rows.clone(), matrices, counts))
