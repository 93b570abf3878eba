"""Recipes of the players of the Game of 24: nothing of a test game, and what the shipped can do."""

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.experiments.reasoning import game24
from nlgnotes.experiments.reasoning.game24_player import Player, start, three_number_states
from nlgnotes.randomness import generator
from nlgnotes.recipes import game24 as player_recipes
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.tasks.game24 import WORDS, games, is_solution, reachable


def test_a_player_never_reads_what_a_test_game_can_become(tmp_path, monkeypatch, tiny):
    few = games(4, 4)
    monkeypatch.setattr(game24, "games", lambda: few)
    monkeypatch.setattr(player_recipes, "games", lambda count, largest: games(count, 14)[-40:])
    plain, read = player_recipes.draw_batch, []

    def noted(rows, settings, stream):
        batch = plain(rows, settings, stream)
        read.extend(map(tuple, batch.inputs[:, :4].tolist()))
        return batch

    monkeypatch.setattr(player_recipes, "draw_batch", noted)
    recipe = tiny("game24-0", tests=6, triples=(4, 6), evaluation_samples=2, batch=200, steps=6)
    assert run(recipe, progress=False, folder=tmp_path)
    made, (train, test) = checkpoints.load(tmp_path / "game24-0"), game24.split(recipe.settings)
    states = {tuple(int(WORDS[i]) for i in row if i) for row in read}
    assert not states & (set(test) | three_number_states(test))
    assert {len(state) for state in states} == {1, 2, 3, 4} and states & set(train)
    assert any(len(state) == 4 and state[-1] > 13 for state in states)
    assert made.words == WORDS and made.metrics["solved_by_one_sample"]["n"] == 6


def test_the_players_differ_in_their_seed_alone():
    made = [RECIPES[name] for name in game24.PLAYERS]
    assert [recipe.seed for recipe in made] == [0, 1, 2]
    assert all(recipe.settings == made[0].settings for recipe in made)
    for key in ("tests", "split"):
        assert made[0].settings[key] == game24.EXPERIMENT.settings[key]
    weights = [checkpoints.load(name).model.embedding for name in game24.PLAYERS]
    assert not torch.equal(weights[0], weights[1]) and not torch.equal(weights[1], weights[2])


@pytest.mark.parametrize("name", game24.PLAYERS)
def test_a_shipped_player_plays_as_well_as_it_says(name):
    shipped = checkpoints.load(name)
    player = Player(shipped.model, generator(0, "other samples"))
    test = game24.split(RECIPES[name].settings)[1]
    tries = player.play([start(game) for game in test], 20)
    solved = [
        sum(end is not None and is_solution(game, end.steps) for end, _ in row) / 20
        for game, row in zip(test, tries, strict=True)
    ]
    said = shipped.metrics["solved_by_one_sample"]["value"]
    # 2,000 and 4,000 samples: a difference of .06 is more than five standard errors.
    assert abs(sum(solved) / len(test) - said) < 0.06
    states = sorted(three_number_states(test))
    values = torch.tensor(player.value([start(state) for state in states]))
    can = torch.tensor([reachable(state) for state in states])
    # On states that it was not trained on, better than a guess by far more than chance allows.
    assert values[can].mean() - values[~can].mean() > 0.1
