"""Game of 24: rows without the test games, the network's two answers, the measurement."""

import json
import types

import pytest
import torch

from nlgnotes.decoding.tree_of_thoughts import tree_of_thoughts
from nlgnotes.experiments.reasoning import game24
from nlgnotes.experiments.reasoning import game24_player as player
from nlgnotes.experiments.reasoning.game24 import candidate, searched
from nlgnotes.randomness import generator
from nlgnotes.tasks.game24 import (
    SURE,
    VALUE,
    WORDS,
    Step,
    after,
    games,
    is_solution,
    moves,
    reachable,
    read_state,
    read_step,
)

SMALL = {
    "width": 16,
    "layers": 1,
    "heads": 2,
    "hidden": 32,
    "batch": 32,
    "noise": 0.25,
    "steps": 3,
    "learning_rate": 1e-3,
    "tests": 4,
    "split": 5,
    "players": ["7", "8"],
    "k": 2,
    "beams": [1, 2],
    "repeats": 2,
    "samples": 12,
    "votes": 3,
}


@pytest.fixture(scope="module")
def parts():
    """A few games, so that the rows are made at once: the rows, and the test games."""
    every = games(4, 5)
    test = [game for game in every if reachable(game)][::9]
    train = [game for game in every if game not in test]
    return player.training_rows(train, test, player.triples(6, 12)), test


def table_rows(table):
    for tokens, begins in table.values():
        assert begins[0] == 0 and begins[-1] == len(tokens)
        for row in tokens.tolist():
            yield read_state(row[:4]), read_step(row[5:])


def test_no_state_of_a_test_game_is_trained_on(parts):
    rows, test = parts
    hidden = set(test) | {after(game, step) for game in test for step in moves(game)}
    seen = {state for table in (rows.good, rows.legal) for state, _ in table_rows(table)}
    valued = {
        read_state(row)
        for pair in rows.labels.values()
        for states in pair
        for row in states.tolist()
    }
    assert seen and valued and not (seen | valued) & hidden
    # That is more than a split of the games: they share states of three numbers.
    assert player.three_number_states([s for s in seen if len(s) == 4]) & hidden
    assert set(player.triples(6, 12)) & hidden and set(player.triples(6, 12)) - hidden < seen


def test_rows_are_right_and_the_good_ones_keep_24_in_reach(parts):
    rows, _ = parts
    good, legal = set(table_rows(rows.good)), set(table_rows(rows.legal))
    assert all(step.is_right and reachable(after(state, step)) for state, step in good)
    assert all(step.is_right for _, step in legal) and good < legal
    for can, cannot in rows.labels.values():
        assert all(reachable(read_state(row)) for row in can.tolist())
        assert not any(reachable(read_state(row)) for row in cannot.tolist())
    with pytest.raises(ValueError, match="train and test must share no game"):
        player.training_rows([(1, 2, 3, 4)], [(1, 2, 3, 4)])


def test_a_batch_holds_both_answers(parts):
    rows, _ = parts
    batch = player.draw_batch(rows, {"batch": 64, "noise": 0.25}, generator(0))
    assert batch.inputs.shape == batch.targets.shape == (96, 9)
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert batch.mask.sum(1).tolist() == [5] * 64 + [1] * 32
    for state, step in zip(batch.inputs[:64, :4], batch.targets[:64, 4:], strict=True):
        step = read_step(step.tolist())
        assert step.is_right and after(read_state(state.tolist()), step) is not None
    told = batch.targets[64:, 4]
    assert batch.inputs[64:, 4].unique().tolist() == [WORDS.index(VALUE)]
    for row, word in zip(batch.inputs[64:, :4].tolist(), told.tolist(), strict=True):
        assert reachable(read_state(row)) == (WORDS[word] == SURE)
    assert int((told == WORDS.index(SURE)).sum()) == 16
    noiseless = player.draw_batch(rows, {"batch": 400, "noise": 0.0}, generator(0))
    for row in torch.cat([noiseless.inputs[:400], noiseless.targets[:400, -1:]], 1).tolist():
        assert reachable(after(read_state(row[:4]), read_step(row[5:])))


class Scripted(torch.nn.Module):
    """Writes one step whatever it reads, and finds small numbers sure."""

    def __init__(self, step):
        super().__init__()
        self.written, self.config = player.encode_step(step), player.DecoderConfig(len(WORDS), 10)

    def empty_cache(self, batch, capacity):
        return 0

    def step(self, tokens, cache):
        logits = torch.full((*tokens.shape, len(WORDS)), -1e4)
        place = min(max(0, cache + tokens.shape[1] - 5), 4)
        logits[..., self.written[place]] = 0.0
        return logits, cache + tokens.shape[1]

    def forward(self, tokens):
        logits = torch.zeros(*tokens.shape, len(WORDS))
        logits[:, -1, WORDS.index(SURE)] = -tokens[:, 3].float()
        return logits


def test_what_is_written_is_followed_and_what_is_read_is_valued():
    wrong = Step(4, "+", 6, 11)
    plays = player.Player(Scripted(wrong), generator(0))
    roots = [player.start((4, 6, 8, 13)), player.start((1, 1, 2, 2))]
    first, second = plays.propose(roots, 3)
    assert first == [player.Path((8, 11, 13), (wrong,))] * 3 and second == [None] * 3
    low, high = plays.value([player.start((2, 3)), player.start((1, 2))])
    assert low < high and high == pytest.approx(1 / (1 + torch.e**3))


def test_random_play_and_exhaustive_search_by_hand():
    # 4 and 6: sum, difference, product and two quotients.
    assert game24.random_play((4, 6)) == 1 / 5 and game24.exhaustive_nodes((4, 6)) == 5
    assert game24.random_play((24,)) == 1 and game24.random_play((1, 1)) == 0
    # Three twos: 4, 0, 4 and 1; then 5 steps from (2, 4), 4 from (0, 2) and 5 from (1, 2).
    assert game24.exhaustive_nodes((2, 2, 2)) == 4 + 5 + 4 + 5


def test_a_perfect_value_and_every_move_solve_every_game():
    test = [(1, 5, 5, 5), (3, 3, 8, 8), (4, 4, 8, 13), (1, 2, 3, 4)]

    def propose(states, k):
        return [
            [player.Path(after(s.left, step), (*s.steps, step)) for step in moves(s.left)]
            for s in states
        ]

    roots = [player.start(game) for game in test]
    options = {"k": 99, "T": 3, "key": candidate}
    perfect = tree_of_thoughts(
        roots, propose, lambda s: [float(reachable(p.left)) for p in s], b=1, **options
    )
    found = searched(perfect, test)
    assert found["any"] == found["kept"] == found["first"] == [1.0] * 4
    blind = tree_of_thoughts(roots, propose, lambda s: [0.0] * len(s), b=10**6, **options)
    found = searched(blind, test)
    assert found["any"] == found["kept"] == [1.0] * 4
    assert all(a > p for a, p in zip(found["nodes"], found["any_nodes"], strict=True))
    assert found["proposals"] == [tree.proposals for tree in blind]
    for tree, game, nodes in zip(blind, test, found["any_nodes"], strict=True):
        values = sum(len(level.candidates) for level in tree.levels[:2])
        assert tree.proposals == game24.exhaustive_nodes(game) == nodes - values


def test_the_measurement_runs_through_and_again(monkeypatch):
    def load(name):
        return types.SimpleNamespace(model=player.untrained_player(SMALL, int(name)).eval())

    monkeypatch.setattr(game24, "games", lambda: games(4, 4))
    monkeypatch.setattr(game24.checkpoints, "load", load)
    first = game24.measure(SMALL, 5, progress=False)
    assert json.loads(json.dumps(first)).keys() == first.keys()
    assert first["players"].keys() == {"7", "8"} and len(first["tests"]) == 4
    found = first["players"]["7"]
    for name in ("search", "random value", "solver as value", "samples"):
        assert found[name].keys() == {"1", "2"}
        for key, scores in found[name]["2"].items():
            if key not in ("nodes", "any_nodes", "proposals", "m"):
                assert len(scores) == 4 and all(0 <= score <= 1 for score in scores)
    paid = sum(found["search"]["2"]["any_nodes"]) / 4
    assert paid <= found["samples"]["2"]["m"][0] * found["calls"] < paid + found["calls"]
    parts = {}
    again = game24.measure(SMALL, 5, False, lambda part, compute: parts.setdefault(part, compute()))
    assert again == first and set(parts) == {"7", "8"}


def test_a_player_learns_a_handful_of_games(parts):
    """On states that it is trained on, it soon wins most last steps."""
    rows, _ = parts
    settings = SMALL | {"width": 32, "steps": 300, "learning_rate": 1e-2, "batch": 64, "noise": 0.0}
    model = player.untrained_player(settings, 0)
    history = player.train_player(model, rows, settings, 0)
    assert sum(history.losses[-10:]) < 0.5 * sum(history.losses[:10])
    plays = player.Player(model.eval(), generator(0))
    two = sorted({s for s, _ in table_rows(rows.good) if len(s) == 2})
    ends = plays.propose([player.start(state) for state in two], 20)
    wins = sum(
        path is not None and is_solution(state, path.steps)
        for state, row in zip(two, ends, strict=True)
        for path in row
    )
    assert wins / (20 * len(two)) > 0.5
