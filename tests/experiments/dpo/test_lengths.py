"""The world of two lengths: its law, its two optima by a slow search, a short run."""

import math

import pytest
import torch

from nlgnotes.equations.preferences import tilt
from nlgnotes.experiments.dpo.lengths import (
    VALUES,
    WORDS,
    all_answers,
    averaged_optimum,
    gold_of,
    length_run,
    measure,
    writer,
)

SMALL = {
    "width": 8,
    "layers": 1,
    "heads": 2,
    "hidden": 8,
    "batch": 8,
    "pairs": 16,
    "beta": 1.0,
    "tuning": {"steps": 2, "learning_rate": 1e-3},
    "training": {"steps": 2, "learning_rate": 1e-3},
}


def test_the_answers_and_the_writer():
    answers, lengths = all_answers()
    assert len(answers) == WORDS**2 + WORDS**6 == len(answers.unique(dim=0))
    assert ((answers > 0).sum(1) + 1).tolist() == lengths.tolist()
    law = writer().exp()
    assert float(law.sum()) == pytest.approx(1)
    assert float(law[lengths == 3].sum()) == pytest.approx(0.5)


def test_gold_reads_two_words():
    answers = torch.tensor([[1, 4, 0, 0, 0, 0, 0], [1, 2, 4, 4, 4, 4, 0]])
    assert gold_of(answers).tolist() == [VALUES[0] + VALUES[3], VALUES[0] + VALUES[1]]


def test_the_averaged_optimum_has_the_reward_as_its_implicit_one():
    ref = torch.tensor([0.5, 0.25, 0.25]).double().log()
    reward, lengths = torch.tensor([1.0, 0.0, 1.0]).double(), torch.tensor([3, 3, 7])
    law = averaged_optimum(ref, reward, lengths, 2.0)
    assert float(law.exp().sum()) == pytest.approx(1)
    off = 2.0 * (law - ref) / lengths - reward
    assert float(off.max() - off.min()) < 1e-9
    # Of equal lengths it is the tilt, at beta over the length.
    even = averaged_optimum(ref, reward, torch.full((3,), 4), 2.0)
    torch.testing.assert_close(even, tilt(ref, reward, 0.5))


def test_a_short_run_is_judged():
    found = length_run(SMALL, 1)
    assert list(found) == [
        "reference", "summed", "summed, optimum", "averaged", "averaged, optimum",
    ]  # fmt: skip
    assert found["reference"]["kl"] == 0 and found["reference"]["missing"] == 0
    assert found["summed, optimum"]["missing"] == pytest.approx(0, abs=1e-3)
    assert found["averaged, optimum"]["gap"] > 0.2 > abs(found["summed, optimum"]["gap"])
    assert all(math.isfinite(v) for row in found.values() for v in row.values())


def test_measure_keeps_a_part_for_each_seed():
    kept = []

    def keep(part, compute):
        kept.append(part)
        return {"of": part}

    assert measure({**SMALL, "runs": 2}, 3, keep=keep)["runs"]["4"] == {"of": "seed-4"}
    assert kept == ["seed-3", "seed-4"]
