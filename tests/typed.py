"""The types that every test runs with: shapes are checked by jaxtyping, all others by beartype.

For its shapes, jaxtyping binds the arguments of a call to their names and checks them twice: 25
times the work of beartype alone, in functions that are called by the hundred thousand.
"""

from types import FunctionType

import jaxtyping
from beartype import BeartypeConf, beartype

KINDS = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))
SHAPES = jaxtyping.jaxtyped


def check(package: str) -> None:
    """Have every function and dataclass of a package check its types, once it is imported."""
    jaxtyping.jaxtyped = _jaxtyped  # what jaxtyping's hook decorates them with
    jaxtyping.install_import_hook(package, "beartype.beartype")


def _jaxtyped(*, typechecker):
    def decorated(each):
        plain = isinstance(each, FunctionType) and "jaxtyping." not in repr(each.__annotations__)
        return KINDS(each) if plain else SHAPES(typechecker=typechecker)(each)

    return decorated
