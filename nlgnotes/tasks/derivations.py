"""Sums whose digits are added in any order: many derivations of one answer, some of them wrong."""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.tasks.arithmetic import running_sum
from nlgnotes.tasks.automata import automaton_states
from nlgnotes.tasks.scratchpad import ScratchpadTask
from nlgnotes.validation import (
    check_count,
    check_generator,
    check_ids,
    check_mask,
    describe,
    is_int64,
)

__all__ = ["MISREAD", "SumDerivations"]

MISREAD = 7
"""The digit that a mistaken derivation counts as the next one."""


class SumDerivations:
    """Sums modulo 10 with written steps, the digits taken in any order.

    Each step names the digit that it takes and the sum so far. All orders have one answer, so a
    model that learned them has many paths to it. A *mistaken* derivation counts every 7 as an 8.
    Taught in: book/reasoning.ipynb.

    Args:
        digits: of every question.

    >>> sums = SumDerivations(3)
    >>> rows = sums.rows(torch.tensor([[7, 2, 5]]), torch.tensor([[2, 0, 1]]))
    >>> sums.decode(rows[0])
    'Q: +7 +2 +5 steps: +5 5 +7 2 +2 4 answer: 4'
    """

    def __init__(self, digits: int) -> None:
        self.digits = check_count("digits", digits)
        self._task = ScratchpadTask(running_sum(), self.digits)
        self.words, self.decode = self._task.words, self._task.decode
        self.steps, self.answer, self.first_state = (
            getattr(self._task, name) for name in ("steps", "answer", "first_state")
        )

    @property
    def vocab_size(self) -> int:
        """How many words."""
        return len(self.words)

    @property
    def longest(self) -> int:
        """The tokens of a question with a derivation and its answer."""
        return 3 * self.digits + 4

    def draw(self, n: int, generator: torch.Generator) -> Int64[Tensor, "n digits"]:
        """Random questions: digits that are uniform and independent."""
        check_generator(generator)
        return torch.randint(10, (check_count("n", n), self.digits), generator=generator)

    def prompts(self, inputs: Int64[Tensor, "rows digits"]) -> Int64[Tensor, "rows time"]:
        """The questions, with the mark that steps follow."""
        asked = self._task.questions(inputs)
        return torch.cat([asked, torch.full((len(asked), 1), self.steps)], 1)

    def rows(
        self,
        inputs: Int64[Tensor, "rows digits"],
        orders: Int64[Tensor, "rows digits"],
        mistaken: Bool[Tensor, " rows"] | None = None,
    ) -> Int64[Tensor, "rows time"]:
        """Questions with a derivation each, without an end.

        Args:
            inputs: the digits.
            orders: which place is taken first, second, …; a permutation of them in every row.
            mistaken: in which rows a 7 is counted as an 8.

        Raises:
            ValueError: a digit outside 0 to 9, or orders that are no permutations.
        """
        rows = getattr(inputs, "shape", ())[:1]
        check_ids("inputs", inputs, (*rows, self.digits), 10)
        check_ids("orders", orders, inputs.shape, self.digits)
        if not orders.sort(1).values.equal(torch.arange(self.digits).expand_as(inputs)):
            raise ValueError("orders must be permutations of the places in every row")
        taken = inputs.gather(1, orders)
        counted = taken
        if mistaken is not None:
            check_mask("mistaken", mistaken, (len(inputs),))
            counted = torch.where(mistaken[:, None] & (taken == MISREAD), MISREAD + 1, taken)
        sums = automaton_states(self._task.automaton, counted) + self.first_state
        steps = torch.stack((taken + self._task.first_input, sums), 2).flatten(1)
        answer = torch.full((len(inputs), 1), self.answer)
        return torch.cat([self.prompts(inputs), steps, answer, sums[:, -1:]], 1)

    def batch(self, rows: Int64[Tensor, "rows time"]) -> Batch:
        """As ``ScratchpadTask.batch``."""
        return self._task.batch(rows)

    def read_answers(self, written: Int64[Tensor, "rows new"]) -> Int64[Tensor, " rows"]:
        """The digit after the first answer mark of what was written after a prompt; -1 if none."""
        if not is_int64(written) or written.dim() != 2 or written.shape[1] < 2:
            raise ValueError(f"written must be int64 [rows, new], new > 1; got {describe(written)}")
        marks = written[:, :-1] == self.answer
        place = marks.int().argmax(1, keepdim=True)
        found = written.gather(1, place + 1)[:, 0] - self.first_state
        valid = marks.any(1) & (found >= 0) & (found < 10)
        return torch.where(valid, found, -1)
