"""The share of the labels' entropy that the expert explains: its ends, by hand, and by chance."""

import math
from inspect import unwrap

import pytest
import torch

from nlgnotes.experiments.mixture_of_experts.specialisation import (
    explained_share,
    permuted_labels,
)
from nlgnotes.randomness import generator


def test_nothing_all_and_a_half():
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    assert float(explained_share(torch.zeros(8, dtype=torch.long), labels)) == pytest.approx(0)
    assert float(explained_share(3 - labels, labels)) == pytest.approx(1)
    # The expert tells one bit of two.
    assert float(explained_share(labels // 2, labels)) == pytest.approx(0.5)
    # More experts than labels tell all, too.
    assert float(explained_share(torch.arange(8), labels)) == pytest.approx(1)


def test_by_hand():
    chosen, labels = torch.tensor([0, 0, 0, 1]), torch.tensor([1, 1, 0, 0])
    # H(Y) = log 2; H(Y|E) = 3/4 of the entropy of (2/3, 1/3).
    inside = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) * 0.75
    expected = 1 - inside / math.log(2)
    assert float(explained_share(chosen, labels)) == pytest.approx(expected)


def test_permuted_labels_keep_their_numbers_and_explain_next_to_nothing():
    labels = torch.arange(4000) % 4
    orders = permuted_labels(labels, generator(0), 5)
    assert orders.shape == (5, 4000) and not torch.equal(orders[0], orders[1])
    for order in orders:
        assert torch.equal(order.bincount(), labels.bincount())
        # 2 n I is about a chi-square with 9 degrees of freedom: above 50 with chance 1e-7.
        assert float(explained_share(labels, order)) < 50 / 8000 / math.log(4)


def test_bad_arguments_are_named():
    two = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="at least two kinds"):
        explained_share(two, torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="labels must"):
        unwrap(explained_share)(two, torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match="chosen must"):
        unwrap(explained_share)(torch.tensor([-1, 0]), two)
    with pytest.raises(ValueError, match="times must"):
        unwrap(permuted_labels)(two, generator(0), 0)
