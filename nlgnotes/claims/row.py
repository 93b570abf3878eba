"""One row of the ledger: what it holds, how it is shown, and how it is saved."""

import math
from dataclasses import dataclass

from nlgnotes.intervals import Interval

__all__ = [
    "KINDS",
    "REPLICATED",
    "Claim",
    "Control",
    "Measured",
    "Number",
    "finite",
    "saved_row",
    "table_row",
]

KINDS = ("finding", "identity", "check")
REPLICATED = {
    "fresh data": "fresh data under every seed, fixed models",
    "fresh training": "fresh training and data under every seed",
    "fixed": "one fixed model and fixed data",
}
Number = Interval | float
Measured = Interval | float | dict[str, Interval | float]


@dataclass(frozen=True)
class Control:
    """What a finding is set against: ``what`` it is, its number, and whether it passes the margin.

    ``ours`` has the form of the finding's: one number or interval, or the same named parts.
    """

    what: str
    ours: Measured
    passes: bool


@dataclass(frozen=True)
class Claim:
    """One row of the ledger.

    ``ours`` is our number with its interval, a number, several of them by name, or words;
    ``source`` says how well ``paper`` is known.
    """

    id: str
    kind: str
    sentence: str
    holds: bool
    ours: Measured | str
    margin: str
    control: Control | None = None
    replicated: str | None = None
    paper: str | None = None
    source: str | None = None
    unit: str = ""

    @property
    def verdict(self) -> str:
        """What this run says: "holds" or "fails"."""
        return "holds" if self.holds else "fails"


def table_row(claim: Claim) -> tuple[str, ...]:
    """The cells of a claim; a second line of a cell is small print."""
    ours = _shown(claim.ours, claim.unit)
    if claim.control:
        passes = "passes" if claim.control.passes else "fails"
        against = f"{claim.control.what}: {_shown(claim.control.ours, claim.unit)}"
        ours += f"\ncontrol, {against}, {passes}"
    kind = claim.kind + (f" · {REPLICATED[claim.replicated]}" if claim.replicated else "")
    paper = f"{claim.paper} ({claim.source})" if claim.paper else "—"
    return (
        f"{claim.sentence}\n{claim.id} · {kind}",
        claim.verdict if claim.holds else "✗ fails",
        ours,
        claim.margin or "rounding",
        paper,
    )


def _shown(ours: Measured | str, unit: str) -> str:
    if isinstance(ours, str):
        return f"{ours} {unit}".rstrip()
    parts = ours if isinstance(ours, dict) else {"": ours}
    texts = [f"{name} {_digits(part)}".lstrip() for name, part in parts.items()]
    return f"{'; '.join(texts)} {unit}".rstrip()


def _digits(number: Number) -> str:
    """The number with as many decimals as give its error two significant digits."""
    if not isinstance(number, Interval):
        return f"{number:.4g}"
    error = (number.high - number.low) / 2
    if error == 0:
        return str(number)
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return format(number, f".{decimals}f") if decimals <= 6 else str(number)


def saved_row(claim: Claim) -> dict:
    """A claim as JSON holds it."""
    row = {
        name: getattr(claim, name)
        for name in ("id", "kind", "sentence", "holds", "margin", "replicated", "paper", "source")
    }
    control = claim.control and {
        "what": claim.control.what,
        "ours": _shown(claim.control.ours, ""),
        "passes": claim.control.passes,
        "parts": _parts(claim.control.ours),
    }
    whole = claim.ours if isinstance(claim.ours, Interval | float) else None
    return row | {
        "unit": claim.unit,
        "ours": _shown(claim.ours, ""),
        **(_parts(whole) if whole is not None else dict.fromkeys(("value", "low", "high", "n"))),
        "parts": _parts(claim.ours) if isinstance(claim.ours, dict) else None,
        "control": control,
    }


def _parts(ours: Measured | str) -> dict | None:
    if isinstance(ours, dict):
        return {name: _parts(part) for name, part in ours.items()}
    if isinstance(ours, Interval):
        return {name: getattr(ours, name) for name in ("value", "low", "high", "n")}
    return {"value": ours, "low": None, "high": None, "n": None}


def finite(value):
    """The value with every number that is not finite written as its name."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return str(value) if isinstance(value, float) and value - value != 0 else value
