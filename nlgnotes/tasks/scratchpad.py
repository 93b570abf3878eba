"""Scratchpads: questions about a finite automaton with written steps, or with what is none."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.tasks.automata import Automaton, automaton_states
from nlgnotes.validation import (
    check_count,
    check_id_lists,
    check_ids,
    check_kind,
    check_tokens,
    shown,
)

__all__ = ["FORMS", "ScratchpadTask"]

FORMS = ("direct", "scratchpad", "filler", "copied", "after")
"""What is written after a question.

* ``"direct"``: the answer.
* ``"scratchpad"``: the state after each input, then the answer.
* ``"filler"``: as many dots, then the answer.
* ``"copied"``: the inputs once more, then the answer (for "equation only").
* ``"after"``: the answer, then the states.
"""

MARKS = ("<end>", "Q:", "steps:", "answer:", ".")


class ScratchpadTask:
    """Questions about an automaton as rows of tokens, in five forms.

    A question has a fixed number of slots, blanks first, so that the written step i stands at one
    distance from the input i, whatever the length. Taught in: book/reasoning.ipynb.

    Args:
        automaton: what is asked about.
        slots: of every question.

    >>> from nlgnotes.tasks.arithmetic import running_sum
    >>> task = ScratchpadTask(running_sum(), 3)
    >>> rows = task.rows(torch.tensor([[10, 7, 5]]), "scratchpad")
    >>> task.decode(rows[0])
    'Q: · +7 +5 steps: 0 7 2 answer: 2'
    """

    def __init__(self, automaton: Automaton, slots: int) -> None:
        check_kind("automaton", automaton, Automaton)
        self.automaton, self.slots = automaton, check_count("slots", slots)
        self.words: tuple[str, ...] = (*MARKS, *automaton.inputs, *automaton.states)
        self.end, self.question, self.steps, self.answer, self.dot = range(len(MARKS))
        self.first_input = len(MARKS)
        self.first_state = len(MARKS) + len(automaton.inputs)

    @property
    def vocab_size(self) -> int:
        """How many words."""
        return len(self.words)

    @property
    def longest(self) -> int:
        """The tokens of a question with its steps and answer."""
        return 2 * self.slots + 4

    def questions(self, inputs: Int64[Tensor, "rows slots"]) -> Int64[Tensor, "rows time"]:
        """The questions alone: ``Q:`` and the inputs.

        Raises:
            ValueError: not one input of the automaton in each slot.
        """
        rows = getattr(inputs, "shape", ())[:1]
        check_ids("inputs", inputs, (*rows, self.slots), len(self.automaton.inputs))
        return F.pad(inputs + self.first_input, (1, 0), value=self.question)

    def rows(
        self, inputs: Int64[Tensor, "rows slots"], form: str, *, states: Tensor | None = None
    ) -> Int64[Tensor, "rows time"]:
        """Questions and what is written after them, without an end.

        Args:
            inputs: ids of inputs.
            form: one of :data:`FORMS`.
            states: written in the place of the true ones, ``[rows, slots]``; the answer is the
                last.

        Raises:
            ValueError: as :meth:`questions`, or another form.
        """
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}; got {form!r}")
        asked = self.questions(inputs)
        states = automaton_states(self.automaton, inputs) if states is None else states
        check_ids("states", states, inputs.shape, len(self.automaton.states))
        written = states + self.first_state
        steps = torch.full((len(inputs), 1), self.steps)
        answer = F.pad(written[:, -1:], (1, 0), value=self.answer)
        parts = {
            "direct": [answer],
            "scratchpad": [steps, written, answer],
            "filler": [steps, torch.full_like(written, self.dot), answer],
            "copied": [steps, asked[:, 1:], answer],
            "after": [answer, steps, written],
        }
        return torch.cat([asked, *parts[form]], 1)

    def answer_place(self, form: str) -> int:
        """The column of :meth:`rows` in which the answer stands."""
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}; got {form!r}")
        return self.slots + 2 if form in ("direct", "after") else 2 * self.slots + 3

    def batch(self, rows: Int64[Tensor, "rows time"]) -> Batch:
        """Rows as a batch in which all that is written after a question carries a signal.

        Several questions may follow each other in a row; the end stands after the last.

        Raises:
            ValueError: the questions do not begin at the same places in all rows.
        """
        check_tokens("rows", rows, self.vocab_size)
        begins = rows == self.question
        if not bool((begins == begins[:1]).all()):
            raise ValueError("rows must have their questions at the same places; got several")
        targets = F.pad(rows[:, 1:], (0, 1), value=self.end)
        inside = torch.zeros_like(rows, dtype=torch.bool)
        for column in (rows[0] == self.question).nonzero()[:, 0].tolist():
            # The mark itself is a signal where it ends what came before, and else there is none.
            inside[:, column : column + self.slots] = True
        return Batch(rows, targets, ~inside)

    def decode(self, ids: Sequence[int] | Tensor) -> str:
        """The words of ids, up to the end."""
        ids = check_id_lists("ids", [ids])[0]
        if not all(0 <= i < self.vocab_size for i in ids):
            raise ValueError(f"ids must lie in [0, {self.vocab_size}); got {shown(ids)}")
        return " ".join(self.words[i] for i in ids[: ids.index(0) if 0 in ids else None])
