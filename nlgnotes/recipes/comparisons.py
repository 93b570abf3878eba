"""Recipe of the reference policy: the decoder that lectures on preferences start from."""

from dataclasses import asdict
from pathlib import Path

import torch

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.intervals import mean_interval
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.recipes.recipe import SHARED, Made, Recipe, fit_cycles
from nlgnotes.tasks.comparisons import RatedAnswers, text_batch

__all__ = ["RECIPES", "make_reference"]


def make_reference(recipe: Recipe, work: Path, progress: bool) -> Made:
    """A decoder that has read the writer's texts, which are a little longer than answers.

    Its positions are learned: a prompt is a word that the answer may hold too, and with rotary
    positions the decoder is slow to tell the two apart.

    Metric: ``kl_to_model``, KL(writer ‖ model) in nats an answer, exact; the interval is over the
    prompts, which are all that there are.
    """
    s, seed, world = recipe.settings, recipe.seed, RatedAnswers()
    sizes = {k: s[k] for k in ("width", "layers", "heads", "hidden", "positions")}
    config = DecoderConfig(world.vocab_size, 1 + s["words"], **sizes)
    model = Decoder(config, randomness.generator(seed, recipe.name, "weights"))

    stream = randomness.generator(seed, recipe.name, "texts")
    texts = world.draw_texts(s["texts"], s["words"], stream)

    def draw(generator: torch.Generator) -> Batch:
        return text_batch(texts[torch.randint(s["texts"], (s["batch"],), generator=generator)])

    source = {"task": "comparisons"}
    learned = fit_cycles(recipe, source, model, draw, work, progress)
    law = answer_log_probs(model, world.prompt_tokens, world.length)
    kl = kl_divergence(world.writer_log_probs, law)
    return Made(
        model, source, {"kl_to_model": asdict(mean_interval(kl))}, learned, words=world.words
    )


RECIPES = (
    Recipe(
        name="comparisons",
        summary="the reference policy of the lectures on preferences (a minute)",
        make=make_reference,
        seed=0,
        settings={
            "width": 64,
            "layers": 2,
            "heads": 4,
            "hidden": 256,
            "positions": "learned",
            "texts": 200_000,
            "words": 7,
            "batch": 128,
            "steps": 2000,
            "learning_rate": 3e-3,
            **SHARED,
        },
        metric="kl_to_model",
        tolerance=0.01,
    ),
)
"""Models, in the order in which they are made."""
