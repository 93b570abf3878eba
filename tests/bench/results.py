"""The file of the timings, ``book/timings.json``: the page *Timings* draws what stands in it.

All its rows were measured on one machine, which it names. A group is replaced as a whole.
"""

import datetime
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from machine import cores, processor  # of book/_ext

from nlgnotes.files import write_whole
from nlgnotes.reading import json_bytes, read_json
from nlgnotes.validation import check_keys

FORMAT = 1
FILE = Path(__file__).resolve().parent.parent.parent / "book" / "timings.json"
KEYS = {"format", "machine", "groups"}
GROUP = {"date", "load", "repeats", "peers", "rows", "curves"}
ROW = {"threads", "name", "unit", "work", "peer_name", "peer_work", "aim", "note", "seconds"}
ROW |= {"rate", "peer_rate", "ratio"}
CURVE = {"threads", "name", "variable", "sizes", "seconds", "exponent", "last_exponent"}


def machine() -> dict[str, str | int]:
    """What the times depend on beside the code: processor, cores, system, Python, torch.

    ``waiting`` is OMP_WAIT_POLICY: by default a thread that has nothing to do spins.
    """
    return {
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "waiting": os.environ.get("OMP_WAIT_POLICY", "default").lower(),
    }


def load() -> float:
    """How many processes wanted a core over the last minute, those of others too; 0 is idle."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def group(rows: list[dict], curves: list[dict], **about: Any) -> dict[str, Any]:
    """What the file holds of one group, dated today."""
    made = {"date": datetime.date.today().isoformat(), **about, "rows": rows, "curves": curves}
    check_keys("group", made, GROUP)
    return made


def read(file: Path) -> dict[str, Any]:
    """The file, checked.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not of this form.
    """
    found = read_json(file)
    check_keys(file.name, found, KEYS)
    if found["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}; got {found['format']!r} in {file.name}")
    check_keys("machine", found["machine"], machine())
    for name, each in found["groups"].items():
        check_keys(name, each, GROUP)
        for row in each["rows"]:
            check_keys(f"a row of {name}", row, ROW)
        for curve in each["curves"]:
            check_keys(f"a curve of {name}", curve, CURVE)
    return found


def kept(file: Path, measured: Iterable[str], every: Iterable[str]) -> dict[str, Any]:
    """The groups of the file that stay when the ``measured`` ones are replaced.

    Raises:
        ValueError: some stay, and were measured on another machine than this one.
    """
    every = set(every)
    stay = every - set(measured)
    if not stay or not file.is_file():
        return {}
    found = read(file)
    groups = {name: each for name, each in found["groups"].items() if name in stay}
    if groups and found["machine"] != machine():
        raise ValueError(
            f"the timings of one file must come from one machine; {file.name} has "
            f"{found['machine']}, and this is {machine()}: measure all groups"
        )
    return groups


def write(file: Path, groups: dict[str, Any]) -> None:
    """Replace the file, whole or not at all."""
    found = {"format": FORMAT, "machine": machine(), "groups": dict(sorted(groups.items()))}
    text = json_bytes(file.name, found, indent=1).decode("utf-8")
    # A list of numbers stands in one line.
    text = re.sub(r"\[[^\[\]{}]*\]", lambda each: re.sub(r"\s+", " ", each[0]), text)
    write_whole(file, text if text.endswith("\n") else f"{text}\n")
