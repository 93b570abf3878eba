"""Recipes of decoders that write steps, and the shipped ones held to what they claim."""

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.decoding.prompting import few_shot_prompt
from nlgnotes.experiments.reasoning.scratchpad import right_answers
from nlgnotes.experiments.reasoning.self_consistency import draw_questions, sampled_derivations
from nlgnotes.randomness import generator
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.tasks.automata import draw_inputs
from nlgnotes.tasks.derivations import SumDerivations
from nlgnotes.tasks.permutations import permutations_by_swaps
from nlgnotes.tasks.scratchpad import ScratchpadTask


@pytest.mark.parametrize("name", ["permutations-decoder", "sums-decoder"])
def test_recipes_run_through(name, tmp_path, tiny):
    recipe = tiny(name, evaluation_questions=20)
    assert run(recipe, progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / name)
    assert made.metrics[recipe.metric]["n"] == 20
    assert made.model.config.vocab_size == len(made.words)


def test_the_shipped_permutations_do_as_demonstrated():
    """Both forms at once: what stands before a question decides what is written after it."""
    shipped = checkpoints.load("permutations-decoder")
    settings = RECIPES["permutations-decoder"].settings
    task = ScratchpadTask(permutations_by_swaps(), settings["slots"])
    assert shipped.words == task.words
    lengths = torch.full((60,), task.slots)
    asked = [
        draw_inputs(task.automaton, lengths, task.slots, generator(100, "shipped", i))
        for i in range(3)
    ]
    questions = task.questions(asked[-1])
    for form, mark in (("direct", task.answer), ("scratchpad", task.steps)):
        prompt = few_shot_prompt([task.rows(x, form) for x in asked[:2]], questions)
        with torch.no_grad():
            first = shipped.model(prompt)[:, -1].argmax(-1)
        assert (first == mark).double().mean() > 0.95
    right = {
        form: float(right_answers(shipped.model, task, form, asked[0]).double().mean())
        for form in ("direct", "scratchpad")
    }
    assert right["scratchpad"] > 0.9 and right["direct"] < 0.3


def test_the_shipped_sums_are_as_good_as_they_say():
    shipped = checkpoints.load("sums-decoder")
    sums = SumDerivations(RECIPES["sums-decoder"].settings["digits"])
    assert shipped.words == sums.words
    for sevens in (0, 1):
        asked = draw_questions(sums, 400, sevens, generator(100, "shipped", sevens))
        answers = sampled_derivations(shipped.model, sums, asked, 1, 1.0, generator(101))[1]
        right = (answers[:, 0] == asked.sum(1) % 10).double().mean()
        said = shipped.metrics[f"right, {sevens} sevens"]["value"]
        assert abs(float(right) - said) < 0.14  # 400 and 1000 questions, z above 5
