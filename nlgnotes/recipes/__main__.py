"""The command line of ``make models``: ``python -m nlgnotes.recipes NAME``."""

import argparse
import sys

from nlgnotes import checkpoints, measurements
from nlgnotes.experiments.experiment import run_experiment
from nlgnotes.recipes.catalogue import EXPERIMENTS, RECIPES
from nlgnotes.recipes.recipe import run


def main(arguments: list[str] | None = None) -> int:
    """The command line of ``make models``."""
    every = {**RECIPES, **EXPERIMENTS}  # models first: an experiment looks at them
    parser = argparse.ArgumentParser(
        prog="python -m nlgnotes.recipes",
        description="Make the shipped models and measurements again.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(every))
    parser.add_argument("--all", action="store_true", help="every recipe")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace what is shipped where the new one does not agree with it",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in every]
    if unknown:
        parser.error(f"NAME must be one of {', '.join(every)}; got {unknown[0]!r}")
    if options.list or not (options.names or options.all):
        shipped = checkpoints.available() + measurements.available()
        for recipe in every.values():
            there = "shipped" if recipe.name in shipped else "not made yet"
            print(f"{recipe.name:24} {recipe.summary} [{there}]")
        return 0
    agreed = True
    try:
        for name in every if options.all else options.names:
            if name in RECIPES:
                agreed &= run(RECIPES[name], force=options.force)
            else:
                agreed &= run_experiment(EXPERIMENTS[name], force=options.force)
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on where this one stopped", file=sys.stderr)
        return 130
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
