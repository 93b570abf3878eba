"""Everything in the catalogue is shipped, as the code makes it."""

import json

import pytest

from nlgnotes import checkpoints
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import Recipe

SHIPPED = checkpoints.available()


def test_everything_is_shipped():
    assert set(SHIPPED) == set(RECIPES)
    sizes = [
        sum(f.stat().st_size for f in (checkpoints.FOLDER / name).iterdir()) for name in SHIPPED
    ]
    assert max(sizes) <= 8e6 and sum(sizes) <= 60e6


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_the_ones_in_the_code(name):
    config = json.loads((checkpoints.FOLDER / name / "config.json").read_text())
    recipe, about = RECIPES[name], config["recipe"]
    assert isinstance(recipe, Recipe) and about["settings"] == json.loads(
        json.dumps(dict(recipe.settings))
    )
    assert (about["name"], about["seed"]) == (name, recipe.seed) and about["seconds"] > 0
    past = checkpoints.load(name).history
    # Eight words that are written almost alike leave a tenth of log 8 to learn.
    learned = 0.16 if recipe.name == "comparisons" else 0.5
    assert past["tokens"] == about["tokens"] and past["loss"][-1] < past["loss"][0] - (
        0 if {"from", "snapshot"} & recipe.settings.keys() else learned
    )
    assert len(past["step"]) == len(past["loss"]) <= 200
