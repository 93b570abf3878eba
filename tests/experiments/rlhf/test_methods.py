"""Uses of a reward: exact worth, hints, fine-tuning on what is given."""

import pytest
import torch
from small_answers import CONFIG, WORLD

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.preferences import expectation, tilt_at_kl
from nlgnotes.experiments.rlhf.methods import (
    fine_tuned,
    gold_and_kl,
    hinted_laws,
    prompted,
    repeats,
    tuned_on_best,
)
from nlgnotes.experiments.rlhf.reference import fresh_rankings, load_reference
from nlgnotes.networks.transformer import Decoder
from nlgnotes.randomness import generator


def test_worth_and_repetition_by_hand():
    law = torch.full((2, 81), 1 / 81, dtype=torch.float64).log()
    found = gold_and_kl(law, law, WORLD.gold)
    assert found == {"gold": pytest.approx(float(WORLD.gold.mean()), abs=1e-4), "kl": 0.0}
    # Of 27 triples three are one word three times.
    assert repeats(law, WORLD) == pytest.approx(3 / 27)


def test_a_hint_is_a_longer_prompt_and_the_best_one_is_taken():
    model = Decoder(CONFIG, generator(1)).eval()
    laws = hinted_laws(model, WORLD)
    assert laws.shape == (3, 2, 81)
    prompts = torch.tensor([[0, 1, 2], [1, 1, 2]])  # b is the commonest opening
    assert torch.allclose(laws[2], answer_log_probs(model, prompts, 4))
    policy, hints = prompted(laws, WORLD.gold)
    worth = torch.stack([expectation(law, WORLD.gold) for law in laws])
    assert torch.equal(hints, worth.argmax(0))
    assert torch.allclose(expectation(policy, WORLD.gold), worth.amax(0))


def test_fine_tuning_makes_likely_what_it_is_given_and_leaves_the_reference():
    model = Decoder(CONFIG, generator(2)).eval()
    before = answer_log_probs(model, WORLD.prompt_tokens, 4)
    text = torch.tensor([[0, 2, 1, 0, 2]])
    settings = {"passes": 40, "batch": 8, "learning_rate": 1e-2}
    tuned = fine_tuned(model, text, settings, generator(3))
    after = answer_log_probs(tuned, WORLD.prompt_tokens, 4)
    number = WORLD.numbers(text[:, 1:])
    assert (after[0, number] > before[0, number] + 1).all()
    assert torch.equal(answer_log_probs(model, WORLD.prompt_tokens, 4), before)


def test_training_on_the_best_raises_the_reward():
    model = Decoder(CONFIG, generator(4)).eval()
    law = answer_log_probs(model, WORLD.prompt_tokens, 4)
    settings = {"texts": 400, "passes": 4, "batch": 16, "learning_rate": 1e-2}
    tuned = tuned_on_best(model, WORLD, law, WORLD.gold, 8, settings, 5)
    gain = expectation(tuned, WORLD.gold) - expectation(law, WORLD.gold)
    assert (gain > 0.3).all()


def test_the_shipped_reference_and_its_rankings():
    reference = load_reference()
    world, _, law = reference
    total = law.exp().sum(-1)
    assert torch.allclose(total, torch.ones(6).double(), atol=1e-4)
    writer = world.writer_log_probs
    assert float((writer.exp() * (writer - law)).sum(-1).max()) < 0.03
    best, _ = tilt_at_kl(law, world.gold, 1.0)
    assert expectation(best, world.gold).mean() > expectation(law, world.gold).mean() + 1
    one, other = (fresh_rankings(reference, 5, 4, 1, what) for what in ("a", "b"))
    assert one.answers.shape == (5, 4) and not torch.equal(one.answers, other.answers)
    assert torch.equal(fresh_rankings(reference, 5, 4, 1, "a").answers, one.answers)
