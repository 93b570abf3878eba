"""Tree of thoughts: breadth-first search over written steps, which a model proposes and values."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from nlgnotes.validation import check_callable, check_count, check_kind, describe

__all__ = ["Candidate", "Level", "Tree", "chains", "tree_of_thoughts"]

Propose = Callable[[list[Any], int], Sequence[Sequence[Any]]]
Value = Callable[[list[Any]], Sequence[float]]


@dataclass(frozen=True)
class Candidate:
    """A state that was reached: the input, and the thoughts so far.

    Args:
        state: what ``propose`` gave.
        value: what ``value`` gave.
        parent: its place among those that the level before kept.
        kept: whether it is among the b best.
    """

    state: Any
    value: float
    parent: int
    kept: bool


@dataclass(frozen=True)
class Level:
    """One step of the search.

    Args:
        candidates: the different states that were proposed, as they came.
        proposals: how many thoughts were written: the calls of the proposer.
    """

    candidates: tuple[Candidate, ...]
    proposals: int

    @property
    def kept(self) -> tuple[Candidate, ...]:
        """The candidates that the search goes on with, the best first."""
        return tuple(sorted((c for c in self.candidates if c.kept), key=lambda c: -c.value))


@dataclass(frozen=True)
class Tree:
    """What a search did, level by level.

    Args:
        root: the input.
        levels: one a step.
    """

    root: Any
    levels: tuple[Level, ...]

    @property
    def proposals(self) -> int:
        """How often the proposer was called: one call writes one thought."""
        return sum(level.proposals for level in self.levels)

    @property
    def values(self) -> int:
        """How often the value was called: once for each different state of a level."""
        return sum(len(level.candidates) for level in self.levels)

    @property
    def nodes(self) -> int:
        """The budget: calls of the proposer and calls of the value."""
        return self.proposals + self.values

    @property
    def answers(self) -> tuple[Any, ...]:
        """The states kept at the last level, the best first; none where the search died out."""
        return tuple(c.state for c in self.levels[-1].kept)


def tree_of_thoughts(
    inputs: Sequence[Any],
    propose: Propose,
    value: Value,
    *,
    k: int,
    T: int,
    b: int,
    key: Callable[[Any], Hashable] = lambda state: state,
) -> list[Tree]:
    r"""Breadth-first search over thoughts, for many inputs at once.

    .. math::
        S'_t = \{[s, z] : s \in S_{t-1},\ z \in G(p_\theta, s, k)\}, \qquad
        S_t = \arg\max_{S \subset S'_t,\ |S| = b} \sum_{s \in S} V(p_\theta, s)

    From :math:`S_0 = \{x\}`, T times: propose k thoughts from each state, value what they lead to,
    keep the b best. Algorithm 1 of Yao et al. 2023 (arXiv:2305.10601). All states of a level, of
    all inputs, go to the model together. States with the same key are one candidate, valued once,
    as in the authors' code; of equal values the one proposed first is kept.
    Taught in: book/reasoning.ipynb.

    Args:
        inputs: x, each the root of a tree.
        propose: G. ``propose(states, k)`` gives for each state the k states to which k thoughts
            lead, or fewer if there are no more; None for a thought that cannot be read, which has
            cost a call too.
        value: V. ``value(states)`` gives a number for each: the larger, the better.
        k: thoughts from each state.
        T: steps.
        b: how many states a level keeps.
        key: what makes two states of one tree the same candidate.

    Returns:
        For each input its tree. An input whose states all died out has empty levels at the end.

    Raises:
        ValueError: no inputs, a count below 1, more than k thoughts from a state, or an answer of
            ``propose`` or ``value`` that does not have one entry for each state, or is no number.

    >>> digits = lambda states, k: [[s + d for d in "0123456789"[:k]] for s in states]
    >>> tree, = tree_of_thoughts([""], digits, lambda states: map(int, states), k=10, T=2, b=1)
    >>> tree.answers, tree.proposals, tree.values
    (('99',), 20, 20)
    """
    k, T, b = (check_count(name, number) for name, number in (("k", k), ("T", T), ("b", b)))
    for name, function in (("propose", propose), ("value", value), ("key", key)):
        check_callable(name, function)
    check_kind("inputs", inputs, Collection)
    if not len(inputs):
        raise ValueError("inputs must hold at least one; got none")
    beams: list[tuple[Any, ...]] = [(x,) for x in inputs]
    levels: list[list[Level]] = [[] for _ in inputs]
    for _ in range(T):
        asked = [state for beam in beams for state in beam]
        thoughts = _thoughts(propose(asked, k) if asked else [], asked)
        longest = max(map(len, thoughts), default=0)
        if longest > k:
            raise ValueError(f"propose must give at most k = {k} thoughts a state; got {longest}")
        written, found, at = [], [], 0
        for beam in beams:
            mine, at = thoughts[at : at + len(beam)], at + len(beam)
            different: dict[Hashable, tuple[Any, int]] = {}
            for parent, states in enumerate(mine):
                for state in states:
                    if state is not None:
                        different.setdefault(key(state), (state, parent))
            written.append(sum(map(len, mine)))
            found.append(list(different.values()))
        reached = [state for tree in found for state, _ in tree]
        numbers = _one_each("value", value(reached) if reached else [], reached)
        worth = iter([_number(number) for number in numbers])
        for i, tree in enumerate(found):
            scores = [next(worth) for _ in tree]
            best = set(sorted(range(len(tree)), key=lambda j: -scores[j])[:b])
            candidates = tuple(
                Candidate(state, scores[j], parent, j in best)
                for j, (state, parent) in enumerate(tree)
            )
            levels[i].append(Level(candidates, written[i]))
            beams[i] = tuple(c.state for c in levels[i][-1].kept)
    return [Tree(x, tuple(mine)) for x, mine in zip(inputs, levels, strict=True)]


def chains(
    inputs: Sequence[Any], propose: Propose, *, n: int, T: int
) -> list[list[tuple[Any | None, int]]]:
    """Independent samples: n times, T thoughts one after the other, none valued and none dropped.

    The control of :func:`tree_of_thoughts`: the same proposer without the search.
    Taught in: book/reasoning.ipynb.

    Args:
        inputs: x.
        propose: as there; it is asked for one thought at a time.
        n: chains of each input.
        T: thoughts of each chain.

    Returns:
        For each input and chain the last state, None where a thought could not be read (the chain
        ends there), and how often the proposer was called.

    Raises:
        ValueError: as there.

    >>> chains(["a"], lambda states, k: [[s + "b"] for s in states], n=2, T=3)
    [[('abbb', 3), ('abbb', 3)]]
    """
    n, T = check_count("n", n), check_count("T", T)
    check_callable("propose", propose)
    check_kind("inputs", inputs, Collection)
    if not len(inputs):
        raise ValueError("inputs must hold at least one; got none")
    ends: list[Any | None] = [x for x in inputs for _ in range(n)]
    calls = [0] * len(ends)
    for _ in range(T):
        alive = [i for i, state in enumerate(ends) if state is not None]
        if not alive:
            break
        asked = [ends[i] for i in alive]
        thoughts = _thoughts(propose(asked, 1), asked)
        for i, states in zip(alive, thoughts, strict=True):
            if len(states) > 1:
                raise ValueError(f"propose must give at most k = 1 thought; got {len(states)}")
            ends[i], calls[i] = (states[0] if states else None), calls[i] + 1
    rows = list(zip(ends, calls, strict=True))
    return [rows[i : i + n] for i in range(0, len(rows), n)]


def _thoughts(answers: Any, states: list[Any]) -> list[Any]:
    thoughts = _one_each("propose", answers, states)
    if strange := [each for each in thoughts if not isinstance(each, Collection)]:
        raise ValueError(f"propose must give a list for each state; got {describe(strange[0])}")
    return thoughts


def _one_each(name: str, answers: Any, states: list[Any]) -> list[Any]:
    try:
        answers = list(answers)
    except TypeError:
        raise ValueError(f"{name} must give a list; got {describe(answers)}") from None
    if len(answers) != len(states):
        raise ValueError(
            f"{name} must give one entry for each of {len(states)} states; got {len(answers)}"
        )
    return answers


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ValueError(f"value must give numbers; got {describe(value)}") from None
    if number != number:
        raise ValueError("value must give numbers; got nan")
    return number
