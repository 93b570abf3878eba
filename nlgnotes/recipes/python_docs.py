"""Recipes of models of the installed packages' documentation."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nlgnotes import checkpoints, randomness
from nlgnotes.batches import Batch
from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.repetition import loop_period
from nlgnotes.intervals import binomial_interval, mean_interval
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles
from nlgnotes.text import corpus
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.text import openings, text_metrics, windows
from nlgnotes.training.unlikelihood import continue_greedily, sequence_unlikelihood

__all__ = ["RECIPES", "make_python_docs", "make_unlikelihood"]

Draw = Callable[[torch.Generator], Batch]


def make_python_docs(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder, or an LSTM (``network``), on the text of the installation, in byte pairs."""
    s, source = recipe.settings, _corpus_source()
    weights = randomness.generator(recipe.seed, recipe.name, "weights")
    tokenizer = ByteBPE.train([d.text for d in corpus.documents("train")], s["vocab_size"])
    if s.get("network") == "lstm":
        config = LSTMConfig(tokenizer.vocab_size, s["context"], s["width"])
        model: nn.Module = LSTMModel(config, weights)
    else:
        sizes = {k: s[k] for k in ("context", "width", "layers", "heads", "hidden")}
        model = Decoder(DecoderConfig(tokenizer.vocab_size, **sizes), weights)
    draw = _windows(recipe, tokenizer, s["context"])
    learned = fit_cycles(recipe, source, model, draw, work, progress)
    held_out = [d.text for d in corpus.documents("held-out")][: s["evaluation_documents"]]
    metrics = text_metrics(model, tokenizer, held_out)
    return Made(model, source, metrics, learned, tokenizer=tokenizer)


def make_unlikelihood(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A shipped model of the installation's text, fine-tuned by sequence-level unlikelihood.

    It is measured before and after.
    """
    s = recipe.settings
    start = checkpoints.load(s["from"])
    model, tokenizer = start.model, start.tokenizer
    source = {**_corpus_source(), "from_digest": start.digest}
    held_out = [d.text for d in corpus.documents("held-out")][: s["evaluation_documents"]]
    prompts = openings(tokenizer, held_out, s["prefix"])[: s["evaluation_prompts"]]

    def measure() -> dict[str, Any]:
        written = continue_greedily(model, prompts, s["new"])
        repeats = seq_rep_n_per_document(written.tokens, written.lengths, s["n"])
        loops = int((loop_period(written.tokens, written.lengths) > 0).sum())
        rates = {
            f"seq_rep_{s['n']}": asdict(mean_interval(repeats, bounds=(0, 1))),
            "ends_in_a_loop": asdict(binomial_interval(loops, len(prompts))),
        }
        return rates | text_metrics(model, tokenizer, held_out)

    before = {f"{k}_before": v for k, v in measure().items()}
    choice = {k: s[k] for k in ("prefix", "new", "n", "share", "rows")}
    learn = partial(sequence_unlikelihood, **choice)
    draw = _windows(recipe, tokenizer, model.config.context)
    learned = fit_cycles(recipe, source, model, draw, work, progress, learn)
    return Made(model, source, measure() | before, learned, tokenizer=tokenizer)


def _corpus_source() -> dict[str, Any]:
    return {"corpus": str(corpus.read_corpus()), "corpus_digest": corpus.corpus_digest()}


def _windows(recipe: Recipe, tokenizer: ByteBPE, context: int) -> Draw:
    texts = [d.text for d in corpus.documents("train")]
    order = randomness.generator(recipe.seed, recipe.name, "order")
    return windows(tokenizer, texts, context, recipe.settings["batch"], order)


RECIPES = (
    Recipe(
        name="python-docs-lm",
        summary="a decoder on the documentation of the installed packages (about 30 minutes)",
        make=make_python_docs,
        seed=0,
        settings={
            "vocab_size": 1536,
            "layers": 4,
            "width": 160,
            "heads": 5,
            "hidden": 640,
            "context": 256,
            "batch": 16,
            "steps": 2600,
            "learning_rate": 0.0025,
            "evaluation_documents": 600,
            **SHARED,
        },
        metric="bits_per_byte",
        tolerance=0.05,
    ),
    Recipe(
        name="python-docs-lstm",
        summary="an LSTM, without attention, of as many parameters on that text (about 16 minutes)",
        make=make_python_docs,
        seed=0,
        settings={
            "network": "lstm",
            "vocab_size": 1536,
            "width": 278,
            "context": 256,
            "batch": 16,
            "steps": 2600,
            "learning_rate": 0.01,
            "evaluation_documents": 600,
            **SHARED,
        },
        metric="bits_per_byte",
        tolerance=0.05,
    ),
    Recipe(
        name="python-docs-unlikelihood",
        summary="python-docs-lm after sequence-level unlikelihood (about 5 minutes)",
        make=make_unlikelihood,
        seed=0,
        settings={
            "from": "python-docs-lm",
            "prefix": 50,
            "new": 100,
            "n": 4,
            "share": 0.5,
            "rows": 8,
            "batch": 8,
            "steps": 300,
            "learning_rate": 0.0005,
            "evaluation_documents": 600,
            "evaluation_prompts": 200,
            **SHARED,
        },
        metric="seq_rep_4",
        tolerance=0.1,
    ),
)
"""Models, in the order in which they are made."""
