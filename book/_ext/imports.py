"""Which files of a package a notebook runs: those that its code imports, and what those import.

Read from the sources with ``ast``; nothing is executed. An import inside a function counts like any
other. Where code is loaded by a name that only the running program knows, and where a cell is not
plain Python, every file of the package counts: one too many costs a run, one too few a wrong page.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

# What loads code in another way than by an import statement: these names wherever they stand,
LOADERS = {"__import__", "import_module", "reload", "run_module", "run_path", "exec_module"}
LOADERS |= {"load_module", "create_module", "module_from_spec", "spec_from_file_location"}
LOADERS |= {"spec_from_loader", "entry_points", "get_ipython"}
# these as plain names only (a model's `eval()` is none of them),
BUILTINS = {"exec", "eval", "compile"}
# what begins like this after `os.`,
PROCESSES = ("system", "popen", "exec", "spawn", "posix_spawn")
# and of these modules everything but the members listed.
HARMLESS = {"importlib": {"util", "metadata", "resources"}, "importlib.util": {"find_spec"}}
HARMLESS |= {"importlib.machinery": set(), "importlib.abc": set(), "imp": set(), "runpy": set()}
HARMLESS |= {"pkgutil": set(), "zipimport": set(), "subprocess": set(), "pickle": set()}
# Modules which start an interpreter that runs this very module, and nothing else.
OWN_PROCESSES = {"nlgnotes.networks.expert_parallel"}


class Package:
    """A package in a folder, as its sources stand now: make a new one to see a later state."""

    def __init__(self, folder: Path):
        if not (folder / "__init__.py").is_file():
            raise ValueError(f"folder must be a package with an __init__.py; got {folder}")
        self.folder = folder
        self._known: dict[str, tuple[set[str], bool]] = {}
        self._digests: dict[Path, bytes] = {}

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Every module of the package by its full name."""
        found = {}
        for file in sorted(self.folder.rglob("*.py")):
            inside = file.relative_to(self.folder.parent).with_suffix("").parts
            found[".".join(inside[:-1] if inside[-1] == "__init__" else inside)] = file
        return found

    @cached_property
    def data(self) -> list[Path]:
        """Every other file of the package, which is data. Unfinished files do not count."""
        files = (file for file in self.folder.rglob("*") if file.is_file() and file.suffix != ".py")
        return sorted(file for file in files if not _passing(file.relative_to(self.folder)))

    def reached(self, sources: Iterable[str]) -> list[Path]:
        """The files of the package that run when the given sources run, in order."""
        waiting, seen = set(), set()
        for source in sources:
            tree = _parsed(source)
            if tree is None or loads_by_name(tree):
                return sorted(self.modules.values())
            waiting |= self._named(tree, "")
        while waiting:
            module = waiting.pop()
            seen.add(module)
            names, all_of_them = self._of(module)
            if all_of_them:
                return sorted(self.modules.values())
            waiting |= names - seen
        return sorted(self.modules[module] for module in seen)

    def digest(self, file: Path) -> bytes:
        """The checksum of a file, computed once."""
        if file not in self._digests:
            self._digests[file] = hashlib.sha256(file.read_bytes()).digest()
        return self._digests[file]

    def _of(self, module: str) -> tuple[set[str], bool]:
        """What one module imports of the package, and whether it may load anything."""
        if module not in self._known:
            tree = _parsed(self.modules[module].read_text(encoding="utf-8"))
            if tree is None:
                self._known[module] = set(), True
            else:
                by_name = loads_by_name(tree) and module not in OWN_PROCESSES
                self._known[module] = self._named(tree, module), by_name
        return self._known[module]

    def _named(self, tree: ast.AST, module: str) -> set[str]:
        """The modules of the package that the import statements of a tree run."""
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found |= self._with_parents(alias.name)
            elif isinstance(node, ast.ImportFrom):
                start = self._start(node, module)
                found |= self._with_parents(start)
                for alias in node.names:
                    if alias.name == "*":  # with __all__ it may bring any module below
                        found |= {name for name in self.modules if name.startswith(f"{start}.")}
                    else:
                        found |= self._with_parents(f"{start}.{alias.name}")
        return found

    def _start(self, node: ast.ImportFrom, module: str) -> str:
        """The full name that stands between ``from`` and ``import``."""
        if not node.level:
            return node.module or ""
        is_folder = module in self.modules and self.modules[module].name == "__init__.py"
        parts = module.split(".") if is_folder else module.split(".")[:-1]
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, node.module] if node.module else parts)

    def _with_parents(self, name: str) -> set[str]:
        """A module of this package and the packages around it, whose ``__init__`` runs first."""
        parts = name.split(".")
        return {".".join(parts[: i + 1]) for i in range(len(parts))} & self.modules.keys()


def loads_by_name(tree: ast.AST) -> bool:
    """Whether the code may load other code in a way that no import statement of it says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in LOADERS | BUILTINS:
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in LOADERS:
            return True  # getattr(importlib, "import_module")
        if isinstance(node, ast.Attribute):
            owner = _dotted(node.value)
            if node.attr in LOADERS or (owner == "builtins" and node.attr in BUILTINS):
                return True
            if owner == "os" and node.attr.startswith(PROCESSES):
                return True
            if owner in HARMLESS and node.attr not in HARMLESS[owner]:
                return True
        if isinstance(node, ast.Import) and any(map(_loads, (alias.name for alias in node.names))):
            return True
        if isinstance(node, ast.ImportFrom) and not node.level:
            module, names = node.module or "", {alias.name for alias in node.names}
            if module in HARMLESS and not names <= HARMLESS[module]:
                return True
            if module == "os" and any(name.startswith(PROCESSES) or name == "*" for name in names):
                return True
    return False


def _loads(module: str) -> bool:
    """Whether ``import module`` alone brings a loader: a listed module without harmless members."""
    return module in HARMLESS and not HARMLESS[module]


def _passing(path: Path) -> bool:
    """Whether a file is a by-product: compiled, or not yet whole."""
    return any(part == "__pycache__" or part.endswith(".partial") for part in path.parts)


def _dotted(node: ast.AST) -> str:
    """A name, or a name after a name, as it is written; else nothing."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _parsed(source: str) -> ast.Module | None:
    """The tree of a source; None where it is not plain Python (IPython's magics are not)."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None
