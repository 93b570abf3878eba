"""Training signals: does a loss at every position train faster than one at the target only?

The first part of each row is what is asked. Three designs learn from the rows, with equally many
parameters and positions. Taught in: book/architectures.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nlgnotes.batches import Batch, decoder_batch, document_batch, encoder_decoder_batch
from nlgnotes.documents import Documents
from nlgnotes.equations.metrics import exact_match
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.languages.newswire import Newswire
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.dates import Dates
from nlgnotes.training.likelihood import target_log_probs
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_generator, check_scores

__all__ = ["DESIGNS", "EXPERIMENT", "cut_documents", "lay_out", "measure", "train_design"]

DESIGNS = ("encoder-decoder", "target only", "all positions")
"""An encoder-decoder; a decoder with a loss on the second part only; one with a loss on all."""


def cut_documents(documents: Documents, generator: torch.Generator) -> tuple[Documents, Tensor]:
    """The documents that have ended, and for each a place to cut.

    A document has ended where word 0 is its last. 1 to length - 1 words come first, uniformly.

    Raises:
        ValueError: none of them has ended after at least two words.
    """
    check_generator(generator)
    last = documents.tokens.gather(1, documents.lengths[:, None] - 1)[:, 0]
    ended = (last == 0) & (documents.lengths > 1)
    if not bool(ended.any()):
        raise ValueError(
            "documents must hold one that ends, of at least 2 words; "
            f"got {len(documents.lengths)} that do not"
        )
    documents = documents.select(ended)
    share = torch.rand(len(documents.lengths), generator=generator, dtype=torch.float64)
    return documents, 1 + (share * (documents.lengths - 1)).long()


def lay_out(documents: Documents, cuts: Tensor, design: str) -> Batch:
    """Cut documents as a batch for one of :data:`DESIGNS`.

    Always as many positions as the documents have words. Of a document of *n* words, its end
    counted, cut after *c*, ``n - c`` positions carry a signal; with "all positions" all *n* do.

    Raises:
        ValueError: an unknown design.
    """
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {', '.join(DESIGNS)}; got {design!r}")
    if design == "encoder-decoder":
        parts = documents.tokens.tolist(), cuts.tolist(), documents.lengths.tolist()
        rows = [(row[:cut], row[cut : n - 1]) for row, cut, n in zip(*parts, strict=True)]
        return encoder_decoder_batch([source for source, _ in rows], [target for _, target in rows])
    batch = document_batch(documents)
    if design == "all positions":
        return batch
    after = torch.arange(batch.mask.shape[1]) >= cuts[:, None]
    return batch._replace(mask=batch.mask & after)


def train_design(
    design: str,
    settings: Mapping[str, Any],
    vocab_size: int,
    draw: Callable[[torch.Generator], Any],
    look: Callable[[nn.Module], float],
    seed: int,
    *,
    progress: bool = False,
) -> dict[str, Any]:
    """Train one design and look at it ``looks`` times.

    One block reads and one writes, or two do both, with as many parameters.

    Args:
        design: one of :data:`DESIGNS`.
        settings: ``width``, ``heads``, ``context``, ``steps``, ``learning_rate``, ``looks``.
        vocab_size: of the task.
        draw: the next batch.
        look: from the model to its score.
        seed: of the weights and the batches: the same tasks, in the same order, for every design.
        progress: show a bar.

    Returns:
        ``scores`` (one per look), ``signals`` (positions learned from), ``parameters``.
    """
    s, weights = settings, generator(seed, "training-signal", "weights")
    sizes = {k: s[k] for k in ("context", "width", "heads")}
    if design == "encoder-decoder":
        config = EncoderDecoderConfig(
            vocab_size, encoder_layers=1, layers=1, hidden=4 * s["width"], **sizes
        )
        model: nn.Module = EncoderDecoder(config, weights)
    else:
        # The wider hidden layer makes up for the attention to the source that a decoder lacks.
        config = DecoderConfig(vocab_size, layers=2, hidden=5 * s["width"], **sizes)
        model = Decoder(config, weights)
    scores: list[float] = []

    def score(step: int, _: float) -> None:
        if step % (s["steps"] // s["looks"]) == 0:
            scores.append(round(look(model), 5))

    run = fit(
        model,
        draw,
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        callback=score,
        progress=progress,
        generator=generator(seed, "training-signal", "batches"),
    )
    return {
        "scores": scores,
        "signals": run.tokens,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def measure(
    settings: Mapping[str, Any],
    seed: int,
    *,
    progress: bool,
    keep: Callable[[str, Callable[[], Any]], Any],
) -> dict[str, Any]:
    """How well each design does in the course of training, by task and training seed.

    Scores are exact match on unseen dates, and nats per token above the language on the second
    parts of newswire documents.

    Args:
        settings: ``first_run`` and ``runs``, the training seeds; ``dates`` and ``newswire``, each
            with the settings of :func:`train_design`, ``batch`` and ``asked``.
        seed, progress, keep: see ``experiment.Experiment``.

    Returns:
        For each task ``steps``, those looked at, and ``runs`` by design, as :func:`train_design`
        gives them.
    """
    data: dict[str, Any] = {}
    seeds = range(settings["first_run"], settings["first_run"] + settings["runs"])
    for name, prepare in TASKS.items():
        s = settings[name]
        task = prepare(s, generator(seed, "training-signal", name, "asked"))
        runs = {
            design: [
                keep(
                    f"{name}-{design.replace(' ', '-')}-{run}",
                    partial(_one_run, design, s, task, run, progress),
                )
                for run in seeds
            ]
            for design in DESIGNS
        }
        every = s["steps"] // s["looks"]
        data[name] = {"steps": [every * (i + 1) for i in range(s["looks"])], "runs": runs}
    return data


class _Task(NamedTuple):
    """What every design learns: its vocabulary, how a batch is drawn, and how a model scores."""

    vocab_size: int
    draw: Callable[[torch.Generator, str], Batch]
    look: Callable[[nn.Module, str], float]


def _one_run(
    design: str, settings: Mapping[str, Any], task: _Task, run: int, progress: bool
) -> dict[str, Any]:
    def draw(generator: torch.Generator) -> Batch:
        return task.draw(generator, design)

    def look(model: nn.Module) -> float:
        return task.look(model, design)

    return train_design(design, settings, task.vocab_size, draw, look, run, progress=progress)


def _dates(s: Mapping[str, Any], generator: torch.Generator) -> _Task:
    dates = Dates(tuple(s["locales"]))
    asked = dates.encode_all(dates.draw(s["asked"], generator, split="test"))

    def lay_out_dates(texts: tuple, design: str) -> Batch:
        if design == "encoder-decoder":
            return encoder_decoder_batch(*texts)
        return decoder_batch(*texts, signal="all" if design == "all positions" else "target")

    def draw(generator: torch.Generator, design: str) -> Batch:
        return lay_out_dates(dates.encode_all(dates.draw(s["batch"], generator)), design)

    @torch.no_grad()
    def look(model: nn.Module, design: str) -> float:
        batch = lay_out_dates(asked, _asked_as(design))
        logits = model(batch.inputs)
        check_scores("the model's logits", logits[batch.mask])
        return float(exact_match(logits, batch.targets, batch.mask).double().mean())

    return _Task(dates.vocab_size, draw, look)


def _newswire(s: Mapping[str, Any], generator: torch.Generator) -> _Task:
    language = Newswire.standard()

    def draw_documents(n: int, generator: torch.Generator) -> tuple[Documents, Tensor]:
        return cut_documents(language.sample(n, generator, max_length=s["context"]), generator)

    documents, cuts = draw_documents(s["asked"], generator)
    exact = -language.token_log_probs(documents)
    counted = documents.mask & (torch.arange(exact.shape[1]) >= cuts[:, None])
    floor = float(exact[counted].mean())

    def draw(generator: torch.Generator, design: str) -> Batch:
        return lay_out(*draw_documents(s["batch"], generator), design)

    @torch.no_grad()
    def look(model: nn.Module, design: str) -> float:
        batch = lay_out(documents, cuts, _asked_as(design))
        logits = model(batch.inputs)
        check_scores("the model's logits", logits[batch.mask])
        scores = target_log_probs(logits, batch.targets)
        return float(-scores[batch.mask].double().mean()) - floor

    return _Task(language.vocab_size, draw, look)


def _asked_as(design: str) -> str:
    """All are asked for the target only, whatever they learn from."""
    return design if design == "encoder-decoder" else "target only"


TASKS = {"dates": _dates, "newswire": _newswire}

EXPERIMENT = Experiment(
    name="training-signal",
    summary="a loss on the target only, and on all positions: five training seeds (12 minutes)",
    measure=measure,
    seed=0,
    settings={
        "first_run": 0,
        "runs": 5,
        "dates": {
            "width": 48,
            "heads": 4,
            "context": 96,
            "locales": ["en", "de"],
            "batch": 64,
            "steps": 600,
            "looks": 10,
            "learning_rate": 4e-3,
            "asked": 300,
        },
        "newswire": {
            "width": 48,
            "heads": 4,
            "context": 96,
            "batch": 32,
            "steps": 400,
            "looks": 10,
            "learning_rate": 5e-3,
            "asked": 300,
        },
    },
    headline=lambda data: fmean(
        run["scores"][-1] for run in data["newswire"]["runs"]["all positions"]
    ),
    tolerance=0.05,
)
