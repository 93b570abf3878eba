"""What is measured on the way: by hand, by slow loops, and on the texts of the evaluators."""

import pytest
import torch
import torch.nn.functional as F

from nlgnotes.equations import induction
from nlgnotes.experiments.induction_heads.training import untrained
from nlgnotes.experiments.induction_heads.watching import (
    Watch,
    copying,
    head_scores,
    transition,
    unlike_before,
)
from nlgnotes.randomness import generator
from nlgnotes.tasks.repeated_texts import RepeatedTexts

SMALL = {"symbols": 30, "length": 128, "width": 16, "heads": 2}
TEXTS = RepeatedTexts(symbols=30, length=128, shortest=12, longest=48, share=0.5)


def test_copying_by_hand():
    """A rule that says what stood one period before copies all, one that says 1 hardly anything."""
    drawn = RepeatedTexts(symbols=9, length=20, shortest=4, longest=4).draw(50, generator(0))
    right = F.one_hot(drawn.tokens[:, 1:], 10).float()
    assert (copying(right, drawn) == 1).all()
    one = F.one_hot(torch.ones_like(drawn.tokens[:, 1:]), 10).float()
    slow = [sum(row[i] == 1 for i in range(6, 21)) / 15 for row in drawn.tokens.tolist()]
    assert copying(one, drawn).tolist() == pytest.approx(slow)


def test_copying_needs_something_to_copy():
    drawn = RepeatedTexts(symbols=9, length=20, shortest=4, longest=4, share=0.5).draw(
        50, generator(0)
    )
    with pytest.raises(ValueError, match="every text must hold a token to be copied"):
        copying(torch.zeros(50, 20, 10), drawn)


def test_unlike_before_equals_the_slow_loop():
    tokens = torch.randint(1, 5, (30, 15), generator=generator(1))
    unlike, new = unlike_before(tokens)
    for row, ours, fresh in zip(tokens.tolist(), unlike.tolist(), new.tolist(), strict=True):
        for i in range(14):
            earlier = [j for j in range(i) if row[j] == row[i]]
            assert fresh[i] == (not earlier)
            assert ours[i] == (bool(earlier) and row[i + 1] not in [row[j + 1] for j in earlier])


def test_head_scores_are_those_of_the_evaluators():
    model = untrained(SMALL, 3, layers=2)
    scores = head_scores(model, TEXTS, generator(5))
    chance = generator(5)
    blocks = TEXTS.block_texts(10, 25, 4, chance)
    single = TEXTS.block_texts(10, 25, 1, chance)[:, 1:]
    assert blocks.shape == (10, 101) and single.shape == (10, 25)
    assert torch.equal(
        scores["prefix"], induction.prefix_matching_score(model.run(blocks).patterns, blocks)
    )
    assert torch.equal(
        scores["copying"],
        induction.copying_score(model.direct_logits(single), model.run(single).patterns, single),
    )
    assert scores["previous"].shape == (2, 2) and (scores["previous"] < 0.1).all()


def test_a_watch_measures_the_same_texts_each_time():
    model = untrained(SMALL, 3, layers=2)
    shown = TEXTS.block_texts(1, 12, 2, generator(0))
    watch = Watch(model, TEXTS, generator(7), size=8, shown=shown)
    watch(0, float("nan"))
    watch(20, 3.0)
    first, second = watch.rows
    assert first["loss"] is None and second["loss"] == 3.0
    assert {k: v for k, v in first.items() if k not in ("step", "loss")} == {
        k: v for k, v in second.items() if k not in ("step", "loss")
    }
    assert len(first["prefix"]) == 4 and abs(first["icl"]) < 0.2
    assert abs(first["unlike"] - first["new"]) < 0.1  # untrained: log 31, whatever stood before
    assert torch.equal(watch.frames[0], model.run(shown).patterns[:, 0])
    assert (watch.drawn.periods > 0).all() and watch.random.shape == (32, 49)


def test_a_watch_ends_a_training_after_three_calls_above():
    watch = Watch(untrained(SMALL, 3), TEXTS, generator(7), size=4, heads=False, enough=-1.0)
    assert [watch(step, 1.0) for step in range(3)] == [False, False, True]
    never = Watch(untrained(SMALL, 3), TEXTS, generator(7), size=4, heads=False, enough=0.9)
    assert not any(never(step, 1.0) for step in range(4))
    assert "prefix" not in never.rows[0]


def test_transition_is_half_of_the_way():
    assert transition([0, 20, 40, 60], [0.0, 0.1, 0.7, 0.8]) == pytest.approx(30)
    assert transition([0, 10, 40, 50], [0.2, 0.2, 0.8, 1.0]) == pytest.approx(30)
    assert transition([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0]) == 5  # the first crossing
    assert transition([0, 20, 40], [0.5, 0.6, 0.75]) is None
    # A curve that falls is turned over by who asks.
    assert transition([0, 20], [0.0, 4.0]) == 10 and transition([0, 20], [0.0, -4.0]) is None
    with pytest.raises(ValueError, match="equally many, at least 2; got 1, 1"):
        transition([0], [0.0])
