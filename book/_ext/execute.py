"""Execute the notebooks of the book side by side, one thread each, and keep what they put out.

It is kept in the jupyter-cache where myst-nb looks before it executes a page, so the build that
follows executes nothing. A page is executed again when something that its outputs depend on has
changed (see ``pages``), or this file. After each execution the kernel is asked what it did import:
a module that the sources do not show fails the page.
"""

import ast
import asyncio
import copy
import importlib.util
import os
import re
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord, session_context
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from sqlalchemy.exc import SQLAlchemyError

import timings
from imports import Package
from machine import cores
from pages import Page, checksum, reached, with_code

LIBRARIES = ("OMP", "MKL", "OPENBLAS")
MEMORY = 2 * 2**30  # bytes that one notebook may take
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ExecutionError(Exception):
    """Some notebooks could not be executed. What each of them said was printed when it failed."""


@dataclass
class Run:
    """One execution of a page: its notebook with the outputs, and what it took."""

    notebook: NotebookNode
    seconds: float = 0.0
    processor: float = 0.0  # seconds that the kernel computed
    cells: list[tuple[float, float]] = field(default_factory=list)  # so too for each code cell
    imported: set[str] = field(default_factory=set)  # modules of the package
    problem: str | None = None  # what went wrong


def environment() -> dict[str, str]:
    """The environment of a kernel: one thread, inline figures, and no warnings on the page.

    It says that it is the site's, whose pages draw some pictures themselves.
    """
    threads = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **threads, **inline, "NLGNOTES_SITE": "1"}


def workers() -> int:
    """How many notebooks run side by side: one for each core, as far as the memory goes."""
    return max(1, min(cores(), psutil.virtual_memory().total // MEMORY))


def fill(folder: Path, root: Path, names: Iterable[str]) -> None:
    """Bring the cache in a folder up to date with the named pages of the book under ``root``.

    The seconds of their cells are then in ``_build/timings.json`` (see ``timings``).

    Raises ``ExecutionError`` when a notebook fails; all the others are executed and kept.
    """
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    if (mode := config["execute"]["execute_notebooks"]) != "cache":
        raise ValueError(f"execute_notebooks in _config.yml must be 'cache'; got {mode!r}")
    package = root / "nlgnotes"
    spec = importlib.util.find_spec(package.name)
    if not spec or not Path(spec.origin or "").samefile(package / "__init__.py"):
        where = spec.origin if spec else "nowhere"
        raise ExecutionError(
            f"the notebooks must import {package.name} from {package}; got the one in {where}"
        )
    others = [Path(__file__), root / "requirements.txt"]
    timeout, found = config["execute"]["timeout"], with_code(names, root, config)
    execute(found, folder, package, others, timeout, workers())
    timings.write(root / "_build" / "timings.json", timings.table(found, get_cache(folder)))


def execute(
    found: list[Page],
    folder: Path,
    package: Path,
    others: Iterable[Path],
    timeout: int,
    at_once: int,
) -> None:
    """Execute the pages that the cache in a folder does not hold as they stand now.

    Args:
        found: the pages.
        folder: where the cache is, or will be.
        package: the folder of the package that they import.
        others: other files that all of them depend on.
        timeout: seconds that one cell may take.
        at_once: how many kernels run side by side.
    """
    cache, sources = _opened(folder), Package(package)
    keys = {page.name: checksum(page, sources, others) for page in found}
    stale = [page for page in found if not is_kept(cache, page, keys[page.name])]
    if not stale:
        print(f"all {len(found)} pages with code are as they were executed last", flush=True)
        return
    print(
        f"executing {len(stale)} of {len(found)} pages with code,"
        f" {min(at_once, len(stale))} at a time, one thread each",
        flush=True,
    )
    start, failed, clients = time.monotonic(), [], []
    pool = ThreadPoolExecutor(at_once)
    waiting: dict[Future, Page] = {}
    try:
        for page in longest_first(stale, _measured(cache, stale)):
            waiting[pool.submit(_run, page, package.name, timeout, clients)] = page
        for done, future in enumerate(as_completed(waiting), 1):
            page, run = waiting[future], future.result()
            problem = run.problem or _unforeseen(run.imported, page, sources)
            if problem is None and checksum(page, Package(package), others) != keys[page.name]:
                problem = "its sources changed while it was executed; run it again"
            said = f"  [{done}/{len(stale)}] {page.name}  {run.seconds:.0f} s"
            if problem is None:
                _keep(cache, page, run, keys[page.name])
                said += f" ({run.processor:.0f} s of one core)"
            else:
                failed.append(page.name)
                said += f"  FAILED: {problem}"
            print(said, flush=True)
    finally:
        _stop(list(waiting), clients)
        pool.shutdown()
    if failed:
        kept = len(stale) - len(failed)
        raise ExecutionError(f"failed: {', '.join(failed)} ({kept} others executed and kept)")
    print(f"executed {len(stale)} in {time.monotonic() - start:.0f} s", flush=True)


def longest_first(found: list[Page], seconds: dict[str, float]) -> list[Page]:
    """The pages in the order in which they start: the longest first, that no core waits at the end.

    ``seconds`` holds what was measured last. A page without a measurement counts by its size.
    """
    size = {page.name: page.file.stat().st_size for page in found}
    known = [page.name for page in found if page.name in seconds]
    rate = sum(seconds[n] for n in known) / max(1, sum(size[n] for n in known)) if known else 1.0
    return sorted(found, key=lambda page: -seconds.get(page.name, rate * size[page.name]))


def is_kept(cache: JupyterCacheAbstract, page: Page, key: str) -> bool:
    """Whether the cache holds the outputs of a page, whole, as they were made under this key."""
    try:
        record = cache.match_cache_notebook(page.notebook)
        if (record.data or {}).get("sources") != key:
            return False
        cache.get_cache_bundle(record.pk)
    except (KeyError, ValueError, nbformat.ValidationError):  # none, or a file that is not whole
        return False
    return True


def _run(page: Page, package: str, timeout: int, clients: list[NotebookClient]) -> Run:
    """Execute one notebook in a kernel of its own."""
    run, cell = Run(copy.deepcopy(page.notebook)), 0

    def note(cell_index: int, **_) -> None:
        nonlocal cell
        cell = cell_index

    async def ask(**_) -> None:
        before, now = run.processor, time.monotonic() - start
        run.imported, run.processor = await _asked(client, package)
        # What lies between two cells is a few milliseconds; before the first, the kernel's start.
        run.cells.append((now - run.seconds, run.processor - before))
        run.seconds = now

    client = NotebookClient(
        run.notebook,
        timeout=timeout,
        record_timing=False,  # it would be written into the cells, and myst-nb could not match them
        resources={"metadata": {"path": str(page.file.parent)}},
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],  # of the kernel, not of what it runs
        on_cell_execute=note,
        on_cell_executed=ask,
    )
    clients.append(client)
    start = time.monotonic()
    # What kernels write past their cells would mix on the screen: progress bars, last words.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as written:
        try:
            kernel = {"env": environment(), "stdout": written, "stderr": written}
            asyncio.run(client.async_execute(**kernel))
        except (CellExecutionError, CellTimeoutError) as error:
            run.problem = f"{_place(page, cell)}\n{_COLOUR.sub('', str(error))}"
        except RuntimeError as error:  # a kernel that died, or that did not start
            written.seek(0)
            source, words = run.notebook.cells[cell].source, written.read()[-2000:].strip()
            run.problem = f"{_place(page, cell)}\n{source}\n{error}; its last words:\n{words}"
        finally:
            clients.remove(client)
    run.seconds = time.monotonic() - start
    return run


async def _asked(client: NotebookClient, package: str) -> tuple[set[str], float]:
    """The modules of a package that the kernel has imported, and the seconds that it computed."""
    expressions = {
        "names": f"[n for n in __import__('sys').modules if n.split('.')[0] == {package!r}]",
        "processor": "__import__('time').process_time()",
    }
    request = client.kc.execute("", silent=True, user_expressions=expressions)
    reply = await client.async_wait_for_reply(await ensure_async(request))
    answers = reply["content"]["user_expressions"]
    names, processor = (answers[name]["data"]["text/plain"] for name in expressions)
    return set(ast.literal_eval(names)), float(processor)


def _unforeseen(imported: set[str], page: Page, package: Package) -> str | None:
    """What to say when a page imported a file of the package that its sources do not show."""
    files = {package.modules[name] for name in imported if name in package.modules}
    hidden = sorted(
        str(file.relative_to(package.folder)) for file in files - set(reached(page, package))
    )
    if not hidden:
        return None
    return (
        f"it imported {', '.join(hidden)} in a way that no import statement shows,"
        " so that a change there would go unseen; import it by a statement"
    )


def _place(page: Page, cell: int) -> str:
    """Which cell of a page it is, and in a page that is a text, its line."""
    lines = page.notebook.metadata.get("source_map")
    line = f", line {lines[cell] + 1}" if lines else ""
    return f"cell {cell + 1} of {len(page.notebook.cells)} in {page.file.name}{line}"


def _keep(cache: JupyterCacheAbstract, page: Page, run: Run, key: str) -> None:
    """Put an executed notebook into the cache, and remove what it held of this page before."""
    data = {"execution_seconds": run.seconds, "cells": run.cells}
    bundle = CacheBundleIn(run.notebook, str(page.file), data=data)
    record = cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    # The key comes last: a notebook whose writing was interrupted has none, and is executed again.
    with session_context(cache.db) as session:
        kept = session.get(NbCacheRecord, record.pk)
        kept.data = {**data, "sources": key}
        session.commit()
    for old in NbCacheRecord.records_from_uri(str(page.file), cache.db):
        if old.pk != record.pk:
            _forget(cache, old.pk)


def _forget(cache: JupyterCacheAbstract, pk: int) -> None:
    try:
        cache.remove_cache(pk)
    except KeyError:  # its file is gone already
        NbCacheRecord.remove_records([pk], cache.db)


def _opened(folder: Path) -> JupyterCacheAbstract:
    """The cache in a folder. One that cannot be read is made anew."""
    cache = get_cache(folder)
    try:
        cache.list_cache_records()
    except (RuntimeError, SQLAlchemyError):
        print(f"the executed notebooks in {folder} cannot be read: starting anew", flush=True)
        cache.clear_cache()
    return cache


def _measured(cache: JupyterCacheAbstract, found: list[Page]) -> dict[str, float]:
    """The seconds that each page took last, where the cache knows."""
    records = [record for record in cache.list_cache_records() if record.data]
    seconds = {record.uri: record.data["execution_seconds"] for record in records}
    return {page.name: seconds[str(page.file)] for page in found if str(page.file) in seconds}


def _stop(futures: list[Future], clients: list[NotebookClient]) -> None:
    """Start nothing more, and end every kernel that still runs; nothing to do when all are done."""
    for future in futures:
        future.cancel()
    while not all(future.done() for future in futures):
        for client in list(clients):
            process = getattr(getattr(client.km, "provisioner", None), "process", None)
            if process is not None:
                process.kill()
        time.sleep(0.05)
