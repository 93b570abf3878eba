"""How each shipped checkpoint is made: ``python -m nlgnotes.recipes NAME``, again and again with the same outcome.

The same command runs the long experiments of ``nlgnotes.experiments``.

A recipe goes on where it was interrupted, measures the weights as they are stored (float16), and puts a whole
folder in place at the end: where one stands already, only if the two agree.
"""

import argparse
import hashlib
import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nlgnotes import checkpoints, measurements, text
from nlgnotes.estimate import Interval, ratio_of_totals
from nlgnotes.experiments import EXPERIMENTS, run_experiment
from nlgnotes.files import replace_folder
from nlgnotes.languages import Documents, Language, language_digest, language_for
from nlgnotes.randomness import generator
from nlgnotes.tokenizer import ByteBPE
from nlgnotes.training import Batch, History, document_batch, fit, token_nll
from nlgnotes.transformer import Decoder, DecoderConfig

__all__ = ["RECIPES", "Made", "Recipe", "run"]

Draw = Callable[[torch.Generator], Batch]


@dataclass(frozen=True)
class Made:
    """What a recipe hands over: the model, its vocabulary, what it was made from, what it achieved, how its loss fell."""

    model: Decoder
    source: dict[str, Any]
    metrics: dict[str, Any]
    history: History
    words: tuple[str, ...] | None = None
    tokenizer: ByteBPE | None = None


@dataclass(frozen=True)
class Recipe:
    """One shipped checkpoint.

    Args:
        name, summary: of its folder; one line for ``--list``.
        make: from (recipe, work folder, progress) to :class:`Made`.
        seed: of all its chance.
        settings: every hyper-parameter; they go into the checkpoint's ``recipe``.
        metric, tolerance: the metric by which two makings are compared, and its largest difference if they agree.
    """

    name: str
    summary: str
    make: Callable[["Recipe", Path, bool], Made]
    seed: int
    settings: Mapping[str, Any]
    metric: str
    tolerance: float


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


def _make_language_model(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder on a synthetic language: on fresh documents for ever, or on ``documents`` of them again and again."""
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    source = {k: s[k] for k in ("language", "language_seed", "language_vocab_size") if k in s}
    language = language_for(source)
    source["language_digest"] = language_digest(language)
    config = DecoderConfig(language.vocab_size, s["context"], s["width"], s["layers"], s["heads"], s["hidden"])
    model = Decoder(config, generator(seed, name, "weights"))
    pool = None
    if "documents" in s:
        pool = language.sample(s["documents"], generator(seed, name, "documents"), max_length=s["context"])

    def draw(chance: torch.Generator) -> Batch:
        many = 8 * s["batch"]
        rows = torch.randint(s["documents"], (many,), generator=chance) if pool else None
        drawn = pool.select(rows) if pool else language.sample(many, chance, max_length=s["context"])
        return document_batch(_alike(drawn, 8, chance))

    learned = _fit(recipe, source, model, draw, work, progress)
    fresh = language.sample(s["evaluation_documents"], generator(seed, name, "evaluation"), max_length=s["context"])
    return Made(model, source, _gap_metrics(model, language, fresh), learned, words=language.words)


def _alike(drawn: Documents, parts: int, chance: torch.Generator) -> Documents:
    """One of ``parts`` groups of like length and about equally many tokens: half the padding, the same expected gradient."""
    order = drawn.lengths.argsort(stable=True)
    total = drawn.lengths[order].cumsum(0)
    part = ((total - 1) * parts).div(total[-1], rounding_mode="floor")
    return drawn.select(order[part == torch.randint(parts, (1,), generator=chance)])


def _make_python_docs(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder on the text of the installation, by byte-pair encoding."""
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    train = [d.text for d in text.documents("train")]
    source = {"corpus": str(text.corpus()), "corpus_digest": text.corpus_digest()}
    tokenizer = ByteBPE.train(train, s["vocab_size"])
    config = DecoderConfig(tokenizer.vocab_size, s["context"], s["width"], s["layers"], s["heads"], s["hidden"])
    model = Decoder(config, generator(seed, name, "weights"))
    # One long row: <eos> document <eos> document ... <eos>. Half of the windows start at a document's start, so that
    # the model knows what to say to nothing but <eos>; the others anywhere, so that long documents count in full.
    order = torch.randperm(len(train), generator=generator(seed, name, "order")).tolist()
    row, starts = [0], []
    for i in order:
        starts.append(len(row) - 1)
        row += tokenizer.encode(train[i]) + [0]
    stream = torch.tensor(row + row[1 : s["context"] + 1])
    heads, last = torch.tensor(starts), len(row) - 1

    def draw(chance: torch.Generator) -> Batch:
        half = s["batch"] // 2
        at_start = heads[torch.randint(len(heads), (half,), generator=chance)]
        anywhere = torch.randint(last, (s["batch"] - half,), generator=chance)
        window = stream[torch.cat([at_start, anywhere])[:, None] + torch.arange(s["context"] + 1)]
        return Batch(window[:, :-1], window[:, 1:], torch.ones_like(window[:, 1:], dtype=torch.bool))

    learned = _fit(recipe, source, model, draw, work, progress)
    held_out = [d.text for d in text.documents("held-out")][: s["evaluation_documents"]]
    return Made(model, source, _text_metrics(model, tokenizer, held_out), learned, tokenizer=tokenizer)


def _fit(recipe: Recipe, source: dict, model: Decoder, draw: Draw, work: Path, progress: bool) -> History:
    """Train through one cycle of the learning rate, or two, each from the stored (float16) weights of the one before.

    What is kept for resuming lies under a name that changes with the settings and the data.
    """
    s, known = recipe.settings, json.dumps([recipe.name, recipe.seed, source, dict(recipe.settings)], sort_keys=True)
    first, runs = {k: s[k] for k in ("steps", "learning_rate")}, []
    for i, cycle in enumerate([first, s["second_cycle"]] if "second_cycle" in s else [first]):
        saved = work / f"{hashlib.sha256(known.encode()).hexdigest()[:12]}.{i}.training"
        chance = generator(recipe.seed, recipe.name, "batches", *([i] if i else []))
        options = {"weight_decay": s["weight_decay"], "warmup": s["warmup"], "checkpoint": saved, "checkpoint_every": 100}
        runs.append(fit(model, draw, generator=chance, progress=progress, **cycle, **options))
        model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    model.eval()
    losses = tuple(loss for run in runs for loss in run.losses)
    return History(len(losses), losses, sum(r.tokens for r in runs), sum(r.seconds for r in runs))


def _gap_metrics(model: Decoder, language: Language, fresh: Documents) -> dict[str, Any]:
    """Nats per token of model and language on the same documents, and the paired gap, with 95 % intervals over documents."""
    ours, floor = token_nll(model, fresh).double().sum(-1), -language.log_prob(fresh)
    size = fresh.lengths.double()
    return {
        "model_nats_per_token": asdict(ratio_of_totals(ours, size)),
        "language_nats_per_token": asdict(ratio_of_totals(floor, size)),
        "gap_nats_per_token": asdict(ratio_of_totals(ours - floor, size)),
        "relative_gap": asdict(ratio_of_totals(ours - floor, floor)),
    }


def _text_metrics(model: Decoder, tokenizer: ByteBPE, texts: list[str]) -> dict[str, Any]:
    """Bits per byte and nats per token of whole documents, ``<eos>`` counted, each token after at least half a context."""
    context, half = model.config.context, model.config.context // 2
    nats, counts = torch.zeros(2, len(texts), dtype=torch.float64)
    pieces = []  # (ids, document, how many ids at the front are context only)
    for i, ids in enumerate(tokenizer.encode(t) + [0] for t in texts):
        pieces += [(ids[b : b + context], i, half if b else 0) for b in range(0, max(1, len(ids) - half), half)]
    pieces.sort(key=lambda piece: len(piece[0]))
    for start in range(0, len(pieces), 32):
        group = pieces[start : start + 32]
        scored = token_nll(model, Documents.from_lists([ids for ids, _, _ in group])).double()
        for row, (ids, owner, skipped) in zip(scored, group, strict=True):
            nats[owner] += row[skipped:].sum()
            counts[owner] += len(ids) - skipped
    size = torch.tensor([len(t.encode()) for t in texts], dtype=torch.float64)
    return {
        "bits_per_byte": asdict(ratio_of_totals(nats / math.log(2), size)),
        "nats_per_token": asdict(ratio_of_totals(nats, counts)),
        "bytes_per_token": round(float(size.sum() / counts.sum()), 3),
    }


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
RECIPES: dict[str, Recipe] = {r.name: r for r in (
    Recipe("newswire-lm", "a decoder on fresh documents of the synthetic newswire (about 15 minutes)", _make_language_model, 0,
           {"language": "newswire", "layers": 4, "width": 128, "heads": 4, "hidden": 512, "context": 128, "batch": 64,
            "steps": 2200, "learning_rate": 2e-3, "second_cycle": {"steps": 1200, "learning_rate": 1e-3},
            "evaluation_documents": 4000, **_SHARED}, "relative_gap", 0.002),
    Recipe("python-docs-lm", "a decoder on the documentation of the installed packages (about 30 minutes)", _make_python_docs, 0,
           {"vocab_size": 1536, "layers": 4, "width": 160, "heads": 5, "hidden": 640, "context": 256, "batch": 16,
            "steps": 2600, "learning_rate": 2.5e-3, "evaluation_documents": 600, **_SHARED}, "bits_per_byte", 0.05),
    Recipe("even-lm", "a small decoder on few documents of a Markov chain of even entropy", _make_language_model, 0,
           {"language": "markov-even", **_SMALL}, "relative_gap", 0.02),
    Recipe("uneven-lm", "a small decoder on few documents of a Markov chain of uneven entropy", _make_language_model, 0,
           {"language": "markov-uneven", **_SMALL}, "relative_gap", 0.02),
    Recipe("oracle-lm", "a small decoder on strings of a random LSTM, which it never quite learns (about 4 minutes)",
           _make_language_model, 0,
           {**_SMALL, "language": "lstm-oracle", "language_vocab_size": 100, "documents": 20000, "context": 128, "batch": 32,
            "steps": 2000}, "relative_gap", 0.02),
    Recipe("brackets-lm", "a small decoder on fresh documents of typed brackets (about 4 minutes)", _make_language_model, 0,
           {"language": "brackets", "layers": 2, "width": 64, "heads": 4, "hidden": 256, "context": 128, "batch": 64, "steps": 1000,
            "learning_rate": 3e-3, "evaluation_documents": 2000, **_SHARED}, "relative_gap", 0.003),
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
            print(f"{recipe.name:16} {recipe.summary} [{'shipped' if recipe.name in shipped else 'not made yet'}]")
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
