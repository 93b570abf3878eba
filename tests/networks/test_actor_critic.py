"""A policy with a value: both read the answer's states, and the value moves its head alone."""

import pytest
import torch

from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

TOKENS = torch.tensor([[0, 1, 2, 1], [2, 2, 0, 1]])


def actor_critic():
    config = DecoderConfig(3, 4, width=16, layers=1, heads=2, hidden=32)
    return ActorCritic(Decoder(config, generator(0, "actor-critic")))


def test_both_are_read_from_the_states_in_which_the_answer_is_written():
    actor = actor_critic()
    with torch.no_grad():
        actor.head.copy_(torch.arange(16.0))
        actor.bias.fill_(3.0)
    distributions, values = actor(TOKENS, 2)
    for row in range(2):
        for word in range(2):
            read = TOKENS[row : row + 1, : 2 + word]
            hidden = actor.policy.hidden(read)[0, -1]
            expected = actor.policy(read)[0, -1].log_softmax(-1)
            assert torch.allclose(distributions[row, word], expected, atol=1e-5)
            value = float((hidden * torch.arange(16.0)).sum().detach()) + 3
            assert float(values[row, word].detach()) == pytest.approx(value, abs=1e-3)


def test_learning_the_value_never_moves_the_policy():
    actor = actor_critic()
    actor(TOKENS, 2)[1].sum().backward()
    assert all(p.grad is None for p in actor.policy.parameters())
    assert float(actor.head.grad.norm()) > 0 and float(actor.bias.grad) == 4


def test_an_answer_needs_something_before_it():
    for words in (0, 4):
        with pytest.raises(ValueError, match="words must"):
            actor_critic()(TOKENS, words)
