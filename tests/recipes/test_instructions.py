"""Recipes of instruction tuning: how they are measured, and what the shipped ones can do."""

import pytest

from nlgnotes import checkpoints
from nlgnotes.experiments.instruction_tuning.accuracy import by_shots, instructed_share
from nlgnotes.experiments.instruction_tuning.held_out_clusters import templates_of
from nlgnotes.recipes import instructions
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.tasks.instructions import WORDS
from nlgnotes.tasks.row_tasks import TASKS

BASES = [n for n in checkpoints.available() if RECIPES[n].make is instructions.make_base]


def test_a_base_is_measured_after_four_examples_and_a_tuned_one_by_instructions(tmp_path, tiny):
    small = {"evaluation_rows": 5, "tokens": 80}
    assert run(tiny("instruction-base-1", **small), progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / "instruction-base-1")
    assert made.words == WORDS
    found = by_shots(made.model, TASKS, (4,), 5, 1)["4"]
    assert made.metrics["four_shots"]["value"] == pytest.approx(sum(found.values()) / 24)
    assert run(tiny("instruction-tuned", **small), progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / "instruction-tuned")
    tasks = [task for task in TASKS if task.cluster != "reordering"]
    found = instructed_share(made.model, tasks, templates_of(0)[0], 5, 0)
    assert made.metrics["new_inputs"]["value"] == pytest.approx(sum(found.values()) / 21)
    base = checkpoints.load("instruction-base-0")
    assert made.recipe["base_digest"] == base.digest


@pytest.mark.parametrize("name", BASES)
def test_a_shipped_base_does_tasks_by_examples_and_hardly_by_instructions(name):
    model = checkpoints.load(name).model
    shown = by_shots(model, TASKS, (4,), 40, 11)["4"]
    told = instructed_share(model, TASKS, templates_of(0)[0], 40, 11)
    assert sum(shown.values()) / 24 > 0.3 > sum(told.values()) / 24


def test_the_shipped_tuned_model_follows_the_instructions_that_it_was_tuned_on():
    model = checkpoints.load("instruction-tuned").model
    known = [task for task in TASKS if task.cluster != "reordering"]
    told = instructed_share(model, known, templates_of(0)[0], 40, 11)
    assert sum(told.values()) / 21 > 0.6
