"""The runs of a lecture as the book ships them: one file a lecture, what is said once said once.

Numbers have six significant digits; the verdicts were made before that.
"""

import json
from pathlib import Path

from nlgnotes.claims.gathering import SAME, check_run, gather
from nlgnotes.files import write_whole

NUMBERS = ("value", "low", "high", "n")


def pack(runs: list[dict]) -> dict:
    """The runs of one lecture, by seed, as one object.

    Raises:
        ValueError: runs that do not belong together (see ``gather``).
    """
    gather(runs)
    runs = sorted(runs, key=lambda run: run["seed"])
    machines = []
    for run in runs:
        if run["machine"] not in machines:
            machines.append(run["machine"])
    return {
        "lecture": runs[0]["lecture"],
        "key": runs[0]["key"],
        "machines": machines,
        "claims": [
            {name: row[name] for name in SAME}
            | {"control": row["control"] and row["control"]["what"]}
            for row in runs[0]["rows"]
        ],
        "runs": [
            {
                "seed": run["seed"],
                "key": run["key"],
                "date": run["date"],
                "seconds": run["seconds"],
                "machine": machines.index(run["machine"]),
                "rows": [_packed(row) for row in run["rows"]],
            }
            for run in runs
        ],
    }


def _packed(row: dict) -> dict:
    packed = {"holds": row["holds"]}
    if row["parts"] is not None:
        packed["parts"] = {name: _numbers(part) for name, part in row["parts"].items()}
    elif row["value"] is not None:
        packed["ours"] = _numbers(row)
    else:
        packed["words"] = row["ours"]
    if row["control"] is not None:
        parts = row["control"]["parts"]
        # One number has the names of a number, several have names of their own.
        whole = set(parts) == set(NUMBERS)
        packed["control"] = _numbers(parts) if whole else {n: _numbers(p) for n, p in parts.items()}
        packed["passes"] = row["control"]["passes"]
    return packed


def _numbers(part: dict) -> list:
    return [_digits(part[name]) for name in NUMBERS]


def _digits(number):
    return float(f"{number:.6g}") if isinstance(number, float) else number


def unpack(packed: dict) -> list[dict]:
    """The runs again, as a ledger saves them but for the last digits.

    Raises:
        ValueError: what is not such an object.
    """
    try:
        runs = [
            {
                "lecture": packed["lecture"],
                **{name: run[name] for name in ("seed", "key", "date", "seconds")},
                "machine": packed["machines"][run["machine"]],
                "rows": [
                    _unpacked(claim, row)
                    for claim, row in zip(packed["claims"], run["rows"], strict=True)
                ],
            }
            for run in packed["runs"]
        ]
        for run in runs:
            check_run(run)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(f"these are no packed runs of a lecture ({error!r})") from error
    return runs


def _unpacked(claim: dict, row: dict) -> dict:
    control = None
    if claim["control"] is not None:
        found = row["control"]
        parts = (
            dict(zip(NUMBERS, found, strict=True))
            if isinstance(found, list)
            else {name: dict(zip(NUMBERS, part, strict=True)) for name, part in found.items()}
        )
        control = {"what": claim["control"], "passes": row["passes"], "parts": parts}
    parts = row.get("parts")
    return {
        **claim,
        "holds": row["holds"],
        "ours": row.get("words"),
        **dict(zip(NUMBERS, row.get("ours", [None] * len(NUMBERS)), strict=True)),
        "parts": parts
        and {name: dict(zip(NUMBERS, part, strict=True)) for name, part in parts.items()},
        "control": control,
    }


def write(folder: Path, packed: dict) -> None:
    """Write a packed lecture whole; a row of a run is a line, so that a change shows as one."""
    head = {name: packed[name] for name in ("lecture", "key", "machines")}
    lines = [json.dumps(head, ensure_ascii=False)[:-1] + ', "claims": [']
    lines.append(",\n".join(_line(claim) for claim in packed["claims"]) + '], "runs": [')
    runs = []
    for run in packed["runs"]:
        rows = ",\n".join(_line(row) for row in run["rows"])
        about = json.dumps({name: run[name] for name in run if name != "rows"})[:-1]
        runs.append(f'{about}, "rows": [\n{rows}]}}')
    write_whole(
        folder / f"{packed['lecture']}.json", "\n".join([*lines, ",\n".join(runs), "]}", ""])
    )


def _line(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read(folder: Path) -> dict[str, dict]:
    """The packed lectures of a folder, by their name.

    Raises:
        ValueError: a file that is none.
    """
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            packed = json.loads(file.read_text(encoding="utf-8"))
            unpack(packed)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file.name} holds no runs of a lecture: {error}") from error
        found[packed["lecture"]] = packed
    return found
