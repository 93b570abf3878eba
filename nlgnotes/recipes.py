"""How each shipped checkpoint is made: ``python -m nlgnotes.recipes NAME``, again and again with the same outcome.

The same command runs the long experiments of ``nlgnotes.experiments``.

A recipe goes on where it was interrupted, measures the weights as they are stored (float16), and puts a whole
folder in place at the end: where one stands already, only if the two agree.
"""

import argparse
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from nlgnotes import checkpoints, measurements
from nlgnotes.estimate import Interval
from nlgnotes.experiments import EXPERIMENTS, run_experiment
from nlgnotes.files import replace_folder
from nlgnotes.makers import Made, Recipe, make_dates, make_dialogue, make_language_model, make_python_docs, make_unlikelihood
from nlgnotes.training import History

__all__ = ["RECIPES", "Made", "Recipe", "run"]


def run(name: str | Recipe, *, force: bool = False, progress: bool = True, folder: Path | None = None) -> bool:
    """Make one checkpoint, and say how it compares with the shipped one.

    Args:
        name: a key of ``RECIPES``, or a recipe.
        force: replace a shipped checkpoint even where the new one does not agree with it.
        progress: show bars and messages.
        folder: where checkpoints lie; the shipped ones when None.

    Returns:
        False where a shipped checkpoint does not agree with the new one.

    Raises:
        ValueError: an unknown name.
        KeyboardInterrupt: calling again goes on from the last saved step.
    """
    if isinstance(name, str) and name not in RECIPES:
        raise ValueError(f"name must be one of {', '.join(RECIPES)}; got {name!r}")
    recipe = name if isinstance(name, Recipe) else RECIPES[name]
    root = checkpoints.FOLDER if folder is None else folder
    work, place = root / f"{recipe.name}.partial", root / recipe.name
    work.mkdir(parents=True, exist_ok=True)
    say = print if progress else (lambda *_: None)
    say(f"{recipe.name}: {recipe.summary}")
    made = recipe.make(recipe, work, progress)
    about = {"name": recipe.name, "seed": recipe.seed, **made.source, "settings": dict(recipe.settings)}
    about |= {"seconds": round(made.history.seconds, 1), "tokens": made.history.tokens, "threads": torch.get_num_threads()}
    about |= {"torch": torch.__version__, "tolerance": {recipe.metric: recipe.tolerance}}
    kept = {"words": made.words, "tokenizer": made.tokenizer, "metrics": made.metrics, "history": _thinned(made.history)}
    fresh = checkpoints.save(work / "made", made.model, recipe=about, **kept)
    shown = (f"{k} {Interval(**v) if isinstance(v, dict) else v}" for k, v in made.metrics.items())
    say(f"{recipe.name}: {', '.join(shown)}")
    agrees = True
    if place.is_dir():
        old = checkpoints.load(place)
        agrees, sentence = _compared(recipe, old, made.metrics, about)
        say(f"{recipe.name}: {sentence}")
        if not agrees and not force:
            say(f"{recipe.name}: the shipped one stays; the new one is {fresh} (--force replaces)")
            return False
    replace_folder(fresh, place)
    shutil.rmtree(work)
    return agrees


def _compared(recipe: Recipe, old: checkpoints.Checkpoint, metrics: dict[str, Any], about: dict[str, Any]) -> tuple[bool, str]:
    """Whether two makings agree in the recipe's metric, and a sentence that says by how much, and what else is not the same."""
    before, now = (float(m.get(recipe.metric, {}).get("value", math.nan)) for m in (old.metrics, metrics))
    agrees = abs(now - before) <= recipe.tolerance
    verdict = f"{'agrees' if agrees else 'does not agree'} within {recipe.tolerance:g}"
    changed = [k for k in ("language_digest", "corpus_digest", "settings") if old.recipe.get(k) != about.get(k)]
    note = f" (not the same {', '.join(changed)})" if changed else ""
    return agrees, f"{recipe.metric} {now:.4g}, shipped {before:.4g}: {verdict}{note}"


def _thinned(run: History, points: int = 200) -> dict[str, Any]:
    """A history of at most ``points`` means."""
    width = math.ceil(run.steps / points)
    parts = [run.losses[i : i + width] for i in range(0, run.steps, width)]
    steps, means = [i * width + len(p) for i, p in enumerate(parts)], [round(sum(p) / len(p), 5) for p in parts]
    return {"step": steps, "loss": means, "tokens": run.tokens, "seconds": round(run.seconds, 1)}


_SHARED = {"weight_decay": 0.1, "warmup": 0.1}
_SMALL = {"language_seed": 0, "language_vocab_size": 200, "documents": 4000, "layers": 2, "width": 64, "heads": 2, "hidden": 256,
          "context": 64, "batch": 64, "steps": 800, "learning_rate": 3e-3, "evaluation_documents": 2000, **_SHARED}
_DIALOGUE = {"layers": 2, "width": 48, "heads": 2, "hidden": 192, "context": 96, "batch": 64, "steps": 2500, "learning_rate": 5e-3,
             "evaluation_documents": 4000, **_SHARED}
_DATES = {"context": 96, "width": 128, "heads": 4, "batch": 64, "steps": 3000, "learning_rate": 4e-3, "evaluation_tasks": 4000,
          **_SHARED}
RECIPES: dict[str, Recipe] = {r.name: r for r in (
    Recipe("newswire-lm", "a decoder on fresh documents of the synthetic newswire (about 15 minutes)", make_language_model, 0,
           {"language": "newswire", "layers": 4, "width": 128, "heads": 4, "hidden": 512, "context": 128, "batch": 64,
            "steps": 2200, "learning_rate": 2e-3, "second_cycle": {"steps": 1200, "learning_rate": 1e-3},
            "evaluation_documents": 4000, **_SHARED}, "relative_gap", 0.002),
    Recipe("python-docs-lm", "a decoder on the documentation of the installed packages (about 30 minutes)", make_python_docs, 0,
           {"vocab_size": 1536, "layers": 4, "width": 160, "heads": 5, "hidden": 640, "context": 256, "batch": 16,
            "steps": 2600, "learning_rate": 2.5e-3, "evaluation_documents": 600, **_SHARED}, "bits_per_byte", 0.05),
    Recipe("even-lm", "a small decoder on few documents of a Markov chain of even entropy", make_language_model, 0,
           {"language": "markov-even", **_SMALL}, "relative_gap", 0.02),
    Recipe("uneven-lm", "a small decoder on few documents of a Markov chain of uneven entropy", make_language_model, 0,
           {"language": "markov-uneven", **_SMALL}, "relative_gap", 0.02),
    Recipe("oracle-lm", "a small decoder on strings of a random LSTM, which it never quite learns (about 4 minutes)",
           make_language_model, 0,
           {**_SMALL, "language": "lstm-oracle", "language_vocab_size": 100, "documents": 20000, "context": 128, "batch": 32,
            "steps": 2000}, "relative_gap", 0.02),
    Recipe("brackets-lm", "a small decoder on fresh documents of typed brackets (about 4 minutes)", make_language_model, 0,
           {"language": "brackets", "layers": 2, "width": 64, "heads": 4, "hidden": 256, "context": 128, "batch": 64, "steps": 1000,
            "learning_rate": 3e-3, "evaluation_documents": 2000, **_SHARED}, "relative_gap", 0.003),
    Recipe("dialogue-forward", "a small decoder that replies to queries of the dialogue language, P(T|S)", make_dialogue, 0,
           {"law": "P(T|S)", **_DIALOGUE}, "relative_gap", 0.02),
    Recipe("dialogue-swapped", "a small decoder that guesses the query from the reply, P(S|T)", make_dialogue, 0,
           {"law": "P(S|T)", **_DIALOGUE}, "relative_gap", 0.02),
    Recipe("dialogue-reply", "a small decoder of replies alone, P(T)", make_dialogue, 0,
           {"law": "P(T)", **_DIALOGUE}, "relative_gap", 0.02),
    Recipe("dates-encoder-decoder", "an encoder-decoder that reads and writes dates in 64 locales (about 20 minutes)", make_dates, 0,
           {"network": "encoder-decoder", "encoder_layers": 2, "layers": 2, "hidden": 512, **_DATES}, "exact_match", 0.01),
    Recipe("dates-decoder", "a decoder of as many parameters that does the same (about 20 minutes)", make_dates, 0,
           {"network": "decoder", "layers": 4, "hidden": 640, "signal": "all", **_DATES}, "exact_match", 0.01),
    Recipe("python-docs-lstm", "an LSTM, without attention, of as many parameters on the same text (about 30 minutes)", make_python_docs, 0,
           {"network": "lstm", "vocab_size": 1536, "width": 278, "context": 256, "batch": 16, "steps": 2600, "learning_rate": 1e-2,
            "evaluation_documents": 600, **_SHARED}, "bits_per_byte", 0.05),
    Recipe("python-docs-unlikelihood", "python-docs-lm after sequence-level unlikelihood (about 5 minutes)", make_unlikelihood, 0,
           {"from": "python-docs-lm", "prefix": 50, "new": 100, "n": 4, "share": 0.5, "rows": 8, "batch": 8, "steps": 300,
            "learning_rate": 5e-4, "evaluation_documents": 600, "evaluation_prompts": 200, **_SHARED}, "seq_rep_4", 0.1),
)}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """The command line of ``make models``."""
    every = {**RECIPES, **EXPERIMENTS}  # models first: an experiment looks at them
    parser = argparse.ArgumentParser(prog="python -m nlgnotes.recipes", description="Make the shipped models and measurements again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(every))
    parser.add_argument("--all", action="store_true", help="every recipe")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--force", action="store_true", help="replace what is shipped where the new one does not agree with it")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in every]
    if unknown:
        parser.error(f"NAME must be one of {', '.join(every)}; got {unknown[0]!r}")
    if options.list or not (options.names or options.all):
        shipped = checkpoints.available() + measurements.available()
        for recipe in every.values():
            print(f"{recipe.name:24} {recipe.summary} [{'shipped' if recipe.name in shipped else 'not made yet'}]")
        return 0
    agreed = True
    try:
        for name in every if options.all else options.names:
            known = name in RECIPES
            agreed &= run(name, force=options.force) if known else run_experiment(EXPERIMENTS[name], force=options.force)
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on where this one stopped", file=sys.stderr)
        return 130
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
