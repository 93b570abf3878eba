"""One run of one lecture under one seed, wherever a worker stands: here or on another machine.

This file is sent to the workers of a cluster as it stands, so it imports nothing of this folder.
"""

import asyncio
import hashlib
import importlib.util
import json
import os
import platform
import re
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

LIBRARIES = ("OMP", "MKL", "OPENBLAS")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Task:
    """A lecture's code cells, the seed among them, and the sources that they must find.

    ``sources`` has the SHA-256 of each file of the package that the cells run, by its path from
    the package's folder; ``key`` is one checksum of cells and sources.
    """

    lecture: str
    seed: int
    cells: tuple[str, ...]
    package: str
    sources: dict[str, str]
    key: str
    timeout: int


def run(task: Task, clients: list | None = None) -> dict:
    """Execute a task in a kernel of its own, with one thread; returns the saved ledger.

    It also says ``key``, ``seconds`` (of the clock), ``processor`` (of one core), ``date`` and
    ``machine``. The kernel's client stands in ``clients`` meanwhile.

    Raises:
        RuntimeError: the worker has another version of the package, a cell failed, the kernel
            died, or no ledger was saved; the message says where.
    """
    _check_sources(task)
    clients = [] if clients is None else clients
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in task.cells]
        )
        client = NotebookClient(
            notebook,
            timeout=task.timeout,
            resources={"metadata": {"path": folder}},
            shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR"],
        )
        clients.append(client)
        start = time.monotonic()
        words = Path(folder) / "words"
        try:
            with words.open("w+", encoding="utf-8", errors="replace") as written:
                kernel = {"env": _environment(folder), "stdout": written, "stderr": written}
                asyncio.run(client.async_execute(**kernel))
        except (CellExecutionError, CellTimeoutError) as error:
            raise RuntimeError(_COLOUR.sub("", str(error))) from None
        except RuntimeError as error:  # a kernel that died, or that did not start
            last = words.read_text(encoding="utf-8")[-2000:].strip()
            raise RuntimeError(f"{error}; its last words: {last}") from None
        finally:
            clients.remove(client)
        try:
            saved = Path(folder) / f"{task.lecture}-{task.seed}.json"
            ledger = json.loads(saved.read_text(encoding="utf-8"))
        except OSError:
            raise RuntimeError("it saved no ledger: does its last cell call verdicts()?") from None
        return ledger | {
            "key": task.key,
            "seconds": round(time.monotonic() - start, 1),
            "date": date.today().isoformat(),
            "machine": _machine(),
        }


def _environment(folder: str) -> dict[str, str]:
    """One thread, figures that nobody looks at, no warnings, and the folder of the ledger.

    Pictures are not drawn by the page (``NLGNOTES_SITE`` is not set).
    """
    kept = {name: value for name, value in os.environ.items() if name != "NLGNOTES_SITE"}
    threads = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}
    quiet = {"MPLBACKEND": "agg", "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
    return {**kept, **threads, **quiet, "NLGNOTES_LEDGER": folder}


def _check_sources(task: Task) -> None:
    """Raise unless the package that a kernel here would import is the one that was sent for."""
    found = importlib.util.find_spec(task.package)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"{task.package} is not installed on {platform.node()}")
    folder = Path(next(iter(found.submodule_search_locations)))
    for name, digest in task.sources.items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise RuntimeError(f"{platform.node()} has another version of {task.package}: {name}")


def _machine() -> dict[str, str]:
    """What may move the last digits of a number."""
    import numpy
    import torch

    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux
        text = ""
    named = re.search(r"^model name\s*: (.+)$", text, re.M)
    return {
        "processor": named[1].strip() if named else platform.processor() or platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }
