"""Recipes of the readers of labelled examples: what is stored is what was measured."""

from dataclasses import replace

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.experiments.in_context_learning.demonstrations import beliefs, family_of
from nlgnotes.randomness import generator
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run

NAMES = ("in-context-per-document", "in-context-fixed", "in-context-bursty")


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_is_made_with_the_metrics_of_its_stored_weights(name, tmp_path):
    recipe = RECIPES[name]
    arms = {arm: part | {"steps": 2} for arm, part in recipe.settings["arms"].items()}
    small = {"arms": arms, "examples": 3, "batch": 4, "documents": 30, "width": 16, "hidden": 16}
    recipe = replace(recipe, settings={**recipe.settings, **small})
    assert run(recipe, progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / name)
    family = family_of(recipe.settings, recipe.settings["arm"])
    fresh = family.sample(30, 3, generator(recipe.seed, name, "evaluation"))
    read = beliefs(made.model, family, fresh.words, fresh.labels)
    stored = made.metrics["kl_to_posterior"]
    assert stored["value"] == pytest.approx(float(read.distances()["kl"].mean()), abs=1e-6)
    assert stored["n"] == 30 and "accuracy_at_2" in made.metrics


@pytest.mark.parametrize("name", NAMES)
def test_shipped_readers_are_near_the_posterior(name):
    made = checkpoints.load(name)
    family = family_of(made.recipe["settings"], made.recipe["settings"]["arm"])
    fresh = family.sample(400, 9, generator(7, name, "test"))
    read = beliefs(made.model, family, fresh.words, fresh.labels)
    # A reader that says each label alike is 0.9 nats away and more.
    assert float(read.distances()["kl"].mean()) < 0.2
    even = torch.full_like(read.model, 0.25).log()
    assert float(read._replace(model=even).distances()["kl"].mean()) > 0.5
