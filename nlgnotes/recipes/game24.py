"""Recipes of the small decoders that play the Game of 24: one training, three seeds."""

from dataclasses import asdict
from pathlib import Path

from nlgnotes import randomness
from nlgnotes.experiments.reasoning import game24
from nlgnotes.experiments.reasoning.game24_player import (
    Player,
    draw_batch,
    start,
    training_rows,
    triples,
    untrained_player,
)
from nlgnotes.intervals import mean_interval
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles
from nlgnotes.tasks.game24 import WORDS, games, is_solution

__all__ = ["RECIPES", "make_player"]


def make_player(recipe: Recipe, work: Path, progress: bool) -> Made:
    """Proposer and value in one decoder, trained without what test games can become in one step.

    The split is that of the measurement, so that its test games are new to this player, too.
    """
    s, seed = recipe.settings, recipe.seed
    train, test = game24.split(s)
    wider = [game for game in games(4, s["largest"]) if game[-1] > 13]
    rows = training_rows([*train, *wider], test, triples(*s["triples"]))
    model = untrained_player(s, seed)
    source = {"task": "game24", "test games": len(test)}
    learned = fit_cycles(
        recipe, source, model, lambda stream: draw_batch(rows, s, stream), work, progress
    )
    player = Player(model, randomness.generator(seed, "game24", "evaluation"))
    tries = player.play([start(game) for game in test], s["evaluation_samples"])
    shares = [
        sum(end is not None and is_solution(game, end.steps) for end, _ in row) / len(row)
        for game, row in zip(test, tries, strict=True)
    ]
    metrics = {"solved_by_one_sample": asdict(mean_interval(shares, bounds=(0, 1)))}
    return Made(model, source, metrics, learned, words=WORDS)


_PLAYER = {
    "width": 64,
    "layers": 2,
    "heads": 4,
    "hidden": 256,
    "batch": 96,
    "noise": 0.3,
    "largest": 16,
    "triples": (20, 60),
    "steps": 4500,
    "learning_rate": 5e-3,
    "evaluation_samples": 40,
    "tests": game24.EXPERIMENT.settings["tests"],
    "split": game24.EXPERIMENT.settings["split"],
    **SHARED,
}

RECIPES = tuple(
    Recipe(
        name=name,
        summary="a decoder that proposes and values steps of the Game of 24 (about 5 minutes)",
        make=make_player,
        seed=seed,
        settings=_PLAYER,
        metric="solved_by_one_sample",
        tolerance=0.05,
    )
    for seed, name in enumerate(game24.PLAYERS)
)
"""Models, in the order in which they are made."""
