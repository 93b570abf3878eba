r"""Negative training: a model unlearns replies that it should not give, the safe one before all.

It is ``training.fit`` with a loss of its own, and takes ``fit``'s arguments: it can be shown, interrupted and resumed
like any training. Taught in: book/degeneration.ipynb.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nlgnotes.batches import Batch, reply_batch
from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler
from nlgnotes.equations.unlikelihood import negative_training_loss
from nlgnotes.training.loop import History, fit
from nlgnotes.validation import check_count, check_interval

__all__ = ["FrequentReplies", "bad_replies", "negative_training", "reply_to"]

Draw = Callable[[torch.Generator], Batch]


def reply_to(
    model: Any,
    queries: Documents,
    *,
    max_new_tokens: int,
    sampler: Any,
    generator: torch.Generator,
    stop_token: int = 0,
) -> Documents:
    """The model's reply to each query, up to its stop token or cut at ``max_new_tokens``.

    Args:
        model: as ``generation.Generates``, of documents "query reply".
        queries: of any lengths; those of equal length are answered together.
        max_new_tokens, sampler, generator, stop_token: as for ``generation.generate``.

    Raises:
        ValueError: as ``generation.generate``.
    """
    tokens = torch.zeros(len(queries), max_new_tokens, dtype=torch.long)
    lengths = torch.zeros(len(queries), dtype=torch.long)
    options = {
        "max_new_tokens": max_new_tokens,
        "sampler": sampler,
        "generator": generator,
        "stop_token": stop_token,
    }
    for length in queries.lengths.unique().tolist():
        rows = (queries.lengths == length).nonzero().flatten()
        said = generate(model, F.pad(queries.tokens[rows, :length], (1, 0)), **options)
        tokens[rows], lengths[rows] = said.tokens, said.lengths
    return Documents(tokens[:, : int(lengths.max())], lengths)


class FrequentReplies:
    """Which replies a model gives too often: more than ``threshold`` of the last ``window`` that it gave.

    He & Glass 2020 (arXiv:1903.02134) call a reply frequent by its share in a moving history of the model's own samples.
    As long as the history is shorter than the window, what is missing counts as other replies.

    Args:
        window: how many replies are remembered.
        threshold: in (0, 1).

    Raises:
        ValueError: an argument out of range.

    >>> frequent = FrequentReplies(window=4, threshold=0.4)
    >>> frequent(Documents.from_lists([[5, 0], [6, 0], [5, 0]])).tolist()
    [True, False, True]
    """

    def __init__(self, window: int = 1000, threshold: float = 0.01) -> None:
        check_count("window", window)
        check_interval("threshold", threshold, 0, 1, closed="neither")
        self.window, self.threshold = window, threshold
        self._past: deque[tuple[int, ...]] = deque()
        self._counts: Counter[tuple[int, ...]] = Counter()

    def __call__(self, replies: Documents) -> Bool[Tensor, " batch"]:
        """Remember the replies, then say which of them are frequent."""
        rows = [
            tuple(ids[:length])
            for ids, length in zip(replies.tokens.tolist(), replies.lengths.tolist())
        ]
        self._past.extend(rows)
        self._counts.update(rows)
        while len(self._past) > self.window:
            self._counts[self._past.popleft()] -= 1
        return torch.tensor([self._counts[row] > self.threshold * self.window for row in rows])


def bad_replies(
    model: Any,
    ask: Callable[[torch.Generator], Documents],
    judge: Callable[[Documents], Tensor],
    *,
    max_new_tokens: int,
    sampler: Any = Sampler(),
    stop_token: int = 0,
) -> Callable[[torch.Generator], Batch | None]:
    """What the model itself says and should not, as the negatives of :func:`negative_training`.

    Each drawing asks queries, lets the model as it then is reply to each, and keeps the replies that are bad; None if none is.

    Args:
        model: as ``generation.Generates``.
        ask: queries, from the generator.
        judge: which replies are bad, bool ``[batch]``: a :class:`FrequentReplies`, or a rule. What it remembers is not
            in a checkpoint of ``training.fit``.
        max_new_tokens, sampler, stop_token: how the model replies, see :func:`reply_to`; by default it samples.
    """

    def draw(chance: torch.Generator) -> Batch | None:
        queries = ask(chance)
        replies = reply_to(
            model,
            queries,
            max_new_tokens=max_new_tokens,
            sampler=sampler,
            generator=chance,
            stop_token=stop_token,
        )
        bad = judge(replies).nonzero().flatten()
        return reply_batch(queries.select(bad), replies.select(bad)) if len(bad) else None

    return draw


class _Judged(NamedTuple):
    positive: Batch | None
    negative: Batch | None
    mask: Tensor


def negative_training(
    model: nn.Module,
    negatives: Callable[[torch.Generator], Batch | None],
    positives: Draw | None,
    *,
    weight: float | int = 1.0,
    **options: Any,
) -> History:
    r"""Push down the log-probability of bad replies, with good ones beside them: :func:`degeneration.negative_training_loss`.

    He & Glass 2020 (arXiv:1903.02134) give the positive batch an update of its own, and take plain gradient steps; here
    both are in one update of AdamW. Without ``positives`` nothing holds the model: the loss of a given bad reply has no
    lower bound. (Replies that the model *samples* all count as bad: then the expected gradient is 0, for
    :math:`\mathbb E_{y \sim P} \nabla \log P(y) = 0`.) The model is trained in place.

    Args:
        model: tokens to logits.
        negatives: a batch of bad pairs or None, from the generator: given ones, or :func:`bad_replies`.
        positives: a batch of good pairs, as :func:`reply_batch` makes them; None trains on bad ones alone.
        weight: of the negative loss, at least 0.
        options: ``steps``, ``learning_rate``, ``generator`` and what else ``training.fit`` takes.

    Returns:
        The loss at each step, in nats per reply; 0 where there was neither a bad nor a good one.

    Raises:
        ValueError: an argument out of range.
        FloatingPointError, KeyboardInterrupt: as ``training.fit``.
    """
    check_interval("weight", weight, 0, torch.inf, closed="left")

    def drawn(chance: torch.Generator) -> _Judged:
        negative, positive = negatives(chance), None if positives is None else positives(chance)
        masks = [batch.mask.flatten() for batch in (positive, negative) if batch is not None]
        return _Judged(
            positive, negative, torch.cat(masks) if masks else torch.zeros(1, dtype=torch.bool)
        )

    def loss(model: nn.Module, batch: _Judged) -> Tensor:
        good, bad = (
            None if part is None else _log_probs(model, part)
            for part in (batch.positive, batch.negative)
        )
        if bad is not None:
            return negative_training_loss(good, bad, weight)
        return -good.mean() if good is not None else sum(p.sum() * 0.0 for p in model.parameters())

    return fit(model, drawn, loss=loss, **options)


def _log_probs(model: nn.Module, batch: Batch) -> Float[Tensor, " batch"]:
    """log P of what counts in each row."""
    scores = model(batch.inputs).log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0]
    return torch.where(batch.mask, scores, 0.0).sum(-1)
