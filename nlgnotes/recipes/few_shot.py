"""Recipes of decoders of labelled examples, bursty or independent, for few-shot prompts."""

from dataclasses import asdict
from pathlib import Path

import torch

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.experiments.calibration.prompt_biases import SETTINGS, exact_reader, family_of
from nlgnotes.intervals import mean_interval
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles

__all__ = ["RECIPES", "make_few_shot"]


def make_few_shot(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder of one arm's documents, measured by its distance from the exact posterior.

    The distance is the mean of ``|p - p'|`` over a document's labels, p and p' being the
    probabilities of the first label, with a 95 % interval over documents.
    """
    s, seed, name = recipe.settings, recipe.seed, recipe.name
    family, source = family_of(s["arm"], s), exact_reader(s["arm"], s)
    sizes = {k: s[k] for k in ("width", "layers", "heads", "hidden")}
    config = DecoderConfig(family.vocab_size, family.length(s["examples"]), **sizes)
    model = Decoder(config, randomness.generator(seed, name, "weights"))

    def draw(generator: torch.Generator) -> Batch:
        return family.batch(source.sample(s["batch"], s["examples"], generator))

    about = {"task": "labelled examples", "arm": s["arm"]}
    learned = fit_cycles(recipe, about, model, draw, work, progress)
    chance = randomness.generator(seed, name, "evaluation")
    fresh = source.sample(s["evaluation_documents"], s["examples"], chance)
    with torch.no_grad():
        ours = family.label_log_probs(model(family.batch(fresh).inputs)).double().exp()
    exact = source.log_posterior(fresh.words, fresh.labels).exp()
    distance = (ours - exact)[..., 0].abs().mean(1)
    nulls = [f"null {j + 1}" for j in range(len(family.null_tilts))]
    words = ("<s>", "P", "N", "|", *(f"w{i + 1}" for i in range(family.words)), *nulls, "unseen")
    metrics = {"distance": asdict(mean_interval(distance, bounds=(0, 1)))}
    return Made(model, about, metrics, learned, words=words)


_FEW_SHOT = {
    **{k: v for k, v in SETTINGS.items() if k != "steps"},
    "evaluation_documents": 2000,
    **SHARED,
}

RECIPES = tuple(
    Recipe(
        name=f"few-shot-{arm}",
        summary=f"a small decoder of labelled examples whose labels are {kind}",
        make=make_few_shot,
        seed=0,
        settings={"arm": arm, "steps": SETTINGS["steps"][arm], **_FEW_SHOT},
        metric="distance",
        tolerance=0.02,
    )
    for arm, kind in (("bursty", "bursty"), ("iid", "independent"))
)
"""Models, in the order in which they are made."""
