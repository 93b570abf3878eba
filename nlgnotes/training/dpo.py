r"""Training by DPO: pairs of answers, a policy, and a reference that is frozen.

The reference's log-probabilities never change, so they are computed once, before the first step.
Taught in: book/dpo.ipynb.
"""

from collections.abc import Callable
from typing import NamedTuple, SupportsFloat, SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.batches import Batch
from nlgnotes.equations.dpo import dpo_loss, ipo_loss
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import target_log_probs
from nlgnotes.training.loop import fit
from nlgnotes.validation import (
    check_callable,
    check_count,
    check_flag,
    check_floats,
    check_generator,
    check_kind,
    check_mask,
    describe,
    is_int64,
)

__all__ = ["PairBatch", "pair_loss", "reference_pairs", "sequence_log_probs", "train_dpo"]

OBJECTIVES = ("dpo", "ipo")


class PairBatch(NamedTuple):
    """Pairs of answers, and what the reference thinks of them.

    Args:
        chosen, rejected: as many rows each; their masks say which tokens are the answer's.
        reference_chosen, reference_rejected: log-probability of each answer, ``[pairs]``.
    """

    chosen: Batch
    rejected: Batch
    reference_chosen: Tensor
    reference_rejected: Tensor

    def select(self, rows: Tensor) -> "PairBatch":
        """Some of the pairs, by their indices.

        Raises:
            ValueError: ``rows`` are no indices of pairs.
        """
        if not isinstance(rows, Tensor) or rows.dtype not in (torch.long, torch.int32, torch.bool):
            raise ValueError(f"rows must be indices of pairs; got {describe(rows)}")
        try:
            chosen, rejected = (Batch(*(x[rows] for x in side)) for side in self[:2])
            references = self.reference_chosen[rows], self.reference_rejected[rows]
        except IndexError as error:
            raise ValueError(f"rows must be indices of pairs; {error}") from None
        return PairBatch(chosen, rejected, *references)


def sequence_log_probs(
    model: Callable[[Tensor], Tensor], batch: Batch, *, average: bool = False
) -> Float[Tensor, " batch"]:
    r"""The log-probability of each row's answer: the *sum* over its tokens, in nats.

    Args:
        model: tokens to logits.
        batch: inputs, targets and a mask that is True at the answer's tokens.
        average: divide by the number of these tokens. Of answers of different lengths that is no
            log-probability of anything any more.

    Returns:
        One number a row, with its graph.

    Raises:
        ValueError: a mask that is not boolean, or a row without an answer.

    >>> two = torch.zeros(1, 2, dtype=torch.long)
    >>> flat = lambda tokens: torch.zeros(*tokens.shape, 4)
    >>> sequence_log_probs(flat, Batch(two, two, torch.ones(1, 2, dtype=torch.bool)))  # -2 log 4
    tensor([-2.7726])
    """
    check_callable("model", model)
    average = check_flag("average", average)
    _check_batch("batch", batch)
    lengths = batch.mask.sum(1)
    if not bool((lengths > 0).all()):
        raise ValueError(f"every row must have an answer; {int((lengths == 0).sum())} have none")
    tokens = target_log_probs(model(batch.inputs), batch.targets)
    total = tokens.masked_fill(~batch.mask, 0.0).sum(1)
    return total / lengths if average else total


@torch.no_grad()
def reference_pairs(
    reference: Callable[[Tensor], Tensor],
    chosen: Batch,
    rejected: Batch,
    *,
    average: bool = False,
    batch_size: SupportsIndex = 1024,
) -> PairBatch:
    """Pairs with their log-probabilities under the reference, computed once and for all.

    Args:
        reference: tokens to logits; not trained.
        chosen, rejected: answers, row by row the two of a pair.
        average: as in :func:`sequence_log_probs`.
        batch_size: rows at a time.

    Raises:
        ValueError: as many chosen as rejected there are not, or as :func:`sequence_log_probs`.
    """
    batch_size = check_count("batch_size", batch_size)
    _check_batch("chosen", chosen)
    _check_batch("rejected", rejected)
    if len(chosen.targets) != len(rejected.targets):
        raise ValueError(
            f"chosen and rejected must be as many; got {len(chosen.targets)} and "
            f"{len(rejected.targets)}"
        )
    scores = [
        torch.cat(
            [
                sequence_log_probs(
                    reference, Batch(*(x[i : i + batch_size] for x in side)), average=average
                )
                for i in range(0, len(side.targets), batch_size)
            ]
        )
        for side in (chosen, rejected)
    ]
    if any(bool(side.isnan().any()) for side in scores):
        raise ValueError("reference must give logits that are distributions; it gives NaN")
    return PairBatch(chosen, rejected, *scores)


def pair_loss(
    model: Callable[[Tensor], Tensor],
    pairs: PairBatch,
    *,
    beta: SupportsFloat,
    objective: str = "dpo",
    smoothing: SupportsFloat = 0.0,
    average: bool = False,
) -> Float[Tensor, ""]:
    """The mean loss of some pairs; both answers of a pair are read in one pass of the policy.

    Args:
        model: the policy.
        pairs: of :func:`reference_pairs`, with the same ``average``.
        beta, smoothing: those of ``equations.dpo.dpo_loss``.
        objective: ``"dpo"``, or ``"ipo"`` for ``equations.dpo.ipo_loss``.
        average: divide each log-probability by the length of its answer.

    Raises:
        ValueError: another objective, smoothing with IPO, or as the two losses.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}; got {objective!r}")
    if objective == "ipo" and smoothing != 0:
        raise ValueError(f"smoothing must be 0 with objective 'ipo'; got {smoothing!r}")
    _check_pairs(pairs)
    both = Batch(*(_stacked(a, b) for a, b in zip(*pairs[:2], strict=True)))
    chosen, rejected = sequence_log_probs(model, both, average=average).chunk(2)
    rows = chosen, rejected, pairs.reference_chosen, pairs.reference_rejected
    if objective == "ipo":
        return ipo_loss(*rows, beta).mean()
    return dpo_loss(*rows, beta, smoothing=smoothing).mean()


def train_dpo(
    model: nn.Module,
    pairs: PairBatch,
    *,
    beta: SupportsFloat,
    steps: SupportsIndex,
    learning_rate: SupportsFloat,
    generator: torch.Generator,
    batch_size: SupportsIndex = 64,
    objective: str = "dpo",
    smoothing: SupportsFloat = 0.0,
    average: bool = False,
    progress: bool = False,
    callback: Callable[[int, float], object] | None = None,
) -> History:
    """Train a policy in place on pairs, drawn evenly with replacement.

    Args:
        model: the policy; it starts as the reference.
        pairs: of :func:`reference_pairs`, with the same ``average``.
        beta, objective, smoothing, average: those of :func:`pair_loss`.
        steps, learning_rate, generator, progress, callback: those of ``training.loop.fit``; no
            weight decays.
        batch_size: pairs of a step.

    Raises:
        ValueError: as ``fit`` and :func:`pair_loss`.
    """
    batch_size = check_count("batch_size", batch_size)
    check_generator(generator)
    _check_pairs(pairs)
    count = len(pairs.reference_chosen)
    settings = {"beta": beta, "objective": objective, "smoothing": smoothing, "average": average}
    return fit(
        model,
        lambda chance: pairs.select(torch.randint(count, (batch_size,), generator=chance)),
        steps=steps,
        learning_rate=learning_rate,
        generator=generator,
        weight_decay=0.0,
        loss=lambda policy, some: pair_loss(policy, some, **settings),
        identity=sorted(settings.items()),
        progress=progress,
        callback=callback,
    )


def _stacked(a: Tensor, b: Tensor) -> Tensor:
    """The rows of both, the shorter ones padded to the longest with 0 (or False)."""
    time = max(a.shape[1], b.shape[1])
    return torch.cat([F.pad(x, (0, time - x.shape[1])) for x in (a, b)])


def _check_pairs(pairs: object) -> None:
    check_kind("pairs", pairs, PairBatch)
    _check_batch("chosen", pairs.chosen)
    _check_batch("rejected", pairs.rejected)
    count = len(pairs.chosen.targets)
    if not count or len(pairs.rejected.targets) != count:
        raise ValueError(
            "chosen and rejected must be as many, at least one; "
            f"got {count} and {len(pairs.rejected.targets)}"
        )
    check_floats("reference_chosen", pairs.reference_chosen, (count,))
    check_floats("reference_rejected", pairs.reference_rejected, (count,))


def _check_batch(name: str, batch: object) -> None:
    """Types and shapes alone: it is asked at every step."""
    check_kind(name, batch, Batch)
    inputs, targets = batch.inputs, batch.targets
    if not is_int64(targets) or targets.dim() != 2:
        raise ValueError(f"targets of {name} must be int64 [rows, time]; got {describe(targets)}")
    if not is_int64(inputs) or inputs.shape != targets.shape:
        raise ValueError(f"inputs of {name} must be like its targets; got {describe(inputs)}")
    check_mask(f"mask of the {name}", batch.mask, targets.shape)
