"""Scratchpads: what counts as right, equal questions in all forms, the measurement in parts."""

import json

import pytest
import torch

from nlgnotes.experiments.reasoning.scratchpad import (
    AUTOMATA,
    EXPERIMENT,
    measure,
    right_answers,
    scores_by_length,
    train_on_questions,
    untrained_decoder,
)
from nlgnotes.randomness import generator
from nlgnotes.tasks.arithmetic import running_sum
from nlgnotes.tasks.automata import draw_inputs
from nlgnotes.tasks.scratchpad import FORMS, ScratchpadTask

TASK = ScratchpadTask(running_sum(3), 3)
SIZE = {"width": 16, "layers": 1, "heads": 2, "hidden": 32}
SMALL = {
    "slots": 3,
    "asked": [1, 3],
    "rows": 20,
    "sizes": {"tiny": SIZE},
    "arms": [["sums", "tiny", "direct"], ["sums", "tiny", "scratchpad"]],
    "once": [["sums", "tiny", "filler"]],
    "batch": 8,
    "learning_rate": 1e-2,
    "steps": {"direct": 6, "scratchpad": 3, "filler": 2},
    "looks": 2,
    "runs": 2,
    "longer": [["permutations", "tiny", "direct"]],
    "longer_steps": 4,
}


class Perfect:
    """Logits that are right: at each place the token that the row of this form has next."""

    def __init__(self, rows, wrong=()):
        self.rows, self.wrong = rows, list(wrong)
        self.config = untrained_decoder(TASK, SIZE, generator(0)).config

    def __call__(self, tokens):
        after = self.rows[:, 1 : tokens.shape[1] + 1].clone()
        after[self.wrong, -1] = 0
        return torch.nn.functional.one_hot(after, TASK.vocab_size).float()

    def empty_cache(self, batch, capacity):
        return 0

    def step(self, tokens, cache):
        end = cache + tokens.shape[1]
        after = self.rows[:, end : end + 1].expand(-1, tokens.shape[1]).clone()
        # A scratchpad that is wrong is so at its last token, the answer.
        if end + 1 == self.rows.shape[1]:
            after[self.wrong] = 0
        return torch.nn.functional.one_hot(after, TASK.vocab_size).float(), end


@pytest.mark.parametrize("form", FORMS)
def test_right_is_the_answer_of_the_row(form):
    inputs = draw_inputs(TASK.automaton, torch.tensor([1, 2, 3, 3]), 3, generator(1))
    rows = TASK.rows(inputs, form)
    assert right_answers(Perfect(rows), TASK, form, inputs).all()
    found = right_answers(Perfect(rows, wrong=[1, 3]), TASK, form, inputs)
    assert found.tolist() == [True, False, True, False]


def test_a_small_decoder_learns_the_steps_and_is_asked_the_same_questions():
    model = untrained_decoder(TASK, SIZE, generator(2))
    settings = SMALL | {"batch": 64, "rows": 100}
    before = scores_by_length(model, TASK, "scratchpad", settings, 5)
    history = train_on_questions(model, TASK, "scratchpad", settings, 2, steps=700)
    after = scores_by_length(model, TASK, "scratchpad", settings, 5)
    assert history.steps == 700 and max(before) < 0.6 and min(after) > 0.9
    assert after == scores_by_length(model, TASK, "scratchpad", settings, 5)


def test_the_measurement_runs_through_in_parts():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL, 3, progress=False, keep=keep)
    assert parts == [
        *(f"sums-tiny-{form}-3" for form in ("direct", "scratchpad", "filler")),
        *(f"sums-tiny-{form}-4" for form in ("direct", "scratchpad")),
        "permutations-tiny-direct-longer",
    ]
    assert data["asked"] == [1, 3] and len(data["runs"]) == 5 and len(data["longer"]) == 1
    for run in [*data["runs"], *data["longer"]]:
        assert len(run["scores"]) == 2 and all(0 <= score <= 1 for score in run["scores"])
        assert len(run["through"]) == (0 if run["form"] == "scratchpad" else 2)
        if run["through"]:
            assert run["through"][-1] == run["scores"]
    with pytest.raises(ValueError, match="runs must be an integer of at least 1; got 0"):
        measure({**SMALL, "runs": 0}, 0)


def test_the_decoders_of_a_task_have_equally_many_parameters():
    s = EXPERIMENT.settings
    for automaton in AUTOMATA.values():
        task = ScratchpadTask(automaton(), s["slots"])
        counts = [
            untrained_decoder(task, size, generator(0)).parameter_count
            for size in s["sizes"].values()
        ]
        assert max(counts) < 1.05 * min(counts)
