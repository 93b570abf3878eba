"""Pairs, runs and judgements of DPO, by counting, by hand and by a slow sum."""

import math

import pytest
import torch

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.preferences import tilt
from nlgnotes.experiments.dpo.policies import (
    best_stop,
    draw_pairs,
    flipped,
    judged,
    rounded,
    run_dpo,
    stranger_law,
    train_on_pairs,
)
from nlgnotes.experiments.rlhf.reference import Reference
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import Pairs, RatedAnswers

WORLD = RatedAnswers()


@pytest.fixture(scope="module")
def reference():
    """A small decoder of the world's words, untrained."""
    config = DecoderConfig(8, 8, width=16, layers=1, heads=2, hidden=16, positions="learned")
    model = Decoder(config, generator(0, "weights"))
    return Reference(WORLD, model, answer_log_probs(model, WORLD.prompt_tokens, WORLD.length))


def rewards(pairs):
    return WORLD.gold[pairs.prompts, pairs.chosen], WORLD.gold[pairs.prompts, pairs.rejected]


def test_labels_are_right_as_often_as_bradley_and_terry_say(reference):
    pairs = draw_pairs(reference.log_probs, WORLD.gold, 20_000, generator(1, "pairs"))
    better, worse = rewards(pairs)
    assert len(pairs.chosen) == 20_000
    # Each pair is right with sigma(|gap|); the deviation of the mean is below 1/sqrt(4 n).
    differ = better != worse
    expected = (better - worse).abs().sigmoid()[differ].mean()
    right = (better > worse)[differ].double().mean()
    assert abs(float(right - expected)) < 5 / math.sqrt(4 * int(differ.sum()))


def test_labels_that_never_err_and_pairs_that_differ(reference):
    kind = {"errs": False, "ties": False}
    pairs = draw_pairs(reference.log_probs, WORLD.gold, 500, generator(2, "pairs"), **kind)
    better, worse = rewards(pairs)
    assert len(pairs.chosen) == 500 and bool((better > worse).all())


def test_flips_turn_a_share_round():
    count = torch.arange(4000)
    pairs = Pairs(count, count, -count, count)
    turned = flipped(pairs, 0.25, generator(3, "flips"))
    wrong = turned.chosen != pairs.chosen
    assert abs(float(wrong.double().mean()) - 0.25) < 0.04  # six deviations
    assert torch.equal(turned.rejected[wrong], pairs.chosen[wrong])
    assert torch.equal(flipped(pairs, 0, generator(3, "flips")).chosen, pairs.chosen)
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\]; got 2"):
        flipped(pairs, 2, generator(3, "flips"))


def test_the_stranger_avoids_what_the_writer_likes():
    own, other = WORLD.writer_log_probs.exp(), stranger_law(WORLD).exp()
    assert float((other.sum(-1) - 1).abs().max()) < 1e-9
    often = (own @ WORLD.counts).mean(0) - (other @ WORLD.counts).mean(0)
    liked = torch.tensor(WORLD.habits).argsort()
    assert float(often[liked[-1]]) > 0.1 and float(often[liked[0]]) < -0.1


def test_the_optimum_is_judged_at_distance_zero(reference):
    beta = 2.0
    optimum = tilt(reference.log_probs, WORLD.gold, beta)
    pairs = draw_pairs(reference.log_probs, WORLD.gold, 300, generator(4, "pairs"))
    found = judged(optimum, reference, beta, pairs, pairs)
    better, worse = rewards(pairs)
    assert found["distance"] == pytest.approx(0, abs=1e-9)
    assert found["order"] == 1.0
    # Its implicit reward is gold, up to a constant.
    assert found["weight"] == pytest.approx(float((worse - better).sigmoid().mean()))
    assert found["loss"] == found["held_out"]
    start = judged(reference.log_probs, reference, beta, pairs, pairs)
    assert start["kl"] == 0 and start["weight"] == 0.5
    assert start["order"] == 0.5  # it prefers neither of two, however often the labels err
    assert start["loss"] == pytest.approx(math.log(2))
    chosen = reference.log_probs[pairs.prompts, pairs.chosen]
    assert start["chosen"] == pytest.approx(float(chosen.mean()))


def test_a_run_learns_its_pairs_and_leaves_the_reference(reference):
    before = [p.clone() for p in reference.model.parameters()]
    pairs = draw_pairs(reference.log_probs, WORLD.gold, 40, generator(5, "pairs"))
    settings = {"beta": 1.0, "steps": 30, "learning_rate": 1e-2, "batch": 16, "stops": [0, 30]}
    policy, found = run_dpo(reference, pairs, pairs, settings, generator(5, "batches"))
    assert [at["step"] for at in found] == [0, 30]
    assert found[0]["loss"] == pytest.approx(math.log(2)) and found[1]["loss"] < 0.6
    law = answer_log_probs(policy, WORLD.prompt_tokens, WORLD.length)
    assert found[1]["chosen"] == pytest.approx(float(law[pairs.prompts, pairs.chosen].mean()))
    after = reference.model.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_best_stop_and_what_is_shipped():
    found = [{"step": 0, "held_out": 0.7}, {"step": 5, "held_out": 0.612345678}]
    assert best_stop([*found, {"step": 9, "held_out": 0.9}])["step"] == 5
    assert rounded(found)[1] == {"step": 5, "held_out": 0.61235}


def test_training_is_looked_at_where_it_stops_and_leaves_the_reference(reference):
    pairs = draw_pairs(reference.log_probs, WORLD.gold, 40, generator(5, "pairs"))
    settings = {"beta": 1.0, "steps": 3, "learning_rate": 1e-2, "batch": 8, "stops": [0, 2, 3]}
    before = [p.clone() for p in reference.model.parameters()]
    laws = {}
    policy = train_on_pairs(reference, pairs, settings, generator(6), laws.__setitem__)
    assert list(laws) == [0, 2, 3]
    assert torch.equal(laws[0], reference.log_probs) and not torch.equal(laws[2], laws[0])
    assert torch.equal(laws[3], answer_log_probs(policy, WORLD.prompt_tokens, WORLD.length))
    after = reference.model.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
