"""Recipes of models of the synthetic languages, and the shipped ones held to what they claim."""

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.intervals import ratio_of_totals
from nlgnotes.languages import Brackets, language_for
from nlgnotes.randomness import generator
from nlgnotes.recipes import language_models
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.training.likelihood import token_nll

SHIPPED = checkpoints.available()


@pytest.mark.parametrize(
    "name", [n for n in SHIPPED if RECIPES[n].make is language_models.make_language_model]
)
def test_shipped_language_models_are_as_near_the_floor_as_they_say(name):
    shipped = checkpoints.load(name)
    language = language_for(shipped.recipe)  # raises when the language has changed
    claimed = shipped.metrics["relative_gap"]
    fresh = language.sample(
        300, generator(1, name, "test"), max_length=shipped.model.config.context
    )
    floor = -language.log_prob(fresh)
    gap = ratio_of_totals(
        token_nll(shipped.model, fresh).double().sum(-1) - floor, floor, confidence=1 - 1e-7
    )
    # Two intervals that both hold the truth (false alarm < 1e-6: the claimed one widened from 1.96
    # to 5.5 standard errors).
    wide = 5.5 / 1.96 * (claimed["high"] - claimed["low"]) / 2
    assert gap.low <= claimed["value"] + wide and claimed["value"] - wide <= gap.high
    if name == "newswire-lm":
        assert claimed["high"] < 0.01 and shipped.metrics["gap_nats_per_token"]["low"] > 0
    elif name == "brackets-lm":
        assert claimed["high"] < 0.03 and shipped.metrics["gap_nats_per_token"]["low"] > 0
    elif name == "oracle-lm":  # imperfect on purpose
        assert 0.1 < claimed["value"] < 0.3
    else:
        assert 0.02 < claimed["value"] < 0.15


def test_the_shipped_bracket_model_remembers_what_is_open():
    if "brackets-lm" not in SHIPPED:
        pytest.skip("not shipped")
    model, language = checkpoints.load("brackets-lm").model, Brackets.standard()
    tokens = language.sample(300, generator(1, "brackets-lm", "memory"), max_length=127).tokens
    stacks, depth = language.stack_after(tokens)
    # Where a closer has just uncovered a bracket that was open 20 tokens before: since then the
    # depth was never less.
    now = depth[:, 20:]
    rows, t = (
        ((now < depth[:, 19:-1]) & (now > 0) & (depth.unfold(1, 21, 1).amin(-1) == now)).nonzero().T
    )
    top = stacks[rows, t + 20].gather(-1, depth[rows, t + 20, None] - 1)
    with torch.no_grad():
        scores = model(torch.nn.functional.pad(tokens, (1, 0)))[rows, t + 20]
    closers = scores[:, list(language.closers)].softmax(-1)
    assert len(rows) > 100 and float(closers.gather(-1, top).mean()) > 0.7  # chance is 1/4
