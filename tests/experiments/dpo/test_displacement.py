"""Chosen answers' log-probabilities: the identity, and both references on a small decoder."""

import pytest

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.dpo import chosen_law
from nlgnotes.equations.preferences import expectation
from nlgnotes.experiments.dpo.displacement import (
    chosen_and_rejected,
    displacement,
    tuned_on_chosen,
)
from nlgnotes.experiments.rlhf.reference import Reference
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import RatedAnswers

WORLD = RatedAnswers()
SETTINGS = {
    "pairs": 6000,
    "beta": 1.0,
    "steps": 4,
    "learning_rate": 2e-3,
    "batch": 256,
    "stops": [0, 4],
    "tuning": {"steps": 60, "learning_rate": 3e-3},
}


@pytest.fixture(scope="module")
def writer():
    """A small decoder of the world's words, untrained."""
    config = DecoderConfig(8, 8, width=16, layers=1, heads=2, hidden=16, positions="learned")
    model = Decoder(config, generator(0, "weights"))
    return Reference(WORLD, model, answer_log_probs(model, WORLD.prompt_tokens, WORLD.length))


def test_chosen_is_minus_entropy_and_divergence(writer):
    found = chosen_and_rejected(writer.log_probs, writer)
    won = chosen_law(writer.log_probs, WORLD.gold)
    entropy = -float(expectation(won, won).mean())
    assert found["chosen"] == pytest.approx(-entropy - found["divergence"])
    # Both laws have the writer as their mean, so both means have its entropy as theirs.
    both = float(expectation(writer.log_probs, writer.log_probs).mean())
    assert (found["chosen"] + found["rejected"]) / 2 == pytest.approx(both)


def test_a_writer_s_own_chosen_rise_first_and_rejected_fall(writer):
    found = displacement(writer, writer, SETTINGS, 1)
    first, last = found["steps"]
    assert (first["step"], last["step"]) == (0, 4) and first["kl"] == 0
    assert last["rejected"] < first["rejected"] and last["chosen"] > first["chosen"]
    assert found["optimum"]["gold"] > last["gold"] > first["gold"]


def test_tuning_on_the_chosen_brings_their_law_nearer(writer):
    tuned = tuned_on_chosen(writer, SETTINGS, 2)
    before, after = (chosen_and_rejected(x.log_probs, writer) for x in (writer, tuned))
    assert after["divergence"] < before["divergence"]
    assert tuned.model is not writer.model
