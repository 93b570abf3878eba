"""The Game of 24 at equal budget: search over thoughts against independent samples.

Both use the same proposer, and both are judged by the same checker, or by none. The budget is
counted in nodes: calls of the proposer and calls of the value. Taught in: book/reasoning.ipynb.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch

from nlgnotes import checkpoints, randomness
from nlgnotes.decoding.tree_of_thoughts import Tree, tree_of_thoughts
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.reasoning.game24_player import (
    Path,
    Player,
    start,
    three_number_states,
)
from nlgnotes.experiments.reasoning.selection import any_of, best_of, vote_of
from nlgnotes.tasks.game24 import (
    State,
    after,
    games,
    is_solution,
    moves,
    reachable,
    solving_steps,
    split_games,
)

__all__ = [
    "EXPERIMENT",
    "PLAYERS",
    "candidate",
    "exhaustive_nodes",
    "measure",
    "play_off",
    "random_play",
    "sampled",
    "searched",
    "split",
]

Settings = Mapping[str, Any]
T = 3  # steps of a game of four numbers
PLAYERS = ("game24-0", "game24-1", "game24-2")
"""The shipped players: the same training with three seeds."""


def split(settings: Settings) -> tuple[list[State], list[State]]:
    """The training games and the test games of all players, by multiset.

    Args:
        settings: ``tests`` (how many test games) and ``split`` (the seed by which they are drawn).
    """
    stream = randomness.generator(settings["split"], "game24", "split")
    return split_games(games(), settings["tests"], stream)


@cache
def random_play(state: State) -> float:
    """The probability that right steps drawn at random from a state end in 24, exactly."""
    if len(state) == 1:
        return float(reachable(state))
    steps = moves(state)
    return sum(random_play(after(state, step)) for step in steps) / len(steps)


def exhaustive_nodes(game: State) -> int:
    """How many steps exhaustive search writes, each different state of a level opened once."""
    level, written = {game}, 0
    for _ in range(len(game) - 1):
        steps = [(state, step) for state in level for step in moves(state)]
        written += len(steps)
        level = {after(state, step) for state, step in steps}
    return written


def candidate(path: Path) -> Hashable:
    """What the search counts as one candidate: the numbers left; at the end, the whole path."""
    return path.left if len(path.left) > 1 else path


def searched(trees: Sequence[Tree], test: Sequence[State]) -> dict[str, list[float]]:
    """How some searches ended, one number a game.

    Args:
        trees: of :func:`tree_of_thoughts`, the states :class:`Path`.
        test: their games.

    Returns:
        ``any``: whether the checker finds a solution among all that the last level proposed, for
        which ``any_nodes`` were paid: the last level needs no values. ``kept``: whether it finds
        one among the b that were kept, as the paper counts; ``first``: whether the one of the
        highest value is a solution, with no checker. For these two ``nodes`` were paid. In both
        ``proposals`` are the calls of the proposer.
    """
    found: dict[str, list[float]] = {"any": [], "any_nodes": [], "kept": [], "first": []}
    found |= {"nodes": [], "proposals": []}
    for tree, game in zip(trees, test, strict=True):
        last = tree.levels[-1]
        right = [is_solution(game, path.steps) for path in tree.answers]
        found["any"].append(any(is_solution(game, c.state.steps) for c in last.candidates))
        found["any_nodes"].append(tree.nodes - len(last.candidates))
        found["kept"].append(any(right))
        found["first"].append(bool(right) and right[0])
        found["nodes"].append(tree.nodes)
        found["proposals"].append(tree.proposals)
    return {name: [float(number) for number in numbers] for name, numbers in found.items()}


def sampled(player: Player, test: Sequence[State], n: int) -> list[dict[str, list]]:
    """n independent samples of each game.

    Returns:
        For each game ``right``, ``calls`` of the proposer, ``values`` (of what is left at the end;
        below all others where nothing was written) and ``answers`` (the steps), one a sample.
    """
    rows = player.play([start(game) for game in test], n)
    ends = [end for row in rows for end, _ in row if end is not None]
    worth = iter(player.value(ends))
    found = []
    for game, row in zip(test, rows, strict=True):
        found.append(
            {
                "right": [end is not None and is_solution(game, end.steps) for end, _ in row],
                "calls": [calls for _, calls in row],
                "values": [-1.0 if end is None else next(worth) for end, _ in row],
                "answers": [
                    ("none", i) if end is None else tuple(sorted(map(str, end.steps)))
                    for i, (end, _) in enumerate(row)
                ],
            }
        )
    return found


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Success by budget of search and of samples, of trained players on the same test games.

    Args:
        settings: as in :func:`split`, and ``players`` (the names of their checkpoints), ``k``
            (proposals a state), ``beams`` (each b), ``repeats`` (searches of each game and b),
            ``samples`` (of each game), ``votes`` (subsets drawn for a majority).
        seed: of what is drawn from the players.
        progress: not used; there is no bar.
        keep: see ``experiment.Experiment``.

    Returns:
        ``tests``: the test games; ``random``: of each the probability that random play solves it;
        ``exhaustive``: of each the nodes of exhaustive search; ``beams``; ``players``: what
        :func:`play_off` finds for each.
    """
    test = split(settings)[1]
    players = {}
    for name in settings["players"]:
        players[name] = keep(name, partial(_play_off, settings, name, seed, test))
    return {
        "tests": [list(game) for game in test],
        "random": [_round(random_play(game)) for game in test],
        "exhaustive": [exhaustive_nodes(game) for game in test],
        "beams": list(settings["beams"]),
        "players": players,
    }


def _play_off(settings: Settings, name: str, seed: int, test: list[State]) -> dict[str, Any]:
    return play_off(
        checkpoints.load(name).model, settings, test, partial(randomness.generator, seed, name)
    )


def play_off(
    model: Any, settings: Settings, test: list[State], streams: Callable[..., torch.Generator]
) -> dict[str, Any]:
    """One player: for each b searches with three values, and as many nodes of samples.

    Args:
        model: of a :class:`Player`.
        settings: as in :func:`measure`.
        test: the games.
        streams: from the names of a use of chance to its generator.

    Returns:
        ``player``: its skill on states that training has not seen; ``calls`` of the proposer for
        one sample; ``right``: how many of each game's samples are; for each b, ``search``, with the
        learned value, and its two controls ``random value`` and ``solver as value``: what
        :func:`searched` gives, the mean of the repeats; ``samples``: at least as many nodes of
        samples as of ``search``. They are ``m``: for ``any``, where the checker sees all; for
        ``kept`` (the same at the nodes of the values of the last step, too) and ``vote``; and for
        ``best``, where each sample's end is valued.
    """
    player = Player(model, streams("samples"))
    samples = sampled(player, test, settings["samples"])
    of_calls = sum(sum(row["calls"]) for row in samples) / len(test) / settings["samples"]
    found: dict[str, Any] = {
        "player": _skill(player, test),
        "calls": _round(of_calls),
        "right": [sum(row["right"]) for row in samples],
        "search": {},
        "random value": {},
        "solver as value": {},
        "samples": {},
    }
    luck, votes = streams("random value"), streams("votes")

    def random_value(states: list[Path]) -> list[float]:
        return torch.rand(len(states), generator=luck).tolist()

    def solver(states: list[Path]) -> list[float]:
        return [float(reachable(path.left)) for path in states]

    values = {"search": player.value, "random value": random_value, "solver as value": solver}
    for b in settings["beams"]:
        for name, value in values.items():
            player = Player(model, streams(name, b))
            ends = [
                searched(
                    tree_of_thoughts(
                        [start(game) for game in test],
                        player.propose,
                        value,
                        k=settings["k"],
                        T=T,
                        b=b,
                        key=candidate,
                    ),
                    test,
                )
                for _ in range(settings["repeats"])
            ]
            found[name][str(b)] = {
                key: [
                    _round(sum(each) / len(ends))
                    for each in zip(*(e[key] for e in ends), strict=True)
                ]
                for key in ends[0]
            }
        paid = found["search"][str(b)]
        checked, unchecked = (sum(paid[key]) / len(test) for key in ("any_nodes", "nodes"))
        # Rounded up: the samples are given at least the search's nodes.
        m, own = math.ceil(checked / of_calls), math.ceil(unchecked / of_calls)
        valued = math.ceil(unchecked / (of_calls + 1))
        found["samples"][str(b)] = {
            "m": [m, own, valued],
            "any": [_round(any_of(row["right"], m)) for row in samples],
            "kept": [_round(any_of(row["right"], own)) for row in samples],
            "best": [_round(best_of(row["right"], row["values"], valued)) for row in samples],
            "vote": [
                _round(vote_of(row["right"], row["answers"], own, settings["votes"], votes))
                for row in samples
            ],
        }
    return found


def _skill(player: Player, test: list[State]) -> dict[str, float]:
    """What proposer and value are worth on states that training has not seen."""
    first = player.propose([start(game) for game in test], 20)
    steps = [path.steps[-1] for row in first for path in row if path is not None]
    good = sum(
        path is not None and path.steps[-1].is_right and reachable(path.left)
        for row in first
        for path in row
    )
    states = sorted(three_number_states(test))
    can = torch.tensor([reachable(state) for state in states])
    values = torch.tensor(player.value([start(state) for state in states]))
    above = (values[can][:, None] > values[~can]).double().mean()
    everywhere = [len(solving_steps(game)) / len(moves(game)) for game in test]
    return {
        "right": _round(sum(step.is_right for step in steps) / (20 * len(test))),
        "good": _round(good / (20 * len(test))),
        "good_by_chance": _round(sum(everywhere) / len(test)),
        "value_auc": _round(above),
        "reachable": _round(can.double().mean()),
    }


def _round(number: Any) -> float:
    return round(float(number), 4)


EXPERIMENT = Experiment(
    name="game24",
    summary="Game of 24: search against samples at equal nodes, 3 players (about 5 minutes)",
    measure=measure,
    seed=0,
    settings={
        "tests": 100,
        "split": 0,
        "players": list(PLAYERS),
        "k": 8,
        "beams": [1, 2, 3, 4, 5],
        "repeats": 5,
        "samples": 80,
        "votes": 20,
    },
    headline=lambda data: (
        sum(sum(found["search"]["5"]["any"]) for found in data["players"].values())
        / len(data["players"])
        / len(data["tests"])
    ),
    tolerance=0.05,
    models=PLAYERS,
)
