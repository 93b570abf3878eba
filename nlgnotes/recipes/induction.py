"""Recipes of two snapshots of one training that learns to copy."""

import string
from dataclasses import asdict
from pathlib import Path

import torch

from nlgnotes import randomness
from nlgnotes.experiments.induction_heads.training import train
from nlgnotes.experiments.induction_heads.transition import EXPERIMENT, network_and_texts
from nlgnotes.experiments.induction_heads.watching import copying
from nlgnotes.intervals import mean_interval
from nlgnotes.recipes.recipe import Made, Recipe, round_to_stored

__all__ = ["RECIPES", "make_snapshot"]

SYMBOLS = f"{string.ascii_letters}{string.digits}+-"


def make_snapshot(recipe: Recipe, work: Path, progress: bool) -> Made:
    """The two layers of the measurement's first training, after some of its steps.

    There is nothing to resume: a snapshot takes two to four minutes.
    """
    s, seed = recipe.settings, recipe.seed
    model, texts, stream = network_and_texts("two layers", s, seed)
    learned = train(
        model,
        texts,
        steps=s["steps"],
        batch=s["batch"],
        learning_rate=s["learning_rate"],
        generator=stream,
        progress=progress,
    )
    round_to_stored(model)
    model.eval()
    stream = randomness.generator(seed, recipe.name, "evaluation")
    drawn = texts.draw(s["evaluation_texts"], stream)
    with torch.no_grad():
        right = copying(model(drawn.batch.inputs), drawn)
    metrics = {"copied": asdict(mean_interval(right, bounds=(0, 1)))}
    source = {"task": "texts that repeat", "measurement": EXPERIMENT.name}
    return Made(model, source, metrics, learned, words=("start", *SYMBOLS))


_SIZES = ("symbols", "length", "shortest", "longest", "share", "width", "heads", "batch")
_SHARED = {
    **{name: EXPERIMENT.settings[name] for name in (*_SIZES, "learning_rate")},
    "evaluation_texts": 200,
}

RECIPES = (
    Recipe(
        name="induction-before",
        summary="two layers of attention, shortly before they learn to copy (about two minutes)",
        make=make_snapshot,
        seed=EXPERIMENT.seed,
        settings={"snapshot": "before the transition", "steps": 220, **_SHARED},
        metric="copied",
        tolerance=0.1,
    ),
    Recipe(
        name="induction-after",
        summary="the same network when it copies (three or four minutes)",
        make=make_snapshot,
        seed=EXPERIMENT.seed,
        settings={"steps": EXPERIMENT.settings["steps"], **_SHARED},
        metric="copied",
        tolerance=0.1,
    ),
)
"""Snapshots, in the order in which they are made."""
