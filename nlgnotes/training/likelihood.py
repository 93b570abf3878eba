"""Maximum likelihood: the next-token loss, and a model's surprise at every token.

Taught in: book/likelihood.ipynb.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nlgnotes.validation import check_count

__all__ = ["next_token_loss", "token_nll"]


def next_token_loss(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    r"""Mean negative log-likelihood, in nats per token: :math:`-\frac{1}{|M|}\sum_{t \in M} \log P(x_t \mid x_{<t})`.

    Taught in: book/likelihood.ipynb.

    Args:
        logits: scores for the token at each position of ``targets``.
        targets: what stands there.
        mask: *M*, True where it counts.

    Raises:
        ValueError: nothing counts.

    >>> next_token_loss(torch.zeros(1, 2, 4), torch.tensor([[3, 1]]), torch.tensor([[True, False]]))  # log 4
    tensor(1.3863)
    """
    if bool(mask.all()):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    if not bool(mask.any()):
        raise ValueError(f"mask must be True somewhere; got none of shape {tuple(mask.shape)}")
    return F.cross_entropy(logits[mask], targets[mask])


@torch.no_grad()
def token_nll(model: nn.Module, documents: Any, batch_size: int = 256) -> Float[Tensor, "n time"]:
    """The model's surprise at each token of each document, in nats; 0 where padded.

    Args:
        model: tokens to logits.
        documents: a ``languages.Documents``.
        batch_size: documents at a time.

    Returns:
        ``-log P(token | the document before it)``, in the shape of ``documents.tokens``.

    Raises:
        ValueError: ``batch_size`` below 1.
    """
    check_count("batch_size", batch_size)
    tokens, mask = documents.tokens, documents.mask
    out = torch.zeros(tokens.shape, dtype=torch.float32)
    for start in range(0, len(tokens), batch_size):
        rows = slice(start, start + batch_size)
        reach = mask[rows].any(0).nonzero()
        if not len(reach):
            continue
        end = int(reach.max()) + 1
        targets = tokens[rows, :end]
        logits = model(F.pad(targets[:, :-1], (1, 0)))
        nll = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(
            targets.shape
        )
        out[rows, :end] = nll.masked_fill(~mask[rows, :end], 0.0)
    return out
