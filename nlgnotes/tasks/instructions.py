"""Instructions: ten templates for each task of :mod:`tasks.row_tasks`, and texts as tokens.

Taught in: book/instruction-tuning.ipynb.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from nlgnotes.tasks.row_tasks import DIGITS, LETTERS, TASKS, Row, Task
from nlgnotes.validation import check_count, check_flag, check_generator, check_kind

__all__ = [
    "TEMPLATES",
    "WORDS",
    "Example",
    "composed",
    "draw_instructed",
    "draw_rows",
    "encode",
    "instructed",
    "rows_of",
    "split_templates",
    "template",
]

TEMPLATES = 10
LENGTHS = (4,)  # of rows, equally often

# {p} is one of the task's phrases, {x} the row.
FRAMES = (
    "{p} : {x}",
    "please {p} {x}",
    "{x} now {p}",
    "take {x} and {p}",
    "what is {x} if you {p} it ?",
    "task : {p} input : {x}",
    "for {x} you should {p}",
    "could you {p} this : {x}",
    "given {x} , {p}",
    "{p} the row {x} .",
)
# The last two templates turn the task around, where its answer tells the row.
TURNED = {
    8: "which row gives {x} if you {p} it ?",
    9: "{x} comes out when you {p} . what was it ?",
}
COMPOSED = "take {x} and {p} and {q}"


@dataclass(frozen=True)
class Example:
    """A prompt and its answer, in words.

    Args:
        prompt: instruction and row, and ``=`` as the last word.
        answer: what should be written after it; the end is not part of it.
    """

    prompt: Row
    answer: Row


def _instruction_words() -> tuple[str, ...]:
    texts = [*FRAMES, *TURNED.values(), *(p for task in TASKS for p in task.phrases)]
    return tuple(sorted({w for text in texts for w in text.split() if "{" not in w}))


WORDS = ("<end>", "=", *LETTERS, *DIGITS, "yes", "no", *_instruction_words())
"""The vocabulary. ``<end>``, token 0, also stands at the start of every text."""

_IDS = {word: i for i, word in enumerate(WORDS)}


def encode(words: Sequence[str]) -> list[int]:
    """The ids of words.

    Raises:
        ValueError: a word that is none of :data:`WORDS`.

    >>> encode(["<end>", "=", "a"])
    [0, 1, 2]
    """
    check_kind("words", words, Sequence)
    for word in words:
        check_kind("words", word, str)
    try:
        return [_IDS[word] for word in words]
    except KeyError as error:
        raise ValueError(f"words must be in the vocabulary; got {error.args[0]!r}") from None


def rows_of(symbols: Row, test: bool) -> tuple[tuple[Row, ...], ...]:
    """All rows that belong to training, or to the test, one tuple for each of the lengths.

    The row's symbols are read as the digits of a number; it belongs to the test if the remainder of
    the number divided by 13 is 0 or 1. No row of the test is the row of a training example, in any
    task; as what a task gives, it may occur.

    >>> [len(rows) for rows in rows_of(LETTERS, True)], [len(r) for r in rows_of(LETTERS, False)]
    ([631], [3465])
    """
    _check_row("symbols", symbols)
    check_kind("symbols", symbols, tuple)
    return _rows_of(symbols, check_flag("test", test))


@cache
def _rows_of(symbols: Row, test: bool) -> tuple[tuple[Row, ...], ...]:
    split: list[tuple[Row, ...]] = []
    for length in LENGTHS:
        count = len(symbols) ** length
        numbers = [n for n in range(count) if (n % 13 < 2) == test]
        split.append(tuple(_digits(n, length, symbols) for n in numbers))
    return tuple(split)


def _digits(n: int, length: int, symbols: Row) -> Row:
    base = len(symbols)
    return tuple(symbols[n // base**place % base] for place in reversed(range(length)))


def draw_rows(symbols: Row, n: int, generator: torch.Generator, test: bool = False) -> list[Row]:
    """Random rows, uniform over those that there are.

    Args:
        symbols: :data:`LETTERS` or :data:`DIGITS`.
        n: how many.
        generator: where they are drawn from.
        test: of the rows kept for the test; else of the others.

    Raises:
        ValueError: ``n`` below 1, or no generator.
    """
    n = check_count("n", n)
    check_generator(generator)
    _check_row("symbols", symbols)
    test = check_flag("test", test)
    drawn = torch.randint(2**40, (n, 2), generator=generator).tolist()
    return [_row_at(symbols, test, length, place) for length, place in drawn]


def _row_at(symbols: Row, test: bool, length: int, place: int) -> Row:
    """The row that two large random numbers stand for."""
    pools = rows_of(symbols, test)
    pool = pools[length % len(pools)]
    return pool[place % len(pool)]


def template(task: Task, number: int) -> str:
    """One of a task's ten templates, ``{x}`` standing for the row.

    Args:
        task: of :data:`TASKS`.
        number: 0 to 9. Where the task can be turned around, 8 and 9 do so.

    Raises:
        ValueError: another number.

    >>> template(TASKS[3], 1), template(TASKS[3], 8)
    ('please write backwards {x}', 'which row gives {x} if you reverse it ?')
    """
    check_kind("task", task, Task)
    number = check_count("number", number, 0, TEMPLATES - 1)
    turned = task.invertible and number in TURNED
    frame = TURNED[number] if turned else FRAMES[number]
    return frame.replace("{p}", task.phrases[number % len(task.phrases)])


def instructed(task: Task, number: int, row: Row) -> Example:
    """A row under one of a task's templates.

    A template that is turned around shows the task's answer and asks for the row.

    Args:
        task: of :data:`TASKS`.
        number: of the template, 0 to 9.
        row: of the task's symbols.

    Raises:
        ValueError: as :func:`template`.

    >>> instructed(TASKS[3], 1, ("a", "b", "c"))
    Example(prompt=('please', 'write', 'backwards', 'a', 'b', 'c', '='), answer=('c', 'b', 'a'))
    """
    check_kind("task", task, Task)
    number = check_count("number", number, 0, TEMPLATES - 1)
    _check_row("row", row)
    shown, answer = row, task.solve(row)
    if task.invertible and number in TURNED:
        shown, answer = answer, shown
    return Example(_filled(template(task, number), shown), answer)


def split_templates(
    generator: torch.Generator, training: int = 7, new: int = 3
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Which of each task's templates are trained on, and which are kept for the test.

    Args:
        generator: shuffles the ten templates of every task, each in its own order.
        training, new: the first and the last so many of them; fewer for training takes fewer of the
            same.

    Returns:
        Two mappings, from a task's name to numbers.

    Raises:
        ValueError: a count below 0 or 1, more than ten together, or no generator.
    """
    check_generator(generator)
    training = check_count("training", training, 1, TEMPLATES)
    new = check_count("new", new, 0, TEMPLATES - training)
    orders = {t.name: torch.randperm(TEMPLATES, generator=generator).tolist() for t in TASKS}
    return (
        {name: tuple(order[:training]) for name, order in orders.items()},
        {name: tuple(order[TEMPLATES - new :]) for name, order in orders.items()},
    )


def draw_instructed(
    tasks: Sequence[Task],
    templates: Mapping[str, Sequence[int]],
    n: int,
    generator: torch.Generator,
    *,
    test: bool = False,
    instruction: bool = True,
) -> list[Example]:
    """Random rows under random templates of random tasks.

    Args:
        tasks: at least one, equally often.
        templates: for each task's name the numbers of its templates, equally often.
        n: how many.
        generator: where all is drawn from.
        test: take the rows that are kept for the test.
        instruction: False leaves the row and ``=`` as the prompt.

    Raises:
        ValueError: no task, a task without templates, ``n`` below 1, or no generator.
    """
    n = check_count("n", n)
    check_generator(generator)
    test, instruction = check_flag("test", test), check_flag("instruction", instruction)
    check_kind("tasks", tasks, Sequence)
    check_kind("templates", templates, Mapping)
    for task in tasks:
        check_kind("tasks", task, Task)
        check_kind("templates", templates.get(task.name, ()), Sequence)
    if not tasks or not all(templates.get(task.name) for task in tasks):
        raise ValueError("tasks must hold at least one, each with templates; got none")
    drawn = torch.randint(2**40, (n, 4), generator=generator).tolist()
    found = []
    for which, how, length, place in drawn:
        task = tasks[which % len(tasks)]
        numbers = templates[task.name]
        row = _row_at(task.symbols, test, length, place)
        if instruction:
            found.append(instructed(task, numbers[how % len(numbers)], row))
        else:
            found.append(Example((*row, "="), task.solve(row)))
    return found


def composed(first: Task, second: Task, number: int, row: Row) -> Example:
    """A row under the instruction to do one task, and another with what comes out.

    Args:
        first, second: of :data:`TASKS`; what the first writes must be a row for the second.
        number: of the phrases of both, 0 to 3.
        row: of the first one's symbols.

    Raises:
        ValueError: a number of no phrase.

    >>> composed(TASKS[3], TASKS[6], 0, ("a", "b", "c")).answer  # reverse, then give the first
    ('c',)
    """
    check_kind("first", first, Task)
    check_kind("second", second, Task)
    number = check_count("number", number, 0, len(first.phrases) - 1)
    _check_row("row", row)
    text = COMPOSED.replace("{p}", first.phrases[number]).replace("{q}", second.phrases[number])
    return Example(_filled(text, row), second.solve(first.solve(row)))


def _check_row(name: str, row: object) -> None:
    """Check that a row holds at least one symbol."""
    check_kind(name, row, Sequence)
    for symbol in row:
        check_kind(name, symbol, str)
    if not row:
        raise ValueError(f"{name} must hold at least 1 symbol; got none")


def _filled(text: str, row: Row) -> Row:
    words: list[str] = []
    for word in text.split():
        words += row if word == "{x}" else [word]
    return (*words, "=")
