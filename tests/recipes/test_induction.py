"""Two snapshots of one training: one is the beginning of the other, both are what they say."""

import torch

from nlgnotes import checkpoints
from nlgnotes.experiments.induction_heads.transition import train_kind
from nlgnotes.experiments.induction_heads.watching import copying
from nlgnotes.randomness import generator
from nlgnotes.recipes.catalogue import EXPERIMENTS, RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.tasks.repeated_texts import RepeatedTexts

NAMES = ("induction-before", "induction-after")
SMALL = {"width": 8, "heads": 2, "batch": 2, "evaluation_texts": 6}


def test_a_snapshot_is_the_training_of_the_measurement_stopped(tmp_path, tiny):
    recipe = tiny(NAMES[0], **SMALL, steps=3)
    assert run(recipe, progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / NAMES[0])
    settings = recipe.settings | {"every": 3, "size": 2, "early": 10, "late": 120}
    model, watch = train_kind("two layers", settings, recipe.seed, heads=False)
    assert [row["step"] for row in watch.rows] == [0, 3]
    for name, weights in model.state_dict().items():
        assert torch.equal(weights.half().float(), made.model.state_dict()[name])
    assert made.words[0] == "start" and len(set(made.words)) == 65
    assert made.history["step"] == [1, 2, 3] and made.recipe["tokens"] == 3 * 2 * 128


def test_shipped_snapshots_stand_before_and_after():
    """They are one training, and their copying is what their metrics say."""
    shared = EXPERIMENTS["induction-heads"].settings
    for name, low, high in zip(NAMES, (0.0, 0.9), (0.15, 1.0), strict=True):
        recipe, shipped = RECIPES[name], checkpoints.load(name)
        assert recipe.seed == EXPERIMENTS["induction-heads"].seed
        known = recipe.settings.keys() & shared.keys() - {"steps"}
        assert all(recipe.settings[key] == shared[key] for key in known) and len(known) > 6
        claimed = shipped.metrics["copied"]
        assert low <= claimed["low"] and claimed["high"] <= high
        fresh = RepeatedTexts().draw(100, generator(1, "another evaluation"))
        with torch.no_grad():
            right = copying(shipped.model(fresh.batch.inputs), fresh)
        assert abs(float(right.mean()) - claimed["value"]) < 0.05
    before, after = (checkpoints.load(name).history["loss"] for name in NAMES)
    assert before[0] == after[0] or abs(before[0] - after[0]) < 0.05
