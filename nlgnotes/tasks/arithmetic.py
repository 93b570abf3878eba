"""Running sums of digits: a finite automaton with a shortcut."""

import torch

from nlgnotes.tasks.automata import Automaton
from nlgnotes.validation import check_count

__all__ = ["running_sum"]


def running_sum(modulus: int = 10) -> Automaton:
    """The sum of digits modulo ``modulus``, digit by digit.

    There is a shortcut: the order does not matter, so a model can count each digit and reduce
    once, at a depth that does not grow with the length. The group is solvable (Liu et al. 2023,
    arXiv:2210.10749). Taught in: book/reasoning.ipynb.

    Args:
        modulus: how many digits there are, and states.

    Returns:
        Inputs ``+0``, ``+1``, … and the blank ``·``; states ``0``, ``1``, ….

    Raises:
        ValueError: a modulus below 2.

    >>> task = running_sum()
    >>> task.states[task.table[7, 5]]
    '2'
    """
    modulus = check_count("modulus", modulus, 2)
    digits = torch.arange(modulus)
    table = torch.cat(((digits[:, None] + digits) % modulus, digits[:, None]), 1)
    inputs = (*(f"+{digit}" for digit in range(modulus)), "·")
    return Automaton(inputs, tuple(map(str, range(modulus))), table)
