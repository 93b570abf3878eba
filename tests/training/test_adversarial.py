"""Adversarial training: a generator that moves towards what the discriminator takes for real."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.policy_gradient import discounted_returns
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.randomness import generator
from nlgnotes.training.adversarial import adversarial_training


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_returns_by_the_double_sum(seed, discount):
    rewards = torch.randn(3, 5, generator=generator(seed))
    mask = torch.arange(5) < torch.tensor([[5], [2], [1]])
    expected = torch.zeros(3, 5)
    for t in range(5):
        for s in range(t, 5):
            expected[:, t] += discount ** (s - t) * rewards[:, s] * mask[:, s]
    torch.testing.assert_close(
        discounted_returns(rewards, mask, discount), expected * mask, atol=1e-6, rtol=1e-5
    )


def game(steps=60, seed=0, **options):
    """Real texts: the word 1 five times. The generator starts with six words at random."""
    texts = Documents(torch.ones(50, 5, dtype=torch.long), torch.full((50,), 5))
    model, discriminator = (
        LSTMModel(LSTMConfig(6, 5, 8), generator(seed, "w")),
        Discriminator(6, generator(seed, "d"), width=8),
    )
    options = {
        "batch": 32,
        "warmup": 20,
        "learning_rate": 0.03,
        "discriminator_learning_rate": 0.01,
        "progress": False,
    } | options
    return model, adversarial_training(
        model, discriminator, texts, steps=steps, generator=generator(seed, "g"), **options
    )


def test_the_generator_learns_what_the_discriminator_takes_for_real():
    """At the start one word in six is the right one; at the end nearly all are."""
    model, history = game(150)
    made = generate_documents(model, 200, max_new_tokens=5, generator=generator(1))
    assert (made.tokens == 1).double().mean() > 0.8
    assert history.accuracy[0] > 0.8 and history.reward[-1] > history.reward[0]
    assert len(history.accuracy) == len(history.value) == len(history.reward) == 150


def test_a_game_is_a_function_of_its_generator_and_callback_sees_every_step():
    seen, before = [], torch.get_rng_state()
    a, first = game(3, callback=seen.append)
    b, second = game(3)
    assert (
        seen == [0, 1, 2, 3]
        and first.value == second.value
        and torch.equal(before, torch.get_rng_state())
    )
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_an_interrupted_game_leaves_whole_updates():
    def stop(step):
        if step == 2:
            raise KeyboardInterrupt

    states = []
    model = LSTMModel(LSTMConfig(6, 5, 8), generator(0, "w"))
    texts = Documents(torch.ones(50, 5, dtype=torch.long), torch.full((50,), 5))

    def look(step):
        states.append(copy.deepcopy(model.state_dict()))
        stop(step)

    with pytest.raises(KeyboardInterrupt):
        adversarial_training(
            model,
            Discriminator(6, generator(0, "d"), width=8),
            texts,
            steps=9,
            generator=generator(0, "g"),
            batch=8,
            warmup=1,
            progress=False,
            callback=look,
        )
    assert len(states) == 3
    assert all(
        torch.equal(a, b)
        for a, b in zip(states[-1].values(), model.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: discounted_returns(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), 1.5),
            "discount",
        ),
        (lambda: game(0), "steps"),
        (lambda: game(1, learning_rate=0.0), "learning_rate"),
        (lambda: game(1, discount=2.0), "discount"),
    ],
)
def test_errors_speak(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class Spoiled(torch.autograd.Function):
    """The same numbers, with another gradient."""

    @staticmethod
    def forward(ctx, x, gradient):
        ctx.gradient = gradient
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return torch.full_like(g, ctx.gradient), None


def spoil(network, gradient, at):
    """The network, whose gradient is spoiled from its ``at``-th reading with a gradient on."""
    plain, calls = network.forward, iter(range(10**6))

    def forward(*arguments):
        out = plain(*arguments)
        if out.requires_grad and next(calls) >= at:
            return Spoiled.apply(out, gradient)
        return out

    network.forward = forward
    return network


GRADIENTS = [float("nan"), float("inf"), float("-inf")]
# The discriminator reads twice in an update: real texts, then generated ones. One of warm-up.
WHERE = [
    ("discriminator", 0, "the discriminator's, at warm-up step 0"),
    ("discriminator", 2, "the discriminator's, at step 0"),
    ("discriminator", 7, "the discriminator's, at step 2"),
    ("generator", 0, "the generator's, at step 0"),
    ("generator", 2, "the generator's, at step 2"),
]


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize(("which", "at", "message"), WHERE)
def test_a_gradient_that_is_not_finite_is_refused_before_the_update(which, at, message, gradient):
    model = LSTMModel(LSTMConfig(6, 5, 8), generator(0, "w"))
    discriminator = Discriminator(6, generator(0, "d"), width=8)
    spoil(model if which == "generator" else discriminator, gradient, at)
    networks, states = (model, discriminator), []

    def look(step):
        states.append([copy.deepcopy(n.state_dict()) for n in networks])

    look(-1)
    texts = Documents(torch.ones(50, 5, dtype=torch.long), torch.full((50,), 5))
    options = {"batch": 8, "warmup": 1, "progress": False, "callback": look}
    with pytest.raises(FloatingPointError, match=f"gradient must be finite; {message}"):
        adversarial_training(
            model, discriminator, texts, steps=4, generator=generator(0, "g"), **options
        )
    assert all(bool(p.isfinite().all()) for n in networks for p in n.parameters())
    # The generator is as it was; so is the discriminator, but for the updates since.
    spoiled = 0 if which == "generator" else 1
    if which == "discriminator" or at == 0:
        before, now = states[-1][spoiled], networks[spoiled].state_dict()
        assert all(torch.equal(before[k], now[k]) for k in before)


@pytest.mark.parametrize("which", ["learning_rate", "discriminator_learning_rate"])
def test_an_update_that_overflows_is_no_result(which):
    with pytest.raises((FloatingPointError, ValueError), match=r"finite|NaN|inf"):
        game(1, warmup=0, **{which: 1e39})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch", 0),
        ("warmup", -1),
        ("discriminator_steps", 0),
        ("learning_rate", float("nan")),
        ("discriminator_learning_rate", -1.0),
        ("weight_decay", -0.1),
        ("weight_decay", float("nan")),
        ("discount", float("nan")),
        ("memory", 1.0),
        ("memory", -0.1),
    ],
)
def test_an_argument_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must"):
        game(1, **{name: value})


def test_chance_is_an_argument():
    model = LSTMModel(LSTMConfig(6, 5, 8), generator(0, "w"))
    texts = Documents(torch.ones(5, 5, dtype=torch.long), torch.full((5,), 5))
    plain = getattr(adversarial_training, "__wrapped__", adversarial_training)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator; got None"):
        plain(model, Discriminator(6, generator(0)), texts, steps=1, generator=None)


@pytest.mark.parametrize("integer", [np.int64, np.uint8, torch.tensor])
def test_numbers_of_numpy_are_the_same_numbers(integer):
    choice = {"batch": 8, "warmup": 1, "discriminator_steps": 2}
    given = {k: integer(v) for k, v in choice.items()} | {"discount": np.float32(0.5)}
    _, first = game(2, **choice)
    _, second = game(integer(2), **given, memory=np.float64(0.9), weight_decay=np.float64(0.01))
    assert first.value == second.value and first.reward == second.reward
