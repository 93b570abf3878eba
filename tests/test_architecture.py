"""The house itself: imports only go downstairs, every public function says what it does, chance is an argument."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nlgnotes"
FLOORS = {
    "cellar": {"randomness", "estimate", "validation", "files"},
    "words": {"languages", "text", "tokenizer", "tasks"},
    "networks": {"attention", "configs", "conversation", "encoder_decoder", "lstm", "moe", "transformer"},
    "equations": {"calibration", "degeneration", "divergences", "gumbel", "metrics", "minimax", "mutual_information", "policy_gradient",
                  "preferences", "properties", "retempering", "sampling"},
    "machinery": {"beam", "checkpoints", "generation", "measurements", "training"},
    "procedures": {"alignment", "continuations", "exposure_bias", "finetuning", "gan", "generic_replies", "induction", "language_gans", "length_generalisation", "meta_learning",
                  "prefix_switching", "prompting", "quality_diversity", "training_signal", "repetition", "text_models", "unlearning"},
    "garden": {"phasors", "plotting", "soft_alignment", "surprisal", "widgets", "claims"},
    "attic": {"recipes", "makers", "experiments"},
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
LOWER = {
    "cellar": set(), "words": {"cellar"}, "networks": {"cellar"}, "equations": {"cellar"}, "garden": {"cellar"},
    "machinery": {"cellar", "words", "networks", "equations"},
    "procedures": {"cellar", "words", "networks", "equations", "machinery"},
    "attic": set(FLOORS) - {"attic"},
}  # fmt: skip
# Along the arrows of one floor.
ARROWS = {("configs", "transformer"), ("configs", "encoder_decoder"), ("configs", "lstm"),
          ("attention", "moe"), ("attention", "transformer"), ("moe", "transformer"), ("validation", "estimate"), ("plotting", "phasors"), ("plotting", "soft_alignment"), ("plotting", "surprisal"), ("retempering", "sampling"),
          ("gan", "language_gans"), ("quality_diversity", "language_gans"), ("experiments", "recipes"), ("makers", "recipes"),
          ("finetuning", "repetition"), ("text_models", "repetition"), ("exposure_bias", "prefix_switching"), ("continuations", "prefix_switching"),
          ("attention", "encoder_decoder"), ("transformer", "encoder_decoder"), ("transformer", "conversation"), ("encoder_decoder", "conversation")}
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(p.relative_to(PACKAGE)) for p in FILES]
# Draws from torch's global generator, or seeds it.
GLOBAL_CHANCE = {"manual_seed", "gumbel_softmax", "rand_like", "randn_like", "randint_like", "seed"}
TAKES_GENERATOR = {"rand", "randn", "randint", "randperm", "multinomial", "bernoulli", "exponential_", "normal_", "uniform_", "bernoulli_",
                   "trunc_normal_", "xavier_uniform_", "kaiming_uniform_"}  # fmt: skip


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The rooms that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            modules = [node.module] if node.module != "nlgnotes" else [f"nlgnotes.{alias.name}" for alias in node.names]
        yield from (m.split(".")[1] for m in modules if m.startswith("nlgnotes."))


def public(tree):
    """Every public class, function and method of a module, with its name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, ast.FunctionDef) and method.name[0] != "_":
                    yield f"{node.name}.{method.name}", method


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_only_go_downstairs(path):
    here = room(path)
    if here == "__init__":
        assert not list(imported(path))
        return
    assert here in FLOOR_OF, f"{here} stands on no floor"
    for other in set(imported(path)) - {here}:
        assert FLOOR_OF[other] in LOWER[FLOOR_OF[here]] or (other, here) in ARROWS, f"{here} must not import {other}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_everything_public_is_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module says nothing"
    assert not [name for name, node in public(tree) if not ast.get_docstring(node)]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_first_door_is_listed_and_the_hall_is_empty(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name == "__init__.py":
        logic = [n for n in tree.body if not isinstance(n, ast.Expr | ast.ImportFrom | ast.Assign)]
        assert not logic, "__init__ re-exports only"
        return
    listed = [n for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"]
    names = ast.literal_eval(listed[0].value) if listed else None
    assert names is not None or path.name.startswith("_"), "no __all__"
    defined = {n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    assert {name for name in defined if name[0] != "_"} - {"main"} <= set(names), "a public name is missing from __all__"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_chance_is_an_argument(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_room_holds_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 340
    assert path.stem not in ("utils", "common", "core", "helpers")
