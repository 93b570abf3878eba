"""How the shipped checkpoints are made, kind by kind: models of the languages, of text, of dialogue and of dates.

Each maker takes a recipe, a folder to keep its work in and whether to show progress, and gives a :class:`Made`. Each goes on
where it was interrupted.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import babel
import torch
from torch import Tensor, nn

from nlgnotes import checkpoints, text
from nlgnotes.degeneration import loop_period
from nlgnotes.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.estimate import binomial_interval, mean_interval, ratio_of_totals
from nlgnotes.finetuning import continue_greedily, sequence_unlikelihood
from nlgnotes.generic_replies import law_batch
from nlgnotes.languages import Documents, Language, language_digest, language_for
from nlgnotes.lstm import LSTMConfig, LSTMModel
from nlgnotes.metrics import seq_rep_n_per_document
from nlgnotes.randomness import generator
from nlgnotes.tasks import Dates, DateTask, Examples, by_group, exact_match, joined, paired
from nlgnotes.text_models import text_metrics, windows
from nlgnotes.tokenizer import ByteBPE
from nlgnotes.training import Batch, History, document_batch, fit, token_nll
from nlgnotes.transformer import Decoder, DecoderConfig

__all__ = [
    "Made", "Recipe", "fit_cycles", "gap_metrics", "make_dates", "make_dialogue", "make_language_model", "make_python_docs",
    "make_unlikelihood", "text_metrics",
]  # fmt: skip

Draw = Callable[[torch.Generator], Batch]


@dataclass(frozen=True)
class Made:
    """What a recipe hands over: the model, its vocabulary, what it was made from, what it achieved, how its loss fell."""

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
        metric, tolerance: the metric by which two makings are compared, and its largest difference if they agree.
    """

    name: str
    summary: str
    make: Callable[["Recipe", Path, bool], Made]
    seed: int
    settings: Mapping[str, Any]
    metric: str
    tolerance: float


def make_language_model(recipe: Recipe, work: Path, progress: bool) -> Made:
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
        return document_batch(drawn.select(_alike(drawn.lengths, 8, chance)))

    learned = fit_cycles(recipe, source, model, draw, work, progress)
    fresh = language.sample(s["evaluation_documents"], generator(seed, name, "evaluation"), max_length=s["context"])
    return Made(model, source, gap_metrics(model, language, fresh), learned, words=language.words)


def _alike(lengths: Tensor, parts: int, chance: torch.Generator) -> Tensor:
    """One of ``parts`` groups of rows, of like length and about equally many tokens: half the padding, the same expected gradient."""
    order = lengths.argsort(stable=True)
    total = lengths[order].cumsum(0)
    part = ((total - 1) * parts).div(total[-1], rounding_mode="floor")
    return order[part == torch.randint(parts, (1,), generator=chance)]


def make_python_docs(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder, or an LSTM (``network``), on the text of the installation, by byte-pair encoding."""
    s, chance, source = recipe.settings, generator(recipe.seed, recipe.name, "weights"), _corpus_source()
    tokenizer = ByteBPE.train([d.text for d in text.documents("train")], s["vocab_size"])
    if s.get("network") == "lstm":
        model: nn.Module = LSTMModel(LSTMConfig(tokenizer.vocab_size, s["context"], s["width"]), chance)
    else:
        sizes = {k: s[k] for k in ("context", "width", "layers", "heads", "hidden")}
        model = Decoder(DecoderConfig(tokenizer.vocab_size, **sizes), chance)
    learned = fit_cycles(recipe, source, model, _windows(recipe, tokenizer, s["context"]), work, progress)
    held_out = [d.text for d in text.documents("held-out")][: s["evaluation_documents"]]
    return Made(model, source, text_metrics(model, tokenizer, held_out), learned, tokenizer=tokenizer)


def make_unlikelihood(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A shipped model of the installation's text, fine-tuned by sequence-level unlikelihood; it is measured before and after."""
    s = recipe.settings
    start = checkpoints.load(s["from"])
    model, tokenizer, source = start.model, start.tokenizer, {**_corpus_source(), "from_digest": start.digest}
    held_out = [d.text for d in text.documents("held-out")][: s["evaluation_documents"]]
    rows = [[0, *tokenizer.encode(t)][: s["prefix"]] for t in held_out]
    prompts = torch.tensor([row for row in rows if len(row) == s["prefix"]][: s["evaluation_prompts"]])

    def measured() -> dict[str, Any]:
        written = continue_greedily(model, prompts, s["new"])
        repeats = seq_rep_n_per_document(written.tokens, written.lengths, s["n"])
        loops = int((loop_period(written.tokens, written.lengths) > 0).sum())
        rates = {f"seq_rep_{s['n']}": asdict(mean_interval(repeats)), "ends_in_a_loop": asdict(binomial_interval(loops, len(prompts)))}
        return rates | text_metrics(model, tokenizer, held_out)

    before = measured()
    learn = partial(sequence_unlikelihood, **{k: s[k] for k in ("prefix", "new", "n", "share", "rows")})
    learned = fit_cycles(recipe, source, model, _windows(recipe, tokenizer, model.config.context), work, progress, learn)
    return Made(model, source, measured() | {f"{k}_before": v for k, v in before.items()}, learned, tokenizer=tokenizer)


def _corpus_source() -> dict[str, Any]:
    return {"corpus": str(text.corpus()), "corpus_digest": text.corpus_digest()}


def _windows(recipe: Recipe, tokenizer: ByteBPE, context: int) -> Draw:
    order = generator(recipe.seed, recipe.name, "order")
    return windows(tokenizer, [d.text for d in text.documents("train")], context, recipe.settings["batch"], order)


def make_dialogue(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder of one conditional of the dialogue language, by ``law``: ``"P(T|S)"``, ``"P(S|T)"`` or ``"P(T)"``."""
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    source = {"language": "dialogue"}
    language = language_for(source)
    source["language_digest"] = language_digest(language)
    config = DecoderConfig(language.vocab_size, s["context"], s["width"], s["layers"], s["heads"], s["hidden"])
    model = Decoder(config, generator(seed, name, "weights"))

    def draw(chance: torch.Generator) -> Batch:
        return law_batch(language, s["law"], *language.sample_pairs(s["batch"], chance), s["context"])[0]

    learned = fit_cycles(recipe, source, model, draw, work, progress)
    fresh = language.sample_pairs(s["evaluation_documents"], generator(seed, name, "evaluation"))
    batch, exact = law_batch(language, s["law"], *fresh, s["context"])
    with torch.no_grad():
        scores = model(batch.inputs).double().log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0]
    ours = -torch.where(batch.mask, scores, 0.0).sum(-1)
    return Made(model, source, _gaps(ours, -exact, batch.mask.sum(-1).double()), learned, words=language.words)


def make_dates(recipe: Recipe, work: Path, progress: bool) -> Made:
    """An encoder-decoder or a decoder (``network``) that reads and writes dates in all the locales; both are asked the same days."""
    s, seed, name, dates = recipe.settings, recipe.seed, recipe.name, Dates()
    pairs, chance = s["network"] == "encoder-decoder", generator(seed, name, "weights")
    sizes = {k: s[k] for k in ("context", "width", "layers", "heads", "hidden")}
    if pairs:
        sizes["encoder_layers"] = s["encoder_layers"]
        model: nn.Module = EncoderDecoder(EncoderDecoderConfig(dates.vocab_size, **sizes), chance)
    else:
        model = Decoder(DecoderConfig(dates.vocab_size, **sizes), chance)

    def laid_out(tasks: list[DateTask], signal: str) -> Examples:
        return paired(*dates.encode_all(tasks)) if pairs else joined(*dates.encode_all(tasks), signal=signal)

    def draw(chance: torch.Generator) -> Examples:
        tasks = dates.draw(8 * s["batch"], chance)
        lengths = torch.tensor([len(t.source) + len(t.target) for t in tasks])
        return laid_out([tasks[i] for i in _alike(lengths, 8, chance).tolist()], s.get("signal", "target"))

    source = {"task": "dates", "babel": babel.__version__}
    learned = fit_cycles(recipe, source, model, draw, work, progress)
    tasks = dates.draw(s["evaluation_tasks"], generator(seed, "dates", "evaluation"), split="test")
    parts = [laid_out(tasks[i : i + 128], "target") for i in range(0, len(tasks), 128)]
    with torch.no_grad():
        right = torch.cat([exact_match(model(part.inputs), part.targets, part.mask) for part in parts])
    found = {"": (int(right.sum()), len(right))}
    for kind in dict.fromkeys(t.kind for t in tasks):
        of_kind = torch.tensor([t.kind == kind for t in tasks])
        found[f", {kind}"] = (int(right[of_kind].sum()), int(of_kind.sum()))
    found |= {f", {group}": count for group, count in by_group(tasks, right).items()}
    metrics = {f"exact_match{of}": asdict(binomial_interval(*count)) for of, count in found.items()}
    return Made(model, source, metrics, learned, words=dates.words)


def fit_cycles(
    recipe: Recipe, source: dict, model: nn.Module, draw: Draw, work: Path, progress: bool, learn: Callable[..., History] = fit
) -> History:
    """Train through one cycle of the learning rate, or two, each from the stored (float16) weights of the one before.

    What is kept for resuming lies under a name that changes with the settings and the data.
    """
    s, known = recipe.settings, json.dumps([recipe.name, recipe.seed, source, dict(recipe.settings)], sort_keys=True)
    first, runs = {k: s[k] for k in ("steps", "learning_rate")}, []
    for i, cycle in enumerate([first, s["second_cycle"]] if "second_cycle" in s else [first]):
        saved = work / f"{hashlib.sha256(known.encode()).hexdigest()[:12]}.{i}.training"
        chance = generator(recipe.seed, recipe.name, "batches", *([i] if i else []))
        options = {"weight_decay": s["weight_decay"], "warmup": s["warmup"], "checkpoint": saved, "checkpoint_every": 100}
        runs.append(learn(model, draw, generator=chance, progress=progress, **cycle, **options))
        model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    model.eval()
    losses = tuple(loss for run in runs for loss in run.losses)
    return History(len(losses), losses, sum(r.tokens for r in runs), sum(r.seconds for r in runs))


def gap_metrics(model: Decoder, language: Language, fresh: Documents) -> dict[str, Any]:
    """Nats per token of model and language on the same documents, and the paired gap, with 95 % intervals over documents."""
    ours, floor = token_nll(model, fresh).double().sum(-1), -language.log_prob(fresh)
    return _gaps(ours, floor, fresh.lengths.double())


def _gaps(ours: Tensor, floor: Tensor, size: Tensor) -> dict[str, Any]:
    return {
        "model_nats_per_token": asdict(ratio_of_totals(ours, size)),
        "language_nats_per_token": asdict(ratio_of_totals(floor, size)),
        "gap_nats_per_token": asdict(ratio_of_totals(ours - floor, size)),
        "relative_gap": asdict(ratio_of_totals(ours - floor, floor)),
    }
