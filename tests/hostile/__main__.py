"""Try hostile values on every public function, and print what is wrong.

    PYTHONPATH=tests python -m hostile [--json] [--examples N] [FLOOR [NAME]]

First every value of ``mutations``, one argument at a time; then N combinations that hypothesis
draws, two arguments at a time and numbers at random places, over all functions of a floor.
"""

import argparse
import importlib
import json
import os
import pkgutil
import resource
import time
from pathlib import Path

import torch

from hostile import calls
from hostile.calls import EXEMPT, PASS_NAN
from hostile.calls.values import Fixed, Work
from hostile.coverage import missing
from hostile.mutations import SAME, fresh, hostile_values
from hostile.random_inputs import explored
from hostile.verdicts import called, fault

MEMORY = 4 << 30  # bytes of addresses above those of the imported packages
FLOORS = sorted({each.name for each in pkgutil.iter_modules(calls.__path__)} - {"values"})


class Call:
    """The valid call of a function, method or class, and the arguments of it that are tried."""

    def __init__(self, name: str, arguments: dict):
        self.name, self.passes_nan = name, name in PASS_NAN
        module, path = name.split(":")
        self.function = importlib.import_module(f"nlgnotes.{module}")
        for each in path.split("."):
            self.function = getattr(self.function, each)
        fixed = {key for key, each in arguments.items() if isinstance(each, Fixed)} | {"self"}
        self.work = {key for key, each in arguments.items() if isinstance(each, Work)}
        marked = Fixed | Work
        self.arguments = {
            key: each.value if isinstance(each, marked) else each for key, each in arguments.items()
        }
        self.tried = {key: each for key, each in self.arguments.items() if key not in fixed}
        self.right, error = called(self.function, self.copied())
        if error is not None:
            raise AssertionError(f"{name} refuses its valid call: {error!r}") from error

    def copied(self) -> dict:
        """The arguments, copied, but for the object itself: it owns caches among them."""
        return {key: x if key == "self" else fresh(x) for key, x in self.arguments.items()}

    def wrong_with(self, same: bool, **changed: object) -> str | None:
        """What is wrong if some arguments are replaced; None if nothing is, or it would be work."""
        if any(isinstance(changed.get(key), int) and changed[key] > 1000 for key in self.work):
            return None
        arguments = self.copied() | {key: fresh(each) for key, each in changed.items()}
        answer, error = called(self.function, arguments)
        return fault(answer, error, self.right, same, self.passes_nan)


def tried(floor: str, only: str, examples: int) -> dict:
    """All the hostile calls of a floor: how many there were, the faults, the slowest functions."""
    listed = importlib.import_module(f"hostile.calls.{floor}").CALLS
    every = [Call(name, arguments) for name, arguments in listed.items() if only in name]
    inputs, faults, seconds = 0, [], []
    for call in every:
        started = time.monotonic()
        for argument, value in call.tried.items():
            for label, other in hostile_values(value):
                inputs += 1
                if wrong := call.wrong_with(label.startswith(SAME), **{argument: other}):
                    faults.append([call.name, argument, label, wrong])
        seconds.append([round(time.monotonic() - started, 2), call.name])
    drawn, found = explored([call for call in every if call.tried], examples)
    missed = [] if only else missing(floor, {*listed, *EXEMPT})
    return {
        "inputs": inputs,
        "drawn": drawn,
        "faults": faults + found,
        "missing": missed,
        "slowest": sorted(seconds)[-3:],
    }


def main() -> None:
    """Try the floors that are asked for, all by default."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--examples", type=int, default=100)
    asked.add_argument("floor", nargs="?")
    asked.add_argument("name", nargs="?", default="")
    asked = asked.parse_args()
    torch.set_num_threads(1)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    floors = [asked.floor] if asked.floor else FLOORS
    found = {floor: tried(floor, asked.name, asked.examples) for floor in floors}
    if asked.json:
        print(json.dumps(found))
        return
    for floor, each in found.items():
        for row in each["faults"]:
            print(" | ".join(row))
        print(f"{floor}: {each['inputs']} + {each['drawn']} inputs, {len(each['faults'])} faults")
        print(f"missing: {each['missing']}; slowest {each['slowest']}")


if __name__ == "__main__":
    main()
