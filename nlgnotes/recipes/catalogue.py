"""All recipes and experiments, by name."""

from nlgnotes.experiments.architectures import training_signal
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.exposure_bias import prefix_switching
from nlgnotes.experiments.generic_replies import safe_reply_and_mmi
from nlgnotes.experiments.in_context_learning import burstiness, frozen_weights, meta_learning
from nlgnotes.experiments.language_gans import adversarial_training
from nlgnotes.experiments.positions import length_generalisation
from nlgnotes.experiments.repetition import unlikelihood
from nlgnotes.recipes import dates, dialogue, in_context, language_models, python_docs
from nlgnotes.recipes.recipe import Recipe

__all__ = ["EXPERIMENTS", "RECIPES"]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for models in (language_models, python_docs, dialogue, dates, in_context)
    for recipe in models.RECIPES
}
"""The recipe of every shipped checkpoint. One that starts from another comes after it."""

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        prefix_switching,
        adversarial_training,
        unlikelihood,
        length_generalisation,
        training_signal,
        safe_reply_and_mmi,
        meta_learning,
        frozen_weights,
        burstiness,
    )
}
"""The experiment behind every shipped measurement."""
