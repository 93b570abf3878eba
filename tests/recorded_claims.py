"""What can be read of a lecture's claims from its source, before it is run.

:func:`faults` reads the code cells in order and finds every ``record`` call. Names are followed:
a value *moves with the seed* if ``seed``, or a name that does, stands in what it was made from.
"""

import ast
import re
from collections.abc import Iterator

import teaching

from nlgnotes.claims import row

MARGINS = {"above", "below", "within"}


def faults(lecture: str, cells: list[str]) -> list[str]:
    """What is wrong with the claims of a lecture, each fault with the claim's id."""
    found: list[str] = []
    moving: set[str] = {"seed"}
    for source in cells:
        for statement in ast.parse(source).body:
            for call, inside in _records(statement):
                # In a loop the names are bound by its own statement.
                here = moving | _bound(statement, moving)
                found += [f"{_id(call)}: {fault}" for fault in _claim(lecture, call, here, inside)]
            _follow(statement, moving)
    return found


def recorded(cells: list[str]) -> list[ast.Call]:
    """All ``record`` calls."""
    return [
        call
        for source in cells
        for statement in ast.parse(source).body
        for call, _ in _records(statement)
    ]


def _records(statement: ast.stmt) -> Iterator[tuple[ast.Call, set[str]]]:
    """The calls in a statement, with the parameters of the function that they stand in."""
    inside = set()
    if isinstance(statement, ast.FunctionDef):
        inside = {argument.arg for argument in ast.walk(statement.args) if _is_arg(argument)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "record":
            yield node, inside


def _is_arg(node: ast.AST) -> bool:
    return isinstance(node, ast.arg)


def _claim(lecture: str, call: ast.Call, moving: set[str], inside: set[str]) -> Iterator[str]:
    given = {word.arg: word.value for word in call.keywords}
    arguments = dict(zip(("id", "kind", "sentence"), call.args, strict=False)) | given
    if _id(call).startswith(f"{lecture}."):
        yield "its id repeats the lecture"
    kind = getattr(arguments.get("kind"), "value", None)
    if kind not in row.KINDS:
        yield f"its kind is none of {', '.join(row.KINDS)}"
        return
    if "paper" in given and "source" not in given:
        yield "a paper's figure without source"
    if None in given:  # **words: only the run can tell
        return
    if kind != "finding":
        if "holds" not in given:
            yield f"no holds= ({kind})"
        if extra := {"control", "replicated"} & set(given):
            yield f"{', '.join(sorted(extra))}= belongs to findings"
        return
    yield from _finding(given, moving, inside)


def _finding(given: dict[str, ast.expr], moving: set[str], inside: set[str]) -> Iterator[str]:
    if "holds" in given:
        yield "holds= follows from the margin of a finding"
    if not _is_margin(given.get("margin")):
        yield "margin= is none of above, below, within"
    control = given.get("control")
    if not (isinstance(control, ast.Tuple | ast.Name) or _is_call(control)):
        yield "no control=(what it is, its number)"
    elif isinstance(control, ast.Tuple):
        if len(control.elts) != 2:
            yield "control= is not (what it is, its number)"
        elif "ours" in given and ast.dump(control.elts[1]) == ast.dump(given["ours"]):
            yield "the control is ours itself"
        elif isinstance(control.elts[1], ast.Constant):
            yield "the control is a typed number"
    said = getattr(given.get("replicated"), "value", None)
    if said not in row.REPLICATED:
        yield f"replicated= is none of {', '.join(row.REPLICATED)}"
        return
    names = _names(given.get("ours"))
    if names & inside:  # a parameter: only the run can tell
        return
    moves = bool(names & moving)
    if said == "fixed" and moves:
        yield f"fixed, and ours moves with the seed ({', '.join(sorted(names & moving))})"
    if said != "fixed" and not moves:
        yield f"{said}, and nothing in ours moves with the seed"


def _is_margin(node: ast.expr | None) -> bool:
    """A margin, a mapping of margins, or a name for one; not words."""
    if isinstance(node, ast.Dict):
        return all(_is_margin(value) for value in node.values)
    if isinstance(node, ast.DictComp):
        return _is_margin(node.value)
    if _is_call(node):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        return name in MARGINS or name in ("dict", "fromkeys")
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.IfExp | ast.BinOp)


def _is_call(node: object) -> bool:
    return isinstance(node, ast.Call)


def _id(call: ast.Call) -> str:
    """The id as it is written, with its placeholders."""
    node = call.args[0] if call.args else next(w.value for w in call.keywords if w.arg == "id")
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
            for part in node.values
        )
    return str(getattr(node, "value", ast.unparse(node)))


def _names(node: ast.AST | None) -> set[str]:
    """The names that an expression reads, without those that its own loops and lambdas bind: what
    the loops run over is among the others.
    """
    if node is None:
        return set()
    bound = {n.arg for n in ast.walk(node) if _is_arg(n)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.comprehension):
            bound |= {n.id for n in ast.walk(inner.target) if isinstance(n, ast.Name)}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - bound


def _targets(node: ast.expr) -> set[str]:
    """The names that an assignment binds or changes: x of x[i], not i."""
    if isinstance(node, ast.Tuple | ast.List):
        return set().union(*(_targets(part) for part in node.elts))
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _bound(statement: ast.stmt, moving: set[str]) -> set[str]:
    """The names that a compound statement binds to something that moves."""
    here = set(moving)
    if isinstance(statement, ast.For | ast.With | ast.If | ast.While | ast.Try):
        _follow(statement, here)
    return here


def _follow(statement: ast.stmt, moving: set[str]) -> None:
    """Enter the names that a statement makes move, and strike those that it binds anew."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        own = {n.arg for n in ast.walk(statement) if _is_arg(n)}
        for n in ast.walk(statement):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                own.add(n.id)
            elif isinstance(n, ast.FunctionDef):
                own.add(n.name)
        _set({statement.name}, (_names(statement) - own) & moving, moving)
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        moves = bool(_names(statement.value) & moving)
        for target in targets:
            # x[i] = … and x += … add to what x is; x = … makes it anew.
            anew = isinstance(target, ast.Name | ast.Tuple | ast.List)
            anew = anew and not isinstance(statement, ast.AugAssign)
            _set(_targets(target), moves, moving, keep=not anew)
    elif isinstance(statement, ast.For):
        _set(_targets(statement.target), _names(statement.iter) & moving, moving)
        for _ in range(2):  # what the end of the loop makes, its beginning may read
            for inner in [*statement.body, *statement.orelse]:
                _follow_keeping(inner, moving)
    elif isinstance(statement, ast.With):
        for item in statement.items:
            if item.optional_vars is not None:
                moves = _names(item.context_expr) & moving
                _set(_targets(item.optional_vars), moves, moving)
        for inner in statement.body:
            _follow(inner, moving)
    elif isinstance(statement, ast.If | ast.While | ast.Try):
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.stmt):
                _follow_keeping(inner, moving)
    elif isinstance(statement, ast.Expr) and _is_call(statement.value):
        # x.append(y): a method that gets what moves may keep it.
        call = statement.value
        if isinstance(call.func, ast.Attribute):
            given = set().union(*(_names(a) for a in [*call.args, *call.keywords]), set())
            _set(_targets(call.func.value), given & moving, moving, keep=True)


def _follow_keeping(statement: ast.stmt, moving: set[str]) -> None:
    """Follow a statement that may not be reached: nothing is struck."""
    before = set(moving)
    _follow(statement, moving)
    moving |= before


def _set(names: set[str], moves: object, moving: set[str], keep: bool = False) -> None:
    if moves:
        moving |= names
    elif not keep:
        moving -= names - {"seed"}  # papermill gives it another value


def words(markdown: list[str], formatted: list[str]) -> int:
    """The words that a student reads: without solutions, code and formulas."""
    text = re.sub(
        r"^(`{3,}|:{3,})\{solution\}.*?^\1\s*$", " ", "\n\n".join(markdown), flags=re.M | re.S
    )
    text = " ".join([text, *formatted])
    text = re.sub(r"\$\$.*?\$\$", " ", text, flags=re.S)
    return teaching.count_words(text)
