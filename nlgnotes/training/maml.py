"""Model-agnostic meta-learning: an initialisation from which one step of gradient goes far."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import SupportsFloat

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.networks.mlp import MLP, mlp
from nlgnotes.tasks.sinusoids import Points
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import (
    check_count,
    check_flag,
    check_floats,
    check_interval,
    check_kind,
    check_positive,
    describe,
)

__all__ = ["adapt", "maml_loss", "pooled_loss", "task_errors", "train_initialisation"]

Draw = Callable[[torch.Generator], tuple[Points, Points]]
KINDS = ("second order", "first order", "pretraining")


def task_errors(weights: Sequence[Tensor], points: Points) -> Float[Tensor, " tasks"]:
    """The mean squared error on each task's points; ``weights`` as in :func:`networks.mlp.mlp`.

    Raises:
        ValueError: no points, or not as many numbers as the network gives.
    """
    _check_points(points)
    given = mlp(weights, points.x)
    if given.shape != points.y.shape:
        raise ValueError(f"y must have shape {tuple(given.shape)}; got {describe(points.y)}")
    return (given - points.y).square().mean((-2, -1))


def adapt(
    weights: Sequence[Tensor],
    shown: Points,
    step_size: SupportsFloat,
    steps: int = 1,
    *,
    second_order: bool = False,
) -> list[Tensor]:
    r"""The inner loop: steps of gradient on the examples of each task, for all tasks at once.

    .. math:: \theta_i' = \theta_i - \alpha \nabla_{\theta_i} L_i(\theta_i)

    Finn, Abbeel, Levine 2017 (arXiv:1703.03400), equation before (1), with the mean squared error
    as L. Taught in: book/in-context-learning.ipynb.

    Args:
        weights: the initialisation, ``[in, out]`` and ``[1, out]`` by turns, or one of each task.
        shown: the examples.
        step_size: alpha, at least 0.
        steps: how many; 0 gives each task a view of the initialisation.
        second_order: keep the graph of the gradient, so that a derivative of what comes out goes
            through it. Without it the gradient is a constant: first-order MAML.

    Returns:
        The weights of each task, ``[tasks, in, out]`` and ``[tasks, 1, out]`` by turns.

    Raises:
        ValueError: ``step_size`` or ``steps`` below 0.
    """
    step_size = check_interval("step_size", step_size, 0, float("inf"), closed="left")
    steps = check_count("steps", steps, 0)
    second_order = check_flag("second_order", second_order)
    _check_points(shown)
    if not isinstance(weights, Sequence):
        raise ValueError(f"weights must be a list of tensors; got {describe(weights)}")
    for w in weights:
        check_floats("weights", w)
    tasks = len(shown.x)
    # Weights of each task's own, even where they are equal: the gradient of a sum over tasks is
    # then the gradient of each.
    with torch.enable_grad():
        own = [w.expand(tasks, *w.shape) if w.dim() == 2 else w for w in weights]
        own = [w if w.requires_grad else w.detach().requires_grad_() for w in own]
        for _ in range(steps):
            cost = task_errors(own, shown).sum()
            slopes = torch.autograd.grad(cost, own, create_graph=second_order)
            own = [w - step_size * slope for w, slope in zip(own, slopes, strict=True)]
    return own


def maml_loss(
    model: MLP,
    batch: tuple[Points, Points],
    step_size: SupportsFloat,
    second_order: bool = True,
    steps: int = 1,
) -> Float[Tensor, ""]:
    r"""The outer loss: the error on new points of each task, after the inner steps.

    .. math:: \frac1n \sum_i L_i^{\text{new}}(\theta - \alpha \nabla_\theta L_i(\theta))

    Its gradient by theta contains the second derivatives of :math:`L_i`, unless it is taken to
    first order. Finn, Abbeel, Levine 2017, equation (1) and section 5.2.

    Args:
        model: theta.
        batch: points for the inner step, and other points of the same tasks.
        step_size, second_order, steps: as in :func:`adapt`.
    """
    check_kind("model", model, MLP)
    shown, asked = _two(batch)
    own = adapt(tuple(model.weights), shown, step_size, steps, second_order=second_order)
    return task_errors(own, asked).mean()


def pooled_loss(model: MLP, batch: tuple[Points, Points]) -> Float[Tensor, ""]:
    """Plain pretraining: the error on the same points of all tasks, without an inner step."""
    check_kind("model", model, MLP)
    batch = _two(batch)
    if any(a.shape[::2] != b.shape[::2] for a, b in zip(*batch, strict=True)):
        raise ValueError(f"points must be of the same tasks; got {describe(batch[1].x)}")
    both = Points(*(torch.cat(parts, 1) for parts in zip(*batch, strict=True)))
    return task_errors(tuple(model.weights), both).mean()


def train_initialisation(
    model: nn.Module,
    draw: Draw,
    kind: str,
    *,
    steps: int,
    learning_rate: SupportsFloat,
    generator: torch.Generator,
    step_size: SupportsFloat = 0.01,
    clip: SupportsFloat = 10.0,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Train an initialisation by Adam (the outer step), see :func:`training.loop.fit`.

    The learning rate makes one cycle, and long gradients are cut; Finn et al. do neither.

    Args:
        model: an :class:`MLP`, changed in place.
        draw: two sets of points of the same tasks, from the generator.
        kind: ``"second order"`` and ``"first order"`` (:func:`maml_loss`), or ``"pretraining"``
            (:func:`pooled_loss`).
        steps, learning_rate, generator, clip, checkpoint, progress: as in ``fit``.
        step_size: of the one inner step; pretraining has none.

    Returns:
        The history; its losses are squared errors.

    Raises:
        ValueError: another ``kind``, a step size not above 0, or as ``fit``.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    step_size = float(check_positive("step_size", step_size))

    def loss(model: MLP, batch: tuple[Points, Points]) -> Tensor:
        if kind == "pretraining":
            return pooled_loss(model, batch)
        return maml_loss(model, batch, step_size, kind == "second order")

    return fit(
        model,
        draw,
        steps=steps,
        learning_rate=learning_rate,
        generator=generator,
        weight_decay=0.0,
        clip=clip,
        checkpoint=checkpoint,
        progress=progress,
        loss=loss,
        identity=(kind, step_size),
    )


def _two(batch: object) -> tuple[Points, Points]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ValueError(f"batch must be two sets of points; got {describe(batch)}")
    for points in batch:
        _check_points(points)
    return batch


def _check_points(points: object) -> None:
    check_kind("points", points, Points)
    check_floats("x", points.x)
    check_floats("y", points.y)
    if points.x.dim() != 3 or points.y.shape[:-1] != points.x.shape[:-1]:
        raise ValueError(
            "points must be [tasks, points, 1], as many y as x; "
            f"got {describe(points.x)} and {describe(points.y)}"
        )
