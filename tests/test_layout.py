"""The layout of the package: imports go one way, all is documented, chance is an argument."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nlgnotes"
# What stands in this list imports only what stands before it; the files of a folder also each
# other.
ORDER = """
    validation randomness files reading intervals documents batches
    equations networks text
    measurements checkpoints frames widgets claims plotting
    languages tasks decoding training experiments recipes
""".split()
LONGEST = 320
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(p.relative_to(PACKAGE)) for p in FILES]
every_file = pytest.mark.parametrize("path", FILES, ids=NAMES)
# Draws from torch's global generator, or seeds it.
GLOBAL_CHANCE = set(
    """
    manual_seed gumbel_softmax rand_like randn_like randint_like seed dropout
""".split()
)
TAKES_GENERATOR = set(
    """
    rand randn randint randperm multinomial bernoulli exponential_ normal_ uniform_ bernoulli_
    trunc_normal_ xavier_uniform_ kaiming_uniform_
""".split()
)


def place(path):
    """The entry of ``ORDER`` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def parsed(path):
    """The syntax tree of a file, read once for all tests."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """The modules of the package that a file imports, anywhere in it, as paths."""
    for node in ast.walk(parsed(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] != "nlgnotes":
                continue
            # A name is a module, or something in one.
            for end in (len(parts), len(parts) - 1):
                target = PACKAGE.joinpath(*parts[1:end])
                if target.with_suffix(".py").is_file() or (target / "__init__.py").is_file():
                    yield (
                        target.with_suffix(".py")
                        if target.suffix == "" and (target.with_suffix(".py").is_file())
                        else target / "__init__.py"
                    )
                    break


def public(tree):
    """Every public class, function and method of a module, with its name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, ast.FunctionDef) and method.name[0] != "_":
                    yield f"{node.name}.{method.name}", method


def test_every_folder_stands_in_the_order():
    found = {place(path) for path in FILES} - {"__init__"}
    assert found == set(ORDER) and len(ORDER) == len(set(ORDER))
    shipped = [p for p in (PACKAGE / "shipped").rglob("*") if p.is_file()]
    assert shipped and {p.suffix for p in shipped} <= {".json", ".safetensors"}


@every_file
def test_imports_go_one_way(path):
    here = place(path)
    others = {place(other) for other in imported(path)} - {here}
    if here == "__init__":
        assert not others
        return
    allowed = ["validation"] if here == "equations" else ORDER[: ORDER.index(here)]
    assert others <= set(allowed), f"{here} must not import {sorted(others - set(allowed))}"


def test_no_files_import_each_other():
    graph = {path: set(imported(path)) - {path} for path in FILES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


@every_file
def test_everything_public_is_documented(path):
    tree = parsed(path)
    assert ast.get_docstring(tree), "the module says nothing"
    assert not [name for name, node in public(tree) if not ast.get_docstring(node)]


@every_file
def test_public_names_are_listed_and_init_only_re_exports(path):
    tree = parsed(path)
    if path.name == "__init__.py":
        kinds = ast.Expr | ast.ImportFrom | ast.Assign
        assert not [n for n in tree.body if not isinstance(n, kinds)], "__init__ re-exports only"
        return
    listed = [
        n
        for n in tree.body
        if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"
    ]
    names = ast.literal_eval(listed[0].value) if listed else None
    assert names is not None or path.name.startswith("_"), "no __all__"
    defined = {n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    missing = {name for name in defined if name[0] != "_"} - {"main"} - set(names or ())
    assert not missing, "a public name is missing from __all__"


@every_file
def test_chance_is_an_argument(path):
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, owner = node.func.attr, ast.unparse(node.func.value)
        where = f"line {node.lineno}: {owner}.{name}"
        if name == "manual_seed":
            assert owner not in ("torch", "torch.cuda"), where
        elif owner in ("torch", "F", "nn.functional", "np.random", "random"):
            assert name not in GLOBAL_CHANCE and owner not in ("np.random", "random"), where
        if name in TAKES_GENERATOR and not isinstance(node.func.value, ast.Constant):
            assert any(k.arg in ("generator", None) for k in node.keywords), where


@every_file
def test_a_file_holds_one_subject(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert path.stem not in ("utils", "common", "core", "helpers", "measurement")


def test_the_tests_lie_in_the_same_folders():
    here = Path(__file__).parent
    folders = {p.relative_to(PACKAGE) for p in PACKAGE.rglob("*") if (p / "__init__.py").is_file()}
    for test in here.rglob("test_*.py"):
        folder = test.parent.relative_to(here)
        assert folder in folders | {Path("."), Path("site")}, f"{test.name} lies in {folder}"
