"""The pages of the book that have code, and what their outputs depend on.

These are the page's code cells and what comes after them (see ``solutions``), the files of the
package that they import (see ``imports``), all data that the package ships, data of the page's own
(``NAME.json`` beside it), the pinned requirements, and Python. Prose is none of these.
"""

import hashlib
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode

import solutions
from imports import Package


@dataclass(frozen=True)
class Page:
    """A page with code: its name in the table of contents, its file, and its notebook."""

    name: str
    file: Path
    notebook: NotebookNode

    def code(self) -> list[str]:
        """The sources of its code cells."""
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]

    def after(self) -> list[NotebookNode]:
        """Code cells that are executed after its own, and are no part of the page."""
        return solutions.after(self.notebook)


def with_code(names: Iterable[str], root: Path, config: dict) -> list[Page]:
    """Those of the named pages that have code, read as myst-nb will read them in the build."""
    extensions = config.get("parse", {}).get("myst_enable_extensions", [])
    markdown = MdParserConfig(enable_extensions=set(extensions))
    found = []
    for name in names:
        for file in (root / f"{name}.ipynb", root / f"{name}.md"):
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                if reader := create_nb_reader(str(file), markdown, NbParserConfig(), text):
                    found.append(Page(name, file, reader.read(text)))
                break
    return found


def checksum(page: Page, package: Package, others: Iterable[Path]) -> str:
    """One checksum of all that the outputs of a page depend on, besides its own cells."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    total = hashlib.sha256(python.encode())
    for cell in page.after():
        total.update(f"\0{cell.source}\0".encode())
    own = [file] if (file := page.file.with_suffix(".json")).is_file() else []
    for file in [*others, *_beside(page), *own, *package.data, *reached(page, package)]:
        total.update(f"\0{os.path.relpath(file, package.folder)}\0".encode())
        total.update(package.digest(file))
    return total.hexdigest()


def reached(page: Page, package: Package) -> list[Path]:
    """The files of the package that a page runs."""
    beside = [file.read_text(encoding="utf-8") for file in _beside(page)]
    after = [cell.source for cell in page.after()]
    return package.reached([*page.code(), *after, *beside])


def _beside(page: Page) -> list[Path]:
    """Python files in the page's own folder: its kernel can import these too."""
    return sorted(page.file.parent.glob("*.py"))
