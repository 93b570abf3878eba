"""Which names of the package a lecture uses: read from the imports of its code cells."""

import ast
from pathlib import Path

import nbformat

from api_source import Package


def uses(notebook: Path, package: Package) -> dict[str, int]:
    """The package's names that a notebook's code cells use, each with the cell that uses it first.

    ``plotting.frontier`` and ``from nlgnotes.plotting import frontier`` both mean the function
    where it is defined. A name that is imported and not used has the cell of its import.
    """
    meanings: dict[str, str] = {}  # what a name of the notebook stands for
    imported: dict[str, int] = {}
    used: dict[str, int] = {}
    for index, cell in enumerate(nbformat.read(notebook, as_version=4).cells):
        if cell.cell_type != "code":
            continue
        lines = ["" if each.startswith(("%", "!")) else each for each in cell.source.splitlines()]
        tree = ast.parse("\n".join(lines))
        for alias, meaning in _imports(tree, package.root.name):
            meanings[alias] = meaning
            if (found := package.canonical(meaning)) in package.entries:
                imported.setdefault(found, index)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute):
                if found := _meant(ast.unparse(node), meanings, package):
                    used.setdefault(found, index)
    return {**used, **{name: at for name, at in imported.items() if name not in used}}


def unknown(notebook: Path, package: Package) -> list[str]:
    """What a notebook imports from the package and the package does not define in public."""
    cells = nbformat.read(notebook, as_version=4).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    meanings = [meaning for tree in trees for _, meaning in _imports(tree, package.root.name)]
    return [meaning for meaning in meanings if package.canonical(meaning) is None]


def _imports(tree: ast.Module, package: str) -> list[tuple[str, str]]:
    """The names that imports from the package bind, with what they mean."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [(a.asname or a.name, f"{node.module}.{a.name}") for a in node.names]
        elif isinstance(node, ast.Import):
            found += [(a.asname or package, a.name if a.asname else package) for a in node.names]
    return [(alias, meaning) for alias, meaning in found if meaning.split(".")[0] == package]


def _meant(written: str, meanings: dict[str, str], package: Package) -> str | None:
    """The public name of a module that an expression such as ``metrics.bleu`` stands for."""
    first, dot, rest = written.partition(".")
    if first not in meanings:
        return None
    found = package.canonical(f"{meanings[first]}{dot}{rest}")
    is_own = found in package.entries and package.entries[found].owner is None
    return found if is_own else None
