"""Recipes: how each shipped checkpoint is made, and made again with the same outcome."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nlgnotes import checkpoints, randomness
from nlgnotes.batches import Batch
from nlgnotes.documents import Documents
from nlgnotes.files import replace_folder
from nlgnotes.intervals import Interval, ratio_of_totals
from nlgnotes.languages.base import Language
from nlgnotes.networks.transformer import Decoder
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import token_nll
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count, check_generator

__all__ = [
    "SHARED",
    "Made",
    "Recipe",
    "fit_cycles",
    "gap_metrics",
    "gaps",
    "round_to_stored",
    "rows_of_like_length",
    "run",
]

Draw = Callable[[torch.Generator], Batch]

SHARED = {"weight_decay": 0.1, "warmup": 0.1}
"""Settings of the optimiser that all recipes share."""


@dataclass(frozen=True)
class Made:
    """What a recipe makes.

    Args:
        model: trained.
        source: what it was made from.
        metrics: what it achieved.
        history: how its loss fell.
        words: its vocabulary, or
        tokenizer: of a model of text.
    """

    model: nn.Module
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
        metric, tolerance: the metric by which two makings are compared, and its largest difference
            if they agree.
    """

    name: str
    summary: str
    make: Callable[["Recipe", Path, bool], Made]
    seed: int
    settings: Mapping[str, Any]
    metric: str
    tolerance: float


def rows_of_like_length(lengths: Tensor, parts: int, generator: torch.Generator) -> Tensor:
    """One of ``parts`` groups of rows, of like length and about equally many tokens.

    A batch of such rows has half the padding. Every row is in one group, and every group is as
    likely. So where every token carries a signal, the expected gradient is that of all rows; a mean
    over some of the tokens, as a target's, gives those of groups with fewer of them more weight.

    Args:
        lengths: of all rows.
        parts: how many groups; with fewer rows than that, a group can be empty.
        generator: which group is drawn from here.

    Raises:
        ValueError: no row, or ``parts`` below 1.
    """
    check_count("parts", parts)
    check_generator(generator)
    if not len(lengths):
        raise ValueError("lengths must hold at least one row; got none")
    order = lengths.argsort(stable=True)
    total = lengths[order].cumsum(0)
    # The sorted rows are cut where an equal share of the tokens is full, not of the rows: so the
    # groups have equally many tokens, and one of long rows is not a larger batch.
    part = ((total - 1) * parts).div(total[-1], rounding_mode="floor")
    return order[part == torch.randint(parts, (1,), generator=generator)]


def round_to_stored(model: nn.Module) -> None:
    """Round the weights to float16, as they will be stored, so that this model is measured."""
    model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})


def fit_cycles(
    recipe: Recipe,
    source: dict,
    model: nn.Module,
    draw: Draw,
    work: Path,
    progress: bool,
    learn: Callable[..., History] = fit,
) -> History:
    """Train through one cycle of the learning rate, or two.

    Each begins with the stored (float16) weights of the one before. What is kept for resuming lies
    under a name that changes with the settings and the data; ``fit`` compares what else makes a
    run, see there.

    Args:
        recipe: its settings hold ``steps``, ``learning_rate``, perhaps a ``second_cycle`` of both.
        source: what the model is made from.
        model: trained in place; in evaluation mode afterwards.
        draw: the next batch.
        work: folder for what is kept.
        progress: show bars.
        learn: ``training.fit``, or what takes its arguments.

    Returns:
        The history of both cycles as one.
    """
    s = recipe.settings
    known = json.dumps([recipe.name, recipe.seed, source, dict(s)], sort_keys=True)
    first, runs = {k: s[k] for k in ("steps", "learning_rate")}, []
    for i, cycle in enumerate([first, s["second_cycle"]] if "second_cycle" in s else [first]):
        saved = work / f"{hashlib.sha256(known.encode()).hexdigest()[:12]}.{i}.training"
        batches = randomness.generator(recipe.seed, recipe.name, "batches", *([i] if i else []))
        options = {
            "weight_decay": s["weight_decay"],
            "warmup": s["warmup"],
            "checkpoint": saved,
            "checkpoint_every": 100,
        }
        runs.append(learn(model, draw, generator=batches, progress=progress, **cycle, **options))
        # What is measured, and trained further, is what will be stored.
        round_to_stored(model)
    model.eval()
    losses = tuple(loss for run in runs for loss in run.losses)
    return History(len(losses), losses, sum(r.tokens for r in runs), sum(r.seconds for r in runs))


def gap_metrics(model: Decoder, language: Language, fresh: Documents) -> dict[str, Any]:
    """Nats per token of model and language on the same documents, and the paired gap.

    With 95 % intervals over documents.
    """
    ours, floor = token_nll(model, fresh).double().sum(-1), -language.log_prob(fresh)
    return gaps(ours, floor, fresh.lengths.double())


def gaps(ours: Tensor, floor: Tensor, size: Tensor) -> dict[str, Any]:
    """Nats per token of model (``ours``) and language (``floor``), and their gap.

    Args:
        ours, floor: one sum for each document, in nats.
        size: tokens of each document.

    Raises:
        ValueError: a sum that is not finite.
    """
    for name, sums in (("ours", ours), ("floor", floor)):
        if not bool(sums.isfinite().all()):
            raise ValueError(f"{name} must be finite; {int((~sums.isfinite()).sum())} are not")
    return {
        "model_nats_per_token": asdict(ratio_of_totals(ours, size)),
        "language_nats_per_token": asdict(ratio_of_totals(floor, size)),
        "gap_nats_per_token": asdict(ratio_of_totals(ours - floor, size)),
        "relative_gap": asdict(ratio_of_totals(ours - floor, floor)),
    }


def run(
    recipe: Recipe, *, force: bool = False, progress: bool = True, folder: Path | None = None
) -> bool:
    """Make one checkpoint, and say how it compares with the shipped one.

    Args:
        recipe: one of the catalogue's, or another.
        force: replace a shipped checkpoint even where the new one does not agree with it.
        progress: show bars and messages.
        folder: where checkpoints lie; the shipped ones when None.

    Returns:
        False where a shipped checkpoint does not agree with the new one.

    Raises:
        KeyboardInterrupt: calling again goes on from the last saved step.
    """
    root = checkpoints.FOLDER if folder is None else folder
    work, place = root / f"{recipe.name}.partial", root / recipe.name
    work.mkdir(parents=True, exist_ok=True)
    say = print if progress else (lambda *_: None)
    say(f"{recipe.name}: {recipe.summary}")
    made = recipe.make(recipe, work, progress)
    about = {
        "name": recipe.name,
        "seed": recipe.seed,
        **made.source,
        "settings": dict(recipe.settings),
    }
    about |= {
        "seconds": round(made.history.seconds, 1),
        "tokens": made.history.tokens,
        "threads": torch.get_num_threads(),
    }
    about |= {"torch": torch.__version__, "tolerance": {recipe.metric: recipe.tolerance}}
    kept = {
        "words": made.words,
        "tokenizer": made.tokenizer,
        "metrics": made.metrics,
        "history": _thin(made.history),
    }
    fresh = checkpoints.save(work / "made", made.model, recipe=about, **kept)
    shown = (f"{k} {Interval(**v) if isinstance(v, dict) else v}" for k, v in made.metrics.items())
    say(f"{recipe.name}: {', '.join(shown)}")
    agrees = True
    if place.is_dir():
        old = checkpoints.load(place)
        agrees, sentence = _compare(recipe, old, made.metrics, about)
        say(f"{recipe.name}: {sentence}")
        if not agrees and not force:
            say(f"{recipe.name}: the shipped one stays; the new one is {fresh} (--force replaces)")
            return False
    replace_folder(fresh, place)
    shutil.rmtree(work)
    return agrees


def _compare(
    recipe: Recipe, old: checkpoints.Checkpoint, metrics: dict[str, Any], about: dict[str, Any]
) -> tuple[bool, str]:
    """Whether two makings agree in the recipe's metric, and a sentence on what differs."""
    before, now = (
        float(m.get(recipe.metric, {}).get("value", math.nan)) for m in (old.metrics, metrics)
    )
    agrees = abs(now - before) <= recipe.tolerance
    verdict = f"{'agrees' if agrees else 'does not agree'} within {recipe.tolerance:g}"
    changed = [
        k
        for k in ("language_digest", "corpus_digest", "settings")
        if old.recipe.get(k) != about.get(k)
    ]
    note = f" (not the same {', '.join(changed)})" if changed else ""
    return agrees, f"{recipe.metric} {now:.4g}, shipped {before:.4g}: {verdict}{note}"


def _thin(run: History, points: int = 200) -> dict[str, Any]:
    """A history of at most ``points`` means."""
    width = math.ceil(run.steps / points)
    parts = [run.losses[i : i + width] for i in range(0, run.steps, width)]
    steps = [i * width + len(p) for i, p in enumerate(parts)]
    means = [round(sum(p) / len(p), 5) for p in parts]
    return {"step": steps, "loss": means, "tokens": run.tokens, "seconds": round(run.seconds, 1)}
