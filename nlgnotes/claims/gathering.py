"""The runs of one lecture under several seeds as one row per claim."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from nlgnotes.intervals import Interval, mean_interval, wilson_interval

__all__ = ["SAME", "check_run", "gather", "read_runs", "verdict"]

# What a claim is; the seed must not change it.
SAME = ("id", "kind", "sentence", "margin", "replicated", "paper", "source", "unit")


def read_runs(folder: str | Path) -> list[dict]:
    """The ledgers that were saved into a folder (see :class:`Ledger`).

    Raises:
        ValueError: no ledger in the folder, or a file that is not one.
    """
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            check_run(run)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"folder must hold ledgers only; {path.name} is none ({error})"
            ) from error
        found.append(run)
    if not found:
        raise ValueError(f"folder must hold at least one ledger; got none in {Path(folder).name!r}")
    return found


def check_run(run: object) -> None:
    """Raise ``ValueError`` unless this is a ledger as it is saved."""
    if not isinstance(run, dict) or not {"lecture", "seed", "rows"} <= run.keys():
        raise ValueError("a run must be an object with lecture, seed and rows")
    if not isinstance(run["lecture"], str) or type(run["seed"]) is not int:
        raise ValueError("lecture must be a name and seed a whole number")
    if not isinstance(run["rows"], list):
        raise ValueError(f"rows must be a list; got {type(run['rows']).__name__}")
    for row in run["rows"]:
        whole = (
            isinstance(row, dict) and {*SAME, "holds", "value", "parts", "control"} <= row.keys()
        )
        if not whole or not isinstance(row["holds"], bool):
            raise ValueError("each row must say what it claims, what was measured, and holds")
        parts = row["parts"] if row["parts"] is not None else {"": row}
        control = row["control"] if row["control"] is not None else {"what": "", "parts": {}}
        if not isinstance(parts, dict) or not all(map(_is_number, parts.values())):
            raise ValueError(f"the parts of {row['id']!r} must be numbers with their ends")
        if not isinstance(control, dict) or not isinstance(control.get("parts"), dict):
            raise ValueError(f"the control of {row['id']!r} must have parts")
        if not isinstance(control.get("what"), str):
            raise ValueError(f"the control of {row['id']!r} must say what it is")


def _is_number(part: object) -> bool:
    """Whether it holds a value, and maybe the ends of its interval, as numbers or their names."""
    return isinstance(part, dict) and all(
        part.get(name) is None or isinstance(part[name], int | float | str)
        for name in ("value", "low", "high")
    )


def gather(runs: Iterable[dict]) -> list[dict]:
    """One row per claim, by lecture and order of recording.

    Each row holds lecture, id, kind, sentence, margin, replicated, paper, source, unit, ``control``
    (what it is), ``seeds``, ``held``, ``share`` (of the seeds under which the claim held, with
    Wilson's interval), ``ours`` (the number of each part: the mean over the seeds with Student's
    interval; None where it was words or not finite), ``control_passed`` and ``verdict``: "holds" if
    at least 95 % of the seeds did, "in part" if at least half did, else "not at this scale". A row
    that replicates nothing is one run, however many seeds it was run under: its ``share`` is None
    and ``ours`` has the interval of that run.

    Args:
        runs: ledgers as they are saved, in any order.

    Raises:
        ValueError: no runs, one seed of a lecture twice, runs of a lecture that recorded different
            claims, or a fixed row that depends on the seed.
    """
    lectures: dict[str, dict[int, dict]] = {}
    for run in runs:
        check_run(run)
        of_lecture = lectures.setdefault(run["lecture"], {})
        if run["seed"] in of_lecture:
            raise ValueError(f"a seed must be there once; got {run['lecture']}-{run['seed']} twice")
        of_lecture[run["seed"]] = run
    if not lectures:
        raise ValueError("runs must hold at least one ledger; got none")
    return [row for _, found in sorted(lectures.items()) for row in _of_lecture(found)]


def _of_lecture(found: dict[int, dict]) -> list[dict]:
    seeds = sorted(found)
    lecture = found[seeds[0]]["lecture"]
    ids = {seed: [row["id"] for row in found[seed]["rows"]] for seed in seeds}
    if other := [seed for seed in seeds if ids[seed] != ids[seeds[0]]]:
        raise ValueError(
            f"every seed of {lecture} must record the same claims; seeds {seeds[0]} and {other[0]}"
            f" differ in {sorted({*ids[seeds[0]]} ^ {*ids[other[0]]}) or 'their order'}"
        )
    groups = zip(*(found[seed]["rows"] for seed in seeds), strict=True)
    return [_row(lecture, seeds, group) for group in groups]


def _row(lecture: str, seeds: list[int], group: tuple[dict, ...]) -> dict:
    first = group[0]
    for name in SAME:
        # The margin of an identity is words, which may quote a number of the run.
        quoted = name == "margin" and first["kind"] != "finding"
        if not quoted and any(row[name] != first[name] for row in group):
            raise ValueError(f"{name} of {lecture}.{first['id']} must not depend on the seed")
    measured = [_parts(row) for row in group]
    fixed = first["replicated"] == "fixed"
    if fixed and any(parts != measured[0] for parts in measured):
        raise ValueError(f"a fixed row must not depend on the seed; {lecture}.{first['id']} does")
    held = sum(row["holds"] for row in group)
    share = wilson_interval(held, len(group))
    return {
        "lecture": lecture,
        **{name: first[name] for name in SAME},
        "control": first["control"] and first["control"]["what"],
        "seeds": seeds,
        "held": held,
        "share": None if fixed else share,
        "ours": {
            part: _interval(measured[0][part]) if fixed else _over([m.get(part) for m in measured])
            for part in measured[0]
        },
        "control_passed": sum(bool((row["control"] or {}).get("passes")) for row in group),
        "verdict": verdict(share.value),
    }


def verdict(share: float) -> str:
    """The word for the share of the seeds under which a claim held."""
    return "holds" if share >= 0.95 else "in part" if share >= 0.5 else "not at this scale"


def _parts(row: dict) -> dict[str, tuple]:
    """Value, low and high of each part; a claim with one number has the part ""."""
    parts = row["parts"] if row["parts"] is not None else {"": row}
    return {
        name: tuple(part.get(k) for k in ("value", "low", "high")) for name, part in parts.items()
    }


def _interval(measured: tuple) -> Interval | float | None:
    """The number of one run, with its interval where it has one."""
    value, low, high = measured
    if not _finite(value):
        return None
    return Interval(value, low, high, 1) if _finite(low) and _finite(high) else float(value)


def _over(measured: list[tuple | None]) -> Interval | float | None:
    """The mean over the seeds; without an interval where there is one seed, or one value."""
    values = [each[0] for each in measured if each is not None]
    if not values or len(values) < len(measured) or not all(map(_finite, values)):
        return None
    try:
        return mean_interval(values)
    except ValueError:  # one seed, values that are equal to rounding, or only 0 and 1
        return fmean(values)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
