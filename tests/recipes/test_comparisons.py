"""The recipe of the reference policy: what is stored is what was measured."""

from dataclasses import replace

import pytest

from nlgnotes import checkpoints
from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.tasks.comparisons import RatedAnswers


def distance(model):
    world = RatedAnswers()
    law = answer_log_probs(model, world.prompt_tokens, world.length)
    return float(kl_divergence(world.writer_log_probs, law).mean())


def test_the_reference_is_made_with_the_metric_of_its_stored_weights(tmp_path):
    recipe = RECIPES["comparisons"]
    small = {"texts": 50, "batch": 8, "steps": 3, "width": 16, "hidden": 16}
    recipe = replace(recipe, settings={**recipe.settings, **small})
    assert run(recipe, progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / "comparisons")
    assert made.metrics["kl_to_model"]["value"] == pytest.approx(distance(made.model), abs=1e-6)
    assert made.words == RatedAnswers().words


def test_the_shipped_reference_is_near_the_writer():
    made = checkpoints.load("comparisons")
    assert distance(made.model) == pytest.approx(made.metrics["kl_to_model"]["value"], abs=1e-4)
    # Words drawn by their habits alone, whatever stands before, are far away.
    assert distance(made.model) < 0.02
