"""A small decoder that plays the Game of 24: it proposes steps, and says what can still be won.

One network answers two prompts, as one language model does in Yao et al. 2023: after the numbers
and the word ``propose`` it writes a step, after the numbers and the word ``value`` it writes
``sure`` or ``impossible``. Taught in: book/reasoning.ipynb.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.decoding.generation import generate
from nlgnotes.decoding.tree_of_thoughts import chains
from nlgnotes.equations.sampling import Sampler, Temperature
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.game24 import (
    IMPOSSIBLE,
    LARGEST,
    PROPOSE,
    STEP_TOKENS,
    SURE,
    TARGET,
    VALUE,
    WORDS,
    State,
    Step,
    after,
    encode_state,
    encode_step,
    moves,
    reachable,
    read_step,
)
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit

__all__ = [
    "Path",
    "Player",
    "TrainingRows",
    "draw_batch",
    "start",
    "three_number_states",
    "train_player",
    "training_rows",
    "triples",
    "untrained_player",
]

Settings = Mapping[str, Any]
NUMBERS = 4
ROW = NUMBERS + 1 + STEP_TOKENS
CHUNK = 4096  # rows that the network reads at once


class Path(NamedTuple):
    """A state of the search: the numbers that are left, and the steps so far."""

    left: State
    steps: tuple[Step, ...]


def start(game: State) -> Path:
    """The root of a game's tree."""
    return Path(game, ())


@dataclass(frozen=True)
class Player:
    """The proposer G and the value V of :func:`decoding.tree_of_thoughts`, of one network.

    Args:
        model: trained as :func:`train_player` does; see ``generation.Generates``.
        generator: where proposals are drawn from.
        temperature: of the proposals.
    """

    model: Any
    generator: torch.Generator
    temperature: float = 1.0

    def propose(self, states: Sequence[Path], k: int) -> list[list[Path | None]]:
        """Draw k steps for each state, independently, and what they lead to.

        None stands for what is no step, or takes numbers that are not there. The arithmetic is
        the network's own, and may be wrong.
        """
        if not states:
            return []
        prompts = torch.tensor([[*encode_state(s.left), _id(PROPOSE)] for s in states])
        rows, written = prompts.repeat_interleave(k, 0), []
        sampler = Sampler((Temperature(self.temperature),))
        for part in rows.split(CHUNK):
            made = generate(
                self.model,
                part,
                max_new_tokens=STEP_TOKENS,
                sampler=sampler,
                generator=self.generator,
            )
            written += made.tokens.tolist()
        steps = [read_step(tokens) for tokens in written]
        return [
            [_follow(state, step) for step in steps[i * k : (i + 1) * k]]
            for i, state in enumerate(states)
        ]

    @torch.no_grad()
    def value(self, states: Sequence[Path]) -> list[float]:
        """P(sure), of the two words sure and impossible, for the numbers left of each state."""
        if not states:
            return []
        rows = torch.tensor([[*encode_state(s.left), _id(VALUE)] for s in states])
        logits = torch.cat([self.model(part)[:, -1] for part in rows.split(CHUNK)]).double()
        return (logits[:, _id(SURE)] - logits[:, _id(IMPOSSIBLE)]).sigmoid().tolist()

    def play(self, states: Sequence[Path], n: int) -> list[list[tuple[Path | None, int]]]:
        """n independent games from each state, to the last number: ``decoding`` ``chains``."""
        return chains(states, self.propose, n=n, T=NUMBERS - 1)


class TrainingRows(NamedTuple):
    """What the network is trained on, by the count of numbers of a state.

    Args:
        good: count -> (rows of tokens, where each state's rows begin): the steps after which 24
            can still be made.
        legal: count -> the same of all right steps, from any state.
        labels: count -> (encoded states that can be solved, encoded states that cannot).
    """

    good: dict[int, tuple[Tensor, Tensor]]
    legal: dict[int, tuple[Tensor, Tensor]]
    labels: dict[int, tuple[Tensor, Tensor]]


def three_number_states(games: Sequence[State]) -> set[State]:
    """All states of whole numbers that one right step makes of some games."""
    found = (after(game, step) for game in games for step in moves(game))
    return {state for state in found if all(map(_has_token, state))}


def triples(largest: int, largest_third: int) -> list[State]:
    """States of three numbers for practice: two up to ``largest``, the third up to another limit.

    >>> len(triples(2, 3)), triples(2, 3)[-1]
    (7, (2, 2, 3))
    """
    pairs = combinations_with_replacement(range(1, largest + 1), 2)
    found = {tuple(sorted((*p, n))) for p in pairs for n in range(1, largest_third + 1)}
    return sorted(found)


def training_rows(
    train: Sequence[State], test: Sequence[State], more: Sequence[State] = ()
) -> TrainingRows:
    """The rows of some training games, with nothing that a test game can become in one step.

    The same three numbers come from several games. So not only the test games are left out: every
    state of three numbers that a test game can reach is no input of the proposer or of the value
    either. States of two numbers are shared: they are arithmetic.

    Args:
        train, test: games of four numbers; none in both.
        more: other states of three numbers to train on.

    Raises:
        ValueError: a game in both, or no training game that can be solved.
    """
    if both := set(train) & set(test):
        raise ValueError(f"train and test must share no game; got {min(both)} in both")
    hidden = three_number_states(test)
    three = sorted((three_number_states(train) | set(more)) - hidden)
    two = sorted({s for state in three for step in moves(state) if _whole(s := after(state, step))})
    states = {4: list(train), 3: three, 2: two, 1: [(n,) for n in range(LARGEST + 1)]}
    good, legal, labels = {}, {}, {}
    for count in (4, 3, 2):
        can = [s for s in states[count] if reachable(s)]
        good[count] = _rows((s, step) for s in can for step in moves(s) if _keeps(s, step))
        legal[count] = _rows((s, step) for s in states[count] for step in moves(s))
    for count in (3, 2, 1):
        split = [
            [encode_state(s) for s in states[count] if reachable(s) is r] for r in (True, False)
        ]
        labels[count] = (torch.tensor(split[0]), torch.tensor(split[1]))
    return TrainingRows(good, legal, labels)


def untrained_player(settings: Settings, seed: int) -> Decoder:
    """The network before training.

    Args:
        settings: ``width``, ``layers``, ``heads``, ``hidden``.
        seed: of the weights.
    """
    sizes = {name: settings[name] for name in ("width", "layers", "heads", "hidden")}
    config = DecoderConfig(len(WORDS), ROW, positions="learned", **sizes)
    return Decoder(config, randomness.generator(seed, "game24", "weights"))


def draw_batch(rows: TrainingRows, settings: Settings, generator: torch.Generator) -> Batch:
    """One batch: ``batch`` proposals and half as many values.

    A proposal is a step that keeps 24 in reach, from a state of 4, 3 or 2 numbers alike; with
    probability ``noise`` any right step from any state. Of the values half are sure.
    """
    proposals, noisy = settings["batch"], round(settings["noise"] * settings["batch"])
    parts = [_draw_steps(rows.good, proposals - noisy, generator)]
    if noisy:
        parts.append(_draw_steps(rows.legal, noisy, generator))
    tokens = torch.cat(parts)
    values = []
    half = settings["batch"] // 4
    for column, word in enumerate((SURE, IMPOSSIBLE)):
        counts = _counts(half, (3, 3, 2, 1), generator)
        for count, many in counts.items():
            states = rows.labels[count][column]
            drawn = states[torch.randint(len(states), (many,), generator=generator)]
            tail = torch.tensor([_id(VALUE), _id(word)] + [0] * (STEP_TOKENS - 1))
            values.append(torch.cat([drawn, tail.expand(many, -1)], 1))
    tokens = torch.cat([tokens, *values])
    mask = torch.zeros(len(tokens), ROW - 1, dtype=torch.bool)
    mask[:proposals, NUMBERS:] = True
    mask[proposals:, NUMBERS] = True
    return Batch(tokens[:, :-1], tokens[:, 1:], mask)


def train_player(
    model: Decoder, rows: TrainingRows, settings: Settings, seed: int, progress: bool = False
) -> History:
    """Train both answers at once, as next tokens.

    Args:
        model: changed in place.
        rows: of :func:`training_rows`.
        settings: ``batch``, ``noise``, ``steps``, ``learning_rate``.
        seed: of the draws.
        progress: show a bar.
    """
    return fit(
        model,
        lambda generator: draw_batch(rows, settings, generator),
        steps=settings["steps"],
        learning_rate=settings["learning_rate"],
        generator=randomness.generator(seed, "game24", "batches"),
        progress=progress,
    )


def _draw_steps(
    table: dict[int, tuple[Tensor, Tensor]], many: int, generator: torch.Generator
) -> Tensor:
    drawn = []
    for count, n in _counts(many, (4, 3, 2), generator).items():
        tokens, begins = table[count]
        state = torch.randint(len(begins) - 1, (n,), generator=generator)
        size = begins[state + 1] - begins[state]
        place = (torch.rand(n, generator=generator) * size).long()
        drawn.append(tokens[begins[state] + place])
    return torch.cat(drawn)


def _counts(many: int, among: tuple[int, ...], generator: torch.Generator) -> dict[int, int]:
    which = torch.randint(len(among), (many,), generator=generator)
    return {
        count: sum(int((which == i).sum()) for i, c in enumerate(among) if c == count)
        for count in dict.fromkeys(among)
    }


def _rows(pairs) -> tuple[Tensor, Tensor]:
    tokens, begins, last = [], [], None
    for state, step in pairs:
        if not _has_token(step.c):
            continue
        if state != last:
            begins.append(len(tokens))
            last = state
        tokens.append([*encode_state(state), _id(PROPOSE), *encode_step(step)])
    return torch.tensor(tokens), torch.tensor([*begins, len(tokens)])


def _keeps(state: State, step: Step) -> bool:
    return reachable(after(state, step), TARGET)


def _has_token(number: int | Fraction) -> bool:
    return isinstance(number, int) and 0 <= number <= LARGEST


def _whole(state: State | None) -> bool:
    return state is not None and all(map(_has_token, state))


def _follow(state: Path, step: Step | None) -> Path | None:
    left = None if step is None else after(state.left, step)
    return None if left is None else Path(left, (*state.steps, step))


def _id(word: str) -> int:
    return WORDS.index(word)
