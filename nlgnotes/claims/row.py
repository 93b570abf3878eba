"""One row of the ledger: what it holds, how it is shown, and how it is saved."""

import math
from dataclasses import dataclass

from nlgnotes.intervals import Interval
from nlgnotes.validation import check_kind

__all__ = [
    "KINDS",
    "REPLICATED",
    "Claim",
    "Control",
    "Measured",
    "Number",
    "digits",
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


def table_row(claim: Claim) -> dict[str, tuple[str, ...]]:
    """The lines of each cell of a claim, by the head of its column."""
    check_kind("claim", claim, Claim)
    control = ()
    if claim.control:
        passes = "inside" if claim.control.passes else "outside"
        whole = not isinstance(claim.ours, dict)  # the unit of parts stands once, at ours
        numbers = _lines(claim.control.ours, claim.unit if whole else "")
        control = (f"{claim.control.what}:", *numbers, f"{passes} the margin")
    about = " · ".join(words for words in (claim.id, REPLICATED.get(claim.replicated)) if words)
    return {
        "claim": (claim.sentence, about),
        "this run": (claim.verdict if claim.holds else "✗ fails",),
        "ours": _lines(claim.ours, claim.unit),
        "control": control,
        "margin": tuple((claim.margin or "rounding").split("; ")),
        "the paper": (claim.paper, claim.source) if claim.paper else (),
    }


def _lines(ours: Measured | str, unit: str) -> tuple[str, ...]:
    """One number to a line, with its name before it, and last the unit of all."""
    if isinstance(ours, str):
        return (f"{ours} {unit}".rstrip(),)
    if not isinstance(ours, dict):
        return (f"{digits(ours)} {unit}".rstrip(),)
    named = [f"{name}: {digits(part)}" for name, part in ours.items()]
    return (*named, unit) if unit else tuple(named)


def digits(number: Number) -> str:
    """The number with as many decimals as give its error two significant digits."""
    if not isinstance(number, Interval):
        return f"{number + 0:.4g}".replace("-", "−")  # no minus before a zero
    error = (number.high - number.low) / 2
    text = str(number)
    if error and (decimals := max(0, 1 - math.floor(math.log10(error)))) <= 6:
        text = f"{number:.{decimals}f}"
    return text.replace("-", "−")


def saved_row(claim: Claim) -> dict:
    """A claim as JSON holds it."""
    check_kind("claim", claim, Claim)
    row = {
        name: getattr(claim, name)
        for name in ("id", "kind", "sentence", "holds", "margin", "replicated", "paper", "source")
    }
    control = claim.control and {
        "what": claim.control.what,
        "ours": "; ".join(_lines(claim.control.ours, "")),
        "passes": claim.control.passes,
        "parts": _parts(claim.control.ours),
    }
    whole = claim.ours if isinstance(claim.ours, Interval | float) else None
    return row | {
        "unit": claim.unit,
        "ours": "; ".join(_lines(claim.ours, "")),
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
