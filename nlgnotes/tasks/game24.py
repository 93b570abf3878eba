"""The Game of 24: make 24 from four numbers, each used once, by + - * and /, in exact arithmetic.

A state is what is left to use, a multiset of numbers. A step takes two of them and puts their sum,
difference, product or quotient in their place; three steps leave one number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, combinations_with_replacement
from numbers import Rational
from typing import TypeAlias

import torch

from nlgnotes.validation import check_count, check_generator, check_id_lists, check_kind, shown

__all__ = [
    "IMPOSSIBLE",
    "LARGEST",
    "PROPOSE",
    "STEP_TOKENS",
    "SURE",
    "TARGET",
    "VALUE",
    "WORDS",
    "State",
    "Step",
    "after",
    "encode_state",
    "encode_step",
    "games",
    "is_solution",
    "moves",
    "reachable",
    "read_state",
    "read_step",
    "solutions",
    "solving_steps",
    "split_games",
]

Number: TypeAlias = int | Fraction
State: TypeAlias = tuple[Number, ...]

TARGET = 24
LARGEST = 200
"""The largest number that has a token. Fractions have none."""

_SIGNS = ("+", "-", "*", "/", "=")
PROPOSE, VALUE, SURE, IMPOSSIBLE = "propose", "value", "sure", "impossible"
WORDS = ("<pad>", *map(str, range(LARGEST + 1)), *_SIGNS, PROPOSE, VALUE, SURE, IMPOSSIBLE)
"""The vocabulary of the models that play, by id: one token a number, a sign or a word."""
_IDS = {word: i for i, word in enumerate(WORDS)}
STEP_TOKENS = 5
"""How many tokens a step has: ``13 - 8 = 5``."""


@dataclass(frozen=True, order=True)
class Step:
    """One step, ``a op b = c``, right or wrong: a model may write any.

    >>> str(Step(13, "-", 8, 5)), Step(13, "-", 8, 6).is_right
    ('13 - 8 = 5', False)
    """

    a: Number
    op: str
    b: Number
    c: Number

    def __str__(self) -> str:
        return f"{self.a} {self.op} {self.b} = {self.c}"

    @property
    def is_right(self) -> bool:
        """Whether the arithmetic holds, exactly."""
        if self.op == "/":
            return self.b != 0 and self.c * self.b == self.a
        outcome = {"+": self.a + self.b, "-": self.a - self.b, "*": self.a * self.b}
        return outcome.get(self.op) == self.c


def games(count: int = 4, largest: int = 13) -> list[State]:
    """All multisets of ``count`` numbers from 1 to ``largest``, sorted.

    >>> len(games()), sum(map(reachable, games()))
    (1820, 1362)
    """
    count, largest = check_count("count", count), check_count("largest", largest)
    return list(combinations_with_replacement(range(1, largest + 1), count))


def split_games(
    every: Sequence[State], tests: int, generator: torch.Generator
) -> tuple[list[State], list[State]]:
    """Training games and test games: no multiset is in both, and every test game can be solved.

    Args:
        every: different games.
        tests: how many test games.
        generator: which ones is drawn from here.

    Raises:
        ValueError: fewer games that can be solved than ``tests``, or a game that is there twice.
    """
    check_generator(generator)
    check_kind("every", every, Sequence)
    for game in every:
        _check_state("every", game)
    if len({tuple(sorted(game)) for game in every}) < len(every):
        raise ValueError(f"every must hold different games; got {len(every)} with repetitions")
    can = [game for game in every if reachable(game)]
    tests = check_count("tests", tests, 1, len(can))
    chosen = {can[i] for i in torch.randperm(len(can), generator=generator)[:tests].tolist()}
    return [g for g in every if g not in chosen], [g for g in every if g in chosen]


def after(state: State, step: Step) -> State | None:
    """What is left after a step, as it is written; None where its two numbers are not there.

    Its arithmetic is not looked at: that is what :func:`is_solution` is for.

    >>> after((4, 6, 8, 13), Step(13, "-", 8, 5)), after((4, 6), Step(4, "+", 4, 8))
    ((4, 5, 6), None)
    """
    _check_state("state", state)
    check_kind("step", step, Step)
    return _after(state, step)


def _after(state: State, step: Step) -> State | None:
    left = list(state)
    for number in (step.a, step.b):
        if number not in left:
            return None
        left.remove(number)
    return tuple(sorted([*left, step.c]))


def moves(state: State) -> list[Step]:
    """All right steps from a state, in a fixed order, none twice.

    A sum or product is written with the larger number first, and a difference is never negative:
    a negative number could be avoided by turning the sign of what it is added to. Quotients are
    exact and go both ways.

    >>> [str(step) for step in moves((2, 6))]
    ['6 + 2 = 8', '6 - 2 = 4', '6 * 2 = 12', '6 / 2 = 3', '2 / 6 = 1/3']
    """
    _check_state("state", state)
    pairs = combinations(sorted(state), 2)
    return list(dict.fromkeys(Step(*step) for pair in pairs for step in _outcomes(*pair)))


def _outcomes(low: Number, high: Number) -> Iterator[tuple[Number, str, Number, Number]]:
    yield high, "+", low, high + low
    yield high, "-", low, high - low
    yield high, "*", low, high * low
    if low:
        yield high, "/", low, _plain(Fraction(high) / low)
    if high and low != high:
        yield low, "/", high, _plain(Fraction(low) / high)


def reachable(state: State, target: Number = TARGET) -> bool:
    """Whether the target can be made of a state: exhaustive search, in exact arithmetic.

    Of numbers and a target not below 0, as for all that searches here. The ceiling of every other
    way to play. Taught in: book/reasoning.ipynb.

    >>> reachable((3, 3, 8, 8)), reachable((1, 1, 1, 1))  # 8 / (3 - 8 / 3)
    (True, False)
    """
    _check_state("state", state)
    _check_number("target", target)
    return _reachable(tuple(sorted(state)), target)


@lru_cache(maxsize=2**19)
def _reachable(state: State, target: Number) -> bool:
    """For a sorted state; without a :class:`Step` for each of the many ways to try."""
    if len(state) == 1:
        return state[0] == target
    return any(
        _reachable(tuple(sorted((*state[:i], *state[i + 1 : j], *state[j + 1 :], made))), target)
        for i, j in combinations(range(len(state)), 2)
        for *_, made in _outcomes(state[i], state[j])
    )


def solving_steps(state: State, target: Number = TARGET) -> list[Step]:
    """The steps from a state after which the target can still be made.

    >>> [str(step) for step in solving_steps((4, 6, 10))]  # 6 + 10 = 16 leaves 4 and 16
    []
    >>> [str(step) for step in solving_steps((2, 4, 4))]
    ['4 + 2 = 6']
    """
    _check_number("target", target)
    return [step for step in moves(state) if _reachable(_after(state, step), target)]


def solutions(state: State, target: Number = TARGET) -> Iterable[tuple[Step, ...]]:
    """Every path of right steps from a state to the target alone, depth first."""
    _check_state("state", state)
    _check_number("target", target)
    if len(state) == 1:
        if state[0] == target:
            yield ()
        return
    for step in solving_steps(state, target):
        for rest in solutions(after(state, step), target):
            yield (step, *rest)


def is_solution(game: State, steps: Sequence[Step], target: Number = TARGET) -> bool:
    """The checker: every step uses what is left and is right, and only the target remains.

    >>> steps = [Step(8, "-", 6, 2), Step(13, "-", 2, 11)]
    >>> is_solution((6, 8, 13), steps, 11), is_solution((6, 8, 13), steps, 24)
    (True, False)
    """
    _check_state("game", game)
    _check_number("target", target)
    check_kind("steps", steps, Sequence)
    for step in steps:
        check_kind("steps", step, Step)
    state: State | None = game
    for step in steps:
        state = _after(state, step) if step.is_right else None
        if state is None:
            return False
    return state == (target,)


def encode_state(state: State, numbers: int = 4) -> list[int]:
    """A state as ``numbers`` tokens, its numbers sorted, padded on the left.

    Raises:
        ValueError: more numbers than that, or one that has no token.

    >>> [WORDS[i] for i in encode_state((6, 4))]
    ['<pad>', '<pad>', '4', '6']
    """
    _check_state("state", state)
    numbers = check_count("numbers", numbers)
    if len(state) > numbers:
        raise ValueError(f"state must hold at most {numbers} numbers; got {len(state)}")
    return [0] * (numbers - len(state)) + [_id(n) for n in sorted(state)]


def read_state(tokens: Iterable[int]) -> State:
    """The inverse of :func:`encode_state`."""
    words = [word for word in _words(tokens) if word != WORDS[0]]
    if not all(map(str.isdigit, words)):
        raise ValueError(f"tokens must be numbers and paddings; got {shown(words)}")
    return tuple(sorted(map(int, words)))


def encode_step(step: Step) -> list[int]:
    """A step as tokens: ``a op b = c``.

    Raises:
        ValueError: a number that has no token.
    """
    check_kind("step", step, Step)
    if step.op not in _SIGNS[:4]:
        raise ValueError(f"step must have one of the signs {_SIGNS[:4]}; got {step.op!r}")
    return [_id(step.a), _IDS[step.op], _id(step.b), _IDS["="], _id(step.c)]


def read_step(tokens: Sequence[int]) -> Step | None:
    """The step that some tokens write, its arithmetic right or wrong; None if they write none.

    >>> read_step(encode_step(Step(13, "-", 8, 5))) == Step(13, "-", 8, 5), read_step([1, 2])
    (True, None)
    """
    words = _words(tokens)
    if len(words) != STEP_TOKENS or words[1] not in _SIGNS[:4] or words[3] != "=":
        return None
    a, b, c = words[0], words[2], words[4]
    return Step(int(a), words[1], int(b), int(c)) if (a + b + c).isdigit() else None


def _check_number(name: str, number: object) -> None:
    """Check that a number is exact: a whole one or a fraction."""
    if not isinstance(number, Rational):
        raise ValueError(f"{name} must be a whole number or a fraction; got {shown(number)}")


def _check_state(name: str, state: object) -> None:
    check_kind(name, state, tuple)
    for number in state:
        _check_number(name, number)


def _words(tokens: Iterable[int]) -> list[str]:
    """The words of ids, or a ``ValueError`` where there are none."""
    ids = check_id_lists("tokens", [tokens])[0]
    if not all(0 <= i < len(WORDS) for i in ids):
        raise ValueError(f"tokens must be ids in [0, {len(WORDS)}); got {shown(ids)}")
    return [WORDS[i] for i in ids]


def _id(number: Number) -> int:
    try:
        return _IDS[str(number)]
    except KeyError:
        raise ValueError(
            f"numbers must be whole, from 0 to {LARGEST}, to have a token; got {number}"
        ) from None


def _plain(number: Fraction) -> Number:
    return number.numerator if number.denominator == 1 else number
