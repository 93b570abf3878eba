r"""Negative training: a model unlearns replies that it should not give, the safe one before all.

It is ``training.fit`` with a loss of its own, and takes ``fit``'s arguments: it can be shown,
interrupted and resumed like any training. Taught in: book/generic-replies.ipynb.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nlgnotes.batches import Batch, reply_batch
from nlgnotes.decoding.documents import ANCESTRAL, generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.unlikelihood import negative_training_loss
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import target_log_probs
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_callable, check_count, check_interval, check_kind

__all__ = ["FrequentReplies", "bad_replies", "negative_training"]

Draw = Callable[[torch.Generator], Batch]


class FrequentReplies:
    """Replies that a model gives too often: more than ``threshold`` of the last ``window``.

    He & Glass 2020 (arXiv:1903.02134) call a reply frequent by its share in a moving history of the
    model's own samples. As long as the history is shorter than the window, what is missing counts
    as other replies.

    Args:
        window: how many replies are remembered.
        threshold: in (0, 1).

    Raises:
        ValueError: an argument out of range.

    >>> frequent = FrequentReplies(window=4, threshold=0.4)
    >>> frequent(Documents.from_lists([[5, 0], [6, 0], [5, 0]])).tolist()
    [True, False, True]
    """

    def __init__(self, window: SupportsIndex = 1000, threshold: SupportsFloat = 0.01) -> None:
        self.window = check_count("window", window)
        self.threshold = check_interval("threshold", threshold, 0, 1, closed="neither")
        self._past: deque[tuple[int, ...]] = deque()
        self._counts: Counter[tuple[int, ...]] = Counter()

    def __call__(self, replies: Documents) -> Bool[Tensor, " batch"]:
        """Remember the replies, then say which of them are frequent."""
        check_kind("replies", replies, Documents)
        rows = [
            tuple(ids[:length])
            for ids, length in zip(replies.tokens.tolist(), replies.lengths.tolist(), strict=True)
        ]
        self._past.extend(rows)
        self._counts.update(rows)
        while len(self._past) > self.window:
            self._counts[self._past.popleft()] -= 1
        return torch.tensor([self._counts[row] > self.threshold * self.window for row in rows])


def bad_replies(
    model: Any,
    ask: Callable[[torch.Generator], Documents],
    is_bad: Callable[[Documents], Tensor],
    *,
    max_new_tokens: SupportsIndex,
    sampler: Any = ANCESTRAL,
    stop_token: SupportsIndex = 0,
) -> Callable[[torch.Generator], Batch | None]:
    """The model's own bad replies, as the negatives of :func:`negative_training`.

    Each drawing asks queries, lets the model as it then is reply to each, and keeps the replies
    that are bad; None if none is.

    Args:
        model: as ``generation.Generates``.
        ask: queries, from the generator.
        is_bad: which replies are bad, bool ``[batch]``: a :class:`FrequentReplies`, or a rule.
        max_new_tokens, sampler, stop_token: how the model replies, see
            :func:`documents.generate_documents`; by default it samples.

    Raises:
        ValueError: ``ask`` or ``is_bad`` is no function, or a count below its range; on drawing,
            ``is_bad`` does not say it of each reply.
    """
    check_callable("ask", ask)
    check_callable("is_bad", is_bad)
    max_new_tokens = check_count("max_new_tokens", max_new_tokens)
    stop_token = check_count("stop_token", stop_token, 0)

    def draw(generator: torch.Generator) -> Batch | None:
        queries = ask(generator)
        replies = generate_documents(
            model,
            queries,
            max_new_tokens=max_new_tokens,
            sampler=sampler,
            generator=generator,
            stop_token=stop_token,
        )
        bad = is_bad(replies)
        if bad.dtype != torch.bool or bad.shape != (len(replies),):
            raise ValueError(
                f"is_bad must give a boolean for each of {len(replies)} replies; "
                f"got {bad.dtype} of shape {tuple(bad.shape)}"
            )
        rows = bad.nonzero().flatten()
        return reply_batch(queries.select(rows), replies.select(rows)) if len(rows) else None

    draw.has_memory = isinstance(is_bad, FrequentReplies)
    return draw


class _GoodAndBad(NamedTuple):
    positive: Batch | None
    negative: Batch | None
    tokens: int


def negative_training(
    model: nn.Module,
    negatives: Callable[[torch.Generator], Batch | None],
    positives: Draw | None,
    *,
    weight: SupportsFloat = 1.0,
    **options: Any,
) -> History:
    r"""Push down the log-probability of bad replies, with good ones beside them.

    He & Glass 2020 (arXiv:1903.02134) give the positive batch an update of its own, and take plain
    gradient steps; here both are in one update of AdamW, see
    :func:`unlikelihood.negative_training_loss`. Without ``positives`` nothing holds the model: the
    loss of a given bad reply has no lower bound. (Replies that the model *samples* all count as
    bad: then the expected gradient is 0, for
    :math:`\mathbb E_{y \sim P} \nabla \log P(y) = 0`.) The model is trained in place.

    Args:
        model: tokens to logits.
        negatives: a batch of bad pairs or None, from the generator: given ones, or
            :func:`bad_replies`.
        positives: a batch of good pairs, as :func:`batches.reply_batch` makes them; None trains on
            bad ones alone.
        weight: of the negative loss, at least 0.
        options: ``steps``, ``learning_rate``, ``generator`` and what else ``training.fit`` takes.

    Returns:
        The loss at each step, in nats per reply; 0 where there was neither a bad nor a good one.

    Raises:
        ValueError: an argument out of range, or a ``checkpoint`` with a :class:`FrequentReplies`:
            what it remembers is not in the file.
        FloatingPointError, KeyboardInterrupt: as ``training.fit``.
    """
    weight = check_interval("weight", weight, 0, torch.inf, closed="left")
    check_callable("negatives", negatives)
    if positives is not None:
        check_callable("positives", positives)
    if options.get("checkpoint") is not None and getattr(negatives, "has_memory", False):
        raise ValueError(
            "checkpoint must be None where FrequentReplies chooses the bad replies: "
            "what it remembers would not be in the file"
        )

    def draw(generator: torch.Generator) -> _GoodAndBad:
        negative = negatives(generator)
        positive = None if positives is None else positives(generator)
        batches = [batch for batch in (positive, negative) if batch is not None]
        for batch in batches:
            check_kind("batch", batch, Batch)
        return _GoodAndBad(positive, negative, sum(int(batch.mask.sum()) for batch in batches))

    def loss(model: nn.Module, batch: _GoodAndBad) -> Tensor:
        good, bad = (
            None if part is None else _reply_log_probs(model, part)
            for part in (batch.positive, batch.negative)
        )
        if bad is not None:
            return negative_training_loss(good, bad, weight)
        # Nothing to learn from: a loss of 0 that has a gradient, 0, in every weight.
        return -good.mean() if good is not None else sum(p.sum() * 0.0 for p in model.parameters())

    identity = "negative training", float(weight), options.pop("identity", ())
    return fit(model, draw, loss=loss, identity=identity, **options)


def _reply_log_probs(model: nn.Module, batch: Batch) -> Float[Tensor, " batch"]:
    """log P of what counts in each row."""
    scores = target_log_probs(model(batch.inputs), batch.targets)
    return torch.where(batch.mask, scores, 0.0).sum(-1)
