r"""A step of trust region policy optimisation: the natural gradient, as long as the KL allows.

.. math:: \max_\theta L(\theta) \quad\text{subject to}\quad D(\theta) \le \delta

Schulman et al. 2015 (arXiv:1502.05477). Taught in: book/ppo.ipynb.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, SupportsFloat

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from nlgnotes.validation import (
    check_callable,
    check_count,
    check_finite,
    check_interval,
    check_positive,
    describe,
)

__all__ = ["conjugate_gradient", "trust_region_step"]


def conjugate_gradient(
    multiply: Callable[[Tensor], Tensor], b: Float[Tensor, " size"], iterations: int
) -> Float[Tensor, " size"]:
    """Solve H x = b for a symmetric positive definite H that is only multiplied with.

    After as many iterations as H has different eigenvalues the solution is exact. Hestenes and
    Stiefel 1952. Taught in: book/ppo.ipynb.

    Args:
        multiply: from a vector v to H v.
        b: the right side, not 0.
        iterations: at most so many products.

    Raises:
        ValueError: ``iterations`` below 1, ``b`` is no vector of finite numbers, or what
            ``multiply`` gives is none like it.

    >>> H = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradient(lambda v: H @ v, torch.tensor([4.0, 7.0]), 2)
    tensor([1.0000, 2.0000])
    """
    iterations = check_count("iterations", iterations)
    check_callable("multiply", multiply)
    check_finite("b", b)
    if b.dim() != 1:
        raise ValueError(f"b must be a vector; got {describe(b)}")
    x, rest, direction = torch.zeros_like(b), b.clone(), b.clone()
    length = first = rest @ rest
    for _ in range(iterations):
        if length <= 1e-10 * first:
            break
        product = multiply(direction)
        if not isinstance(product, Tensor) or product.shape != b.shape:
            raise ValueError(f"multiply must give a vector like b; got {describe(product)}")
        curvature = direction @ product
        if curvature <= 0:  # by rounding, or by too few data: no further that way
            break
        along = length / curvature
        x, rest = x + along * direction, rest - along * product
        before, length = length, rest @ rest
        direction = rest + length / before * direction
    return x


def trust_region_step(
    parameters: Sequence[Tensor],
    objective: Callable[[], Tensor],
    divergence: Callable[[], Tensor],
    *,
    radius: SupportsFloat,
    iterations: int = 10,
    damping: SupportsFloat = 0.1,
    halvings: int = 10,
) -> dict[str, Any]:
    r"""One step, in place, that raises the objective and keeps the divergence within the radius.

    With g the gradient of the objective and H the second derivative of the divergence, both where
    the step begins,

    .. math:: \theta' = \theta + \sqrt{\frac{2\delta}{x^\top H x}}\; x, \qquad H x = g,

    halved until the two conditions hold; if they never do, nothing is moved. H is only multiplied
    with: :math:`H v = \nabla (v^\top \nabla D)`. Schulman et al. 2015, appendix C.

    Args:
        parameters: what is moved.
        objective, divergence: of the parameters as they stand, with their graph; the divergence has
            its minimum, 0, where the step begins.
        radius: :math:`\delta`, the most that the divergence may become.
        iterations: of the conjugate gradient.
        damping: added to the diagonal of H, which need not be definite.
        halvings: how many lengths are tried, each half of the one before.

    Returns:
        ``scale``: the share of the full step that was taken, 0 where none was; ``kl``: the
        divergence after it; ``gain``: of the objective.

    Raises:
        ValueError: a radius that is not above 0, ``damping`` below 0, or a count below 1.
    """
    radius = float(check_positive("radius", radius))
    damping = float(check_interval("damping", damping, 0, math.inf, closed="left"))
    check_count("halvings", halvings)
    parameters = list(parameters)
    start = _flat(parameters)
    # The fused attention has no second derivative.
    with sdpa_kernel(SDPBackend.MATH):
        value = objective()
        gradient = _flat(torch.autograd.grad(value, parameters))
        slope = _flat(torch.autograd.grad(divergence(), parameters, create_graph=True))

        def multiply(v: Tensor) -> Tensor:
            product = torch.autograd.grad(slope @ v, parameters, retain_graph=True)
            return _flat(product) + damping * v

        if not bool(gradient.any()):
            return {"scale": 0.0, "kl": 0.0, "gain": 0.0}
        x = conjugate_gradient(multiply, gradient, iterations)
        curvature = x @ multiply(x)
        if not curvature > 0:
            return {"scale": 0.0, "kl": 0.0, "gain": 0.0}
        step = (2 * radius / curvature).sqrt() * x
    with torch.no_grad():
        for halved in range(halvings):
            _move(parameters, start + 0.5**halved * step)
            kl, gain = float(divergence()), float(objective() - value)
            if kl <= radius and gain > 0:
                return {"scale": 0.5**halved, "kl": kl, "gain": gain}
        _move(parameters, start)
    return {"scale": 0.0, "kl": 0.0, "gain": 0.0}


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.reshape(-1) for each in tensors])


def _move(parameters: Sequence[Tensor], flat: Tensor) -> None:
    """Write one long vector into the parameters."""
    sizes = [p.numel() for p in parameters]
    for p, part in zip(parameters, flat.split(sizes), strict=True):
        p.copy_(part.view_as(p))
