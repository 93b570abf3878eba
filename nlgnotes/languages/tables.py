"""Tables of distributions, one a row: their check, and draws from their rows."""

from collections.abc import Callable

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from nlgnotes.documents import Documents
from nlgnotes.languages.base import Language, check_sample
from nlgnotes.validation import check_generator

__all__ = ["RowSampler", "check_rows", "sample_walks"]


def check_rows(name: str, table: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The table in float64, after a check of its shape and that its rows are distributions.

    Raises:
        ValueError: a wrong shape, a negative number or NaN, or a row whose sum is not within 1e-6
            of 1.
    """
    if not isinstance(table, Tensor) or tuple(table.shape) != shape:
        given = list(table.shape) if isinstance(table, Tensor) else type(table).__name__
        raise ValueError(f"{name} must have shape {list(shape)}; got {given}")
    table = table.double()
    if not bool((table >= 0).all()):
        raise ValueError(f"{name} must hold no negative number or NaN; got {float(table.min())}")
    total = table.sum(-1, keepdim=True)
    worst = float(total.flatten()[(total - 1).abs().argmax()])
    if not abs(worst - 1) <= 1e-6:
        raise ValueError(f"{name} must have rows that add up to 1; got one of {worst:.6g}")
    return table / total


class RowSampler:
    """Draws from the rows of a table, by one search in one sorted vector of cumulative sums.

    Args:
        table: distributions, [rows, width].
    """

    def __init__(self, table: Float64[Tensor, "rows width"]):
        self.width = table.shape[1]
        sums = table.cumsum(-1)
        # What rounding leaves above the last sum belongs to the last entry that is possible at all.
        last = self.width - 1 - (table > 0).flip(-1).long().argmax(-1, keepdim=True)
        sums[torch.arange(self.width) >= last] = 1.0
        self._last = last[:, 0]
        self._steps = (sums + torch.arange(len(table))[:, None]).flatten()

    def draw(self, rows: Int64[Tensor, " n"], generator: torch.Generator) -> Int64[Tensor, " n"]:
        """One draw from each of the rows asked for.

        Raises:
            ValueError: ``generator`` is no ``torch.Generator``.
        """
        check_generator(generator)
        u = torch.rand(len(rows), generator=generator, dtype=torch.float64)
        # Adding a large row number may round the sum up to the next row: the last entry that is
        # possible is then the right one.
        found = torch.searchsorted(self._steps, rows + u, right=True) - rows * self.width
        return found.minimum(self._last[rows])


def sample_walks(
    sampler: RowSampler,
    follow: Callable[[Tensor, Tensor], Tensor],
    n: int,
    generator: torch.Generator,
    max_length: int | None,
) -> Documents:
    """Draw documents whose next token depends on a state that the tokens so far determine.

    Args:
        sampler: one row for each state; all documents start in row 0.
        follow: from (state, token) to the state after the token.
        n, generator, max_length: as in :meth:`Language.sample`.

    Raises:
        ValueError: as :func:`check_sample`.
    """
    n, max_length = check_sample(n, generator, max_length)
    state, running = torch.zeros(n, dtype=torch.long), torch.arange(n)
    steps: list[tuple[Tensor, Tensor]] = []
    while len(running) and (max_length is None or len(steps) < max_length):
        word = sampler.draw(state, generator)
        steps.append((running, word))
        goes_on = word != Language.eos
        running = running[goes_on]
        state = follow(state[goes_on], word[goes_on])
    tokens, long = torch.zeros(len(steps), n, dtype=torch.long), torch.zeros(n, dtype=torch.long)
    for t, (rows, word) in enumerate(steps):
        tokens[t, rows], long[rows] = word, t + 1
    return Documents(tokens.T.contiguous(), long)
