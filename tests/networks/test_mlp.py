"""The perceptron with its weights as an argument: by hand, and against torch's own layers."""

import pytest
import torch
from torch import nn

from nlgnotes.networks.mlp import MLP, mlp
from nlgnotes.randomness import generator


def test_one_hidden_unit_by_hand():
    weights = [
        torch.tensor([[2.0]]),
        torch.tensor([[-1.0]]),
        torch.tensor([[3.0]]),
        torch.ones(1, 1),
    ]
    x = torch.tensor([[0.0], [1.0], [2.0]])
    assert mlp(weights, x).flatten().tolist() == [1, 4, 10]


def test_the_same_as_torchs_layers():
    model = MLP((2, 5, 4, 3), generator(1))
    layers = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    with torch.no_grad():
        for i, layer in enumerate(layers[::2]):
            layer.weight.copy_(model.weights[2 * i].T)
            layer.bias.copy_(model.weights[2 * i + 1][0] + i)
            model.weights[2 * i + 1] += i
    x = torch.randn(6, 7, 2, generator=generator(2))
    assert model(x).detach() == pytest.approx(layers(x).detach(), abs=1e-5)


def test_weights_of_each_tasks_own():
    models = [MLP((1, 4, 1), generator(s)) for s in range(3)]
    x = torch.randn(3, 5, 1, generator=generator(9))
    own = [torch.stack(parts) for parts in zip(*(m.weights for m in models), strict=True)]
    each = torch.stack([m(rows) for m, rows in zip(models, x, strict=True)])
    assert mlp(own, x).detach() == pytest.approx(each.detach(), abs=1e-6)


def test_initial_weights_come_from_the_generator():
    a, b, c = (MLP((1, 400, 400, 1), generator(s)) for s in (1, 1, 2))
    assert all(torch.equal(v, w) for v, w in zip(a.weights, b.weights, strict=True))
    assert not torch.equal(a.weights[0], c.weights[0])
    for w, rows in zip(a.weights[::2], (1, 400, 400), strict=True):
        assert 0.9 * rows**-0.5 < w.abs().max() <= rows**-0.5
    assert not any(b.any() for b in a.weights[1::2])


def test_ill_arguments():
    with pytest.raises(ValueError, match="sizes must be at least an input and an output"):
        MLP((1,), generator(0))
    with pytest.raises(ValueError, match="sizes must be an integer of at least 1; got 0"):
        MLP((1, 0), generator(0))
    for weights in ([], [torch.ones(1, 1)]):
        with pytest.raises(ValueError, match="weights must be pairs"):
            mlp(weights, torch.zeros(1, 1))
