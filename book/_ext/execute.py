"""Execute the notebooks of the book side by side, one thread each, and keep what they put out.

What is kept (see ``kept``) is found by the build that follows, which executes nothing, and by
nbval. A page is executed again when something that its outputs depend on has changed (see
``pages``), or this file. Its solutions come after its own cells, in the same kernel: one that
fails stops no build, but is red in the tests. At the end the kernel is asked what it did import:
a module that the sources do not show fails the page.
"""

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

import psutil
import yaml
from jupyter_cache import get_cache
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

import kept
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
    after: list[list[NotebookNode]] = field(default_factory=list)  # outputs of what comes after
    seconds: float = 0.0
    processor: float = 0.0  # seconds that the kernel computed
    cells: list[tuple[float, float]] = field(
        default_factory=list
    )  # so too for each of its code cells
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
    config = _config(root)
    if (mode := config["execute"]["execute_notebooks"]) != "cache":
        raise ValueError(f"execute_notebooks in _config.yml must be 'cache'; got {mode!r}")
    package = root / "nlgnotes"
    spec = importlib.util.find_spec(package.name)
    if not spec or not Path(spec.origin or "").samefile(package / "__init__.py"):
        where = spec.origin if spec else "nowhere"
        raise ExecutionError(
            f"the notebooks must import {package.name} from {package}; got the one in {where}"
        )
    timeout, found = config["execute"]["timeout"], with_code(names, root, config)
    execute(found, folder, package, _others(root), timeout, workers())
    timings.write(root / "_build" / "timings.json", timings.table(found, get_cache(folder)))


def outputs(folder: Path, root: Path, name: str) -> list[tuple[str, list[NotebookNode]]] | None:
    """The source and the outputs of each code cell of a page and of what comes after them.

    None if the cache in the folder does not hold the page as it stands now.
    """
    found, cache = with_code([name], root, _config(root)), kept.opened(folder)
    for page in found:
        key = checksum(page, Package(root / "nlgnotes"), _others(root))
        if kept.is_kept(cache, page, key):
            return kept.outputs(cache, page)
    return None


def _config(root: Path) -> dict:
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))


def _others(root: Path) -> list[Path]:
    """The files beside its sources that every page depends on."""
    return [Path(__file__), Path(kept.__file__), root / "requirements.txt"]


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
    cache, sources = kept.opened(folder), Package(package)
    keys = {page.name: checksum(page, sources, others) for page in found}
    stale = [page for page in found if not kept.is_kept(cache, page, keys[page.name])]
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
        for page in longest_first(stale, kept.seconds(cache, stale)):
            waiting[pool.submit(_run, page, package.name, timeout, clients)] = page
        for done, future in enumerate(as_completed(waiting), 1):
            page, run = waiting[future], future.result()
            problem = run.problem or _unforeseen(run.imported, page, sources)
            if problem is None and checksum(page, Package(package), others) != keys[page.name]:
                problem = "its sources changed while it was executed; run it again"
            said = f"  [{done}/{len(stale)}] {page.name}  {run.seconds:.0f} s"
            if problem is None:
                taken = sum(seconds for seconds, _ in run.cells)
                data = {"execution_seconds": taken, "cells": run.cells, "after": run.after}
                kept.keep(cache, page, run.notebook, data, keys[page.name])
                said += f" ({run.processor:.0f} s of one core)"
            else:
                failed.append(page.name)
                said += f"  FAILED: {problem}"
            print(said, flush=True)
    finally:
        _stop(list(waiting), clients)
        pool.shutdown()
    if failed:
        rest = len(stale) - len(failed)
        raise ExecutionError(f"failed: {', '.join(failed)} ({rest} others executed and kept)")
    print(f"executed {len(stale)} in {time.monotonic() - start:.0f} s", flush=True)


def longest_first(found: list[Page], seconds: dict[str, float]) -> list[Page]:
    """The pages in the order in which they start: the longest first, that no core waits at the end.

    ``seconds`` holds what was measured last. A page without a measurement counts by its size.
    """
    size = {page.name: page.file.stat().st_size for page in found}
    known = [page.name for page in found if page.name in seconds]
    rate = sum(seconds[n] for n in known) / max(1, sum(size[n] for n in known)) if known else 1.0
    return sorted(found, key=lambda page: -seconds.get(page.name, rate * size[page.name]))


def _run(page: Page, package: str, timeout: int, clients: list[NotebookClient]) -> Run:
    """Execute one notebook, and what comes after its cells, in a kernel of its own."""
    run, cell, own = Run(copy.deepcopy(page.notebook)), 0, len(page.notebook.cells)
    widgets = None  # of the page's own cells
    for extra in page.after():
        run.notebook.cells.append(extra)
        extra.metadata["tags"] = ["raises-exception"]

    def note(cell_index: int, **_) -> None:
        nonlocal cell, widgets
        if cell < own <= cell_index:
            client.set_widgets_metadata()
            widgets = copy.deepcopy(run.notebook.metadata.get("widgets", {}))
        cell = cell_index

    async def ask(cell_index: int, **_) -> None:
        before, now = run.processor, time.monotonic() - start
        run.imported, run.processor = await _asked(client, package)
        # What lies between two cells is a few milliseconds; before the first, the kernel's start.
        if cell_index < own:
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
    run.after = [extra.outputs for extra in run.notebook.cells[own:]]
    del run.notebook.cells[own:]
    if widgets is not None:
        run.notebook.metadata["widgets"] = widgets
    return run


async def _asked(client: NotebookClient, package: str) -> tuple[set[str], float]:
    """The modules of a package that the kernel has imported, and the seconds that it computed.

    It runs in one thread of several, where nothing may be parsed (``ast.literal_eval`` parses):
    Python 3.11 has one count of depth for all its threads, and a tree that is being made in
    another then fails by chance.
    """
    modules = "__import__('sys').modules"
    expressions = {
        "names": f"','.join(name for name in {modules} if name.split('.')[0] == {package!r})",
        "processor": "__import__('time').process_time()",
    }
    request = client.kc.execute("", silent=True, user_expressions=expressions)
    reply = await client.async_wait_for_reply(await ensure_async(request))
    answers = reply["content"]["user_expressions"]
    names, processor = (answers[name]["data"]["text/plain"] for name in expressions)
    return set(names.strip("'").split(",")) - {""}, float(processor)


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
    if cell >= len(page.notebook.cells):
        return f"a solution in {page.file.name}"
    lines = page.notebook.metadata.get("source_map")
    line = f", line {lines[cell] + 1}" if lines else ""
    return f"cell {cell + 1} of {len(page.notebook.cells)} in {page.file.name}{line}"


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
