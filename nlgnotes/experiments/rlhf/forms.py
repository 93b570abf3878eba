r"""Forms of gold along a frontier, and how well they fit.

Gao, Schulman and Hilton 2022 (arXiv:2210.10760) write gold's gain as a function of
:math:`d = \sqrt{D_{KL}}`: :math:`d(\alpha - \beta d)` for best-of-N, and
:math:`d(\alpha - \beta \log d)` for reinforcement learning. Taught in: book/rlhf.ipynb.
"""

import math
from collections.abc import Sequence
from typing import SupportsFloat

import torch

from nlgnotes.validation import check_positive

__all__ = ["FORMS", "fit_form"]

FORMS = {
    "d (a - b d)": lambda d: (d, -(d**2)),
    "d (a - b log d)": lambda d: (d, -d * math.log(d)),
    "quadratic in KL": lambda d: (d**2, -(d**4)),
}
"""What a and b stand before, as functions of d."""


def fit_form(
    form: str, kls: Sequence[SupportsFloat], gains: Sequence[SupportsFloat]
) -> tuple[float, float, float]:
    """Least squares of a form with two coefficients: a, b, and R².

    Args:
        form: one of :data:`FORMS`.
        kls: nats, above 0.
        gains: gold, less its value at the reference.

    Raises:
        ValueError: another form, fewer than three points, or a KL that is not above 0.

    >>> a, b, r2 = fit_form("d (a - b d)", [1, 4, 9], [1, 0, -3])  # d (2 - d)
    >>> round(a, 6), round(b, 6), round(r2, 6)
    (2.0, 1.0, 1.0)
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}; got {form!r}")
    if len(kls) != len(gains) or len(kls) < 3:
        raise ValueError(
            f"kls and gains must be equally many, at least 3; got {len(kls)} and {len(gains)}"
        )
    d = [math.sqrt(check_positive("kls", kl)) for kl in kls]
    x = torch.tensor([FORMS[form](v) for v in d], dtype=torch.float64)
    y = torch.tensor([float(g) for g in gains], dtype=torch.float64)
    solution = torch.linalg.lstsq(x, y).solution
    left = float(((y - x @ solution) ** 2).sum())
    total = float(((y - y.mean()) ** 2).sum())
    return float(solution[0]), float(solution[1]), 1 - left / total
