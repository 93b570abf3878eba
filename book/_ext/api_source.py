"""The public names of a package, read from its source files with ``ast``; nothing is imported.

Annotations stay as they are written, a shape such as ``Float[Tensor, "*batch vocab"]`` included.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

# A role in a docstring: its name, an optional text, and the target.
ROLE = re.compile(r":(?:py:)?(func|class|meth|data|attr|mod|obj):`(?:([^`<>]+?)\s*<)?([^`<>]+)>?`")
TAUGHT = re.compile(r"\s*Taught in:\s+((?:book/[\w-]+\.ipynb(?:,\s+|\s+and\s+)?)+)\.?")
LONGEST_VALUE = 60  # a longer constant is named, not shown
KINDS = {"func": "function", "class": "class", "meth": "method", "data": "data", "mod": "module"}


@dataclass
class Entry:
    """One public name: a function, a class, a method, a property or a constant.

    Args:
        name: from the package on, as in ``nlgnotes.equations.penalties.repetition_penalty``.
        module: where it is defined.
        owner: the class of a method or a property.
        signature: arguments and result, as ``(p: float) -> Tensor``; the type of a constant or
            a property.
        flags: ``"classmethod"``, ``"staticmethod"`` or ``"abstractmethod"``.
        bases: the base classes, as they are written.
        value: a constant's, where it is short.
    """

    name: str
    kind: str
    module: str
    docstring: str
    path: Path
    line: int
    owner: str | None = None
    signature: str = ""
    flags: list[str] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    value: str = ""
    members: list["Entry"] = field(default_factory=list)

    @property
    def taught(self) -> list[str]:
        """The pages that the docstring names under "Taught in"."""
        named = " ".join(match[1] for match in TAUGHT.finditer(self.docstring))
        return [page.removesuffix(".ipynb") for page in re.findall(r"book/[\w-]+\.ipynb", named)]


@dataclass
class Module(Entry):
    """A file. ``names`` says what each of its names means: its own, and what it imports."""

    names: dict[str, str] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    aliases: dict[str, ast.expr] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether this is the ``__init__`` of a folder."""
        return self.path.name == "__init__.py"


class Package:
    """All modules of a package, with every public name that they define."""

    def __init__(self, root: Path):
        """Read every file under ``root``, the package's own folder."""
        self.root = root
        self.modules: dict[str, Module] = {}
        self.entries: dict[str, Entry] = {}
        trees = {}
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            trees[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
            self.modules[name] = _module(name, path, trees[name])
        for module in self.modules.values():
            self._define(module, trees)

    def _define(self, module: Module, trees: dict[str, ast.Module]) -> None:
        nodes = {name: node for node in trees[module.name].body for name in _bound(node)}
        for name in module.listed:
            if name in nodes and f"{module.name}.{name}" not in self.entries:
                entry = _Reader(self, module, trees).entry(name, nodes[name])
                module.members.append(entry)
                self.entries |= {each.name: each for each in (entry, *entry.members)}

    def canonical(self, name: str) -> str | None:
        """The name under which something is defined: re-exports and inheritance are followed."""
        if name in self.entries:
            return name
        above, _, last = name.rpartition(".")
        place = above if above in self.modules else self.canonical(above) if above else None
        if place in self.modules:
            # A folder's ``__init__`` may give a function the name of the file that defines it.
            meant = self.modules[place].names.get(last)
            found = self.canonical(meant) if meant and meant != name else None
            return found or (name if name in self.modules else None)
        if place in self.entries and self.entries[place].kind == "class":
            names = self.modules[self.entries[place].module].names
            for base in self.entries[place].bases:
                first, dot, rest = base.partition(".")
                if found := self.canonical(f"{names.get(first, first)}{dot}{rest}.{last}"):
                    return found
        return name if name in self.modules else None

    def resolve(self, role: str, target: str, module: str, owner: str | None = None) -> list[str]:
        """What a docstring's reference may mean: one name where it is right, none or several else.

        Methods are looked up in their own class first, everything in its own module, then in the
        whole package by the end of the name.
        """
        target = target.lstrip("~.")
        nearby = [f"{owner}.{target}"] if owner and role in ("meth", "attr", "obj") else []
        for name in (*nearby, f"{module}.{target}", target):
            if role == "mod" and name in self.modules:
                return [name]
            if found := self.canonical(name):
                return [found]
        ends = [n for n in (*self.entries, *self.modules) if n.endswith(f".{target}")]
        kinds = {n: self.entries[n].kind if n in self.entries else "module" for n in ends}
        return [name for name in ends if kinds[name] == KINDS.get(role)] or ends

    def within(self, folder: str) -> list[Module]:
        """The modules of a folder, or the one module of that name; ``__init__`` and private not."""
        return [
            module
            for name, module in self.modules.items()
            if (name == folder or name.startswith(f"{folder}."))
            and not module.is_folder
            and not any(part.startswith("_") for part in name.split("."))
        ]

    def broken(self) -> list[tuple[Entry, str, list[str]]]:
        """References of docstrings that mean nothing or several things: where, what, those."""
        found = []
        for entry in (*self.modules.values(), *self.entries.values()):
            owner = entry.name if entry.kind == "class" else entry.owner
            for role, _, target in ROLE.findall(entry.docstring):
                meant = self.resolve(role, target, entry.module, owner)
                if len(meant) != 1:
                    found.append((entry, f":{role}:`{target}`", meant))
        return found


def _module(name: str, path: Path, tree: ast.Module) -> Module:
    names, aliases, listed = {}, {}, []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            # ``import torch.nn`` binds ``torch``; ``import torch.nn as nn`` binds the module.
            names |= {a.asname or a.name.split(".")[0]: a.asname and a.name for a in node.names}
        else:
            names |= {each: f"{name}.{each}" for each in _bound(node)}
        if isinstance(node, ast.Assign) and _bound(node) == ["__all__"]:
            listed = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            aliases |= dict.fromkeys(_bound(node), node.value)
    names = {key: meant or key for key, meant in names.items()}
    module = Module(name, "module", name, ast.get_docstring(tree) or "", path, 1)
    module.names, module.listed, module.aliases = names, listed, aliases
    return module


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    flat = [e for t in targets if t for e in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return [each.id for each in flat if isinstance(each, ast.Name)]


class _Reader(ast.NodeTransformer):
    """Makes the entries of one module. As a transformer, it spells annotations out."""

    def __init__(self, package: Package, module: Module, trees: dict[str, ast.Module]):
        self.package, self.module, self.trees = package, module, trees

    def entry(self, name: str, node: ast.stmt, owner: str | None = None) -> Entry:
        module, documented = self.module, isinstance(node, ast.ClassDef | ast.FunctionDef)
        docstring = (documented and ast.get_docstring(node)) or ""
        whole = f"{owner or module.name}.{name}"
        entry = Entry(whole, "data", module.name, docstring, module.path, node.lineno, owner)
        if isinstance(node, ast.FunctionDef):
            self._function(entry, node)
        elif isinstance(node, ast.ClassDef):
            self._class(entry, node)
        else:
            self._constant(entry, node)
        return entry

    def _function(self, entry: Entry, node: ast.FunctionDef) -> None:
        marks = [ast.unparse(each).split(".")[-1] for each in node.decorator_list]
        entry.kind = "method" if entry.owner else "function"
        if {"property", "cached_property"} & set(marks):
            entry.kind, entry.signature = "property", self.written(node.returns)
            return
        known = ("classmethod", "staticmethod", "abstractmethod")
        entry.flags = [mark for mark in known if mark in marks]
        bound = entry.owner is not None and "staticmethod" not in marks
        returns = f" -> {self.written(node.returns)}" if node.returns else ""
        entry.signature = f"({self.arguments(node, bound)}){returns}"

    def _class(self, entry: Entry, node: ast.ClassDef) -> None:
        entry.kind, entry.bases = "class", [ast.unparse(each) for each in node.bases]
        arguments = self._constructor(node)
        entry.signature = "" if arguments is None else f"({arguments})"
        for each in node.body:
            if not isinstance(each, ast.FunctionDef):
                continue
            docstring = ast.get_docstring(each)
            if each.name == "__init__" and docstring:
                entry.docstring += f"\n\n{docstring}"
            elif docstring and (each.name[0] != "_" or each.name.endswith("__")):
                entry.members.append(self.entry(each.name, each, entry.name))

    def _constructor(self, node: ast.ClassDef) -> str | None:
        """The arguments of ``__init__``, or the fields; else those of the first base class."""
        own = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        if own:
            return self.arguments(own[0], bound=True)
        bases = [ast.unparse(each) for each in node.bases]
        inherited = [found for base in bases if (found := self._of_base(base))]
        if "NamedTuple" not in bases and not any(
            "dataclass" in ast.unparse(each) for each in node.decorator_list
        ):
            return inherited[0] if inherited else None
        fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
        shown = [
            f"{ast.unparse(n.target)}: {self.written(n.annotation)}"
            + (f" = {self._default(n.value)}" if n.value else "")
            for n in fields
            if "ClassVar" not in ast.unparse(n.annotation) and "init=False" not in ast.unparse(n)
        ]
        return ", ".join([*inherited, *shown])

    def _of_base(self, base: str) -> str | None:
        module, _, name = (self.package.canonical(f"{self.module.name}.{base}") or "").rpartition(
            "."
        )
        if module not in self.trees:
            return None
        other = _Reader(self.package, self.package.modules[module], self.trees)
        nodes = [n for n in self.trees[module].body if isinstance(n, ast.ClassDef)]
        return next((other._constructor(n) for n in nodes if n.name == name), None)

    def _constant(self, entry: Entry, node: ast.stmt) -> None:
        if isinstance(node, ast.AnnAssign):
            entry.signature = self.written(node.annotation)
        value, names = node.value, _bound(node)
        if isinstance(value, ast.Tuple) and len(names) == len(value.elts) > 1:  # A, B = 1, 2
            value = value.elts[names.index(entry.name.split(".")[-1])]
        shown = ast.unparse(value) if value else ""
        entry.value = shown if len(shown) <= LONGEST_VALUE else ""

    def arguments(self, node: ast.FunctionDef, bound: bool) -> str:
        """The arguments as written, without ``self``."""
        args = ast.parse(ast.unparse(node)).body[0].args
        for each in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
            if each is not None and each.annotation is not None:
                each.annotation = self.visit(each.annotation)
        if bound:
            (args.posonlyargs or args.args).pop(0)
        return ast.unparse(args)

    def written(self, annotation: ast.expr | None) -> str:
        """The source of an annotation, with the file's own abbreviations spelt out."""
        if annotation is None:
            return ""
        return ast.unparse(self.visit(ast.parse(ast.unparse(annotation), mode="eval").body))

    def _default(self, value: ast.expr) -> str:
        return "..." if ast.unparse(value).startswith("field(") else ast.unparse(value)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        # ``Scores`` says nothing to who does not see the file: show what it stands for.
        short = node.id in self.module.aliases and node.id not in self.module.listed
        return self.visit(self.module.aliases[node.id]) if short else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        # A shape is text; any other text in an annotation is a name that comes later in the file.
        if self.module.names.get(ast.unparse(node.value), "").startswith("jaxtyping."):
            return node
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        is_text = isinstance(node.value, str)
        return ast.parse(node.value, mode="eval").body if is_text else node
