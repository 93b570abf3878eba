"""The command line of ``make bench``: time every group, or some, and write the file of timings."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

import bench
from bench import results, timing

REPEATS = 15


def groups() -> dict[str, ModuleType]:
    """The files of this folder that have comparisons, by name."""
    names = [each.name for each in pkgutil.iter_modules(bench.__path__) if each.name != "__main__"]
    modules = {name: importlib.import_module(f"bench.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "comparisons")}


def run(module: ModuleType, counts: Iterable[int], repeats: int) -> dict[str, Any]:
    """Measure a group: each of its rows and curves with each number of threads.

    Args:
        module: the group.
        counts: numbers of threads.
        repeats: pairs of a row; a curve takes half as many rounds.
    """
    name, busy = module.__name__.rpartition(".")[2], results.load()
    rows, curves = [], []
    timing.VERSIONS.clear()
    for each in module.comparisons():
        for count in counts:
            curve = isinstance(each, timing.Curve)
            rounds = (repeats + 1) // 2 if curve else repeats
            said = f"{name}, {each.name}, {count} thread{'s' * (count > 1)}"
            bar = tqdm(total=rounds, desc=said, leave=False, ascii=True, dynamic_ncols=False)
            with bar, timing.threads(count):
                measure = timing.measure_curve if curve else timing.measure
                row = {"threads": count, **measure(each, rounds, progress=bar.update)}
            (curves if curve else rows).append(row)
            tqdm.write(f"{said}: {_found(row)}")
    return results.group(
        rows, curves, load=busy, repeats=repeats, peers=dict(sorted(timing.VERSIONS.items()))
    )


def _found(row: dict[str, Any]) -> str:
    if "exponent" in row:
        (low, value, high), last = row["exponent"], row["last_exponent"][1]
        return f"exponent {value:.2f} [{low:.2f}, {high:.2f}], over the last three {last:.2f}"
    rate = f"{row['rate']:.3g} {row['unit']} a second"
    if row["ratio"] is None:
        return rate
    low, value, high = row["ratio"]
    aim = "" if row["aim"] is None else f"; aim {row['aim']:g}"
    return f"{rate}, {value:.2f} times {row['peer_name']} [{low:.2f}, {high:.2f}]{aim}"


def table(found: dict[str, dict[str, Any]]) -> str:
    """The ratios of all groups as text, one row a line."""
    lines = [f"{'group':<11}{'row':<44}{'threads':>7}  {'ratio':>6}  quartiles     aim"]
    for name, group in found.items():
        for row in group["rows"]:
            start = f"{name:<11}{row['name']:<44}{row['threads']:>7}  "
            if row["ratio"] is None:
                lines.append(f"{start}{'':>6}  {row['rate']:.3g} {row['unit']} a second")
                continue
            low, value, high = row["ratio"]
            aim = "" if row["aim"] is None else f"{row['aim']:g}"
            lines.append(f"{start}{value:>6.2f}  [{low:.2f}, {high:.2f}]  {aim}".rstrip())
    return "\n".join(lines)


def _rescued(file: Path, measured: dict[str, Any], every: Iterable[str]) -> str:
    """Write the groups that are whole, where the others' rows are from this machine too."""
    if not measured:
        return "is as it was"
    try:
        results.write(file, {**results.kept(file, measured, every), **measured})
    except ValueError as error:
        return f"is as it was: {error}"
    return f"has the new rows of {', '.join(measured)}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, write, print; returns the exit status."""
    every = groups()
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--group", choices=every, help="only this one; the others' rows stay")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"pairs ({REPEATS})")
    parser.add_argument("--threads", type=int, nargs="+", help="numbers of threads (1, all cores)")
    parser.add_argument("--out", type=Path, default=results.FILE, help="the file")
    options = parser.parse_args(arguments)
    chosen = {options.group: every[options.group]} if options.group else every
    measured: dict[str, dict[str, Any]] = {}
    try:
        # Before anything is measured: it may say that the machines differ.
        stay = results.kept(options.out, chosen, every)
        if (busy := results.load()) > 0.5:
            print(f"others use this machine (load {busy:g}): the spread will be wide", flush=True)
        counts = options.threads or sorted({1, results.cores()})
        for name, module in chosen.items():
            measured[name] = run(module, counts, options.repeats)
        results.write(options.out, {**stay, **measured})
    except BaseException as error:
        said = f"{options.out.name} {_rescued(options.out, measured, every)}"
        if isinstance(error, KeyboardInterrupt):
            print(f"\ninterrupted: {said}", file=sys.stderr)
            return 130
        if isinstance(error, ImportError | ValueError):
            print(f"{error}\n{said}", file=sys.stderr)
            return 1
        print(said, file=sys.stderr)
        raise
    print(f"\n{table(measured)}\nwritten to {options.out}; `make book` draws it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
