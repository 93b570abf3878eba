"""Conjugate gradient against torch's solver; a step on a quadratic whose answer is known."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.trust_region import conjugate_gradient, trust_region_step


def definite(size, name):
    half = torch.randn(size, size, generator=generator(0, "definite", name)).double()
    return half @ half.T + 0.1 * torch.eye(size).double()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_it_solves_what_torch_solves(size):
    H, b = definite(size, "solve"), torch.arange(1.0, size + 1).double()
    found = conjugate_gradient(lambda v: H @ v, b, 3 * size)
    assert torch.allclose(found, torch.linalg.solve(H, b), atol=1e-4)


def test_an_early_end_is_the_best_of_its_directions():
    H, b = definite(5, "early"), torch.ones(5).double()
    energy = [
        0.5 * x @ H @ x - b @ x
        for x in (conjugate_gradient(lambda v: H @ v, b, n) for n in (1, 2, 3))
    ]
    steepest = (b @ b) / (b @ H @ b) * b
    assert torch.allclose(conjugate_gradient(lambda v: H @ v, b, 1), steepest)
    assert energy[0] > energy[1] > energy[2]


def test_a_step_on_a_quadratic_is_the_natural_gradient_to_the_edge():
    H, g, start = (
        definite(3, "step"),
        torch.tensor([1.0, -2.0, 0.5]).double(),
        torch.ones(3).double(),
    )
    theta = start.clone().requires_grad_()
    found = trust_region_step(
        [theta],
        lambda: g @ theta,
        lambda: 0.5 * (theta - start) @ H @ (theta - start),
        radius=0.02,
        damping=0.0,
    )
    natural = torch.linalg.solve(H, g)
    wanted = (0.04 / (g @ natural)).sqrt() * natural
    moved = theta.detach() - start
    # To the edge itself, or by rounding just beyond it, where the step is halved.
    assert found["scale"] in (1.0, 0.5)
    assert torch.allclose(moved, found["scale"] * wanted, rtol=1e-4)
    assert found["kl"] == pytest.approx(0.02 * found["scale"] ** 2, rel=1e-4)
    assert found["gain"] == pytest.approx(float(g @ moved))


def test_a_step_is_halved_until_the_divergence_itself_is_within_the_radius():
    """0.5 t^2 + 50 t^4 is far above its second order at the full step, sqrt(0.2) = 0.447."""
    theta = torch.zeros(1).double().requires_grad_()
    found = trust_region_step(
        [theta],
        lambda: theta.sum(),
        lambda: (0.5 * theta.square() + 50 * theta**4).sum(),
        radius=0.1,
        damping=0.0,
    )
    # Halved once it is 0.2236: 0.025 + 0.125 > 0.1. Twice, 0.1118: 0.00625 + 0.0078.
    assert found["scale"] == 0.25 and float(theta.detach()) == pytest.approx(0.2**0.5 / 4)
    assert found["kl"] == pytest.approx(0.00625 + 50 * (0.2**0.5 / 4) ** 4)


def test_a_step_that_gains_nothing_is_taken_back():
    theta = torch.zeros(2).double().requires_grad_()
    objective = lambda: theta.sum() - 1e6 * theta.square().sum()  # noqa: E731
    found = trust_region_step(
        [theta], objective, lambda: 0.5 * theta.square().sum(), radius=1.0, halvings=2
    )
    assert found == {"scale": 0.0, "kl": 0.0, "gain": 0.0} and theta.tolist() == [0.0, 0.0]


def test_without_a_gradient_nothing_moves_and_ill_numbers_are_refused():
    theta = torch.zeros(2).requires_grad_()
    flat = (lambda: 0 * theta.sum(), lambda: theta.square().sum())
    assert trust_region_step([theta], *flat, radius=1.0)["scale"] == 0
    for own in ({"radius": 0.0}, {"radius": 1.0, "damping": -1.0}, {"radius": 1.0, "halvings": 0}):
        with pytest.raises(ValueError, match="must"):
            trust_region_step([theta], *flat, **own)
    with pytest.raises(ValueError, match="iterations"):
        conjugate_gradient(lambda v: v, torch.ones(1), 0)


@pytest.mark.parametrize("positions", ["rotary", "learned", "none"])
def test_the_second_derivative_of_a_decoder_is_a_difference_quotient(positions):
    chance = generator(0, "curvature")
    config = DecoderConfig(7, 6, width=8, layers=2, heads=2, hidden=16, positions=positions)
    model = Decoder(config, chance).double()
    parameters = list(model.parameters())
    with torch.no_grad():
        for each in parameters:
            each.mul_(5)  # attention that is not even
        tokens = torch.randint(7, (4, 6), generator=chance)
        old = model(tokens).log_softmax(-1)
    v = [torch.randn(p.shape, generator=chance, dtype=p.dtype) for p in parameters]

    def slope(graph=False):
        divergence = (old.exp() * (old - model(tokens).log_softmax(-1))).sum()
        found = torch.autograd.grad(divergence, parameters, create_graph=graph)
        return torch.cat([each.flatten() for each in found])

    def moved(step):
        with torch.no_grad():
            for each, direction in zip(parameters, v, strict=True):
                each.add_(step * direction)
        return slope()

    with sdpa_kernel(SDPBackend.MATH):
        along = slope(graph=True) @ torch.cat([each.flatten() for each in v])
        got = torch.cat([each.flatten() for each in torch.autograd.grad(along, parameters)])
        want = (moved(1e-5) - moved(-2e-5)) / 2e-5
    assert float((got - want).norm() / want.norm()) < 1e-3
