"""Which public names no valid call is listed of."""

import importlib
import inspect
import pkgutil

import nlgnotes

# What each file of calls covers, as the beginnings of modules' names.
FLOORS = {
    "decoding": ("decoding",),
    "equations": ("equations",),
    "experiments": (  # those that sum up plain arguments at once
        "experiments.calibration.scores",
        "experiments.mixture_of_experts.specialisation",
        "experiments.reasoning.selection",
    ),
    "foundations": (
        "batches",
        "checkpoints",
        "claims",
        "documents",
        "files",
        "frames",
        "intervals",
        "measurements",
        "randomness",
        "reading",
        "validation",
    ),
    "languages": ("languages",),
    "networks": ("networks",),
    "plotting": ("plotting",),
    "tasks": ("tasks",),
    "text": ("text",),
    "training": ("training",),
    "widgets": ("widgets",),
}
# The other experiments and all recipes train or measure for seconds to hours, on models
# and settings that the recipes choose; they call what the floors try, and have tests of their own.
ELSEWHERE = ("experiments", "recipes")
WITH_THE_LEDGER = ("claims.gathering",)  # see tests/claims


def missing(floor: str, listed: set[str]) -> list[str]:
    """The public functions, classes and methods of a floor that are not listed."""
    names = set()
    for module in pkgutil.walk_packages(nlgnotes.__path__, "nlgnotes."):
        short = module.name.removeprefix("nlgnotes.")
        if _within(short, FLOORS[floor]) and short not in WITH_THE_LEDGER:
            names |= {f"{short}:{name}" for name in public(importlib.import_module(module.name))}
    return sorted(names - listed)


def _within(module: str, beginnings: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{each}.") for each in beginnings)


def public(module) -> set[str]:
    """Functions, classes and their methods that a module defines and lists in ``__all__``."""
    names = set()
    for name in getattr(module, "__all__", ()):
        each = getattr(module, name)
        if getattr(each, "__module__", None) != module.__name__ or not callable(each):
            continue
        if inspect.isclass(each):
            own = {key for key, value in vars(each).items() if _is_method(key, value)}
            names |= {f"{name}.{key}" for key in own}
            # A protocol has no instances, and a plain tuple with names checks nothing.
            if getattr(each, "_is_protocol", False):
                names -= {f"{name}.{key}" for key in own}
                continue
            if issubclass(each, tuple):
                continue
        names.add(name)
    return names


def _is_method(key: str, value: object) -> bool:
    """Whether a class defines a public method here: no property, nothing of dataclasses."""
    kinds = (staticmethod, classmethod)
    return (key[0] != "_" or key == "__call__") and (
        inspect.isfunction(value) or isinstance(value, kinds)
    )


def uncovered() -> list[str]:
    """The folders and files of the package that no floor covers."""
    known = {each for floor in FLOORS.values() for each in floor} | set(ELSEWHERE)
    return sorted({each.name for each in pkgutil.iter_modules(nlgnotes.__path__)} - known)
