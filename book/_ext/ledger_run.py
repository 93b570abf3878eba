"""``make ledger``: every lecture under many seeds, published in ``book/ledger``.

It goes on where it was interrupted. A lecture is published when all its seeds have run.
"""

import argparse
import sys

import yaml
from nlgnotes.validation import check_count

import ledger_data
import ledger_runs
import solutions
from execute import workers

ROOT = solutions.ROOT
RUNS = ROOT / "_build" / "ledger"  # as they come
PUBLISHED = ROOT / "book" / "ledger"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 0 on")
    parser.add_argument("--name", help="one lecture only")
    parser.add_argument("--scheduler", help="the address of a Dask scheduler")
    given = parser.parse_args()
    try:
        failed = measure(given.seeds, given.name, given.scheduler)
    except (ValueError, RuntimeError) as error:
        sys.exit(f"make ledger: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: the finished runs are kept; make ledger goes on from there")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; all other runs are kept")


def measure(seeds: int, name: str | None = None, scheduler: str | None = None) -> list[str]:
    """Run what is missing and publish what is whole; returns what failed, as ``lecture-seed``.

    Raises:
        ValueError: ``seeds`` below 1, or no lecture of that name.
        RuntimeError: the cluster cannot be used.
    """
    check_count("seeds", seeds)
    lectures = [file for file in solutions.lectures() if name in (None, file.stem)]
    if not lectures:
        raise ValueError(f"name must be one of the lectures; got {name!r}")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    asked = ledger_runs.tasks(
        lectures,
        range(seeds),
        ROOT / "nlgnotes",
        [ROOT / "requirements.txt"],
        config["execute"]["timeout"],
    )
    keys = {task.lecture: task.key for task in asked}
    known = {**published(), **ledger_runs.read(RUNS)}
    known = {place: run for place, run in known.items() if run["key"] == keys.get(place[0])}
    waiting = [task for task in asked if (task.lecture, task.seed) not in known]
    print(f"{len(asked)} runs asked for, {len(asked) - len(waiting)} are there already", flush=True)
    failed = []
    if waiting:
        place = ledger_runs.cluster(scheduler) if scheduler else ledger_runs.here(workers())
        try:
            with place as (executor, function):
                failed = ledger_runs.run_all(waiting, RUNS, executor, function)
        finally:
            publish(keys, known, seeds)
    else:
        publish(keys, known, seeds)
    return [f"{task.lecture}-{task.seed}" for task in failed]


def published() -> dict[tuple[str, int], dict]:
    """The runs that the book ships, by lecture and seed."""
    packed = ledger_data.read(PUBLISHED)
    runs = [run for lecture in packed.values() for run in ledger_data.unpack(lecture)]
    return {(run["lecture"], run["seed"]): run for run in runs}


def publish(keys: dict[str, str], known: dict[tuple[str, int], dict], seeds: int) -> None:
    """Write the lectures whose seeds have all run under the present key into ``book/ledger``."""
    known = {**known, **ledger_runs.read(RUNS)}
    for lecture, key in keys.items():
        runs = {
            seed: run
            for (name, seed), run in known.items()
            if name == lecture and run["key"] == key
        }
        if missing := sorted(set(range(seeds)) - set(runs)):
            print(f"  {lecture} is not published: {len(missing)} of {seeds} seeds are missing")
            continue
        try:
            ledger_data.write(PUBLISHED, ledger_data.pack(list(runs.values())))
        except ValueError as error:
            print(f"  {lecture} is not published: {error}")


if __name__ == "__main__":
    main()
