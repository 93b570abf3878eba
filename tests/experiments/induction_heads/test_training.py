"""Training: equal starts, a constant rate, watched and stopped as asked."""

import pytest
import torch

from nlgnotes.experiments.induction_heads.training import train, untrained
from nlgnotes.randomness import generator
from nlgnotes.tasks.repeated_texts import RepeatedTexts

SMALL = {"symbols": 6, "length": 12, "width": 16, "heads": 2}
TEXTS = RepeatedTexts(symbols=6, length=12, shortest=3, longest=4)


def learn(model, steps, **options):
    chance = generator(0, "texts")
    return train(
        model, TEXTS, steps=steps, batch=4, learning_rate=1e-3, generator=chance, **options
    )


def test_a_seed_gives_the_weights():
    one, same, other = (untrained(SMALL, seed, layers=2) for seed in (1, 1, 2))
    assert one.config.vocab_size == 7 and one.config.context == 13
    assert torch.equal(one.embedding, same.embedding)
    assert not torch.equal(one.embedding, other.embedding)
    assert untrained(SMALL, 1, layers=1, smeared=True).config.smeared


def test_it_is_watched_at_its_beginning_and_every_few_steps():
    seen = []
    history = learn(untrained(SMALL, 0), 10, every=4, watch=lambda *found: seen.append(found))
    assert [step for step, _ in seen] == [0, 4, 8, 10] and history.steps == 10
    assert seen[0][1] != seen[0][1]  # no loss yet
    losses = history.losses
    for (_, mean), part in zip(seen[1:], (losses[:4], losses[4:8], losses[8:]), strict=True):
        assert mean == pytest.approx(sum(part) / len(part))
    assert history.tokens == 10 * 4 * 12


def test_it_stops_early():
    model = untrained(SMALL, 0)
    start = model.embedding.clone()
    assert learn(model, 10, every=2, watch=lambda step, loss: step == 4).steps == 4
    assert not torch.equal(model.embedding, start)
    again = untrained(SMALL, 0)
    assert learn(again, 10, watch=lambda step, loss: True).steps == 0
    assert torch.equal(again.embedding, start)


def test_a_longer_run_begins_as_a_shorter_one():
    """The rate does not depend on how many steps are asked for."""
    short, long = untrained(SMALL, 0), untrained(SMALL, 0)
    kept = {}
    learn(short, 6)
    learn(
        long,
        9,
        every=3,
        watch=lambda step, _: kept.update({step: long.embedding.detach().clone()}),
    )
    assert torch.equal(short.embedding, kept[6])


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"steps must be an integer from 1 to 4000; got 4001"):
        learn(untrained(SMALL, 0), 4001)
    with pytest.raises(ValueError, match="every must be"):
        learn(untrained(SMALL, 0), 3, every=0)
