r"""Fine-tuning against repetition: unlikelihood, token by token or on what the model itself writes.

Each is ``training.fit`` with a loss of its own, and takes ``fit``'s arguments: it can be shown,
interrupted and resumed like any training, and its history holds the loss of every step.
Taught in: book/repetition.ipynb.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import torch
from jaxtyping import Int
from torch import Tensor, nn

from nlgnotes.batches import Batch
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.repetition import previous_tokens
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.equations.unlikelihood import repetition_loss, unlikelihood_loss
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_callable, check_count, check_interval, check_kind

__all__ = ["Continuations", "continue_greedily", "sequence_unlikelihood", "token_unlikelihood"]

Draw = Callable[[torch.Generator], Batch]


GREEDY = Sampler((TopK(1),))
"""Always the most likely token."""


class Continuations(NamedTuple):
    """What a model wrote after prefixes.

    Args:
        inputs: the prefix and all but the last of the new tokens, ``[batch, prefix + new - 1]``:
            the logits that a model gives for its last ``new`` positions are those of the new
            tokens.
        tokens: the new ones, ``[batch, new]``.
        lengths: how many each row has, ``[batch]``.
    """

    inputs: Tensor
    tokens: Tensor
    lengths: Tensor


def continue_greedily(
    model: Any,
    prefixes: Int[Tensor, "batch time"],
    new: SupportsIndex,
    *,
    stop_token: SupportsIndex | None = None,
) -> Continuations:
    """The most likely token after each prefix, ``new`` times or up to the stop token.

    Args:
        model: as ``generation.Generates``.
        prefixes: all that it reads: windows of text, which begin anywhere, with or without a start
            token.
        new: the most tokens to write.
        stop_token: ends a continuation; None writes all the tokens.

    Raises:
        ValueError: as ``generation.generate``.
    """
    new = check_count("max_new_tokens", new)
    stop_token = None if stop_token is None else check_count("stop_token", stop_token, 0)
    unused = torch.Generator()  # of one token there is nothing to draw
    written = generate(
        model, prefixes, max_new_tokens=new, sampler=GREEDY, generator=unused, stop_token=stop_token
    )
    return Continuations(
        torch.cat([prefixes, written.tokens[:, :-1]], 1), written.tokens, written.lengths
    )


class _TextAndOwn(NamedTuple):
    text: Batch
    own: Continuations | None
    tokens: int  # what counts as learned from: the text's


def sequence_unlikelihood(
    model: nn.Module,
    draw: Draw,
    *,
    prefix: SupportsIndex = 50,
    new: SupportsIndex = 100,
    n: SupportsIndex = 4,
    share: SupportsFloat = 0.5,
    rows: SupportsIndex | None = None,
    stop_token: SupportsIndex | None = None,
    **options: Any,
) -> History:
    r"""Let the model continue prefixes of the text, and make what repeats unlikely.

    .. math:: (1 - w)\,L_{\text{text}} + w\,L_{\text{rep}}

    Sequence-level fine-tuning of Welleck et al. 2020 (arXiv:1908.04319). They toss a coin at each
    update and take one of the two losses; here each update takes both, weighted: the same gradient
    on average. The model is trained in place.

    Args:
        model: as ``generation.Generates``, and tokens to logits.
        draw: the next batch of text, from the generator; rows that are long enough give prefixes.
        prefix: how many tokens the model reads, the start token counted.
        new: how many it then writes, greedily.
        n: length of the n-grams, see :func:`repetition_loss`.
        share: w, in [0, 1]; 0 is plain training on the text.
        rows: at most so many rows of a batch are continued; all when None.
        stop_token: ends a continuation; None writes all the tokens.
        options: ``steps``, ``learning_rate``, ``generator`` and what else ``training.fit`` takes.

    Returns:
        The mixed loss at each step.

    Raises:
        ValueError: an argument out of range, or a batch without a row of ``prefix`` tokens.
        FloatingPointError, KeyboardInterrupt: as ``training.fit``.
    """
    prefix, new, n = (check_count(*x) for x in (("prefix", prefix), ("new", new), ("n", n)))
    share = check_interval("share", share, 0, 1)
    check_callable("draw", draw)
    if rows is not None:
        rows = check_count("rows", rows)
    if stop_token is not None:
        stop_token = check_count("stop_token", stop_token, 0)

    def draw_both(generator: torch.Generator) -> _TextAndOwn:
        text = draw(generator)
        check_kind("batch", text, Batch)
        count = int(text.mask.sum())
        if share == 0:
            return _TextAndOwn(text, None, count)
        long = text.mask[:, prefix - 1] if text.mask.shape[1] >= prefix else text.mask[:, 0] & False
        if not bool(long.any()):
            raise ValueError(
                f"draw must give rows of at least prefix = {prefix} tokens; "
                f"got at most {int(text.mask.sum(-1).max())}"
            )
        prefixes = text.inputs[long][:rows, :prefix]
        own = continue_greedily(model, prefixes, new, stop_token=stop_token)
        return _TextAndOwn(text, own, count)

    def loss(model: nn.Module, batch: _TextAndOwn) -> Tensor:
        total, text = torch.zeros(()), batch.text
        if share < 1:
            logits = model(text.inputs)
            total = total + (1 - share) * next_token_loss(logits, text.targets, text.mask)
        if batch.own is not None:
            inputs, tokens, lengths = batch.own
            logits = model(inputs)[:, -tokens.shape[1] :]
            total = total + share * repetition_loss(logits, tokens, lengths, n)
        return total

    # What the first batch need not show: where nothing repeats, all n give the same loss.
    chosen = [None if x is None else float(x) for x in (prefix, new, n, share, rows, stop_token)]
    identity = "sequence unlikelihood", chosen, options.pop("identity", ())
    return fit(model, draw_both, loss=loss, identity=identity, **options)


def token_unlikelihood(
    model: nn.Module, draw: Draw, *, alpha: SupportsFloat = 1.0, **options: Any
) -> History:
    r"""Train on text, and make the earlier tokens of each row less likely.

    Token-level unlikelihood of Welleck et al. 2020 (arXiv:1908.04319), Eq. 4 and 5, with
    :func:`unlikelihood.unlikelihood_loss`: every earlier token of the row but the right one is a
    candidate. The model is trained in place.

    Args:
        model: tokens to logits.
        draw: the next batch of text, from the generator.
        alpha: weight of the unlikelihood, at least 0; 0 is plain training.
        options: as for :func:`sequence_unlikelihood`.

    Returns:
        The loss at each step, in nats per token; with ``alpha`` above 0 it is no likelihood.

    Raises:
        ValueError: an argument out of range.
        FloatingPointError, KeyboardInterrupt: as ``training.fit``.
    """
    alpha = check_interval("alpha", alpha, 0, torch.inf, closed="left")

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        check_kind("batch", batch, Batch)
        logits, mask = model(batch.inputs), batch.mask
        candidates = previous_tokens(batch.targets, logits.shape[-1])[mask]
        return unlikelihood_loss(logits[mask], batch.targets[mask], candidates, alpha).mean()

    identity = "token unlikelihood", float(alpha), options.pop("identity", ())
    return fit(model, draw, loss=loss, identity=identity, **options)
