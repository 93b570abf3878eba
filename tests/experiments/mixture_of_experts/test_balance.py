"""The arms: what each adds to the loss, which way the biases move, and the measures by hand."""

import pytest
import torch

from nlgnotes.equations import load_balancing as lb
from nlgnotes.experiments.mixture_of_experts.balance import (
    ARMS,
    Balance,
    balancing_loss,
    measures,
    move_biases,
    rounded,
)
from nlgnotes.networks.moe import MoELayer
from nlgnotes.randomness import generator


def layer(seed=0):
    return MoELayer(4, 4, 3, 2, generator(seed, "layer"))


def test_the_loss_is_the_sum_over_layers_of_what_the_arm_names():
    x = torch.randn(20, 4, generator=generator(1))
    routings = [layer(s).route(x, generator(s, "noise")) for s in (0, 1)]
    parts = {
        "importance": sum(lb.squared_cv(lb.importance(r.gates)) for r in routings),
        "load": sum(lb.squared_cv(lb.smooth_load(r.clean, r.noisy, r.spread, 2)) for r in routings),
        "switch": sum(lb.switch_loss(r.probabilities, r.chosen) for r in routings),
    }
    for name, value in parts.items():
        one = balancing_loss(routings, Balance(**{name: 0.3}))
        assert float(one.detach()) == pytest.approx(0.3 * float(value.detach()), rel=1e-5)
    assert float(balancing_loss(routings, ARMS["noise"])) == 0
    both = balancing_loss(routings, ARMS["both"])
    expected = 0.1 * float((parts["importance"] + parts["load"]).detach())
    assert float(both.detach()) == pytest.approx(expected, rel=1e-5)


def test_biases_move_towards_balance_or_with_the_wrong_sign_away():
    made = layer()
    with torch.no_grad():
        made.gate.zero_()
        made.bias.copy_(torch.tensor([2.0, 1.0, 0.0]))  # always the experts 0 and 1
    routing = made.route(torch.ones(5, 4))
    assert routing.counts.tolist() == [5, 5, 0]
    move_biases([made], [routing], Balance(bias=0.25))
    assert made.bias.tolist() == [1.75, 0.75, 0.25]
    move_biases([made], [routing], Balance(bias=-0.25))
    assert made.bias.tolist() == [2.0, 1.0, 0.0]
    move_biases([made], [routing], Balance())
    assert made.bias.tolist() == [2.0, 1.0, 0.0]


def test_measures_of_a_collapsed_layer():
    made = layer()
    with torch.no_grad():
        made.gate.zero_()
        made.bias.copy_(torch.tensor([2.0, 1.0, 0.0]))
    found = measures(made.route(torch.ones(5, 4)))
    # Weights one half each: importances 2.5, 2.5, 0.
    assert found == {
        "cv_importance": pytest.approx(0.5**0.5, abs=1e-4),
        "cv_load": pytest.approx(0.5**0.5, abs=1e-4),
        "max_over_mean": 1.5,
        "violation": 0.5,
        "dead": 1,
        "counts": [5, 5, 0],
    }


def test_a_measurement_keeps_four_digits():
    assert rounded(torch.tensor(0.12346)) == rounded(0.12354) == 0.1235
