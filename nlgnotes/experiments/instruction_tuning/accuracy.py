"""Exact match of a model, by how it is asked: instructed, by examples, or with nothing.

Every model of one training seed is asked the same things.
Taught in: book/instruction-tuning.ipynb.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from nlgnotes import randomness
from nlgnotes.experiments.instruction_tuning.documents import few_shot
from nlgnotes.tasks.instructions import (
    Example,
    composed,
    draw_instructed,
    draw_rows,
    encode,
    instructed,
)
from nlgnotes.tasks.row_tasks import DIGITS, LETTERS, Task
from nlgnotes.training.instruction import correct_answers

__all__ = [
    "by_shots",
    "chance",
    "compositions",
    "exact_matches",
    "headed_share",
    "instructed_share",
    "other_instruction",
    "other_symbols",
    "plain_template",
    "prompt_tokens",
]

Shares = dict[str, float]
Templates = Mapping[str, Sequence[int]]
# What these do to a row has a meaning whatever its symbols are.
ANY_SYMBOLS = ("copying", "reordering", "picking", "counting")
ANY_ORDERED = ("ascending", "descending", "largest", "smallest", "first larger")
PLAIN = range(8)  # templates that turn nothing around


def exact_matches(model: Any, examples: Sequence[Example]) -> torch.Tensor:
    """Whether each prompt is answered exactly, by greedy decoding: bool ``[n]``.

    Raises:
        ValueError: no example.
    """
    pairs = [(encode(e.prompt), encode(e.answer)) for e in examples]
    return correct_answers(model, [p for p, _ in pairs], [a for _, a in pairs])


def instructed_share(
    model: Any,
    tasks: Sequence[Task],
    templates: Templates,
    n: int,
    seed: int,
    *,
    instruction: bool = True,
) -> Shares:
    """The share of right answers of each task, zero-shot, on rows of the test.

    Args:
        model: tokens to logits.
        tasks, templates, instruction: as ``tasks.draw_instructed`` takes them.
        n: prompts of each task.
        seed: of the prompts.

    Returns:
        By the task's name.
    """
    found = {}
    for task in tasks:
        stream = randomness.generator(seed, "instruction-tuning", "asked", task.name)
        asked = draw_instructed([task], templates, n, stream, test=True, instruction=instruction)
        found[task.name] = _share(exact_matches(model, asked))
    return found


def chance(tasks: Sequence[Task], templates: Templates, n: int, seed: int) -> Shares:
    """What the best constant answer gets, by task, on the prompts of :func:`instructed_share`."""
    found = {}
    for task in tasks:
        stream = randomness.generator(seed, "instruction-tuning", "asked", task.name)
        answers = [e.answer for e in draw_instructed([task], templates, n, stream, test=True)]
        found[task.name] = round(max(map(answers.count, answers)) / n, 6)
    return found


def by_shots(
    model: Any, tasks: Sequence[Task], shots: Sequence[int], n: int, seed: int
) -> dict[str, Shares]:
    """The share of right answers after so many demonstrations and no instruction.

    Returns:
        By the number of shots, as a string, and by the task's name.
    """
    found: dict[str, Shares] = {}
    for count in shots:
        found[str(count)] = {}
        for task in tasks:
            stream = randomness.generator(seed, "instruction-tuning", "shots", count, task.name)
            right = correct_answers(model, *few_shot(task, count, n, stream))
            found[str(count)][task.name] = _share(right)
    return found


def headed_share(model: Any, tasks: Sequence[Task], n: int, seed: int) -> Shares:
    """The share of right answers after a heading and no example, as documents begin.

    Returns:
        By the task's name.
    """
    found = {}
    for task in tasks:
        stream = randomness.generator(seed, "instruction-tuning", "heading", task.name)
        prompts, answers = few_shot(task, 0, n, stream)
        headings = [encode(phrase.split()) for phrase in task.phrases]
        headed = [headings[i % len(headings)] + prompt for i, prompt in enumerate(prompts)]
        found[task.name] = _share(correct_answers(model, headed, answers))
    return found


def prompt_tokens(
    tasks: Sequence[Task], templates: Templates, shots: Sequence[int], n: int, seed: int
) -> Shares:
    """The mean number of tokens of a prompt: ``"instruction"``, and by the number of shots."""
    stream = randomness.generator(seed, "instruction-tuning", "prompt tokens")
    asked = draw_instructed(tasks, templates, n * len(tasks), stream, test=True)
    found = {"instruction": sum(len(e.prompt) for e in asked) / len(asked)}
    for count in shots:
        lengths = [len(p) for task in tasks for p in few_shot(task, count, n, stream)[0]]
        found[str(count)] = sum(lengths) / len(lengths)
    return {name: round(value, 3) for name, value in found.items()}


def plain_template(task: Task, templates: Templates, draw: int) -> int:
    """One of a task's templates that do not turn it around, by a number that was drawn.

    Raises:
        ValueError: all of them turn the task around.
    """
    plain = [number for number in templates[task.name] if number in PLAIN]
    if not plain:
        raise ValueError(f"templates must hold one of 0 to 7; got {templates[task.name]}")
    return plain[draw % len(plain)]


def other_instruction(
    model: Any, tasks: Sequence[Task], templates: Templates, n: int, seed: int
) -> Shares:
    """A row for one task under the instruction of another: whose answer is written?

    Only where the two answers differ.

    Args:
        model: tokens to logits.
        tasks: of several for each kind of symbols.
        templates: those that do not turn the task around are taken.
        n: pairs of each task.
        seed: of pairs and rows.

    Returns:
        ``own``: right answers under the task's own instruction; ``right task``: its answer under
        the other instruction; ``instructed task``: the other's answer.
    """
    stream = randomness.generator(seed, "instruction-tuning", "other instruction")
    own, first, second = [], [], []
    for task in tasks:
        others = [t for t in tasks if t.symbols == task.symbols and t is not task]
        rows = draw_rows(task.symbols, n, stream, test=True)
        for row, (i, j) in zip(
            rows, torch.randint(2**40, (n, 2), generator=stream).tolist(), strict=True
        ):
            other = others[i % len(others)]
            if task.solve(row) == other.solve(row):
                continue
            asked = instructed(other, plain_template(other, templates, j), row)
            own.append(instructed(task, plain_template(task, templates, j), row))
            first.append(Example(asked.prompt, task.solve(row)))
            second.append(asked)
    parts = {"own": own, "right task": first, "instructed task": second}
    return {name: _share(exact_matches(model, part)) for name, part in parts.items()} | {
        "n": len(own)
    }


def other_symbols(
    model: Any, tasks: Sequence[Task], templates: Templates, n: int, seed: int
) -> dict[str, Shares]:
    """Instructions over rows of the symbols that they never went with: digits for letters.

    Returns:
        ``usual`` and ``other``, each by task; only tasks that have a meaning on both.
    """
    found: dict[str, Shares] = {"usual": {}, "other": {}}
    for task in tasks:
        if task.cluster not in ANY_SYMBOLS and task.name not in ANY_ORDERED:
            continue
        other = DIGITS if task.symbols == LETTERS else LETTERS
        for name, symbols in (("usual", task.symbols), ("other", other)):
            stream = randomness.generator(seed, "instruction-tuning", "symbols", name, task.name)
            rows = draw_rows(symbols, n, stream, test=True)
            picks = torch.randint(2**40, (n,), generator=stream).tolist()
            asked = [
                instructed(task, plain_template(task, templates, pick), row)
                for row, pick in zip(rows, picks, strict=True)
            ]
            found[name][task.name] = _share(exact_matches(model, asked))
    return found


def compositions(model: Any, tasks: Sequence[Task], n: int, seed: int) -> Shares:
    """Two trained tasks in one instruction: is the composed answer written, or one of the two?

    The first is a task that makes a row of letters from one (reordering or shifting), the second
    one of another cluster of letters. Only where the three answers differ.

    Returns:
        Shares of ``composed``, ``first alone``, ``second alone`` (on the row as it is), and ``n``.
    """
    stream = randomness.generator(seed, "instruction-tuning", "compositions")
    pairs = [
        (a, b)
        for a in tasks
        for b in tasks
        if a.cluster in ("reordering", "shifting")
        and b.symbols == LETTERS
        and a.cluster != b.cluster
    ]
    if not pairs:
        raise ValueError(f"tasks must hold two that compose; got {[t.name for t in tasks]}")
    parts: dict[str, list[Example]] = {"composed": [], "first alone": [], "second alone": []}
    for a, b in pairs:
        rows = draw_rows(LETTERS, n, stream, test=True)
        picks = torch.randint(4, (n,), generator=stream).tolist()
        for row, pick in zip(rows, picks, strict=True):
            asked = composed(a, b, pick, row)
            answers = (asked.answer, a.solve(row), b.solve(row))
            if len(set(answers)) == len(answers):
                for part, answer in zip(parts.values(), answers, strict=True):
                    part.append(Example(asked.prompt, answer))
    return {name: _share(exact_matches(model, part)) for name, part in parts.items()} | {
        "n": len(parts["composed"])
    }


def _share(right: torch.Tensor) -> float:
    return round(float(right.double().mean()), 6)
