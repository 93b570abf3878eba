"""Does a signal at every position train faster? One half of each row is the question; three ways to learn from it, at equal parameters and positions."""

from collections.abc import Callable, Mapping
from typing import Any

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
from nlgnotes.training.loop import fit

__all__ = ["EXPERIMENT", "DESIGNS", "cut_documents", "lay_out", "measure", "train_design"]

DESIGNS = ("encoder-decoder", "target only", "all positions")
"""An encoder-decoder; a decoder whose loss counts the second part only; a decoder whose loss counts everything."""


def cut_documents(documents: Documents, generator: torch.Generator) -> tuple[Documents, Tensor]:
    """The documents that have ended (word 0 is their last), and for each a place to cut: 1 to length - 1 words come first, uniformly.

    Raises:
        ValueError: none of them has ended after at least two words.
    """
    ended = (documents.tokens.gather(1, documents.lengths[:, None] - 1)[:, 0] == 0) & (
        documents.lengths > 1
    )
    if not bool(ended.any()):
        raise ValueError(
            f"documents must hold one that ends, of at least 2 words; got {len(documents.lengths)} that do not"
        )
    documents = documents.select(ended)
    share = torch.rand(len(documents.lengths), generator=generator, dtype=torch.float64)
    return documents, 1 + (share * (documents.lengths - 1)).long()


def lay_out(documents: Documents, cuts: Tensor, design: str) -> Batch:
    """Cut documents as a batch for one of :data:`DESIGNS`: always as many positions as the documents have words.

    Of a document of *n* words, its end counted, cut after *c*, ``n - c`` positions carry a signal; with "all positions" all *n* do.

    Raises:
        ValueError: an unknown design.
    """
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {', '.join(DESIGNS)}; got {design!r}")
    if design == "encoder-decoder":
        rows = [
            (row[:cut], row[cut : n - 1])
            for row, cut, n in zip(
                documents.tokens.tolist(), cuts.tolist(), documents.lengths.tolist()
            )
        ]
        return encoder_decoder_batch([source for source, _ in rows], [target for _, target in rows])
    batch = document_batch(documents)
    after = torch.arange(batch.mask.shape[1]) >= cuts[:, None]
    return Batch(
        batch.inputs, batch.targets, batch.mask if design == "all positions" else batch.mask & after
    )


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
    """Train one design and look at it ``looks`` times: one block reads and one writes, or two do both, with as many parameters.

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
    s, chance = settings, generator(seed, "training-signal", "weights")
    if design == "encoder-decoder":
        model: nn.Module = EncoderDecoder(
            EncoderDecoderConfig(
                vocab_size, s["context"], s["width"], 1, 1, s["heads"], 4 * s["width"]
            ),
            chance,
        )
    else:
        model = Decoder(
            DecoderConfig(vocab_size, s["context"], s["width"], 2, s["heads"], 5 * s["width"]),
            chance,
        )
    scores: list[float] = []

    def seen(step: int, _: float) -> None:
        if step % (s["steps"] // s["looks"]) == 0:
            scores.append(round(look(model), 5))

    run = fit(
        model,
        draw,
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        callback=seen,
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
    """Exact match on unseen dates, and nats per token above the language on the second parts of newswire documents, by design and seed."""
    tasks = {"dates": _dates, "newswire": _newswire}
    data: dict[str, Any] = {}
    for name, prepare in tasks.items():
        s = settings[name]
        vocab_size, draw, look = prepare(s, generator(seed, "training-signal", name, "asked"))
        runs = {
            design: [
                keep(
                    f"{name}-{design.replace(' ', '-')}-{run}",
                    lambda: train_design(
                        design,
                        s,
                        vocab_size,
                        lambda g: draw(g, design),
                        lambda m: look(m, design),
                        run,
                        progress=progress,
                    ),
                )
                for run in range(settings["first_run"], settings["first_run"] + settings["runs"])
            ]
            for design in DESIGNS
        }
        every = s["steps"] // s["looks"]
        data[name] = {"steps": [every * (i + 1) for i in range(s["looks"])], "runs": runs}
    return data


def _dates(s: Mapping[str, Any], chance: torch.Generator) -> tuple[int, Callable, Callable]:
    dates = Dates(tuple(s["locales"]))
    asked = dates.encode_all(dates.draw(s["asked"], chance, split="test"))

    def laid(texts: tuple, design: str) -> Batch:
        if design == "encoder-decoder":
            return encoder_decoder_batch(*texts)
        return decoder_batch(*texts, signal="all" if design == "all positions" else "target")

    @torch.no_grad()
    def look(model: nn.Module, design: str) -> float:
        batch = laid(asked, design if design == "encoder-decoder" else "target only")
        return float(exact_match(model(batch.inputs), batch.targets, batch.mask).double().mean())

    return (
        dates.vocab_size,
        lambda g, design: laid(dates.encode_all(dates.draw(s["batch"], g)), design),
        look,
    )


def _newswire(s: Mapping[str, Any], chance: torch.Generator) -> tuple[int, Callable, Callable]:
    language = Newswire.standard()
    documents, cuts = cut_documents(
        language.sample(s["asked"], chance, max_length=s["context"]), chance
    )
    exact = -language.token_log_probs(documents)
    counted = documents.mask & (torch.arange(exact.shape[1]) >= cuts[:, None])
    floor = float(exact[counted].mean())

    @torch.no_grad()
    def look(model: nn.Module, design: str) -> float:
        batch = lay_out(documents, cuts, design if design == "encoder-decoder" else "target only")
        scores = model(batch.inputs).log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0]
        return float(-scores[batch.mask].double().mean()) - floor

    def draw(g: torch.Generator, design: str) -> Batch:
        return lay_out(
            *cut_documents(language.sample(s["batch"], g, max_length=s["context"]), g), design
        )

    return language.vocab_size, draw, look


EXPERIMENT = Experiment(
    name="training-signal",
    summary="an encoder-decoder, and decoders that learn from the target only or from all positions: five training seeds (about 12 minutes)",
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
    headline=lambda data: (
        sum(run["scores"][-1] for run in data["newswire"]["runs"]["all positions"]) / 5
    ),
    tolerance=0.05,
)
