"""The exact law of a model over all answers of a given length.

Taught in: book/rlhf.ipynb.
"""

import math
from collections.abc import Iterator
from typing import Any, SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.decoding.generation import model_sizes
from nlgnotes.validation import check_count, check_flag, check_tokens

__all__ = ["answer_log_probs", "answer_scores"]


def answer_log_probs(
    model: Any,
    prompts: Int[Tensor, "prompts time"],
    length: SupportsIndex,
    *,
    gradient: bool = False,
) -> Float[Tensor, "prompts answers"]:
    r"""log P(y | x) of every answer of ``length`` tokens, the last token running fastest.

    .. math:: \log P(y \mid x) = \sum_t \log P(y_t \mid x, y_{<t}),

    each prefix read once. The sum over the answers of a prompt is 1 to rounding, since every token
    of the vocabulary may stand everywhere. Taught in: book/rlhf.ipynb.

    Args:
        model: a ``Decoder``, or what has its ``step`` and ``empty_cache`` (or, for gradients, its
            ``hidden`` and ``unembed``).
        prompts: of equal length.
        length: of the answers.
        gradient: let gradients flow to the model's weights, at about five times the cost.

    Returns:
        ``[prompts, vocab ** length]``, in float64.

    Raises:
        ValueError: ill prompts or length, more than 2 ** 22 answers of a prompt, or a model that
            gives NaN.
    """
    size, length = _checked(model, prompts, length)
    road = _with_gradient if check_flag("gradient", gradient) else _cached
    return _checked_answer(torch.stack([road(model, prompt, length, size) for prompt in prompts]))


@torch.no_grad()
def answer_scores(
    model: Any, prompts: Int[Tensor, "prompts time"], length: SupportsIndex
) -> Float[Tensor, "prompts answers"]:
    """What a ``RewardModel`` gives to every answer, in the order of :func:`answer_log_probs`.

    Args:
        model: a ``networks.reward_model.RewardModel``.
        prompts, length: as there.

    Returns:
        ``[prompts, vocab ** length]``, in float64.

    Raises:
        ValueError: as there, or prompt and answer together are longer than the context.
    """
    size, length = _checked(model, prompts, length)
    context = model_sizes(model)[1]
    if prompts.shape[1] + length > context:
        raise ValueError(
            f"prompts and answers must fit the context of {context}; "
            f"got {prompts.shape[1]} + {length}"
        )
    tails = _tails(size, length)
    found = []
    for prompt in prompts:
        before = torch.cat((prompt.expand(len(tails), -1), tails), 1)
        # A thousand rows at a time fit the processor's memory.
        found.append(torch.cat([_with_every_end(model, b) for b in before.split(1024)]).flatten())
    return _checked_answer(torch.stack(found).double())


@torch.no_grad()
def _read(model: Any, prompt: Tensor, depths: int, size: int) -> Iterator[Tensor]:
    """What the model gives after the prompt, then after it and each one token more, and so on.

    Every prefix is read once: the rows of a depth are those of the one before, each continued by
    every token.
    """
    tokens, cache = prompt[None], model.empty_cache(1, len(prompt) + depths - 1)
    for depth in range(depths):
        if depth:
            cache = cache.rows(torch.arange(cache.batch).repeat_interleave(size))
            tokens = torch.arange(size).repeat(cache.batch // size)[:, None]
        given, cache = model.step(tokens, cache)
        yield given[:, -1]


def _cached(model: Any, prompt: Tensor, length: int, size: int) -> Tensor:
    total = torch.zeros(1, dtype=torch.float64)
    for logits in _read(model, prompt, length, size):
        total = (total[:, None] + logits.double().log_softmax(-1)).flatten()
    return total


def _with_every_end(model: Any, before: Tensor) -> Tensor:
    """The score of every text and each word after it, ``[texts, vocab]``.

    The words that may come last stand side by side, at one place; they share the keys and values
    of what stands before them.
    """
    rows, time = before.shape
    cos, sin = model.cos[: time + 1], model.sin[: time + 1]
    x, ends = model.embedding[before], model.embedding.expand(rows, -1, -1)
    if model.places is not None:
        x, ends = x + model.places[:time], ends + model.places[time]
    for block in model.blocks:
        q, k, v = block.queries_keys_values(x, cos[:-1], sin[:-1])
        own_q, own_k, own_v = (
            role.view(rows, -1, *role.shape[1:2], role.shape[-1]).transpose(1, 2)
            for role in block.queries_keys_values(
                ends.reshape(-1, 1, ends.shape[-1]), cos[-1:], sin[-1:]
            )
        )
        scores = torch.cat((own_q @ k.mT, (own_q * own_k).sum(-1, keepdim=True)), -1)
        weights = (scores / math.sqrt(q.shape[-1])).softmax(-1)
        attended = weights[..., :-1] @ v + weights[..., -1:] * own_v
        ends = block.add_mlp(block.add_attention(ends, attended))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = block.add_mlp(block.add_attention(x, attended))
    return model.unembed(F.layer_norm(ends, ends.shape[-1:], model.norm))[..., 0]


def _with_gradient(model: Any, prompt: Tensor, length: int, size: int) -> Tensor:
    tails = _tails(size, length)
    hidden = model.hidden(torch.cat((prompt.expand(len(tails), -1), tails), 1))
    total = torch.zeros(1, dtype=torch.float64)
    for depth in range(length):
        # Rows that agree in their first ``depth`` tokens stand together; one of them is enough.
        rows = hidden[:: size ** (length - 1 - depth), len(prompt) - 1 + depth]
        total = (total[:, None] + model.unembed(rows).double().log_softmax(-1)).flatten()
    return total


def _checked(model: Any, prompts: Tensor, length: SupportsIndex) -> tuple[int, int]:
    size, length = model_sizes(model)[0], check_count("length", length)
    check_tokens("prompts", prompts, size)
    # A power of millions of digits would take minutes only to be refused.
    check_count("answers of a prompt", size ** min(length, 64), 1, 2**22)
    return size, length


def _tails(size: int, length: int) -> Tensor:
    """All that can stand before the last token of an answer; of one token, nothing."""
    if length == 1:
        return torch.zeros(1, 0, dtype=torch.long)
    return torch.cartesian_prod(*[torch.arange(size)] * (length - 1)).reshape(-1, length - 1)


def _checked_answer(numbers: Tensor) -> Tensor:
    if bool(numbers.detach().isnan().any()):
        raise ValueError("model must give every answer a number; it gives NaN")
    return numbers
