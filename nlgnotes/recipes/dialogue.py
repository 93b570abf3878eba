"""Recipes of decoders of the dialogue language, one for each law."""

from pathlib import Path

import torch

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.experiments.generic_replies.laws import law_batch
from nlgnotes.languages.registry import language_digest, language_for
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles, gaps
from nlgnotes.training.likelihood import target_log_probs

__all__ = ["RECIPES", "make_dialogue"]


def make_dialogue(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder of one law of the dialogue language.

    By ``law``: ``"P(T|S)"``, ``"P(S|T)"`` or ``"P(T)"``.
    """
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    source = {"language": "dialogue"}
    language = language_for(source)
    source["language_digest"] = language_digest(language)
    sizes = {k: s[k] for k in ("context", "width", "layers", "heads", "hidden")}
    config = DecoderConfig(language.vocab_size, **sizes)
    model = Decoder(config, randomness.generator(seed, name, "weights"))

    def draw(generator: torch.Generator) -> Batch:
        pairs = language.sample_pairs(s["batch"], generator)
        return law_batch(language, s["law"], *pairs, s["context"])[0]

    learned = fit_cycles(recipe, source, model, draw, work, progress)
    stream = randomness.generator(seed, name, "evaluation")
    fresh = language.sample_pairs(s["evaluation_documents"], stream)
    batch, exact = law_batch(language, s["law"], *fresh, s["context"])
    with torch.no_grad():
        scores = target_log_probs(model(batch.inputs).double(), batch.targets)
    ours = -torch.where(batch.mask, scores, 0.0).sum(-1)
    metrics = gaps(ours, -exact, batch.mask.sum(-1).double())
    return Made(model, source, metrics, learned, words=language.words)


_DIALOGUE = {
    "layers": 2,
    "width": 48,
    "heads": 2,
    "hidden": 192,
    "context": 96,
    "batch": 64,
    "steps": 2500,
    "learning_rate": 5e-3,
    "evaluation_documents": 4000,
    **SHARED,
}

RECIPES = (
    Recipe(
        name="dialogue-forward",
        summary="a small decoder that replies to queries of the dialogue language, P(T|S)",
        make=make_dialogue,
        seed=0,
        settings={"law": "P(T|S)", **_DIALOGUE},
        metric="relative_gap",
        tolerance=0.02,
    ),
    Recipe(
        name="dialogue-swapped",
        summary="a small decoder that guesses the query from the reply, P(S|T)",
        make=make_dialogue,
        seed=0,
        settings={"law": "P(S|T)", **_DIALOGUE},
        metric="relative_gap",
        tolerance=0.02,
    ),
    Recipe(
        name="dialogue-reply",
        summary="a small decoder of replies alone, P(T)",
        make=make_dialogue,
        seed=0,
        settings={"law": "P(T)", **_DIALOGUE},
        metric="relative_gap",
        tolerance=0.02,
    ),
)
"""Models, in the order in which they are made."""
