"""The history of a training run: its losses, as JSON and back."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from nlgnotes.validation import check_count, check_keys

__all__ = ["History"]


@dataclass(frozen=True)
class History:
    """A training run: its loss at every step, in nats per token, before that step's update.

    Args:
        steps: how many.
        losses: one per step.
        tokens: how many targets were learned from, over the run.
        seconds: spent in the loop, interruptions left out.
    """

    steps: int
    losses: tuple[float, ...]
    tokens: int
    seconds: float

    def summary(self, digits: int = 6) -> dict[str, Any]:
        """The run in a few numbers, as a measurement keeps it.

        Args:
            digits: decimals of a loss.

        Returns:
            ``loss``, the means of stretches of a twentieth of the steps, rounded downwards, and
            ``seconds``.

        >>> History(40, (3.0, 1.0) * 20, 0, 1.23).summary()["loss"][:2]
        [2.0, 2.0]
        """
        digits = check_count("digits", digits, 0)
        width = max(1, len(self.losses) // 20)
        parts = [self.losses[i : i + width] for i in range(0, len(self.losses), width)]
        means = [round(math.fsum(part) / len(part), digits) for part in parts]
        return {"loss": means, "seconds": round(self.seconds, 1)}

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "History":
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: not JSON, other keys, a value of another kind, or not one loss per step.
        """
        try:
            values = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"history must be JSON text; {error}") from None
        if not isinstance(values, dict):
            raise ValueError(f"history must be a JSON object; got {type(values).__name__}")
        check_keys("history", values, cls.__dataclass_fields__)
        for name in ("steps", "tokens"):
            check_count(name, values[name], 0)
        losses, seconds = values["losses"], values["seconds"]
        if not isinstance(losses, list):
            raise ValueError(f"losses must be a list of numbers; got {type(losses).__name__}")
        if strange := [x for x in losses if not _finite(x)]:
            raise ValueError(f"losses must be finite numbers; got {_short(strange[0])}")
        if len(losses) != values["steps"]:
            raise ValueError(
                "history must hold one loss per step; "
                f"got {len(losses)} for {_short(values['steps'])} steps"
            )
        if not _finite(seconds) or seconds < 0:
            raise ValueError(
                f"seconds must be a finite number of at least 0; got {_short(seconds)}"
            )
        return cls(values["steps"], tuple(map(float, losses)), values["tokens"], float(seconds))


def _finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # An integer of JSON can be too large for a float; 1e308 and above is no loss.
    return abs(value) < 1e308 and math.isfinite(value)


def _short(value: Any) -> str:
    """At most 60 characters of a value: texts from outside can be of any length."""
    try:
        return repr(value)[:60]
    except ValueError:  # an integer of more digits than Python prints
        return "a very large integer"
