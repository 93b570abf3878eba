"""What the choice of an expert tells about a token, beside the same with the labels permuted.

Taught in: book/mixture-of-experts.ipynb.
"""

from typing import SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_generator, check_ids, describe, is_int64

__all__ = ["explained_share", "permuted_labels"]


def explained_share(
    chosen: Int[Tensor, " tokens"], labels: Int[Tensor, " tokens"]
) -> Float[Tensor, ""]:
    r"""How much of the labels' entropy the expert takes away: :math:`I(E; Y) / H(Y)`, in [0, 1].

    Of the joint frequencies in the sample. It is above 0 by chance too, for a finite sample: that
    is what permuted labels show. Taught in: book/mixture-of-experts.ipynb.

    Args:
        chosen: the expert of each token.
        labels: what else is known of it; at least two different ones.

    Raises:
        ValueError: no ids, other numbers of them, or one label only.

    >>> explained_share(torch.tensor([0, 0, 1, 1]), torch.tensor([5, 5, 3, 3]))
    tensor(1., dtype=torch.float64)
    """
    for name, ids in (("chosen", chosen), ("labels", labels)):
        if not is_int64(ids) or ids.dim() != 1 or not len(ids) or int(ids.min()) < 0:
            raise ValueError(f"{name} must be an int64 tensor [tokens] of numbers from 0 on")
    rows, columns = int(chosen.max()) + 1, int(labels.max()) + 1
    check_ids("labels", labels, chosen.shape, columns)
    joint = torch.bincount(chosen * columns + labels, minlength=rows * columns).double()
    joint = joint.view(rows, columns) / len(chosen)
    entropy = _entropy(joint.sum(0))
    if not float(entropy):
        raise ValueError("labels must be of at least two kinds; got one")
    return (entropy + _entropy(joint.sum(1)) - _entropy(joint.flatten())) / entropy


def permuted_labels(
    labels: Int[Tensor, " groups"], generator: torch.Generator, times: SupportsIndex
) -> Int[Tensor, "times groups"]:
    """The labels in random orders: as many of each as before.

    What has one label as a whole (a document its topic, a word its class) is permuted as a whole.

    Args:
        labels: one for each unit that is permuted.
        generator: where the orders come from.
        times: how many orders.

    Raises:
        ValueError: ``times`` below 1, no generator, or no labels.
    """
    check_generator(generator)
    if not isinstance(labels, Tensor) or not labels.dim():
        raise ValueError(f"labels must be a tensor, a label for each unit; got {describe(labels)}")
    orders = [
        torch.randperm(len(labels), generator=generator) for _ in range(check_count("times", times))
    ]
    return torch.stack([labels[order] for order in orders])


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum()
