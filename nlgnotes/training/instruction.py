"""Instruction tuning: maximum likelihood on prompts and answers, the loss on the answers alone.

Taught in: book/instruction-tuning.ipynb.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.equations.metrics import exact_match
from nlgnotes.tasks.instructions import draw_instructed, encode
from nlgnotes.tasks.row_tasks import Task
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_callable, check_count, describe

__all__ = ["LOSS_ON", "answer_batch", "correct_answers", "draw_answers", "tune"]

LOSS_ON = ("answer", "everything")


def answer_batch(
    prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], loss_on: str = "answer"
) -> Batch:
    """Rows of 0, prompt, answer, 0: each token read but the last, each written but the first.

    With ``loss_on="answer"`` the mask is True where a token of the answer or the end 0 after it is
    to be written. The prompt is read, and nothing is learned from its tokens.

    Args:
        prompts, answers: token ids, row by row; a prompt's 0 at the start is added here.
        loss_on: ``"answer"``, or ``"everything"``: the prompt's tokens too.

    Returns:
        int64 inputs and targets, 0 where padded, and which targets count.

    Raises:
        ValueError: no rows, unequal numbers of them, rows that are no ids, an empty prompt, or
            another ``loss_on``.

    >>> batch = answer_batch([[5, 6]], [[8]])
    >>> batch.inputs, batch.targets, batch.mask.int()
    (tensor([[0, 5, 6, 8]]), tensor([[5, 6, 8, 0]]), tensor([[0, 0, 1, 1]], dtype=torch.int32))
    """
    for name, rows in (("prompts", prompts), ("answers", answers)):
        listed = isinstance(rows, Collection) and all(isinstance(x, Collection) for x in rows)
        if not listed:
            raise ValueError(f"{name} must hold lists of integers; got {describe(rows)}")
    if not len(prompts) or len(prompts) != len(answers):
        raise ValueError(
            "prompts and answers must be equally many, at least one; "
            f"got {len(prompts)} and {len(answers)}"
        )
    if not all(map(len, prompts)):
        raise ValueError("prompts must hold at least one token each; got an empty one")
    if loss_on not in LOSS_ON:
        raise ValueError(f"loss_on must be one of {', '.join(LOSS_ON)}; got {loss_on!r}")
    lengths = torch.tensor([len(p) + len(a) + 1 for p, a in zip(prompts, answers, strict=True)])
    longest = int(lengths.max())
    rows = [
        [0, *p, *a, *[0] * (longest - len(p) - len(a))]
        for p, a in zip(prompts, answers, strict=True)
    ]
    try:
        tokens = torch.tensor(rows)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        tokens = torch.zeros(0)
    if tokens.dtype != torch.long or tokens.dim() != 2:
        raise ValueError("prompts and answers must hold lists of integers; got something else")
    place = torch.arange(longest)
    mask = place < lengths[:, None]
    if loss_on == "answer":
        mask &= place >= torch.tensor([len(p) for p in prompts])[:, None]
    return Batch(tokens[:, :-1], tokens[:, 1:], mask)


@torch.no_grad()
def correct_answers(
    model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], rows: int = 500
) -> Bool[Tensor, " rows"]:
    """Exact match: whether greedy decoding writes the answer and ends there.

    Computed in one pass: each token of the answer, and the end, is the likeliest one given the
    right tokens before it.

    Args:
        model: tokens to logits.
        prompts, answers: as in :func:`answer_batch`.
        rows: how many at a time.

    Raises:
        ValueError: as :func:`answer_batch`, or logits that are no distribution.
    """
    rows, found = check_count("rows", rows), []
    check_callable("model", model)
    for name, lists in (("prompts", prompts), ("answers", answers)):
        if not isinstance(lists, Sequence):
            raise ValueError(f"{name} must hold lists of integers; got {describe(lists)}")
    if len(prompts) != len(answers):
        raise ValueError(
            f"answers must be one for each of {len(prompts)} prompts; got {len(answers)}"
        )
    for start in range(0, max(1, len(prompts)), rows):
        part = slice(start, start + rows)
        batch = answer_batch(prompts[part], answers[part])
        found.append(exact_match(model(batch.inputs), batch.targets, batch.mask))
    return torch.cat(found)


def draw_answers(
    tasks: Sequence[Task],
    templates: Mapping[str, Sequence[int]],
    n: int,
    generator: torch.Generator,
    *,
    loss_on: str = "answer",
    instruction: bool = True,
) -> Batch:
    """A batch of instruction tuning: every row a random task under one of its templates.

    Args:
        tasks, templates, n, generator, instruction: as ``tasks.draw_instructed`` takes them.
        loss_on: as in :func:`answer_batch`.

    Raises:
        ValueError: as these two.
    """
    found = draw_instructed(tasks, templates, n, generator, instruction=instruction)
    prompts = [encode(example.prompt) for example in found]
    return answer_batch(prompts, [encode(example.answer) for example in found], loss_on)


def tune(
    model: Any,
    tasks: Sequence[Task],
    templates: Mapping[str, Sequence[int]],
    *,
    steps: int,
    learning_rate: float,
    batch: int,
    generator: torch.Generator,
    progress: bool = False,
    callback: Callable[[int, float], object] | None = None,
    rehearse: Callable[[torch.Generator], Batch] | None = None,
    **options: Any,
) -> History:
    """Instruction tuning: maximum likelihood of the answers, given instructions and rows.

    Args:
        model: changed in place.
        tasks, templates: as :func:`draw_answers` takes them.
        steps, learning_rate: of one cycle, see ``training.fit``.
        batch: examples in a step.
        generator: where tasks, templates and rows are drawn from.
        progress, callback: as ``training.fit`` takes them.
        rehearse: draws a batch of pretraining, of which each step learns too: its loss is the mean
            of the two. None leaves pretraining behind.
        options: ``loss_on`` and ``instruction``, for :func:`draw_answers`.

    Raises:
        ValueError: as :func:`draw_answers` and ``training.fit``.
    """

    def draw(chance: torch.Generator) -> tuple[Batch, ...]:
        batches = (draw_answers(tasks, templates, batch, chance, **options),)
        return batches if rehearse is None else (*batches, rehearse(chance))

    return fit(
        model,
        draw,
        steps=steps,
        learning_rate=learning_rate,
        generator=generator,
        progress=progress,
        callback=callback,
        loss=_mean_loss,
    )


def _mean_loss(model: Any, batches: tuple[Batch, ...]) -> Tensor:
    losses = [next_token_loss(model(b.inputs), b.targets, b.mask) for b in batches]
    return torch.stack(losses).mean()
