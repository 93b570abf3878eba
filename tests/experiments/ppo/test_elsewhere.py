"""Reported log-ratios: the KL under plain sampling, a slow sum under another."""

import pytest
import torch

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.sampling import Sampler, Temperature, TopK
from nlgnotes.experiments.ppo.elsewhere import Transformed, reported_kl
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

PROMPTS = torch.tensor([[0], [2]])


def decoder(name):
    config = DecoderConfig(3, 3, width=8, layers=1, heads=2, hidden=16)
    model = Decoder(config, generator(0, "elsewhere", name))
    with torch.no_grad():
        model.embedding *= 30
    return model


def test_it_is_the_kl_under_plain_sampling_and_a_slow_sum_under_another():
    policy, reference = decoder("policy"), decoder("reference")
    laws = [answer_log_probs(model, PROMPTS, 2) for model in (policy, reference)]
    plain = reported_kl(policy, Sampler(), PROMPTS, 2, *laws)
    assert plain == pytest.approx(float(kl_divergence(*laws).mean()), abs=1e-6)
    for sampler in (Sampler((Temperature(2.5),)), Sampler((TopK(2),))):
        total = 0.0
        for row, prompt in enumerate(PROMPTS.tolist()):
            for a in range(3):
                for b in range(3):
                    logits = policy(torch.tensor([[*prompt, a, b]]))[0, :2].detach()
                    q = sampler.transform(logits, generator(0, "none")).softmax(-1)
                    number = 3 * a + b
                    ratio = float(laws[0][row, number] - laws[1][row, number])
                    total += float(q[0, a] * q[1, b]) * ratio
        found = reported_kl(policy, sampler, PROMPTS, 2, *laws)
        assert found == pytest.approx(total / 2, abs=1e-5)
        assert abs(found - plain) > 1e-3


def test_the_transformed_model_gives_the_samplers_scores():
    policy = decoder("policy")
    model = Transformed(policy, Sampler((Temperature(2.0),)))
    scores, cache = model.step(PROMPTS, model.empty_cache(2, 3))
    assert torch.allclose(scores, policy(PROMPTS) / 2, atol=1e-5) and cache.length == 1
