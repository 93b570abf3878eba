"""The biases of a prompt as numbers: of readers whose answers are known."""

from inspect import unwrap

import pytest
import torch

from nlgnotes.experiments.calibration.prompts import all_orders, order_weights
from nlgnotes.experiments.calibration.scores import (
    accuracy,
    accuracy_by_order,
    label_bias,
    majority_bias,
    minority_recall,
    recency_bias,
    spread_over_orders,
)
from nlgnotes.tasks.in_context import LabelledExamples

ORDERS = all_orders(4)
EVEN = order_weights(ORDERS, LabelledExamples(2, 4, 2, mapping="fixed"), balanced=True)


def reader(share):
    """A reader that answers the first label with ``share(order, label)``."""
    first = torch.tensor(
        [[share(order, k) for k in (0, 1)] for order in ORDERS.tolist()], dtype=torch.float64
    )
    return torch.stack((first, 1 - first), -1)


RIGHT = reader(lambda order, k: 1 - k)
LAST = reader(lambda order, k: 1 - order[-1])
# The majority's label; after an even prompt the right one.
MAJORITY = reader(lambda order, k: (1 - k) if sum(order) == 2 else float(sum(order) < 2))
FIRST = reader(lambda order, k: 0.75)


def test_who_is_always_right_has_no_bias():
    assert float(accuracy(RIGHT, EVEN)) == pytest.approx(1)
    assert float(minority_recall(RIGHT, ORDERS)) == 1
    assert float(spread_over_orders(RIGHT)) == 0
    for bias in (majority_bias(RIGHT, ORDERS), recency_bias(RIGHT, ORDERS), label_bias(RIGHT)):
        assert float(bias) == pytest.approx(0)


def test_who_repeats_the_last_label():
    assert float(recency_bias(LAST, ORDERS)) == pytest.approx(1)
    assert float(accuracy(LAST, EVEN)) == pytest.approx(0.5)
    assert float(label_bias(LAST)) == pytest.approx(0)
    # Of the ten uneven orders, eight are three to one, and six of them end in the majority.
    assert float(majority_bias(LAST, ORDERS)) == pytest.approx((2 + 6) / 10 - 0.5)
    # A test that asks only what was shown last is answered whole.
    shown_last = torch.nn.functional.one_hot(ORDERS[:, -1], 2).double() / 16
    assert float(accuracy(LAST, shown_last)) == pytest.approx(1)


def test_who_answers_the_majority():
    assert float(majority_bias(MAJORITY, ORDERS)) == pytest.approx(0.5)
    assert float(minority_recall(MAJORITY, ORDERS)) == 0
    assert float(recency_bias(MAJORITY, ORDERS)) == pytest.approx(0)
    # Ten orders of accuracy 1/2 and six of 1: the mean is 11/16.
    mean = 11 / 16
    assert float(accuracy(MAJORITY, EVEN)) == pytest.approx(mean)
    spread = ((10 * (0.5 - mean) ** 2 + 6 * (1 - mean) ** 2) / 16) ** 0.5
    assert float(spread_over_orders(MAJORITY)) == pytest.approx(spread)
    assert accuracy_by_order(MAJORITY)[0] == 0.5


def test_who_likes_the_first_label():
    assert float(label_bias(FIRST)) == pytest.approx(0.25)
    assert float(majority_bias(FIRST, ORDERS)) == pytest.approx(0)
    assert float(minority_recall(FIRST, ORDERS)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: unwrap(accuracy)(RIGHT, EVEN[:3]), "weights must have shape"),
        (lambda: unwrap(majority_bias)(RIGHT[:3], ORDERS), "answers must be of two labels after"),
        (lambda: recency_bias(RIGHT[:2], all_orders(1)), "shots must be .* at least 2; got 1"),
        (lambda: minority_recall(RIGHT[:1], ORDERS[3:4]), "orders must hold an uneven one; got"),
    ],
)
def test_what_does_not_belong_together_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
