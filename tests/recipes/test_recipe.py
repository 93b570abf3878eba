"""A recipe leaves a whole checkpoint, is interrupted and made again, and compared."""

import os
import random
import signal
import time

import pytest
import torch
from torch import nn

from nlgnotes import checkpoints
from nlgnotes.languages import Markov, Newswire, language_for
from nlgnotes.randomness import generator
from nlgnotes.recipes import language_models, recipe
from nlgnotes.recipes.recipe import round_to_stored, run
from nlgnotes.text import corpus


@pytest.mark.parametrize(
    "name",
    [
        "newswire-lm",
        "even-lm",
        "uneven-lm",
        "oracle-lm",
        "brackets-lm",
        "python-docs-lm",
        "python-docs-lstm",
    ],
)
def test_each_recipe_leaves_a_whole_checkpoint_that_says_what_it_is(name, tmp_path, little, tiny):
    text_model = name.startswith("python-docs")
    extra = {"vocab_size": 280} if text_model else {"language_vocab_size": 20, "documents": 30}
    extra = (
        {"second_cycle": {"steps": 2, "learning_rate": 1e-3}} if name == "newswire-lm" else extra
    )
    recipe = tiny(name, **extra)
    assert run(recipe, progress=False, folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name], "work folders are cleared away"
    made = checkpoints.load(tmp_path / name)
    assert made.recipe["settings"] == recipe.settings and made.recipe["seed"] == 0
    assert made.metrics[recipe.metric].keys() == {"value", "low", "high", "n"}
    steps = 6 if name == "newswire-lm" else 4
    past = made.history
    assert (
        past["step"] == list(range(1, steps + 1))
        and len(past["loss"]) == steps
        and past["tokens"] == made.recipe["tokens"]
    )
    if text_model:
        assert (
            made.recipe["corpus_digest"] == corpus.corpus_digest()
            and made.tokenizer.vocab_size == 280
        )
    else:
        assert made.words == language_for(made.recipe).words


def test_making_twice_gives_the_same_and_says_that_it_agrees(tmp_path, capsys, little, tiny):
    run(tiny("newswire-lm"), folder=tmp_path)
    made = checkpoints.load(tmp_path / "newswire-lm")
    first = made.digest
    # The metrics are those of the weights as they are stored: measured again on the same documents
    # they are the same number.
    fresh = Newswire.toy().sample(20, generator(0, "newswire-lm", "evaluation"), max_length=16)
    again = recipe.gap_metrics(made.model, Newswire.toy(), fresh)
    assert again["relative_gap"]["value"] == pytest.approx(
        made.metrics["relative_gap"]["value"], rel=1e-9
    )
    assert run(tiny("newswire-lm"), folder=tmp_path)
    assert checkpoints.load(tmp_path / "newswire-lm").digest == first
    assert "agrees within 0.002" in capsys.readouterr().out


def test_what_does_not_agree_replaces_only_by_force(tmp_path, capsys, little, tiny):
    run(tiny("newswire-lm"), folder=tmp_path)
    first = checkpoints.load(tmp_path / "newswire-lm").digest
    other = tiny("newswire-lm", steps=30, learning_rate=0.02)
    assert not run(other, folder=tmp_path)
    said = capsys.readouterr().out
    assert (
        "does not agree within 0.002 (not the same settings)" in said
        and "the shipped one stays" in said
    )
    assert checkpoints.load(tmp_path / "newswire-lm").digest == first
    assert checkpoints.load(tmp_path / "newswire-lm.partial" / "made").digest != first
    assert not run(other, force=True, folder=tmp_path)
    assert checkpoints.load(tmp_path / "newswire-lm").digest != first
    assert [p.name for p in tmp_path.iterdir()] == ["newswire-lm"]


def test_an_interrupted_recipe_goes_on_and_ends_the_same(tmp_path, monkeypatch, tiny):
    recipe = tiny("even-lm", language_vocab_size=20, documents=30, steps=120)
    run(recipe, progress=False, folder=tmp_path / "whole")
    drawn, document_batch = [], language_models.document_batch

    def interrupted(documents):
        drawn.append(1)
        if len(drawn) == 110:  # after the saving at step 100
            raise KeyboardInterrupt
        return document_batch(documents)

    monkeypatch.setattr(language_models, "document_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, progress=False, folder=tmp_path / "cut")
    assert not (tmp_path / "cut" / "even-lm").exists(), "a part of a checkpoint is not shown as one"
    assert checkpoints.available(tmp_path / "cut") == ()
    run(recipe, progress=False, folder=tmp_path / "cut")
    # 120 steps and those lost between the last saving and the interruption: it did not start anew.
    assert len(drawn) < 120 + 30
    whole, cut = (checkpoints.load(tmp_path / where / "even-lm") for where in ("whole", "cut"))
    assert whole.digest == cut.digest and whole.metrics == cut.metrics


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that is copied")
@pytest.mark.parametrize("moment", range(3))
def test_a_recipe_that_is_killed_at_any_moment_goes_on_and_ends_the_same(tmp_path, tiny, moment):
    recipe = tiny("even-lm", language_vocab_size=20, documents=30, steps=120)
    start = time.monotonic()
    run(recipe, progress=False, folder=tmp_path / "whole")
    seconds = time.monotonic() - start
    if (child := os.fork()) == 0:
        try:
            run(recipe, progress=False, folder=tmp_path / "cut")
        finally:
            os._exit(0)
    time.sleep(random.Random(moment).uniform(0, 0.9) * seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for name in checkpoints.available(tmp_path / "cut"):  # whole, if it was that far
        checkpoints.load(tmp_path / "cut" / name)
    run(recipe, progress=False, folder=tmp_path / "cut")
    whole, cut = (checkpoints.load(tmp_path / where / "even-lm") for where in ("whole", "cut"))
    assert whole.digest == cut.digest and whole.metrics == cut.metrics
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["even-lm"]


def test_groups_of_like_length_take_every_document_equally_often():
    drawn = Markov.even(20, generator(0, "x")).sample(200, generator(1, "x"), max_length=40)
    # All eight groups of one drawing: they partition it, each with about an eighth of the tokens.
    groups = {}
    for seed in range(120):  # a group is missed with probability (7/8)**120 * 8 < 1e-6
        group = drawn.select(recipe.rows_of_like_length(drawn.lengths, 8, generator(seed, "g")))
        groups[str(group.tokens.tolist())] = group
    assert len(groups) == 8
    rows = [
        tuple(g.tokens[i, : g.lengths[i]].tolist()) for g in groups.values() for i in range(len(g))
    ]
    assert sorted(rows) == sorted(
        tuple(drawn.tokens[i, : drawn.lengths[i]].tolist()) for i in range(200)
    )
    assert all(abs(g.total - drawn.total / 8) <= 40 for g in groups.values())


def test_what_is_measured_is_what_will_be_stored():
    model = nn.Linear(3, 2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    round_to_stored(model)
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float32 and torch.equal(weight, before[name].half().float())
    assert not torch.equal(model.weight, before["weight"])
