"""Run lectures under many seeds as independent tasks: side by side here, or on a cluster.

A run that is finished is written at once, whole, into a folder; what the folder holds under the
same key is not run again. A run that fails stops no other.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nlgnotes.claims.gathering import check_run
from nlgnotes.files import write_whole

import ledger_task
from imports import Package
from ledger_task import Task

PARAMETERS = "parameters"  # the tag of the cell that sets the seed
PATIENCE = 10  # seconds in which a scheduler answers


def tasks(
    lectures: Iterable[Path],
    seeds: Iterable[int],
    package: Path,
    others: Iterable[Path],
    timeout: int,
) -> list[Task]:
    """One task for each lecture and seed, seed by seed.

    Args:
        lectures: notebooks; each has one cell with the tag ``parameters``, which sets the seed.
        seeds: from 0 on.
        package: the folder of the package that they import.
        others: other files that all of them depend on, as the pinned requirements.
        timeout: seconds that one cell may take.

    Raises:
        ValueError: a lecture without such a cell, or with several.
    """
    sources, seeds = Package(package), list(seeds)
    pinned = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in others]
    prepared = []
    for lecture in lectures:
        cells = nbformat.read(lecture, as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
        marked = [i for i, c in enumerate(code) if PARAMETERS in c.metadata.get("tags", [])]
        if len(marked) != 1:
            raise ValueError(
                f"{lecture.name} must have one cell with the tag {PARAMETERS}; got {len(marked)}"
            )
        texts = [cell.source for cell in code]
        files = {
            file.relative_to(package).as_posix(): sources.digest(file).hex()
            for file in [*sources.reached(texts), *sources.data]
        }
        whole = json.dumps([texts, files, pinned])
        key = hashlib.sha256(whole.encode()).hexdigest()[:16]
        prepared.append((lecture.stem, texts, marked[0], files, key))
    return [
        Task(
            name,
            seed,
            (*texts[:place], f"seed = {seed}", *texts[place + 1 :]),
            package.name,
            files,
            key,
            timeout,
        )
        for seed in seeds
        for name, texts, place, files, key in prepared
    ]


def read(folder: Path) -> dict[tuple[str, int], dict]:
    """The runs that a folder holds, by lecture and seed. A file that is none is left out."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            run = json.loads(file.read_text(encoding="utf-8"))
            check_run(run)
            if not isinstance(run.get("key"), str):
                raise ValueError("it has no key")
        except (ValueError, RecursionError) as error:
            print(f"left out: {file.name} is no run of a lecture ({error})", flush=True)
            continue
        found[run["lecture"], run["seed"]] = run
    return found


def run_all(
    waiting: list[Task], folder: Path, executor: Executor, function: Callable
) -> list[Task]:
    """Run tasks, and write each run into the folder as soon as it is there; returns what failed.

    An interruption cancels what has not begun; what was finished is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for draft in folder.glob(".*.partial"):  # of a run that was killed while it wrote
        draft.unlink()
    start, failed = time.monotonic(), []
    futures: dict[Future, Task] = {executor.submit(function, task): task for task in waiting}
    try:
        for done, future in enumerate(as_completed(futures), 1):
            task = futures[future]
            left = (time.monotonic() - start) / done * (len(waiting) - done)
            said = f"  [{done}/{len(waiting)}] {task.lecture}, seed {task.seed}"
            try:
                run = future.result()
            except Exception as error:
                # Whatever a run raises is told, and the others go on.
                failed.append(task)
                print(f"{said}  FAILED: {error}", flush=True)
                continue
            text = json.dumps(run, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            write_whole(folder / f"{task.lecture}-{task.seed}.json", text)
            fails = sum(not row["holds"] for row in run["rows"])
            print(
                f"{said}  {run['seconds']:.0f} s, {len(run['rows'])} claims, {fails} fail;"
                f" about {_minutes(left)} left",
                flush=True,
            )
    finally:
        for future in futures:
            future.cancel()
    return failed


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


@contextmanager
def here(workers: int):
    """An executor for this machine's cores, and the function that it calls.

    Each run is a kernel of its own, so threads are enough to wait for them. When the block ends
    early, every kernel is ended.
    """
    clients: list = []
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool, lambda task: ledger_task.run(task, clients)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        while clients:  # empty when all is done
            for client in list(clients):
                process = getattr(getattr(client.km, "provisioner", None), "process", None)
                if process is not None:
                    process.kill()
            time.sleep(0.05)


@contextmanager
def cluster(address: str):
    """An executor for the workers of a Dask scheduler, and the function that they call.

    Each worker needs the book's requirements and this version of the package; one thread of a
    worker runs one lecture.

    Raises:
        RuntimeError: Dask is not installed, or no scheduler answers at the address.
    """
    try:
        import cloudpickle
        from distributed import Client
    except ImportError:
        sys_pip = f"{sys.executable} -m pip install -e '.[cluster]'"
        raise RuntimeError(f"a scheduler needs Dask: {sys_pip}") from None
    # The workers do not have this folder: the file goes along.
    cloudpickle.register_pickle_by_value(ledger_task)
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no scheduler answers at {address}: {error}") from None
    try:
        with client, client.get_executor(pure=False) as executor:
            yield executor, ledger_task.run
    finally:
        cloudpickle.unregister_pickle_by_value(ledger_task)
