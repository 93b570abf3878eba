"""The loop: what a rollout holds, what an update does, and that it finds a known optimum."""

import copy
import math

import pytest
import torch

from nlgnotes.equations.ppo import penalised_rewards
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.ppo import collect, policy_loss, train_ppo, update
from nlgnotes.training.ppo_settings import PPOSettings

PROMPTS = torch.tensor([[0], [1]])
SMALL = PPOSettings(words=2, batch=64, minibatches=2, beta=0.5)


def decoder(name="reference"):
    config = DecoderConfig(3, 3, width=16, layers=1, heads=2, hidden=32)
    return Decoder(config, generator(0, "test", name))


def score(rows, answers):
    """One for each word that is the prompt's own."""
    return (answers == PROMPTS[rows]).sum(1).float()


def rolled(settings=SMALL, sampler=None):
    actor = ActorCritic(decoder())
    with torch.no_grad():
        actor.head += 0.1
    return actor, collect(
        actor, decoder("other"), PROMPTS, score, settings, generator(0, "roll"), sampler
    )


def test_a_rollout_holds_what_the_models_say_of_its_answers():
    actor, rollout = rolled()
    assert rollout.rows.bincount().tolist() == [32, 32]
    assert torch.equal(rollout.tokens[:, :1], PROMPTS[rollout.rows])
    for model, found in ((actor.policy, rollout.log_probs), (decoder("other"), rollout.reference)):
        for row in (0, 1, 17):
            said = model(rollout.tokens[row : row + 1]).log_softmax(-1)[0]
            own = [float(said[t, w].detach()) for t, w in enumerate(rollout.answers[row])]
            assert found[row].tolist() == pytest.approx(own, abs=1e-5)
    assert torch.equal(rollout.scores, score(rollout.rows, rollout.answers))
    assert torch.allclose(rollout.distributions.exp().sum(-1), torch.ones(64, 2))
    mask = torch.ones(64, 2, dtype=torch.bool)
    rewards = penalised_rewards(rollout.scores, rollout.log_probs - rollout.reference, mask, 0.5)
    last = rewards[:, 1] - rollout.values[:, 1]
    assert torch.allclose(rollout.advantages[:, 1], last, atol=1e-5)


def test_without_a_critic_each_word_is_paid_the_whole_reward():
    _, rollout = rolled(PPOSettings(words=2, batch=64, beta=0.5, critic=False))
    log_ratio = (rollout.log_probs - rollout.reference).sum(1)
    whole = rollout.scores - 0.5 * log_ratio
    assert torch.allclose(rollout.advantages, whole[:, None].expand(-1, 2), atol=1e-5)
    assert not rollout.values.any()  # the value's target is the reward, not itself and the reward


def test_the_words_may_be_drawn_from_another_distribution_than_is_scored():
    actor, rollout = rolled(sampler=Sampler((TopK(1),)))
    greedy = actor.policy(rollout.tokens)[:, :-1].argmax(-1)
    assert torch.equal(rollout.answers, greedy)
    assert bool((rollout.log_probs < -0.1).any())  # of the policy, not of the greedy choice


def test_where_the_policy_wrote_itself_all_objectives_have_one_gradient():
    actor, rollout = rolled()
    found = []
    for own in ({}, {"epsilon": math.inf}, {"objective": "policy gradient"}):
        distributions, _ = actor(rollout.tokens, 2)
        log_probs = distributions.gather(-1, rollout.answers[..., None])[..., 0]
        loss = policy_loss(log_probs, rollout.log_probs, rollout.advantages, PPOSettings(**own))
        gradients = torch.autograd.grad(loss, list(actor.policy.parameters()))
        found.append(torch.cat([g.flatten() for g in gradients]))
    assert float(found[0].norm()) > 0.01
    assert torch.allclose(found[0], found[1], atol=1e-6)
    assert torch.allclose(found[0], found[2], atol=1e-6)


def test_a_trust_region_keeps_its_radius_and_a_clip_reports_its_share():
    for own, clipped in (({"objective": "trust region", "radius": 0.01}, False), ({}, True)):
        settings = PPOSettings(words=2, batch=64, minibatches=2, learning_rate=0.02, **own)
        actor, rollout = rolled(settings)
        before = copy.deepcopy(actor.policy.state_dict())
        optimizer = torch.optim.Adam(actor.parameters(), lr=0.02)
        found = update(actor, rollout, settings, optimizer, generator(0, "update"))
        assert any(not torch.equal(before[k], v) for k, v in actor.policy.state_dict().items())
        assert len(found["clipped"]) == 4 and found["clipped"][0] <= found["clipped"][-1]
        assert (found["clipped"][-1] > 0) == clipped
        assert found["kl"] > 0 and (clipped or found["kl"] <= 0.0101)
        new = actor(rollout.tokens, 2)[0].gather(-1, rollout.answers[..., None])[..., 0]
        assert torch.allclose(found["ratios"], (new - rollout.log_probs).exp())


def optimum(reference, beta):
    """The tilt by the score, over the nine answers of each prompt, word by word."""
    laws = []
    for row in range(2):
        worth = []
        for a in range(3):
            for b in range(3):
                said = reference(torch.tensor([[row, a, b]])).log_softmax(-1)[0]
                log_p = float(said[0, a] + said[1, b])
                worth.append(log_p + (float(a == row) + float(b == row)) / beta)
        laws.append(torch.tensor(worth).softmax(0))
    return torch.stack(laws)


def test_it_learns_the_optimum_that_the_penalty_has():
    reference = decoder()
    actor = ActorCritic(copy.deepcopy(reference))
    settings = PPOSettings(words=2, batch=256, minibatches=4, beta=0.5, learning_rate=3e-3)
    seen = []
    rows = train_ppo(
        actor,
        reference,
        PROMPTS,
        score,
        settings,
        updates=40,
        generator=generator(0, "learn"),
        callback=seen.append,
    )
    assert seen == list(range(41)) and len(rows) == 40
    with torch.no_grad():
        learned, wanted = optimum(actor.policy, math.inf), optimum(reference, 0.5)
        away = optimum(reference, math.inf)
    distance = 0.5 * (learned - wanted).abs().sum(1)
    assert float((0.5 * (away - wanted).abs().sum(1)).min()) > 0.3
    assert float(distance.max()) < 0.12
