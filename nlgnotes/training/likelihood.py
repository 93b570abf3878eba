"""Maximum likelihood: the next-token loss, and a model's surprise at every token.

Taught in: book/likelihood.ipynb.
"""

from typing import Any, SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nlgnotes.validation import (
    check_callable,
    check_count,
    check_floats,
    check_ids,
    describe,
    is_int64,
)

__all__ = ["next_token_loss", "target_log_probs", "token_nll"]

NONE = -(2**63)  # no target is left out of a loss; torch's own default is -100


def next_token_loss(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    r"""The mean negative log-likelihood, in nats per token.

    .. math:: -\frac{1}{|M|} \sum_{t \in M} \log P(x_t \mid x_{<t})

    Taught in: book/likelihood.ipynb.

    Args:
        logits: scores for the token at each position of ``targets``.
        targets: what stands there.
        mask: *M*, True where it counts.

    Returns:
        The loss; NaN where a row of logits that counts is no distribution (``fit`` refuses it).

    Raises:
        ValueError: nothing counts, the mask is not boolean and of the targets' shape, or the
            targets are not ids of the logits' vocabulary, one for each row of logits.

    >>> one_of_two = torch.tensor([[True, False]])
    >>> next_token_loss(torch.zeros(1, 2, 4), torch.tensor([[3, 1]]), one_of_two)  # log 4
    tensor(1.3863)
    """
    _check_targets(logits, targets)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != targets.shape:
        raise ValueError(
            f"mask must be boolean, of the shape of targets {tuple(targets.shape)}; "
            f"got {describe(mask)}"
        )
    try:
        if bool(mask.all()):
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=NONE)
        if not bool(mask.any()):
            raise ValueError(f"mask must be True somewhere; got none of shape {tuple(mask.shape)}")
        return F.cross_entropy(logits[mask], targets[mask], ignore_index=NONE)
    except (IndexError, RuntimeError):
        # Asked only when it is too late: a pass over the targets at every step is not free.
        check_ids("targets", targets[mask], targets[mask].shape, logits.shape[-1])
        raise


def target_log_probs(
    logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, "batch time"]:
    r"""The log-probability of every target, :math:`\log P(x_t \mid x_{<t})`, in nats.

    NaN where a row of logits is no distribution.

    Raises:
        ValueError: the targets are not ids of the logits' vocabulary, one for each row of logits.

    >>> target_log_probs(torch.zeros(1, 2, 4), torch.tensor([[3, 1]]))
    tensor([[-1.3863, -1.3863]])
    """
    _check_targets(logits, targets)
    try:
        return logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    except (IndexError, RuntimeError):
        check_ids("targets", targets, targets.shape, logits.shape[-1])
        raise


@torch.no_grad()
def token_nll(
    model: nn.Module, documents: Any, batch_size: SupportsIndex = 256
) -> Float[Tensor, "n time"]:
    """The model's surprise at each token of each document, in nats; 0 where padded.

    Args:
        model: tokens to logits.
        documents: a ``documents.Documents``.
        batch_size: documents at a time.

    Returns:
        ``-log P(token | the document before it)``, in the shape of ``documents.tokens``; float64
        from a model in float64, else float32. Infinite where the model rules the token out.

    Raises:
        ValueError: ``batch_size`` below 1, a token outside the vocabulary, or logits that are no
            distribution: NaN, +inf, or -inf for every token.
    """
    batch_size = check_count("batch_size", batch_size)
    check_callable("model", model)
    if not (hasattr(documents, "tokens") and hasattr(documents, "mask")):
        raise ValueError(f"documents must have tokens and a mask; got {describe(documents)}")
    tokens, mask = documents.tokens, documents.mask
    out = torch.zeros(tokens.shape, dtype=torch.float32)
    for start in range(0, len(tokens), batch_size):
        rows = slice(start, start + batch_size)
        reach = mask[rows].any(0).nonzero()
        if not len(reach):
            continue
        end = int(reach.max()) + 1
        targets, counts = tokens[rows, :end], mask[rows, :end]
        logits = model(F.pad(targets[:, :-1], (1, 0)))
        check_floats("logits", logits)
        if logits.dim() != 3 or logits.shape[:2] != targets.shape:
            raise ValueError(
                f"model must give logits for each of {tuple(targets.shape)} tokens; "
                f"got {describe(logits)}"
            )
        vocab_size = logits.shape[-1]
        if int(targets.max()) >= vocab_size or int(targets.min()) < 0:
            raise ValueError(
                f"documents must hold ids in [0, {vocab_size}); "
                f"got {int(targets.min())} to {int(targets.max())}"
            )
        if logits.dtype == torch.float64:
            out = out.double()
        elif logits.dtype != torch.float32:
            logits = logits.float()  # half precision would round the sum over the vocabulary
        nll = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        nll = nll.view(targets.shape).masked_fill(~counts, 0.0)
        # Ill logits make NaN of whatever target is asked for: no pass over the vocabulary.
        if bool(nll.isnan().any()):
            raise ValueError(
                "model must give logits without NaN or +inf, finite for some token; "
                f"they are not at {int(nll.isnan().sum())} tokens of documents"
            )
        out[rows, :end] = nll
    return out


def _check_targets(logits: Tensor, targets: Tensor) -> None:
    """Types and shapes alone, which cost nothing; torch sees by itself an id that is too large."""
    check_floats("logits", logits)
    if not is_int64(targets) or targets.dim() != 2 or targets.shape != logits.shape[:-1]:
        raise ValueError(
            "targets must be int64, one for each row of logits of shape "
            f"{tuple(logits.shape)}; got {describe(targets)}"
        )
