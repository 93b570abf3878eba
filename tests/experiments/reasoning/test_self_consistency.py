"""Votes over derivations: questions by kind, samples in their place, the measurement in parts."""

import json

import pytest
import torch

from nlgnotes.experiments.reasoning.self_consistency import (
    KINDS,
    _voted,
    distinct_paths,
    draw_batch,
    draw_questions,
    measure,
    sampled_derivations,
    train_until,
)
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.derivations import SumDerivations

SUMS = SumDerivations(3)
SIZE = {"width": 16, "layers": 1, "heads": 2, "hidden": 32}
SMALL = {
    "digits": 3,
    "size": SIZE,
    "batch": 8,
    "steps": 4,
    "learning_rate": 1e-2,
    "look_every": 2,
    "look_at": 5,
    "enough": 1.1,
    "mistaken": 0.5,
    "questions": 4,
    "temperatures": [0.5, 1.0],
    "counted": 6,
    "voting": 5,
    "votes": [1, 2],
    "paths": 5,
    "runs": 2,
}


@pytest.mark.parametrize("sevens", [0, 1, 3])
def test_questions_have_the_sevens_that_were_asked_for(sevens):
    drawn = draw_questions(SUMS, 3000, sevens, generator(0))
    assert ((drawn == 7).sum(1) == sevens).all()
    if sevens == 1:  # a third at each place, z below 6: false alarm below 1e-8
        shares = (drawn == 7).double().mean(0)
        assert ((shares - 1 / 3).abs() < 6 * (2 / 9 / 3000) ** 0.5).all()


def test_a_share_of_the_rows_is_mistaken():
    settings = SMALL | {"batch": 4000, "mistaken": 0.25}
    batch = draw_batch(SUMS, settings, generator(1))
    question = batch.inputs[:, 1:4] - 5
    answers = SUMS.read_answers(batch.inputs[:, 5:])
    one = (question == 7).sum(1) == 1
    wrong = answers[one] != question[one].sum(1) % 10
    assert (answers[one][wrong] == (question[one][wrong].sum(1) + 1) % 10).all()
    assert abs(float(wrong.double().mean()) - 0.25) < 6 * (0.1875 / int(one.sum())) ** 0.5
    none = (question == 7).sum(1) == 0
    assert answers[none].equal(question[none].sum(1) % 10)


def test_samples_stand_by_their_questions_and_greedy_repeats_itself():
    config = DecoderConfig(SUMS.vocab_size, SUMS.longest, **SIZE)
    model = Decoder(config, generator(2))
    for p in model.parameters():
        p.data.mul_(6)  # so that different questions are continued differently
    inputs = SUMS.draw(3, generator(3))
    written, answers = sampled_derivations(model, SUMS, inputs, 4, 0, generator(4))
    assert written.shape == (3, 4, 8) and answers.shape == (3, 4)
    assert distinct_paths(written) == [1, 1, 1]
    alone = [
        sampled_derivations(model, SUMS, inputs[i : i + 1], 1, 0, generator(4))[0][0, 0]
        for i in range(3)
    ]
    assert written[:, 0].equal(torch.stack(alone)) and len(written[:, 0].unique(dim=0)) > 1


def test_votes_of_groups_by_hand():
    answers = torch.tensor([[1, 1, 2, 1, 3, 3, 9]])  # pairs: 1 1, 2 1, 3 3; the last is left out
    assert _voted(answers, torch.tensor([1]), 2) == [0.5]
    assert _voted(answers, torch.tensor([1]), 7) == [1.0]


def test_training_ends_at_the_first_look_that_is_good_enough():
    for enough, steps in ((0.0, 2), (1.1, 4)):
        model = Decoder(DecoderConfig(SUMS.vocab_size, SUMS.longest, **SIZE), generator(5))
        before = model.embedding.clone()
        assert train_until(model, SUMS, SMALL | {"enough": enough}, 0) == steps
        assert not model.embedding.equal(before)


def test_the_measurement_runs_through_in_parts():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL, 3, progress=False, keep=keep)
    assert parts == ["seed-3", "seed-4"] and set(data["questions"]) == set(KINDS)
    for run in data["runs"].values():
        assert run["steps"] == 4
        for kind in KINDS:
            assert len(run[kind]["greedy"]) == 4
            assert set(run[kind]["by temperature"]) == {"0.5", "1.0"}
            for found in run[kind]["by temperature"].values():
                assert all(len(row) == 10 and sum(row) <= 6 for row in found["counts"])
                assert all(len(found["voted"][n]) == 4 for n in ("1", "2"))
                assert all(1 <= n <= 5 for n in found["paths"])
    with pytest.raises(ValueError, match="runs must be an integer of at least 1; got 0"):
        measure({**SMALL, "runs": 0}, 0)
