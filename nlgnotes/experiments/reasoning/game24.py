"""The Game of 24 at equal budget: search over thoughts against independent samples.

Both use the same proposer, and both are judged by the same checker, or by none. The budget is
counted in nodes: calls of the proposer and calls of the value. Taught in: book/reasoning.ipynb.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch

from nlgnotes import randomness
from nlgnotes.decoding.tree_of_thoughts import Tree, chains, tree_of_thoughts
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.reasoning.game24_player import (
    Path,
    Player,
    TrainingRows,
    start,
    three_number_states,
    train_player,
    training_rows,
    untrained_player,
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
from nlgnotes.validation import check_count

__all__ = [
    "EXPERIMENT",
    "candidate",
    "exhaustive_nodes",
    "measure",
    "random_play",
    "sampled",
    "searched",
    "split",
]

Settings = Mapping[str, Any]
T = 3  # steps of a game of four numbers


def split(settings: Settings, seed: int) -> tuple[list[State], list[State]]:
    """The training games and the ``tests`` test games of a seed, by multiset."""
    stream = randomness.generator(seed, "game24", "split")
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
        highest value is a solution, with no checker. For these two ``nodes`` were paid.
    """
    found: dict[str, list[float]] = {"any": [], "any_nodes": [], "kept": [], "first": []}
    found["nodes"] = []
    for tree, game in zip(trees, test, strict=True):
        last = tree.levels[-1]
        right = [is_solution(game, path.steps) for path in tree.answers]
        found["any"].append(any(is_solution(game, c.state.steps) for c in last.candidates))
        found["any_nodes"].append(tree.nodes - len(last.candidates))
        found["kept"].append(any(right))
        found["first"].append(bool(right) and right[0])
        found["nodes"].append(tree.nodes)
    return {name: [float(number) for number in numbers] for name, numbers in found.items()}


def sampled(
    player: Player, test: Sequence[State], n: int, generator: torch.Generator
) -> list[dict[str, list]]:
    """n independent samples of each game.

    Returns:
        For each game ``right``, ``calls`` of the proposer, ``values`` (of what is left at the end;
        below all others where nothing was written) and ``answers`` (the steps), one a sample.
    """
    rows = chains([start(game) for game in test], player.propose, n=n, T=T)
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
    """Success by budget of search and of samples, over training seeds and the same test games.

    Args:
        settings: as in ``game24_player``, and ``tests`` (test games), ``runs`` (training seeds),
            ``k`` (proposals a state), ``beams`` (each b), ``repeats`` (searches of each game and
            b), ``samples`` (of each game), ``votes`` (subsets drawn for a majority).
        seed: of the split, and the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``tests``: the test games; ``random``: of each the probability that random play solves it;
        ``exhaustive``: of each the nodes of exhaustive search; ``beams``; ``runs``: for each
        training seed what ``_one_run`` finds.
    """
    check_count("runs", settings["runs"])
    train, test = split(settings, seed)
    rows = cache(lambda: training_rows(train, test))
    runs = {}
    for s in range(seed, seed + settings["runs"]):
        runs[str(s)] = keep(f"seed-{s}", partial(_one_run, settings, s, rows, test, progress))
    return {
        "tests": [list(game) for game in test],
        "random": [_round(random_play(game)) for game in test],
        "exhaustive": [exhaustive_nodes(game) for game in test],
        "beams": list(settings["beams"]),
        "runs": runs,
    }


def _one_run(
    settings: Settings,
    seed: int,
    rows: Callable[[], TrainingRows],
    test: list[State],
    progress: bool,
) -> dict[str, Any]:
    """One training: its proposer and value, and for each b search and as many nodes of samples."""
    model = untrained_player(settings, seed)
    history = train_player(model, rows(), settings, seed, progress)
    streams = partial(randomness.generator, seed, "game24")
    player = Player(model.eval(), streams("samples"))
    samples = sampled(player, test, settings["samples"], player.generator)
    of_calls = sum(sum(row["calls"]) for row in samples) / len(test) / settings["samples"]
    found: dict[str, Any] = {
        "loss": [_round(x) for x in _parts(history.losses)],
        "seconds": round(history.seconds, 1),
        "player": _skill(player, test),
        "calls": _round(of_calls),
        "right": [sum(row["right"]) for row in samples],
        "search": {},
        "random value": {},
        "samples": {},
    }
    luck, votes = streams("random value"), streams("votes")

    def random_value(states: list[Path]) -> list[float]:
        return torch.rand(len(states), generator=luck).tolist()

    for b in settings["beams"]:
        for name, value in (("search", player.value), ("random value", random_value)):
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


def _parts(losses: Sequence[float]) -> list[float]:
    size = max(1, len(losses) // 20)
    return [sum(losses[i : i + size]) / size for i in range(0, len(losses) - size + 1, size)]


def _round(number: Any) -> float:
    return round(float(number), 4)


EXPERIMENT = Experiment(
    name="game24",
    summary="Game of 24: search against samples at equal nodes, 3 training seeds (about 15 min)",
    measure=measure,
    seed=0,
    settings={
        "width": 64,
        "layers": 3,
        "heads": 4,
        "hidden": 256,
        "batch": 256,
        "noise": 0.25,
        "steps": 1500,
        "learning_rate": 4e-3,
        "tests": 150,
        "runs": 3,
        "k": 8,
        "beams": [1, 2, 3, 4, 5],
        "repeats": 3,
        "samples": 80,
        "votes": 20,
    },
    headline=lambda data: (
        sum(sum(run["search"]["5"]["any"]) for run in data["runs"].values())
        / len(data["runs"])
        / len(data["tests"])
    ),
    tolerance=0.08,
)
