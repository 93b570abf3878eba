"""Pretraining: documents that show a task by examples, some of them under a heading.

Taught in: book/instruction-tuning.ipynb.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from nlgnotes.batches import Batch
from nlgnotes.experiments.in_context_learning.demonstrations import untrained_reader
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.instructions import WORDS, draw_rows, encode
from nlgnotes.tasks.row_tasks import TASKS, Task
from nlgnotes.validation import check_count, check_generator, check_interval

__all__ = [
    "CONTEXT",
    "demonstrations",
    "document_batch",
    "draw_documents",
    "few_shot",
    "untrained_base",
]

CONTEXT = 160
"""Tokens that every model can read: eight examples of the longest kind, and a question."""

END, EQUALS = encode(("<end>", "="))


def demonstrations(task: Task, rows: Sequence[tuple[str, ...]]) -> list[int]:
    """Examples without a word of instruction: row, ``=``, answer and end, one after the other.

    >>> from nlgnotes.tasks.row_tasks import TASKS
    >>> demonstrations(TASKS[0], [("a", "b", "c")])  # a copy
    [2, 3, 4, 1, 2, 3, 4, 0]
    """
    return [i for x in rows for i in encode((*x, "=", *task.solve(x), "<end>"))]


def few_shot(
    task: Task, shots: int, n: int, generator: torch.Generator
) -> tuple[list[list[int]], list[list[int]]]:
    """Prompts of ``shots`` demonstrations and a row of the test, and the answers.

    Args:
        task: of ``tasks.row_tasks``.
        shots: demonstrations, at least 0. Their rows are those of training.
        n: how many prompts.
        generator: where all rows are drawn from.

    Raises:
        ValueError: a count out of range, or no generator.
    """
    shots, n = check_count("shots", shots, 0), check_count("n", n)
    asked = draw_rows(task.symbols, n, generator, test=True)
    shown = draw_rows(task.symbols, n * shots, generator) if shots else []
    prompts = [
        demonstrations(task, shown[i * shots : (i + 1) * shots]) + encode((*x, "="))
        for i, x in enumerate(asked)
    ]
    return prompts, [encode(task.solve(x)) for x in asked]


def document_batch(documents: int, tokens: int, headed: float, generator: torch.Generator) -> Batch:
    """Documents of one task each: perhaps a heading, then examples until the document is full.

    A heading is one of the task's four phrases. The rows are those of training.

    Args:
        documents: how many.
        tokens: of each; the last example is cut off there.
        headed: the share of documents with a heading, in [0, 1].
        generator: where tasks, headings and rows are drawn from.

    Returns:
        What counts is the answers and the ends behind them: a row's symbols are uniform, and a
        heading comes first, so that nothing can be learned from having to guess them.

    Raises:
        ValueError: an argument out of range.
    """
    documents, tokens = check_count("documents", documents), check_count("tokens", tokens)
    headed = check_interval("headed", headed, 0, 1)
    check_generator(generator)
    shortest = 7  # four symbols, "=", an answer of one, the end
    examples = -(-tokens // shortest)
    which = torch.randint(len(TASKS), (documents,), generator=generator).tolist()
    headings = torch.randint(4, (documents,), generator=generator).tolist()
    with_heading = (torch.rand(documents, generator=generator) < headed).tolist()
    texts = []
    for index, phrase, heading in zip(which, headings, with_heading, strict=True):
        task = TASKS[index]
        rows = draw_rows(task.symbols, examples, generator)
        text = encode(task.phrases[phrase].split()) if heading else []
        for row in rows:
            if len(text) >= tokens:
                break
            text += demonstrations(task, [row])
        texts.append([0, *text[:tokens]])
    found = torch.tensor(texts)
    # After an equals sign the answer begins, after an end the next row.
    marks = torch.where(found == EQUALS, 1, torch.where(found == END, -1, 0))
    place = torch.arange(tokens + 1)
    last = torch.where(marks != 0, place, 0).cummax(1).values
    inside = marks.gather(1, last) == 1
    return Batch(found[:, :-1], found[:, 1:], inside[:, :-1])


def untrained_base(settings: Mapping[str, Any], seed: int) -> Decoder:
    """A decoder of the instructions' vocabulary, before it has read anything.

    Args:
        settings: ``width``, ``layers``, ``heads``, ``hidden``, ``initial_scale``.
        seed: of the weights.
    """
    return untrained_reader(len(WORDS), CONTEXT, settings, seed)


def draw_documents(settings: Mapping[str, Any], generator: torch.Generator) -> Batch:
    """A step's documents, all of one length.

    Args:
        settings: ``lengths``, from which the length is drawn; ``tokens`` of a step; ``headed``.
        generator: of all that is drawn.
    """
    lengths = settings["lengths"]
    tokens = lengths[int(torch.randint(len(lengths), (1,), generator=generator))]
    return document_batch(settings["tokens"] // tokens, tokens, settings["headed"], generator)
