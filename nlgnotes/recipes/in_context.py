"""Recipes of decoders that read documents of labelled examples."""

from dataclasses import asdict
from pathlib import Path

from nlgnotes import randomness
from nlgnotes.experiments.in_context_learning.demonstrations import (
    ARMS,
    beliefs,
    family_of,
    train_on_documents,
)
from nlgnotes.experiments.in_context_learning.frozen_weights import EXPERIMENT
from nlgnotes.intervals import mean_interval
from nlgnotes.recipes.recipe import Made, Recipe, round_to_stored

__all__ = ["RECIPES", "WORDS", "make_reader"]

WORDS = (
    *("<start>", "A", "B", "C", "D", "|"),
    *("cloud", "match", "coin", "tune", "rain", "goal", "bank", "song"),
    "<null>",
)
"""How the ids are written: the labels, the separator, then a weak and a strong word a kind."""


def make_reader(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder of one ``arm``, as the measurement trains it, on a seed of its own.

    Metrics, over documents: ``kl_to_posterior``, KL(posterior ‖ model) in nats a label, and
    ``accuracy_at_SHOTS`` with the most demonstrations of training.
    """
    s, arm = recipe.settings, recipe.settings["arm"]
    model, history = train_on_documents(arm, s, recipe.seed, progress, work)
    round_to_stored(model)
    model.eval()
    family = family_of(s, arm)
    stream = randomness.generator(recipe.seed, recipe.name, "evaluation")
    fresh = family.sample(s["documents"], s["examples"], stream)
    read = beliefs(model, family, fresh.words, fresh.labels)
    right = read.right(fresh.labels)["model"][:, -1].double()
    metrics = {
        "kl_to_posterior": asdict(mean_interval(read.distances()["kl"].mean(1))),
        f"accuracy_at_{s['examples'] - 1}": asdict(mean_interval(right, bounds=(0, 1))),
    }
    return Made(model, {"task": "labelled examples"}, metrics, history, WORDS)


RECIPES = tuple(
    Recipe(
        name=f"in-context-{arm.replace(' ', '-')}",
        summary=f"a decoder that reads labelled examples, {what} (at most 9 minutes)",
        make=make_reader,
        seed=1000,
        settings={"arm": arm, **EXPERIMENT.settings},
        metric="kl_to_posterior",
        tolerance=0.05,
    )
    for arm, what in zip(
        ARMS,
        ("a mapping for each document", "one mapping", "one mapping, labels in bursts"),
        strict=True,
    )
)
"""Models, in the order in which they are made."""
