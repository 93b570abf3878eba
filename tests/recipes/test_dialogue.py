"""Recipes of the dialogue laws, and the shipped models held to what they claim."""

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.batches import reply_batch
from nlgnotes.experiments.generic_replies.laws import law_batch
from nlgnotes.intervals import ratio_of_totals
from nlgnotes.languages import Dialogue, language_for
from nlgnotes.randomness import generator
from nlgnotes.recipes import dialogue
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.training.likelihood import token_nll

SHIPPED = checkpoints.available()


@pytest.mark.parametrize("name", ["dialogue-forward", "dialogue-swapped", "dialogue-reply"])
def test_dialogue_models_are_measured_on_what_their_law_speaks_of(name, tmp_path, tiny):
    recipe = tiny(name, context=96, evaluation_documents=300)
    assert run(recipe, progress=False, folder=tmp_path)
    made, language = checkpoints.load(tmp_path / name), Dialogue.standard()
    assert made.words == language.words and language_for(made.recipe).words == language.words
    queries, replies = language.sample_pairs(300, generator(0, name, "evaluation"))
    documents, given, floor = {
        "dialogue-forward": (
            language.joined(queries, replies),
            queries.lengths,
            language.log_reply_given_query(queries, replies),
        ),
        "dialogue-swapped": (
            language.swapped(queries, replies),
            replies.lengths,
            language.log_query_given_reply(queries, replies),
        ),
        "dialogue-reply": (replies, torch.zeros_like(replies.lengths), language.log_reply(replies)),
    }[name]
    count = documents.lengths - given
    rows = zip(token_nll(made.model, documents), given.tolist(), strict=True)
    ours = sum(float(row[g:].sum()) for row, g in rows)
    assert made.metrics["model_nats_per_token"]["value"] == pytest.approx(
        ours / int(count.sum()), rel=1e-5
    )
    assert made.metrics["language_nats_per_token"]["value"] == pytest.approx(
        -float(floor.sum() / count.sum()), rel=1e-9
    )


@pytest.mark.parametrize("name", [n for n in SHIPPED if RECIPES[n].make is dialogue.make_dialogue])
def test_shipped_dialogue_models_are_near_the_floor(name):
    shipped, law = checkpoints.load(name), RECIPES[name].settings["law"]
    language = language_for(shipped.recipe)  # raises when the language has changed
    claimed, bound = (
        shipped.metrics["relative_gap"],
        {"P(T|S)": 0.03, "P(S|T)": 0.08, "P(T)": 0.03}[law],
    )
    assert 0 < claimed["value"] and claimed["high"] < bound
    batch, exact = law_batch(
        language, law, *language.sample_pairs(400, generator(1, name, "test")), 96
    )
    floor = -exact
    with torch.no_grad():
        nll = torch.nn.functional.cross_entropy(
            shipped.model(batch.inputs).mT, batch.targets, reduction="none"
        )
    gap = ratio_of_totals(
        torch.where(batch.mask, nll, 0.0).double().sum(-1) - floor, floor, confidence=1 - 1e-7
    )
    wide = 5.5 / 1.96 * (claimed["high"] - claimed["low"]) / 2
    assert gap.low <= claimed["value"] + wide and claimed["value"] - wide <= gap.high


def test_the_shipped_reply_model_prefers_the_generic_reply():
    if "dialogue-forward" not in SHIPPED:
        pytest.skip("not shipped")
    shipped, language = checkpoints.load("dialogue-forward"), Dialogue.standard()
    batch = reply_batch(
        language.queries,
        language.replies.select(torch.zeros(len(language.queries), dtype=torch.long)),
    )
    with torch.no_grad():
        scores = (
            shipped.model(batch.inputs).log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0]
        )
    share = torch.where(batch.mask, scores, 0.0).sum(-1).exp()
    assert bool(((share > 0.35) & (share < 0.65)).all())  # in the language: 0.5, whatever was asked
