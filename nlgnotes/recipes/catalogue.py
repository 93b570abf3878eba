"""All recipes and experiments, by name."""

from nlgnotes.experiments.architectures import training_signal
from nlgnotes.experiments.calibration import prompt_biases
from nlgnotes.experiments.dpo import displacement as dpo_displacement
from nlgnotes.experiments.dpo import labels as dpo_labels
from nlgnotes.experiments.dpo import lengths as dpo_lengths
from nlgnotes.experiments.dpo import methods as dpo_methods
from nlgnotes.experiments.dpo import pairs as dpo_pairs
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.exposure_bias import prefix_switching
from nlgnotes.experiments.fine_grained_experts import trainings as expert_trainings
from nlgnotes.experiments.generic_replies import safe_reply_and_mmi
from nlgnotes.experiments.in_context_learning import burstiness, frozen_weights, meta_learning
from nlgnotes.experiments.induction_heads import transition
from nlgnotes.experiments.instruction_tuning import held_out_clusters
from nlgnotes.experiments.language_gans import adversarial_training
from nlgnotes.experiments.mixture_of_experts import decoders as balanced_decoders
from nlgnotes.experiments.mixture_of_experts import routing_task as routing_collapse
from nlgnotes.experiments.positions import length_generalisation
from nlgnotes.experiments.ppo import runs as ppo_runs
from nlgnotes.experiments.reasoning import game24 as search_against_samples
from nlgnotes.experiments.reasoning import scratchpad, self_consistency
from nlgnotes.experiments.repetition import unlikelihood
from nlgnotes.experiments.rlhf import overoptimisation
from nlgnotes.recipes import (
    comparisons,
    dates,
    dialogue,
    few_shot,
    game24,
    in_context,
    induction,
    instructions,
    language_models,
    python_docs,
    reasoning,
)
from nlgnotes.recipes.recipe import Recipe

__all__ = ["EXPERIMENTS", "RECIPES"]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for models in (
        language_models,
        python_docs,
        dialogue,
        dates,
        in_context,
        few_shot,
        induction,
        reasoning,
        game24,
        instructions,
        comparisons,
    )
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
        prompt_biases,
        transition,
        scratchpad,
        self_consistency,
        search_against_samples,
        held_out_clusters,
        overoptimisation,
        ppo_runs,
        dpo_pairs,
        dpo_labels,
        dpo_displacement,
        dpo_lengths,
        dpo_methods,
        routing_collapse,
        balanced_decoders,
        expert_trainings,
    )
}
"""The experiment behind every shipped measurement."""
