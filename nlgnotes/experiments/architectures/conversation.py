"""The cost of a conversation in token positions and FLOPs, and the same conversations held.

The formulas can be checked against the conversations, which are there to be counted and timed.
Three ways to answer turn after turn, each turn a question of ``ask`` tokens and a reply of
``reply`` tokens:

* *with a cache*: a decoder keeps the keys and values of all it has read and written;
* *rereading*: the same decoder keeps nothing between turns and reads the whole history anew;
* *re-encoding*: an encoder-decoder must encode the whole history anew, since its encoder looks both
  ways and each new question changes every vector of it.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.flops import decoder_flops, encoder_flops, memory_flops, writer_flops
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.validation import check_count, check_counts, check_scores

__all__ = [
    "Cost",
    "cost_reencoding",
    "cost_rereading",
    "cost_with_cache",
    "talk_reencoding",
    "talk_rereading",
    "talk_with_cache",
]


class Cost(NamedTuple):
    """What each turn costs.

    Not summed: ``positions.cumsum(0)`` is the cost of the conversation so far.

    Args:
        positions: how many token positions pass through a network.
        flops: multiplications and additions of all matrix products, two for each pair.
    """

    positions: Int[Tensor, " turns"]
    flops: Int[Tensor, " turns"]


def cost_with_cache(config: DecoderConfig, turns: int, ask: int, reply: int) -> Cost:
    """A decoder that keeps its cache: each turn reads its question and its own reply.

    These are ``ask + reply`` positions. In *n* turns the positions grow as *n*, the FLOPs of
    attention as *n* squared.

    Args:
        config: the decoder's sizes.
        turns: how many questions and replies.
        ask, reply: tokens of a question and of a reply.

    Raises:
        ValueError: a count below 1.

    >>> config = DecoderConfig(vocab_size=100, context=64)
    >>> cost_with_cache(config, turns=4, ask=3, reply=2).positions
    tensor([5, 5, 5, 5])
    """
    check_counts(turns=turns, ask=ask, reply=reply)
    flops = []
    for turn in range(turns):
        past = turn * (ask + reply)
        flops.append(
            decoder_flops(config, ask, past)
            + sum(decoder_flops(config, 1, past + ask + i) for i in range(reply))
        )
    return Cost(torch.full((turns,), ask + reply), torch.tensor(flops))


def cost_rereading(config: DecoderConfig, turns: int, ask: int, reply: int) -> Cost:
    """The same decoder without a cache between turns.

    Turn *t* reads ``t * (ask + reply) - 1`` positions: its last token is not read. Arguments and
    errors as :func:`cost_with_cache`.

    >>> cost_rereading(DecoderConfig(vocab_size=100, context=64), turns=4, ask=3, reply=2).positions
    tensor([ 4,  9, 14, 19])
    """
    check_counts(turns=turns, ask=ask, reply=reply)
    flops = []
    for turn in range(turns):
        history = turn * (ask + reply) + ask
        flops.append(
            decoder_flops(config, history)
            + sum(decoder_flops(config, 1, history + i) for i in range(reply - 1))
        )
    return Cost((torch.arange(turns) + 1) * (ask + reply) - 1, torch.tensor(flops))


def cost_reencoding(config: EncoderDecoderConfig, turns: int, ask: int, reply: int) -> Cost:
    """An encoder-decoder that encodes all that was said before each reply.

    Turn *t* encodes ``t * ask + (t - 1) * reply`` tokens and writes ``reply`` more. In *n* turns
    the positions grow as *n* squared, the FLOPs of attention as *n* cubed. Within a turn the
    decoder has its cache, and the source is projected once. Arguments and errors as
    :func:`cost_with_cache`.

    >>> config = EncoderDecoderConfig(vocab_size=100, context=64)
    >>> cost_reencoding(config, turns=4, ask=3, reply=2).positions
    tensor([ 5, 10, 15, 20])
    """
    check_counts(turns=turns, ask=ask, reply=reply)
    flops = []
    for turn in range(turns):
        history = turn * (ask + reply) + ask
        written = sum(writer_flops(config, 1, i, history) for i in range(reply))
        flops.append(encoder_flops(config, history) + memory_flops(config, history) + written)
    return Cost((torch.arange(turns) + 1) * (ask + reply), torch.tensor(flops))


@torch.no_grad()
def talk_with_cache(
    model: Decoder, questions: Int[Tensor, "turns ask"], reply: int
) -> Int[Tensor, "turns reply"]:
    """Answer each question greedily, with one cache for the whole conversation.

    Args:
        model: a decoder whose context holds the conversation.
        questions: the tokens of each turn's question.
        reply: how many tokens each reply has.

    Raises:
        ValueError: ``reply`` below 1, no question, a conversation longer than the context, or
            logits that are no distribution.
    """
    _check_conversation(questions, reply)
    turns, ask = questions.shape
    cache, replies = model.empty_cache(1, turns * (ask + reply)), []
    for question in questions:
        logits, cache = model.step(question[None], cache)
        for _ in range(reply):
            replies.append(_likeliest(logits))
            logits, cache = model.step(replies[-1], cache)
    return torch.cat(replies, 1).view(turns, reply)


@torch.no_grad()
def talk_rereading(
    model: Decoder, questions: Int[Tensor, "turns ask"], reply: int
) -> Int[Tensor, "turns reply"]:
    """The same replies, the whole history read anew for each.

    Arguments and errors as :func:`talk_with_cache`.
    """
    return _talk(questions, reply, lambda history: _write(model, history, reply))


@torch.no_grad()
def talk_reencoding(
    model: EncoderDecoder, questions: Int[Tensor, "turns ask"], reply: int
) -> Int[Tensor, "turns reply"]:
    """Answer each question greedily, the whole history encoded anew for each.

    A reply begins from the start token 0. Arguments and errors as :func:`talk_with_cache`.
    """
    start = torch.zeros(1, 1, dtype=torch.long)
    return _talk(questions, reply, lambda history: _write(model.read(history), start, reply))


def _check_conversation(questions: Tensor, reply: int) -> None:
    check_count("reply", reply)
    if not questions.numel():
        raise ValueError(f"questions must not be empty; got shape {tuple(questions.shape)}")


def _likeliest(logits: Tensor) -> Tensor:
    """The most likely token after the last position."""
    check_scores("the model's logits", logits[:, -1])
    return logits[:, -1:].argmax(-1)


def _talk(questions: Tensor, reply: int, answer: Any) -> Tensor:
    _check_conversation(questions, reply)
    history = questions[:1, :0]
    for question in questions:
        history = torch.cat((history, question[None]), 1)
        history = torch.cat((history, answer(history)), 1)
    return history.view(len(questions), -1)[:, -reply:]


def _write(model: Any, prompt: Tensor, count: int) -> Tensor:
    """``count`` greedy tokens, the last of which is not read."""
    logits, cache = model.step(prompt, model.empty_cache(1, prompt.shape[1] + count - 1))
    written = [_likeliest(logits)]
    while len(written) < count:
        logits, cache = model.step(written[-1], cache)
        written.append(_likeliest(logits))
    return torch.cat(written, 1)
