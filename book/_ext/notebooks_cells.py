"""A lecture's code cells as its plain notebook has them: without the book's own house-keeping.

What only hands numbers to the page's prose is left out, since the prose of a plain notebook holds
them; what must run but is no lesson is collapsed.
"""

import ast
import copy
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent.parent
GLUE = "myst_nb"  # the module that hands numbers to the prose
STAND_IN = '''def glue(name, value, display=True):
    """On the book's page, puts a value into a sentence. Here the sentence holds it."""'''
HIDDEN_INPUT = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
HIDDEN_OUTPUT = {"hide-output", "hide-cell", "remove-output", "remove-cell"}

FIRST = """# To run this notebook, install the book's package; it brings all that is imported here.
#   in a copy of the book's repository:  pip install .
#   from its wheel:                      pip install {wheel}
# `pip wheel --no-deps .` in the repository makes the wheel; in Colab, upload it first.
# Restart the kernel afterwards. This cell checks what is installed.
from importlib import metadata

try:
    pins = [line for line in metadata.requires("nlgnotes") if "extra" not in line]
    pins = {{"nlgnotes": "{version}", **dict(line.split("==") for line in pins)}}
    found = {{name: metadata.version(name).split("+")[0] for name in pins}}
except metadata.PackageNotFoundError as missing:
    raise ImportError(f"{{missing.name}} is not installed: see the top of this cell") from None
if [int(part) for part in found["ipywidgets"].split(".")[:2]] < [8, 1]:
    raise ImportError(f"ipywidgets must be 8.1 or newer; found {{found['ipywidgets']}}")
for name in pins:
    if found[name] != pins[name]:
        print(f"{{name}} is {{found[name]}}; the book has {{pins[name]}}: numbers may differ")
print("nlgnotes", found["nlgnotes"], "is installed")"""


@dataclass
class Cell:
    """One cell of a plain notebook."""

    kind: str
    source: str
    tags: set[str] = field(default_factory=set)

    def node(self, name: str) -> NotebookNode:
        """It as nbformat writes it."""
        if self.kind == "markdown":
            return new_markdown_cell(self.source, id=name)
        return new_code_cell(self.source, id=name, metadata=metadata(self.tags))


def metadata(tags: set[str]) -> dict:
    """What makes a front end collapse a cell: JupyterLab, VS Code and Colab each read their own."""
    found: dict = {"tags": ["parameters"]} if "parameters" in tags else {}
    if tags & HIDDEN_INPUT:
        found["jupyter"] = {"source_hidden": True}
        found["cellView"] = "form"
    if tags & HIDDEN_OUTPUT:
        found.setdefault("jupyter", {})["outputs_hidden"] = True
        found["collapsed"] = True
    return found


def prepared(notebook: NotebookNode) -> tuple[dict[int, Cell], dict[int, int]]:
    """The code cells of a lecture that its plain notebook keeps, by their place in the lecture.

    Also where a caption goes that does not stand below its own cell: a figure that an explorer
    repeats is drawn by the explorer alone, so its caption stands below that.
    """
    cells, moved = {}, {}
    code = {i: c for i, c in enumerate(notebook.cells) if c.cell_type == "code"}
    for index, cell in code.items():
        source, following = without_glue(cell.source), code.get(index + 1)
        if following is not None and (drawn := explored(following.source)):
            shorter = without_twin(source, drawn)
            if shorter != source:
                source, moved[index] = shorter, index + 1
        if source.strip():
            cells[index] = Cell("code", source, set(cell.metadata.get("tags", [])))
    if any("glue" in _names(cell.source) for cell in cells.values()):
        first = next(i for i in code if GLUE in code[i].source)
        kept = cells.get(first, Cell("code", "", {"hide-input"}))
        cells[first] = Cell("code", f"{kept.source}\n\n\n{STAND_IN}".strip(), kept.tags)
    return dict(sorted(cells.items())), moved


def merged(cells: list[Cell]) -> list[Cell]:
    """The cells, with neighbours that show nothing on the page made one."""
    found: list[Cell] = []
    for cell in cells:
        last = found[-1] if found else None
        quiet = {"remove-cell"}
        if last and quiet <= last.tags and quiet <= cell.tags:
            found[-1] = Cell("code", f"{last.source}\n\n{cell.source}", last.tags | cell.tags)
        else:
            found.append(cell)
    return found


def assembled(name: str, cells: list[Cell]) -> NotebookNode:
    """The notebook: the cell that checks the installation, and the given ones."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    wheel = f"nlgnotes-{version}-py3-none-any.whl"
    every = [Cell("code", FIRST.format(version=version, wheel=wheel)), *merged(cells)]
    notebook = new_notebook(
        cells=[cell.node(f"{name}-{i:03}") for i, cell in enumerate(every)],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    notebook.nbformat_minor = 5
    return copy.deepcopy(notebook)


def without_glue(source: str) -> str:
    """The code without the statements that only hand values to the prose."""
    return _without(source, _is_glue)


def without_twin(source: str, drawn: str) -> str:
    """The code without its last statement, where that does nothing but show what ``drawn`` gives.

    ``drawn`` is the function whose frames the explorer in the next cell shows.
    """
    last = ast.parse(source).body[-1:]

    def shows(statement: ast.stmt) -> bool:
        if statement.lineno != last[0].lineno or not _binds_nothing(statement):
            return False
        calls = (each for each in ast.walk(statement) if isinstance(each, ast.Call))
        return any(isinstance(call.func, ast.Name) and call.func.id == drawn for call in calls)

    return _without(source, shows)


def explored(source: str) -> str | None:
    """The draw function of the explorer or drawing that a cell ends with, if it ends with one."""
    match ast.parse(source).body[-1:]:
        case [ast.Expr(ast.Call(ast.Name("explorer" | "drawing"), [ast.Name(drawn), *_]))]:
            return drawn
    return None


def _without(source: str, unwanted) -> str:
    """The code without some of its statements, and without loops and tests that they leave empty.

    Lines are taken out whole, so that all others stay as they are written.
    """
    gone: set[int] = set()

    def sweep(body: list[ast.stmt]) -> bool:
        """Whether nothing of a body is left."""
        left = [leaves(statement) for statement in body]  # each of them, not up to the first
        return all(left)

    def leaves(statement: ast.stmt) -> bool:
        bodies = []
        if isinstance(statement, ast.For | ast.If | ast.With):
            bodies = [statement.body, getattr(statement, "orelse", [])]
        emptied = [sweep(body) for body in bodies]
        empty = bool(bodies) and all(emptied)
        if empty or unwanted(statement):
            gone.update(range(statement.lineno, statement.end_lineno + 1))
            return True
        if bodies and emptied[0]:  # an `else` stays: so must the rest
            gone.difference_update(range(statement.lineno, statement.end_lineno + 1))
        return False

    sweep(ast.parse(source).body)
    kept = [line for i, line in enumerate(source.splitlines(), 1) if i not in gone]
    return "\n".join(kept).strip("\n") if gone else source


def _is_glue(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Call(ast.Name("glue"))):
            return True
        case ast.ImportFrom(module) if module == GLUE:
            return True
    return False


def _binds_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr() | ast.Assign([ast.Name("_")]):
            return True
    return False


def _names(source: str) -> set[str]:
    return {each.id for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Name)}
