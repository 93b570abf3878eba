"""Proxies: what is fitted by hand, what noise may not touch, and the frontier against the tilt."""

import math
from dataclasses import replace

import pytest
import small_answers
import torch

from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.preferences import expectation, tilt
from nlgnotes.experiments.rlhf.forms import FORMS, fit_form
from nlgnotes.experiments.rlhf.proxies import (
    first_pairs,
    frontier,
    linear_reward,
    network_reward,
    noise_only_proxy,
    pair_accuracy,
    peak,
    spread,
)
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import Pairs, draw_rankings, ranked_pairs

WORLD = replace(small_answers.WORLD, read=2, repetition=1.0)
LAW = WORLD.writer_log_probs


def comparisons(many, seed=1):
    return ranked_pairs(draw_rankings(LAW, WORLD.gold, many, 3, generator(seed)))


def test_a_pair_counts_whole_half_or_not_at_all():
    reward = torch.tensor([[1.0, 2.0, 2.0]])
    pairs = Pairs(*(torch.tensor(row) for row in ([0, 0, 0], [1, 0, 1], [0, 2, 2], [0, 1, 2])))
    assert pair_accuracy(reward, pairs).tolist() == [1, 0, 0.5]
    assert first_pairs(pairs, 2).rejected.tolist() == [0, 2]
    with pytest.raises(ValueError, match="many must be an integer from 1 to 3"):
        first_pairs(pairs, 4)


def test_the_linear_reward_is_where_the_penalised_likelihood_is_flat():
    pairs = comparisons(100)
    reward = linear_reward(WORLD, pairs, ridge=0.5)
    # The values can be read off answers of two equal words.
    twice = WORLD.numbers(torch.tensor([[0, w, w] for w in range(3)]))
    values = (reward[:, twice] / 2).requires_grad_()
    gaps = WORLD.counts[pairs.chosen] - WORLD.counts[pairs.rejected]
    margins = (gaps * values[pairs.prompts]).sum(-1)
    loss = -torch.nn.functional.logsigmoid(margins).sum() + 0.25 * (values**2).sum()
    slope = torch.autograd.grad(loss, values)[0]
    assert slope.abs().max() < 1e-3 * len(pairs.prompts)
    assert torch.allclose(reward, values.detach() @ WORLD.counts.T)


def test_many_comparisons_teach_the_order_of_the_words():
    reward = linear_reward(WORLD, comparisons(3000))
    best = WORLD.numbers(torch.tensor([[0, w, w] for w in range(3)]))
    assert reward[:, best].argmax(1).tolist() == [0, 1]
    with pytest.raises(ValueError, match="ridge must be a finite number above 0"):
        linear_reward(WORLD, comparisons(2), ridge=0)


def test_networks_are_trained_from_where_they_say():
    config = DecoderConfig(3, 5, width=16, layers=1, heads=2, hidden=16, positions="learned")
    reference, pairs = Decoder(config, generator(3)), comparisons(20)
    settings = {"epochs": 2, "batch": 8, "learning_rate": 1e-2}
    before = [p.clone() for p in reference.parameters()]
    found = {
        kind: network_reward(kind, reference, WORLD, pairs, settings, 5)
        for kind in ("pretrained", "from scratch")
    }
    assert all(map(torch.equal, before, reference.parameters()))
    assert found["pretrained"].shape == (2, 27)
    assert not torch.allclose(found["pretrained"], found["from scratch"])
    again = network_reward("pretrained", reference, WORLD, pairs, settings, 5)
    assert torch.equal(again, found["pretrained"])
    other = network_reward("pretrained", reference, WORLD, pairs, settings, 5, together=True)
    assert not torch.equal(other, again)
    with pytest.raises(ValueError, match="kind must be one of from scratch, pretrained"):
        network_reward("linear", reference, WORLD, pairs, settings, 5)


def test_the_noise_has_the_size_that_was_asked_for_and_nothing_of_gold():
    error = noise_only_proxy(WORLD, LAW, size=0.5) - WORLD.gold
    assert spread(LAW, error) == pytest.approx(0.5 * spread(LAW, WORLD.gold))
    both = expectation(LAW, error * WORLD.gold)
    assert torch.allclose(both, torch.zeros(2).double(), atol=1e-12)


def test_a_frontier_is_made_of_tilts():
    proxy = WORLD.word_values @ WORLD.counts.T
    row = frontier(LAW, proxy, WORLD.gold, [0.1, 0.4, 30.0])
    assert row["gold"][2] is None and row["proxy"][2] is None
    scaled = (proxy - expectation(LAW, proxy)[:, None]) / spread(LAW, proxy)
    # The tilt that has 0.4 nats, looked for by hand.
    betas = torch.linspace(0.3, 3, 2000, dtype=torch.float64)
    kls = [float(kl_divergence(tilt(LAW, scaled, float(b)), LAW).mean()) for b in betas[::20]]
    nearest = betas[::20][min(range(len(kls)), key=lambda i: abs(kls[i] - 0.4))]
    policy = tilt(LAW, scaled, float(nearest))
    assert row["gold"][1] == pytest.approx(float(expectation(policy, WORLD.gold).mean()), abs=0.05)
    assert row["proxy"][1] == pytest.approx(float(expectation(policy, scaled).mean()), abs=0.05)
    assert 0 < row["proxy"][0] < row["proxy"][1]


def test_the_peak_is_the_highest_point_that_is_there():
    assert peak([1, 2, 3, 4], [2.0, 5.0, 1.5, None]) == (5.0, 2, 3.5)
    with pytest.raises(ValueError, match="gold must hold at least one number"):
        peak([1], [None])


WRITTEN = {
    "d (a - b d)": lambda kl: math.sqrt(kl) * (2.0 - 0.7 * math.sqrt(kl)),
    "d (a - b log d)": lambda kl: math.sqrt(kl) * (2.0 - 0.7 * math.log(math.sqrt(kl))),
    "quadratic in KL": lambda kl: 2.0 * kl - 0.7 * kl**2,
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_form_is_found_again_and_another_fits_worse(form):
    kls = [0.5, 1.0, 2.0, 4.0, 8.0]
    gains = [WRITTEN[form](kl) for kl in kls]
    assert WRITTEN.keys() == FORMS.keys()
    assert fit_form(form, kls, gains) == pytest.approx((2.0, 0.7, 1.0))
    others = [fit_form(other, kls, gains)[2] for other in FORMS if other != form]
    assert all(found < 1 - 1e-6 for found in others)


def test_ill_forms_are_refused():
    with pytest.raises(ValueError, match="form must be one of"):
        fit_form("cubic", [1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="kls and gains must be equally many"):
        fit_form("d (a - b d)", [1, 2], [1, 2])
    with pytest.raises(ValueError, match="kls must be a finite number above 0"):
        fit_form("d (a - b d)", [0, 1, 2], [1, 2, 3])
