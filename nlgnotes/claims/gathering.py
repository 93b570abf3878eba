"""The ledgers of several seeds as one row per claim."""

import json
from pathlib import Path

from nlgnotes.intervals import binomial_interval

__all__ = ["gather"]


def gather(folder: str | Path) -> list[dict]:
    """The saved ledgers of several seeds as one row per claim, by lecture and order of recording.

    Each row holds lecture, id, kind, sentence, margin, replicated, paper, source, unit,
    ``seeds``, ``held``, the interval of the share that held (``low``, ``high``), the ``values`` by
    seed, how often the control passed (``control_passed``), and ``verdict``: "holds" if at least
    95 % of the seeds did, "in part" if at least half did, else "not at this scale". A row that
    replicates nothing is one run, however many seeds it was run under: its ``low`` and ``high``
    are None.

    Raises:
        ValueError: no ledger in the folder, a file that is not one, or a lecture whose runs
            recorded different claims.
    """
    found: dict[str, dict[int, list[dict]]] = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            found.setdefault(run["lecture"], {})[int(run["seed"])] = run["rows"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"folder must hold ledgers only; {path.name} is none ({error})"
            ) from error
    if not found:
        raise ValueError(f"folder must hold at least one ledger; got none in {Path(folder).name!r}")
    out = []
    for lecture, runs in sorted(found.items()):
        names = {seed: [row["id"] for row in rows] for seed, rows in runs.items()}
        if len({tuple(ids) for ids in names.values()}) > 1:
            raise ValueError(f"every seed of {lecture} must record the same claims; got {names}")
        for group in zip(*(runs[seed] for seed in sorted(runs)), strict=True):
            if group[0]["replicated"] == "fixed" and len({row["ours"] for row in group}) > 1:
                raise ValueError(
                    f"a fixed row must not depend on the seed; {lecture}.{group[0]['id']} does"
                )
            held = sum(row["holds"] for row in group)
            share = binomial_interval(held, len(group))
            word = (
                "holds"
                if share.value >= 0.95
                else "in part"
                if share.value >= 0.5
                else "not at this scale"
            )
            same = {
                key: group[0][key]
                for key in (
                    "id",
                    "kind",
                    "sentence",
                    "margin",
                    "replicated",
                    "paper",
                    "source",
                    "unit",
                )
            }
            fixed = same["replicated"] == "fixed"
            out.append(
                {
                    "lecture": lecture,
                    **same,
                    "seeds": sorted(runs),
                    "held": held,
                    "low": None if fixed else share.low,
                    "high": None if fixed else share.high,
                    "control_passed": sum(
                        bool((row["control"] or {}).get("passes")) for row in group
                    ),
                    "values": [row["value"] for row in group],
                    "verdict": word,
                }
            )
    return out
