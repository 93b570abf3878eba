"""AdamW by torch's own fused step, without torch's class around it.

The classes of ``torch.optim`` import torch's compiler when the first one is made, which takes a
second or two; the step that they call does not.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.adamw import adamw

__all__ = ["AdamW"]

_NAMES = ("exp_avg", "exp_avg_sq", "step")


class AdamW:
    r"""Weights down their gradients, each by its own scale, and towards 0.

    With the gradient :math:`g` of step :math:`t`, :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`
    and :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`, the weights become

    .. math:: \theta \leftarrow (1 - \eta\lambda)\,\theta
        - \eta\,\frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    (Loshchilov & Hutter 2019, arXiv:1711.05101). What has no gradient stays as it is.

    Args:
        groups: the weights, with the decay :math:`\lambda` of each group.
        learning_rate: :math:`\eta`; the attribute may change between steps.
        betas: :math:`\beta_1` and :math:`\beta_2`.

    Raises:
        ValueError: ``groups`` are no pairs of weights and their decay.

    Attributes:
        parameters: all weights, in the order given.
        state: of each weight that had a gradient, by its place in ``parameters``: ``exp_avg``
            (:math:`m`), ``exp_avg_sq`` (:math:`v`) and ``step`` (:math:`t`).
    """

    def __init__(
        self,
        groups: Iterable[tuple[Iterable[nn.Parameter], float]],
        learning_rate: float,
        betas: tuple[float, float],
    ) -> None:
        self.learning_rate, self.betas = learning_rate, betas
        self.parameters: list[nn.Parameter] = []
        self.state: dict[int, dict[str, torch.Tensor]] = {}
        self._groups: list[tuple[range, float]] = []
        try:
            pairs = [([*weights], decay) for weights, decay in groups]
        except (TypeError, ValueError):
            raise ValueError(f"groups must be pairs of weights and decay; got {groups!r}") from None
        for weights, decay in pairs:
            start = len(self.parameters)
            self.parameters += weights
            self._groups.append((range(start, len(self.parameters)), decay))

    def clear(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights by the gradients that they hold."""
        for places, decay in self._groups:
            moved = [i for i in places if self.parameters[i].grad is not None]
            if not moved:
                continue
            weights = [self.parameters[i] for i in moved]
            for i, p in zip(moved, weights, strict=True):
                if i not in self.state:
                    zeros = [
                        torch.zeros_like(p),
                        torch.zeros_like(p),
                        torch.zeros((), dtype=torch.float32),
                    ]
                    self.state[i] = dict(zip(_NAMES, zeros, strict=True))
            means, squares, steps = ([self.state[i][name] for i in moved] for name in _NAMES)
            adamw(
                weights,
                [p.grad for p in weights],
                means,
                squares,
                [],
                steps,
                fused=True,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=self.learning_rate,
                weight_decay=decay,
                eps=1e-8,
                maximize=False,
            )
