"""Recipes of decoders that write steps: permutations in two forms, sums in any order."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.decoding.prompting import few_shot_prompt
from nlgnotes.experiments.reasoning.scratchpad import right_answers
from nlgnotes.experiments.reasoning.self_consistency import (
    draw_batch,
    draw_questions,
    sampled_derivations,
)
from nlgnotes.intervals import binomial_interval
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles
from nlgnotes.tasks.automata import draw_inputs
from nlgnotes.tasks.derivations import SumDerivations
from nlgnotes.tasks.permutations import permutations_by_swaps
from nlgnotes.tasks.scratchpad import ScratchpadTask

__all__ = ["RECIPES", "make_permutations", "make_sums"]


def make_permutations(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder on documents of several questions, all answered directly or all with steps.

    So it knows both forms, and demonstrations tell it which.
    """
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    task = ScratchpadTask(permutations_by_swaps(), s["slots"])
    sizes = {k: s[k] for k in ("width", "layers", "heads", "hidden")}
    config = DecoderConfig(task.vocab_size, s["questions"] * task.longest, **sizes)
    model = Decoder(config, randomness.generator(seed, name, "weights"))

    def inputs(n: int, generator: torch.Generator) -> torch.Tensor:
        lengths = torch.randint(1, task.slots + 1, (n,), generator=generator)
        return draw_inputs(task.automaton, lengths, task.slots, generator)

    def draw(generator: torch.Generator) -> Batch:
        # Half of the documents in each form. The shorter ones are padded, without a signal.
        parts = []
        for form in ("direct", "scratchpad"):
            asked = [inputs(s["batch"] // 2, generator) for _ in range(s["questions"])]
            *before, last = (task.rows(each, form) for each in asked)
            parts.append(task.batch(few_shot_prompt(before, last)))
        longest = max(part.inputs.shape[1] for part in parts)
        padded = [
            [F.pad(tensor, (0, longest - tensor.shape[1])) for tensor in part] for part in parts
        ]
        return Batch(*(torch.cat(column) for column in zip(*padded, strict=True)))

    source = {"task": "permutations by swaps"}
    learned = fit_cycles(recipe, source, model, draw, work, progress)
    fresh = inputs(s["evaluation_questions"], randomness.generator(seed, name, "evaluation"))
    metrics = {}
    for form in ("direct", "scratchpad"):
        right = right_answers(model, task, form, fresh)
        metrics[f"right, {form}"] = asdict(binomial_interval(int(right.sum()), len(right)))
    return Made(model, source, metrics, learned, words=task.words)


def make_sums(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder on sums in any order, of which a share of the derivations is mistaken."""
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    sums = SumDerivations(s["digits"])
    sizes = {k: s[k] for k in ("width", "layers", "heads", "hidden")}
    config = DecoderConfig(sums.vocab_size, sums.longest, **sizes)
    model = Decoder(config, randomness.generator(seed, name, "weights"))
    source = {"task": "sums in any order"}
    learned = fit_cycles(recipe, source, model, partial(draw_batch, sums, s), work, progress)
    chance, metrics = randomness.generator(seed, name, "evaluation"), {}
    for sevens in (0, 1):
        asked = draw_questions(sums, s["evaluation_questions"], sevens, chance)
        answers = sampled_derivations(model, sums, asked, 1, 1.0, chance)[1][:, 0]
        right = int((answers == asked.sum(1) % 10).sum())
        metrics[f"right, {sevens} sevens"] = asdict(binomial_interval(right, len(asked)))
    return Made(model, source, metrics, learned, words=sums.words)


RECIPES = (
    Recipe(
        name="permutations-decoder",
        summary="a decoder that follows swaps of five letters, with steps and without",
        make=make_permutations,
        seed=0,
        settings={
            "slots": 8,
            "questions": 3,
            "layers": 2,
            "width": 64,
            "heads": 4,
            "hidden": 256,
            "batch": 32,
            "steps": 2000,
            "learning_rate": 3e-3,
            "evaluation_questions": 1000,
            **SHARED,
        },
        metric="right, scratchpad",
        tolerance=0.02,
    ),
    Recipe(
        name="sums-decoder",
        summary="a decoder that adds digits in any order, stopped early",
        make=make_sums,
        seed=0,
        settings={
            "digits": 6,
            "layers": 2,
            "width": 64,
            "heads": 4,
            "hidden": 256,
            "batch": 64,
            "steps": 450,
            "learning_rate": 3e-3,
            "mistaken": 0.7,
            "evaluation_questions": 1000,
            **SHARED,
        },
        metric="right, 0 sevens",
        tolerance=0.3,  # where an early end falls differs between machines
    ),
)
"""Models, in the order in which they are made."""
