"""Recipes of decoders that read tasks by examples, and of one that was tuned on instructions."""

from dataclasses import asdict
from pathlib import Path

from nlgnotes import checkpoints
from nlgnotes.experiments.instruction_tuning.accuracy import by_shots, instructed_share
from nlgnotes.experiments.instruction_tuning.documents import draw_documents, untrained_base
from nlgnotes.experiments.instruction_tuning.held_out_clusters import SETTINGS, templates_of
from nlgnotes.intervals import mean_interval
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles
from nlgnotes.tasks.instructions import WORDS
from nlgnotes.tasks.row_tasks import TASKS
from nlgnotes.training.instruction import draw_answers

__all__ = ["RECIPES", "make_base", "make_tuned"]


def make_base(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A base: it reads documents of examples. Measured by exact match after four of them.

    With a 95 % interval over tasks.
    """
    s, seed = recipe.settings, recipe.seed
    model = untrained_base(s, seed)
    source = {"task": "documents of examples"}

    def draw(generator):
        return draw_documents(s, generator)

    learned = fit_cycles(recipe, source, model, draw, work, progress)
    found = by_shots(model, TASKS, (4,), s["evaluation_rows"], seed)["4"]
    metrics = {"four_shots": asdict(mean_interval(list(found.values()), bounds=(0, 1)))}
    return Made(model, source, metrics, learned, words=WORDS)


def make_tuned(recipe: Recipe, work: Path, progress: bool) -> Made:
    """The base of a seed after tuning on all clusters but one, new templates kept for the test.

    Measured by exact match on new rows, with a 95 % interval over tasks.
    """
    s, seed = recipe.settings, recipe.seed
    model = checkpoints.load(s["base"]).model
    tasks = [task for task in TASKS if task.cluster != s["held_out"]]
    training, _ = templates_of(seed)
    source = {"task": "instructions", "base_digest": checkpoints.load(s["base"]).digest}

    def draw(generator):
        return draw_answers(tasks, training, s["batch"], generator)

    learned = fit_cycles(recipe, source, model, draw, work, progress)
    found = instructed_share(model, tasks, training, s["evaluation_rows"], seed)
    metrics = {"new_inputs": asdict(mean_interval(list(found.values()), bounds=(0, 1)))}
    return Made(model, source, metrics, learned, words=WORDS)


def _base(name: str, seed: int, what: str, **own) -> Recipe:
    return Recipe(
        name=name,
        summary=f"a small decoder that reads tasks by examples, {what} (about 5 minutes)",
        make=make_base,
        seed=seed,
        settings={**SETTINGS["pretraining"], "evaluation_rows": 100, **own, **SHARED},
        metric="four_shots",
        tolerance=0.1,
    )


RECIPES = (
    *(_base(f"instruction-base-{seed}", seed, f"training seed {seed}") for seed in range(3)),
    _base("instruction-base-narrow", 0, "half as wide", width=32, hidden=128),
    Recipe(
        name="instruction-tuned",
        summary="the first of them, tuned on seven clusters of instructions (about a minute)",
        make=make_tuned,
        seed=0,
        settings={
            "base": "instruction-base-0",
            "held_out": SETTINGS["sweep"],
            "evaluation_rows": 100,
            **{k: SETTINGS[k] for k in ("steps", "learning_rate", "batch")},
            **SHARED,
        },
        metric="new_inputs",
        tolerance=0.05,
    ),
)
"""Models, in the order in which they are made."""
