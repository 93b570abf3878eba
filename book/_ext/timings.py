"""Where the minutes go: the seconds of every cell of every lecture, as it was executed last.

The executor keeps them with the outputs in its cache, so they are there when nothing is executed
again; each build writes them to ``_build/timings.json``. ``make timings`` calls this file, which
prints them.
"""

import json
import platform
import sys
from pathlib import Path

from jupyter_cache.base import JupyterCacheAbstract

from machine import cores
from machine import processor as processor_name
from pages import Page

FILE = Path(__file__).resolve().parent.parent.parent / "_build" / "timings.json"
DEAREST = 10  # cells that are printed
_WIDTH = 88


def table(found: list[Page], cache: JupyterCacheAbstract) -> dict:
    """The seconds of each cell of the pages, from the cache that holds their outputs.

    Returns:
        ``machine``; ``pages``, dearest first, each with ``page``, ``seconds`` on the clock and
        ``processor``, the seconds that its kernel computed; and ``cells``, in the order of the
        book, each with ``page``, ``cell`` (its place in the notebook, from 1), ``line`` (the first
        of its code), ``seconds`` and ``processor``. The first cell of a page has the start of its
        kernel.
    """
    rows, cells = [], []
    for page in found:
        data = cache.match_cache_notebook(page.notebook).data
        code = [
            (place, cell.source)
            for place, cell in enumerate(page.notebook.cells, 1)
            if cell.cell_type == "code" and cell.source.strip()
        ]
        for (place, source), (seconds, processor) in zip(code, data["cells"], strict=True):
            line = source.strip().splitlines()[0]
            cells.append(
                {
                    "page": page.name,
                    "cell": place,
                    "line": line,
                    "seconds": round(seconds, 3),
                    "processor": round(processor, 3),
                }
            )
        computed = round(sum(processor for _, processor in data["cells"]), 3)
        taken = round(data["execution_seconds"], 3)
        rows.append({"page": page.name, "seconds": taken, "processor": computed})
    rows.sort(key=lambda row: -row["processor"])
    return {"machine": machine(), "pages": rows, "cells": cells}


def machine() -> str:
    """The processor's name and how many cores it has, and the version of Python."""
    python = platform.python_version()
    return f"{processor_name()}, {cores()} cores, Python {python}"


def write(file: Path, measured: dict) -> None:
    """Write a table as JSON, whole or not at all."""
    from nlgnotes.files import write_whole  # loads torch, which a site is built without

    write_whole(file, json.dumps(measured, indent=1, ensure_ascii=False) + "\n")


def text(measured: dict) -> str:
    """A table to be printed: the pages by seconds, the dearest cells, and the totals."""
    rows, cells = measured["pages"], measured["cells"]
    lines = [f"{measured['machine']}; seconds of one core, and on the clock", ""]
    for row in rows:
        lines.append(f"{row['processor']:7.1f} {row['seconds']:7.1f}  {row['page']}")
    total = [sum(row[name] for row in rows) for name in ("processor", "seconds")]
    lines += [f"{total[0]:7.1f} {total[1]:7.1f}  all {len(rows)} pages", ""]
    dearest = sorted(cells, key=lambda cell: -cell["processor"])[:DEAREST]
    share = sum(cell["processor"] for cell in dearest) / max(total[0], 1e-9)
    lines.append(f"the {len(dearest)} dearest cells ({share:.0%} of all seconds):")
    for cell in dearest:
        place = f"{cell['page']} {cell['cell']}"
        line = f"{cell['processor']:7.1f} {cell['seconds']:7.1f}  {place:28} {cell['line']}"
        lines.append(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…")
    return "\n".join(lines)


def main() -> None:
    if not FILE.is_file():
        sys.exit(f"missing: {FILE}; `make book` writes it")
    print(text(json.loads(FILE.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
