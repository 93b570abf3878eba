"""Numbers of a prompt's biases, from the answers to questions after every order of labels.

``answers`` is ``[orders, kinds, answers]``, the share of each answer to questions of each label
after each order, see :func:`prompts.answered`. Taught in: book/calibration.ipynb.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_finite, check_ids, describe, is_int64

__all__ = [
    "accuracy",
    "accuracy_by_order",
    "label_bias",
    "majority_bias",
    "minority_recall",
    "recency_bias",
    "spread_over_orders",
]

Answers = Float[Tensor, "orders kinds answers"]
Orders = Int[Tensor, "orders shots"]


def accuracy(answers: Answers, weights: Float[Tensor, "orders kinds"]) -> Float[Tensor, ""]:
    """The share of right answers in a test.

    Args:
        answers: by order and label of the question.
        weights: how often the test asks each of them, see :func:`prompts.order_weights`.

    Raises:
        ValueError: weights of another shape, or not finite.

    >>> answers = torch.tensor([[[0.9, 0.1], [0.4, 0.6]]])  # of one order
    >>> accuracy(answers, torch.tensor([[0.5, 0.5]])), accuracy(answers, torch.tensor([[1.0, 0.0]]))
    (tensor(0.7500), tensor(0.9000))
    """
    right = _recall(answers)
    check_finite("weights", weights, right.shape)
    return (right * weights).sum()


def accuracy_by_order(answers: Answers) -> Float[Tensor, " orders"]:
    """The share of right answers after each order, with equally many questions of each label."""
    return _recall(answers).mean(-1)


def spread_over_orders(answers: Answers) -> Float[Tensor, ""]:
    """Standard deviation (divisor n) over the orders of :func:`accuracy_by_order`."""
    return accuracy_by_order(answers).std(correction=0)


def minority_recall(answers: Answers, orders: Orders) -> Float[Tensor, ""]:
    """The recall of the label that the prompt shows less often, over all uneven prompts.

    Args:
        answers: of two labels.
        orders: of two labels; those with equally many of each are left out.

    Raises:
        ValueError: more labels than two, another number of orders, or none that is uneven.
    """
    lead = _lead(answers, orders)
    return torch.where(lead > 0, _recall(answers)[:, 1], _recall(answers)[:, 0])[lead != 0].mean()


def label_bias(answers: Answers) -> Float[Tensor, ""]:
    """How much oftener the first label is answered than asked, over all orders.

    With equally many questions of each label: the share of the first answer less 1 / kinds.
    """
    _check_shares(answers)
    return answers[..., 0].mean() - 1 / answers.shape[1]


def majority_bias(answers: Answers, orders: Orders) -> Float[Tensor, ""]:
    """The share of answers that are the prompt's commoner label, less a half.

    Over all uneven prompts, with equally many questions of each label. 0 is no bias; at 1/2 every
    answer is the majority's.

    Args:
        answers: of two labels.
        orders: of two labels.

    Raises:
        ValueError: as :func:`minority_recall`.
    """
    lead = _lead(answers, orders)
    first = answers[..., 0].mean(1)
    return torch.where(lead > 0, first, 1 - first)[lead != 0].mean() - 0.5


def recency_bias(answers: Answers, orders: Orders) -> Float[Tensor, ""]:
    """What the last label adds to its own share of answers, at equal balance.

    The share of the first answer after orders that end in the first label, less that after orders
    that end in the second; the mean over all balances that hold both labels. 0 is no bias.

    Args:
        answers: of two labels.
        orders: all orders of two labels, of at least two shots.

    Raises:
        ValueError: more labels than two, another number of orders, or fewer than two shots.
    """
    _lead(answers, orders)
    shots = check_count("shots", orders.shape[1], 2)
    first, last, balance = answers[..., 0].mean(1), orders[:, -1], orders.sum(1)
    gaps = []
    for b in range(1, shots):
        ends = [first[(balance == b) & (last == label)] for label in (0, 1)]
        if not all(map(len, ends)):
            raise ValueError(
                f"orders must end in either label at each balance; got {orders.tolist()}"
            )
        gaps.append(ends[0].mean() - ends[1].mean())
    return torch.stack(gaps).mean()


def _recall(answers: Tensor) -> Tensor:
    _check_shares(answers)
    return answers.diagonal(dim1=-2, dim2=-1)


def _check_shares(answers: Tensor) -> None:
    check_finite("answers", answers)
    if answers.dim() != 3 or not answers.numel():
        raise ValueError(f"answers must be [orders, kinds, answers]; got {describe(answers)}")
    low, high = float(answers.min()), float(answers.max())
    if low < 0 or high > 1 + 1e-4:
        raise ValueError(f"answers must hold shares, in [0, 1]; got {low:g} to {high:g}")


def _lead(answers: Tensor, orders: Tensor) -> Tensor:
    """How many more of a prompt's labels are the first than the second."""
    _check_shares(answers)
    if not is_int64(orders) or orders.dim() != 2:
        raise ValueError(f"orders must be an int64 tensor [orders, shots]; got {describe(orders)}")
    check_ids("orders", orders, orders.shape, 2)
    if answers.shape != (len(orders), 2, 2):
        raise ValueError(
            f"answers must be of two labels after each of {len(orders)} orders, "
            f"of shape {(len(orders), 2, 2)}; got {tuple(answers.shape)}"
        )
    lead = (1 - 2 * orders).sum(1)
    if not bool((lead != 0).any()):
        raise ValueError(f"orders must hold an uneven one; got {orders.tolist()}")
    return lead
