"""Prompts of every balance and every order of labels, and what is answered to them."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.equations.urn import urn_log_prior
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.in_context import Examples, LabelledExamples
from nlgnotes.validation import check_count, check_generator

__all__ = [
    "Questions",
    "all_orders",
    "answered",
    "beliefs",
    "draw_questions",
    "empty_beliefs",
    "order_weights",
    "with_null",
]


class Questions(NamedTuple):
    """Prompts that end in a question, by the order of their labels and the question's label.

    Args:
        words: token ids, int64 ``[orders, kinds, rows, shots + 1, words]``.
        labels: int64 ``[orders, kinds, rows, shots + 1]``; the last is the question's.
    """

    words: Tensor
    labels: Tensor


def all_orders(shots: int, kinds: int = 2) -> Int[Tensor, "orders shots"]:
    """Every sequence of ``shots`` labels: all balances in all orders, ``kinds ** shots`` rows.

    Raises:
        ValueError: ``shots`` below 0 or ``kinds`` below 1.

    >>> all_orders(2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    shots, kinds = check_count("shots", shots, 0), check_count("kinds", kinds)
    rows = list(itertools.product(range(kinds), repeat=shots))
    return torch.tensor(rows, dtype=torch.long).view(len(rows), shots)


def order_weights(
    orders: Int[Tensor, "orders shots"], family: LabelledExamples, *, balanced: bool
) -> Float[Tensor, "orders kinds"]:
    """How often a test asks a question of each label after each order; the sum is 1.

    Args:
        orders: of :func:`all_orders`.
        family: its urn is that of the bursty test.
        balanced: every order and every label equally often; otherwise labels follow each other as
            they do in the family's own documents, p(y_1, …, y_shots, y).
    """
    n, shots = orders.shape
    if balanced:
        return torch.full((n, family.kinds), 1 / (n * family.kinds), dtype=torch.float64)
    labels = torch.cat((orders, torch.zeros(n, 1, dtype=torch.long)), 1)
    prior = urn_log_prior(labels, family.kinds, family.burst, family.decay)
    order = prior[:, :shots].gather(-1, orders[..., None])[..., 0].sum(-1, keepdim=True)
    return (order + prior[:, -1]).exp()


def draw_questions(
    orders: Int[Tensor, "orders shots"],
    rows: int,
    family: LabelledExamples,
    generator: torch.Generator,
) -> Questions:
    """Prompts for each order, equally many with a question of each label; no example is null.

    After every order the same questions are asked: row r of a label has the same words at its end.
    The demonstrations have words of their own.

    Args:
        orders: the labels of the demonstrations.
        rows: how many prompts for each order and each label of the question.
        family: of a fixed mapping, where a label is the words' kind.
        generator: where all words are drawn from.

    Raises:
        ValueError: ``rows`` below 1, another mapping, or no generator.
    """
    rows = check_count("rows", rows)
    check_generator(generator)
    if family.mapping != "fixed":
        raise ValueError(f"family must have a fixed mapping; got {family.mapping!r}")
    n, shots = orders.shape
    last = torch.arange(family.kinds)[None, :, None, None].expand(n, -1, rows, 1)
    shown = orders[:, None, None].expand(n, family.kinds, rows, shots)
    labels = torch.cat((shown, last), -1)
    never_null = replace(family, null_share=0.0)
    words = never_null.draw_words(labels.flatten(0, 2), generator).view(*labels.shape, -1)
    words[..., -1, :] = words[:1, ..., -1, :]
    return Questions(words, labels)


def with_null(questions: Questions, token: int) -> Questions:
    """The same prompts with a null token, repeated, in the place of the question's words."""
    words = questions.words.clone()
    words[..., -1, :] = token
    return questions._replace(words=words)


@torch.no_grad()
def beliefs(
    reader: Decoder | Callable[[Tensor, Tensor], Tensor],
    family: LabelledExamples,
    questions: Questions,
    rows_at_once: int = 1024,
) -> Float[Tensor, "orders kinds rows answers"]:
    """The probability of each label for the last question.

    Args:
        reader: a decoder, whose probabilities are taken over the labels alone, or an exact reader:
            ``log_posterior(words, labels)``.
        family: how questions are written.
        questions: of :func:`draw_questions`.
        rows_at_once: of a decoder.

    Returns:
        float64, normalised over the labels.
    """
    words, labels = (part.flatten(0, 2) for part in questions)
    if not isinstance(reader, Decoder):
        found = reader(words, labels)[:, -1].exp()
    else:
        inputs = family.batch(Examples(words, labels, labels[:, :0])).inputs
        found = _last_beliefs(reader, family, inputs, rows_at_once)
    return found.view(*questions.labels.shape[:3], family.kinds)


@torch.no_grad()
def empty_beliefs(
    model: Decoder, family: LabelledExamples, questions: Questions, rows_at_once: int = 1024
) -> Float[Tensor, "orders kinds rows answers"]:
    """The probability of each label where the question has no words: the separator comes at once.

    A null input of a form that no document of the family has.

    Args:
        model, family, questions, rows_at_once: as :func:`beliefs`.

    Returns:
        float64, normalised over the labels.
    """
    words, labels = (part.flatten(0, 2) for part in questions)
    inputs = family.batch(Examples(words, labels, labels[:, :0])).inputs
    inputs = torch.cat((inputs[:, : -1 - family.words_per_example], inputs[:, -1:]), 1)
    found = _last_beliefs(model, family, inputs, rows_at_once)
    return found.view(*questions.labels.shape[:3], family.kinds)


def answered(
    probs: Float[Tensor, "orders kinds rows answers"],
) -> Float[Tensor, "orders kinds answers"]:
    """The share of questions to which each label is the answer: the likeliest one."""
    kinds = probs.shape[-1]
    return torch.nn.functional.one_hot(probs.argmax(-1), kinds).double().mean(2)


def _last_beliefs(model: Decoder, family: LabelledExamples, inputs: Tensor, rows: int) -> Tensor:
    logits = [model.unembed(model.hidden(part)[:, -1]) for part in inputs.split(rows)]
    return torch.cat(logits)[:, 1 : family.kinds + 1].double().softmax(-1)
