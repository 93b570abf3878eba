"""Recipes of decoders on the synthetic languages."""

from pathlib import Path

import torch

from nlgnotes import randomness
from nlgnotes.batches import Batch, document_batch
from nlgnotes.documents import Documents
from nlgnotes.languages.registry import language_digest, language_for
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import (
    SHARED,
    Made,
    Recipe,
    fit_cycles,
    gap_metrics,
    rows_of_like_length,
)

__all__ = ["RECIPES", "make_language_model"]


def make_language_model(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder on a synthetic language.

    On fresh documents without end, or on ``documents`` of them again and again.
    """
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    source = {k: s[k] for k in ("language", "language_seed", "language_vocab_size") if k in s}
    language = language_for(source)
    source["language_digest"] = language_digest(language)
    sizes = {k: s[k] for k in ("context", "width", "layers", "heads", "hidden")}
    config = DecoderConfig(language.vocab_size, **sizes)
    model = Decoder(config, randomness.generator(seed, name, "weights"))

    def sample(n: int, generator: torch.Generator) -> Documents:
        return language.sample(n, generator, max_length=s["context"])

    pool = None
    if "documents" in s:
        pool = sample(s["documents"], randomness.generator(seed, name, "documents"))

    def draw(generator: torch.Generator) -> Batch:
        many = 8 * s["batch"]
        if pool is None:
            documents = sample(many, generator)
        else:
            documents = pool.select(torch.randint(len(pool), (many,), generator=generator))
        return document_batch(
            documents.select(rows_of_like_length(documents.lengths, 8, generator))
        )

    learned = fit_cycles(recipe, source, model, draw, work, progress)
    fresh = sample(s["evaluation_documents"], randomness.generator(seed, name, "evaluation"))
    return Made(model, source, gap_metrics(model, language, fresh), learned, words=language.words)


_SMALL = {
    "language_seed": 0,
    "language_vocab_size": 200,
    "documents": 4000,
    "layers": 2,
    "width": 64,
    "heads": 2,
    "hidden": 256,
    "context": 64,
    "batch": 64,
    "steps": 800,
    "learning_rate": 3e-3,
    "evaluation_documents": 2000,
    **SHARED,
}

RECIPES = (
    Recipe(
        name="newswire-lm",
        summary="a decoder on fresh documents of the synthetic newswire (about 32 minutes)",
        make=make_language_model,
        seed=0,
        settings={
            "language": "newswire",
            "layers": 4,
            "width": 128,
            "heads": 4,
            "hidden": 512,
            "context": 128,
            "batch": 64,
            "steps": 2200,
            "learning_rate": 0.002,
            "second_cycle": {"steps": 1200, "learning_rate": 0.001},
            "evaluation_documents": 4000,
            **SHARED,
        },
        metric="relative_gap",
        tolerance=0.002,
    ),
    Recipe(
        name="even-lm",
        summary="a small decoder on few documents of a Markov chain of even entropy",
        make=make_language_model,
        seed=0,
        settings={"language": "markov-even", **_SMALL},
        metric="relative_gap",
        tolerance=0.02,
    ),
    Recipe(
        name="uneven-lm",
        summary="a small decoder on few documents of a Markov chain of uneven entropy",
        make=make_language_model,
        seed=0,
        settings={"language": "markov-uneven", **_SMALL},
        metric="relative_gap",
        tolerance=0.02,
    ),
    Recipe(
        name="oracle-lm",
        summary="a small decoder that never quite learns a random LSTM's strings (about 4 minutes)",
        make=make_language_model,
        seed=0,
        settings={
            **_SMALL,
            "language": "lstm-oracle",
            "language_vocab_size": 100,
            "documents": 20000,
            "context": 128,
            "batch": 32,
            "steps": 2000,
        },
        metric="relative_gap",
        tolerance=0.02,
    ),
    Recipe(
        name="brackets-lm",
        summary="a small decoder on fresh documents of typed brackets (about 4 minutes)",
        make=make_language_model,
        seed=0,
        settings={
            "language": "brackets",
            "layers": 2,
            "width": 64,
            "heads": 4,
            "hidden": 256,
            "context": 128,
            "batch": 64,
            "steps": 1000,
            "learning_rate": 0.003,
            "evaluation_documents": 2000,
            **SHARED,
        },
        metric="relative_gap",
        tolerance=0.003,
    ),
)
"""Models, in the order in which they are made."""
