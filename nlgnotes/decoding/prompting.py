"""Prompts: demonstrations before a question, and two prompts of which one asks for reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from nlgnotes.decoding.generation import generate, model_sizes
from nlgnotes.validation import check_count, check_id_lists, check_tokens, describe, is_int64

__all__ = ["TwoStages", "few_shot_prompt", "two_stage_answers"]


def few_shot_prompt(
    demonstrations: Sequence[Tensor], questions: Int64[Tensor, "rows time"]
) -> Int64[Tensor, "rows prompt"]:
    """Demonstrations, then the question, row by row: a few-shot prompt (Brown et al. 2020).

    With written steps in the demonstrations it is a chain-of-thought prompt (Wei et al. 2022).
    Taught in: book/reasoning.ipynb.

    Args:
        demonstrations: questions with all that is written after them, one tensor for each place in
            the prompt; none gives a zero-shot prompt.
        questions: the last of every row, without what is to be written.

    Raises:
        ValueError: no int64 tensors ``[rows, time]``, or another number of rows in one of them.

    >>> few_shot_prompt([torch.tensor([[7, 7]]), torch.tensor([[8]])], torch.tensor([[9]]))
    tensor([[7, 7, 8, 9]])
    """
    if not isinstance(demonstrations, Sequence):
        raise ValueError(f"demonstrations must be a list; got {describe(demonstrations)}")
    for part in (*demonstrations, questions):
        if not is_int64(part) or part.dim() != 2:
            raise ValueError(
                "demonstrations and questions must be int64 tensors of shape [rows, time]; "
                f"got {describe(part)}"
            )
    rows = [len(part) for part in (*demonstrations, questions)]
    if len(set(rows)) != 1:
        raise ValueError(f"demonstrations must have the rows of questions; got {rows}")
    return torch.cat([*demonstrations, questions], 1)


@dataclass(frozen=True)
class TwoStages:
    """What a model wrote in two stages.

    Args:
        reasons: tokens of the first stage, 0 behind their end.
        lengths: how many of them each row has.
        answers: the token that the second stage wrote.
    """

    reasons: Int64[Tensor, "rows new"]
    lengths: Int64[Tensor, " rows"]
    answers: Int64[Tensor, " rows"]


def two_stage_answers(
    model: Any,
    questions: Int64[Tensor, "rows time"],
    *,
    reason: Sequence[int],
    conclude: Sequence[int],
    stop_tokens: Sequence[int],
    max_reasons: int,
    sampler: Any,
    generator: torch.Generator,
) -> TwoStages:
    """Ask for reasons, then for the answer after them: the two prompts of zero-shot reasoning.

    1. ``question + reason`` → z, cut before the first of ``stop_tokens``;
    2. ``question + reason + z + conclude`` → one token, the answer.

    From Kojima et al. 2022 (arXiv:2205.11916), whose two texts are "Let's think step by step." and
    "Therefore, the answer (arabic numerals) is". A model that was never trained on such texts
    gains nothing from them. Taught in: book/reasoning.ipynb.

    Args:
        model: see ``generation.Generates``.
        questions: rows of equal length.
        reason, conclude: the tokens of the two texts.
        stop_tokens: what ends the reasons; they are not part of them.
        max_reasons: the most tokens of the first stage.
        sampler, generator: as ``generate`` takes them, in both stages.

    Raises:
        ValueError: no token to conclude with, texts that are no ids, ``max_reasons`` below 1, or as
            ``generate``.
    """
    max_reasons = check_count("max_reasons", max_reasons)
    check_tokens("questions", questions, model_sizes(model)[0])
    (reason,) = check_id_lists("reason", [reason])
    (conclude,) = check_id_lists("conclude", [conclude])
    (stop_tokens,) = check_id_lists("stop_tokens", [stop_tokens])
    if not len(conclude):
        raise ValueError("conclude must hold at least one token; got none")
    rows = len(questions)
    asked = torch.cat([questions, _repeated(reason, rows)], 1)
    options = {"sampler": sampler, "generator": generator}
    found = generate(model, asked, max_new_tokens=max_reasons, **options).tokens
    ends = torch.isin(found, torch.tensor([*stop_tokens], dtype=torch.long))
    lengths = torch.where(ends.any(1), ends.int().argmax(1), max_reasons)
    answers = torch.zeros(rows, dtype=torch.long)
    for length in lengths.unique().tolist():  # rows of one length have prompts of one length
        at = lengths == length
        prompt = [asked[at], found[at, :length], _repeated(conclude, int(at.sum()))]
        answers[at] = generate(model, torch.cat(prompt, 1), max_new_tokens=1, **options).tokens[
            :, 0
        ]
    return TwoStages(
        found.masked_fill(torch.arange(max_reasons) >= lengths[:, None], 0), lengths, answers
    )


def _repeated(tokens: Sequence[int], rows: int) -> Tensor:
    return torch.tensor([*tokens], dtype=torch.long).expand(rows, -1)
