"""Recipes of models that read and write dates."""

from dataclasses import asdict
from pathlib import Path

import babel
import torch
from torch import nn

from nlgnotes import randomness
from nlgnotes.batches import Batch, decoder_batch, encoder_decoder_batch
from nlgnotes.equations.metrics import exact_match
from nlgnotes.intervals import binomial_interval
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles, rows_of_like_length
from nlgnotes.tasks.dates import Dates, DateTask, by_group

__all__ = ["RECIPES", "make_dates"]


def make_dates(recipe: Recipe, work: Path, progress: bool) -> Made:
    """An encoder-decoder or a decoder (``network``) that reads and writes dates in all locales.

    Both are asked the same days.
    """
    s, seed, name, dates = recipe.settings, recipe.seed, recipe.name, Dates()
    pairs, weights = s["network"] == "encoder-decoder", randomness.generator(seed, name, "weights")
    sizes = {k: s[k] for k in ("context", "width", "layers", "heads", "hidden")}
    if pairs:
        sizes["encoder_layers"] = s["encoder_layers"]
        model: nn.Module = EncoderDecoder(EncoderDecoderConfig(dates.vocab_size, **sizes), weights)
    else:
        model = Decoder(DecoderConfig(dates.vocab_size, **sizes), weights)

    def lay_out(tasks: list[DateTask], signal: str) -> Batch:
        texts = dates.encode_all(tasks)
        return encoder_decoder_batch(*texts) if pairs else decoder_batch(*texts, signal=signal)

    def draw(generator: torch.Generator) -> Batch:
        tasks = dates.draw(8 * s["batch"], generator)
        lengths = torch.tensor([len(t.source) + len(t.target) for t in tasks])
        rows = rows_of_like_length(lengths, 8, generator).tolist()
        return lay_out([tasks[i] for i in rows], s.get("signal", "target"))

    source = {"task": "dates", "babel": babel.__version__}
    learned = fit_cycles(recipe, source, model, draw, work, progress)
    stream = randomness.generator(seed, "dates", "evaluation")
    tasks = dates.draw(s["evaluation_tasks"], stream, split="test")
    parts = [lay_out(tasks[i : i + 128], "target") for i in range(0, len(tasks), 128)]
    with torch.no_grad():
        right = torch.cat([exact_match(model(p.inputs), p.targets, p.mask) for p in parts])
    found = {"": (int(right.sum()), len(right))}
    for kind in dict.fromkeys(t.kind for t in tasks):
        of_kind = torch.tensor([t.kind == kind for t in tasks])
        found[f", {kind}"] = (int(right[of_kind].sum()), int(of_kind.sum()))
    found |= {f", {group}": count for group, count in by_group(tasks, right).items()}
    metrics = {f"exact_match{of}": asdict(binomial_interval(*count)) for of, count in found.items()}
    return Made(model, source, metrics, learned, words=dates.words)


_DATES = {
    "context": 96,
    "width": 128,
    "heads": 4,
    "batch": 64,
    "steps": 3000,
    "learning_rate": 4e-3,
    "evaluation_tasks": 4000,
    **SHARED,
}

RECIPES = (
    Recipe(
        name="dates-encoder-decoder",
        summary="an encoder-decoder that reads and writes dates in 64 locales (about 12 minutes)",
        make=make_dates,
        seed=0,
        settings={
            "network": "encoder-decoder",
            "encoder_layers": 2,
            "layers": 2,
            "hidden": 512,
            **_DATES,
        },
        metric="exact_match",
        tolerance=0.01,
    ),
    Recipe(
        name="dates-decoder",
        summary="a decoder of as many parameters that does the same (about 20 minutes)",
        make=make_dates,
        seed=0,
        settings={"network": "decoder", "layers": 4, "hidden": 640, "signal": "all", **_DATES},
        metric="exact_match",
        tolerance=0.01,
    ),
)
"""Models, in the order in which they are made."""
