"""Finite automata: a state that every input moves on. The answer is the last state."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from nlgnotes.validation import (
    check_count,
    check_generator,
    check_ids,
    check_kind,
    describe,
    is_int64,
)

__all__ = ["Automaton", "automaton_states", "draw_inputs"]


@dataclass(frozen=True)
class Automaton:
    """A finite automaton, as a table.

    Args:
        inputs: the names of the inputs. The last is the blank, which leaves every state as it is.
        states: the names of the states. The first is the start.
        table: int64 ``[states, inputs]``: the state after an input.

    Raises:
        ValueError: a table of another shape, with an id outside the states, or in which the blank
            moves a state.

    >>> parity = Automaton(("flip", "·"), ("even", "odd"), torch.tensor([[1, 0], [0, 1]]))
    >>> automaton_states(parity, torch.tensor([[0, 0, 1, 0]]))
    tensor([[1, 0, 0, 1]])
    """

    inputs: tuple[str, ...]
    states: tuple[str, ...]
    table: Int64[Tensor, "states inputs"]

    def __post_init__(self) -> None:
        for name in ("inputs", "states"):
            check_kind(name, getattr(self, name), Sequence)
            for word in getattr(self, name):
                check_kind(name, word, str)
        check_ids("table", self.table, (len(self.states), len(self.inputs)), len(self.states))
        if not self.table[:, -1].equal(torch.arange(len(self.states))):
            raise ValueError(
                "table must leave every state as it is at the last input, the blank; "
                f"got {self.table[:, -1].tolist()[:10]}"
            )

    @property
    def blank(self) -> int:
        """The id of the input that changes nothing."""
        return len(self.inputs) - 1


def automaton_states(
    automaton: Automaton, inputs: Int64[Tensor, "rows time"], start: Tensor | None = None
) -> Int64[Tensor, "rows time"]:
    """The state after each input: s_t = table[s_{t-1}, x_t], from s_0 = 0.

    Args:
        automaton: its table.
        inputs: ids of inputs.
        start: another state to begin with, one for each row.

    Raises:
        ValueError: ids outside the inputs, or no row of at least one.
    """
    check_kind("automaton", automaton, Automaton)
    if not is_int64(inputs) or inputs.dim() != 2 or not inputs.numel():
        raise ValueError(f"inputs must be int64 of shape [rows, time]; got {describe(inputs)}")
    check_ids("inputs", inputs, inputs.shape, len(automaton.inputs))
    state = torch.zeros(len(inputs), dtype=torch.long) if start is None else start
    check_ids("start", state, (len(inputs),), len(automaton.states))
    states = []
    for column in inputs.unbind(1):
        state = automaton.table[state, column]
        states.append(state)
    return torch.stack(states, 1)


def draw_inputs(
    automaton: Automaton, lengths: Int64[Tensor, " rows"], slots: int, generator: torch.Generator
) -> Int64[Tensor, "rows slots"]:
    """Random inputs, uniform and independent, in the last ``lengths`` slots; blanks before them.

    Args:
        automaton: its inputs are drawn, the blank left out.
        lengths: how many inputs each row has, from 0 to ``slots``.
        slots: of every row.
        generator: where they are drawn from.

    Raises:
        ValueError: a length outside, or no generator.
    """
    check_kind("automaton", automaton, Automaton)
    slots = check_count("slots", slots)
    check_generator(generator)
    check_ids("lengths", lengths, (getattr(lengths, "shape", ()) or (0,))[:1], slots + 1)
    shape = len(lengths), slots
    drawn = torch.randint(automaton.blank, shape, generator=generator)
    return drawn.masked_fill(torch.arange(slots) < slots - lengths[:, None], automaton.blank)
