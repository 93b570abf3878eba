"""The adversarial phase: returns, the judge, and a generator that really moves towards what the judge likes."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.documents import Documents
from nlgnotes.equations.policy_gradient import discounted_returns
from nlgnotes.experiments.language_gans.quality_diversity import written
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
    model, judge = (
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
        model, judge, texts, steps=steps, generator=generator(seed, "g"), **options
    )


def test_the_generator_learns_what_the_judge_takes_for_real():
    """At the start one word in six is the right one; at the end nearly all are."""
    model, history = game(150)
    assert (written(model, 200, 5, generator(1)).tokens == 1).double().mean() > 0.8
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
