"""Valid calls of the equations."""

import numpy as np
import torch

from hostile.calls.values import LENGTHS, LOGITS, MASK, TOKENS, chance, logs, normal, shares
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import MinP, Sampler, Temperature, TopK, TopP
from nlgnotes.equations.sampling_variants import (
    MaxEntropy,
    NoisedTopK,
    RandomMask,
    RandomTopK,
    TargetEntropy,
    TemperedTopK,
)

FOUR = {
    "chosen": normal(3),
    "rejected": normal(3, seed=1),
    "reference_chosen": normal(3, seed=2),
    "reference_rejected": normal(3, seed=3),
}
TWO = {"log_p": logs(2, 5), "log_q": logs(2, 5, seed=2)}
PAIR = {"log_probs": normal(3), "reference": normal(3, seed=1), "beta": 0.5}
CHOSEN = torch.tensor([[0, 1], [2, 1], [3, 0]])
COUNTS = torch.tensor([3, 0, 2, 1])
TEXTS = Documents(TOKENS, LENGTHS)
DOCUMENTS = {"tokens": TOKENS, "lengths": LENGTHS, "n": 2}
SEEN = torch.tensor([[True, False, False, True, False], [False, False, True, False, False]])
WORDS = {"ratios": shares(2, 3), "advantages": normal(2, 3), "epsilon": 0.2}
REWARDS = normal(2, 5, seed=5)
P, Q = shares(2, 5), shares(2, 5, seed=7)
ATTENTION = shares(2, 2, 6, 6).tril() / shares(2, 2, 6, 6).tril().sum(-1, keepdim=True)
TEXTS_LIKE = torch.tensor([-2.0, -3.0])
LOADS = {
    "clean": normal(3, 4),
    "noisy": normal(3, 4, seed=4),
    "spread": shares(3, 4),
    "k": 2,
}


def transform(object_, *, chance_too=False):
    """The call of a transform of logits."""
    return {"self": object_, "logits": LOGITS} | ({"generator": chance()} if chance_too else {})


CALLS = {
    "equations.best_of_n:best_of_n_estimate": {"reward": P, "values": Q, "n": 2},
    "equations.best_of_n:best_of_n_kl_bound": {"n": 3},
    "equations.best_of_n:best_of_n_law": {"log_probs": logs(2, 5), "reward": REWARDS, "n": 3},
    "equations.best_of_n:win_rate": {
        "log_probs": logs(2, 5),
        "against": logs(2, 5, seed=3),
        "reward": REWARDS,
    },
    "equations.calibration:calibrate": {
        "p": P,
        "weights": torch.eye(5).expand(2, 5, 5).contiguous(),
        "bias": normal(2, 5),
    },
    "equations.calibration:null_weights": {"p_null": P},
    "equations.calibration:prior_correction": {"p": P, "p_null": Q},
    "equations.calibration:prompt_bias": {"p_null": P},
    "equations.calibration:softmax_calibration": {"p": P, "p_null": Q},
    "equations.divergences:jensen_shannon": TWO,
    "equations.divergences:kl_divergence": TWO,
    "equations.divergences:total_variation": TWO,
    "equations.dpo:chosen_law": {"log_probs": logs(2, 5), "reward": REWARDS},
    "equations.dpo:dpo_gradient": {
        "chosen_direction": normal(3, 4),
        "rejected_direction": normal(3, 4, seed=1),
        "weight": normal(3),
        "beta": 0.5,
    },
    "equations.dpo:dpo_loss": {**FOUR, "beta": 0.5, "smoothing": 0.1},
    "equations.dpo:dpo_weight": {
        "chosen_reward": normal(3),
        "rejected_reward": normal(3, seed=1),
        "smoothing": 0.1,
    },
    "equations.dpo:implicit_reward": PAIR,
    "equations.dpo:ipo_loss": {**FOUR, "beta": 0.5},
    "equations.gating:gate_values": {"scores": LOGITS, "k": 2},
    "equations.gating:keep_top_k": {"scores": LOGITS, "k": 2},
    "equations.gating:noisy_logits": {
        "clean": LOGITS,
        "raw_noise": normal(2, 5, seed=2),
        "generator": chance(),
    },
    "equations.gating:top_k_experts": {"scores": LOGITS, "k": 2},
    "equations.gumbel:gumbel_max": {"logits": LOGITS, "generator": chance()},
    "equations.gumbel:gumbel_noise": {
        "shape": (2, 3),
        "generator": chance(),
        "dtype": torch.float64,
    },
    "equations.gumbel:gumbel_softmax": {
        "logits": LOGITS,
        "tau": 0.5,
        "generator": chance(),
        "hard": False,
    },
    "equations.gumbel:straight_through": {"soft": P, "scores": LOGITS},
    "equations.induction:copying_score": {
        "logits": normal(2, 2, 6, 5),
        "weights": ATTENTION,
        "tokens": TOKENS,
    },
    "equations.induction:in_context_learning_score": {"nats": P, "early": 1, "late": 4},
    "equations.induction:prefix_matching_score": {"weights": ATTENTION, "tokens": TOKENS},
    "equations.induction:previous_token_score": {"weights": ATTENTION},
    "equations.kl_estimators:kl_estimates": {"log_ratios": normal(3), "kind": "k3"},
    "equations.largest:drop_below": {"x": LOGITS, "least": torch.zeros(2, 1)},
    "equations.largest:keep_first": {
        "x": LOGITS,
        "values": LOGITS.sort(descending=True).values,
        "n": torch.tensor([[2], [3]]),
    },
    "equations.largest:largest": {"x": LOGITS, "k": 2},
    "equations.largest:sorted_downwards": {"x": LOGITS},
    "equations.load_balancing:dead_experts": {"counts": COUNTS, "share": 0.1},
    "equations.load_balancing:expert_counts": {"chosen": CHOSEN, "experts": 4},
    "equations.load_balancing:expert_fractions": {"chosen": CHOSEN, "experts": 4},
    "equations.load_balancing:importance": {"gates": shares(3, 4)},
    "equations.load_balancing:max_over_mean": {"counts": COUNTS},
    "equations.load_balancing:max_violation": {"counts": COUNTS},
    "equations.load_balancing:sampled_squared_cv": {"experts": 4, "k": 2, "tokens": 10},
    "equations.load_balancing:smooth_load": LOADS,
    "equations.load_balancing:squared_cv": {"x": P},
    "equations.load_balancing:switch_loss": {"probabilities": shares(3, 4), "chosen": CHOSEN},
    "equations.load_balancing:updated_bias": {
        "bias": normal(4),
        "counts": COUNTS,
        "rate": 0.001,
    },
    "equations.metrics:bleu": {"counts": torch.tensor([[2, 1, 4, 3, 5, 6], [1, 1, 3, 2, 4, 4]])},
    "equations.metrics:bleu_counts": {"hypotheses": TEXTS, "references": TEXTS, "n": 2},
    "equations.metrics:distinct_n": DOCUMENTS,
    "equations.metrics:distinct_n_per_document": DOCUMENTS,
    "equations.metrics:exact_match": {
        "logits": normal(2, 3, 5),
        "targets": torch.tensor([[1, 2, 3], [4, 0, 0]]),
        "mask": MASK,
    },
    "equations.metrics:self_bleu": DOCUMENTS,
    "equations.metrics:self_bleu_per_document": DOCUMENTS,
    "equations.metrics:seq_rep_n_per_document": DOCUMENTS,
    "equations.minimax:exact_value": {**TWO, "d": normal(2, 5).sigmoid()},
    "equations.minimax:minimax_value": {
        "real": normal(3).sigmoid(),
        "fake": normal(4).sigmoid(),
    },
    "equations.minimax:optimal_discriminator": {"log_p": logs(5), "log_q": logs(5, seed=2)},
    "equations.mmi:mmi_anti_lm": {
        "log_target_given_source": TEXTS_LIKE,
        "log_target": TEXTS_LIKE - 1,
        "lam": 0.5,
    },
    "equations.mmi:mmi_bidi": {
        "log_target_given_source": TEXTS_LIKE,
        "log_source_given_target": TEXTS_LIKE - 1,
        "lam": 0.5,
    },
    "equations.mmi:mmi_switch_point": {
        "specific_given": TEXTS_LIKE - 1,
        "specific": TEXTS_LIKE - 4,
        "generic_given": TEXTS_LIKE,
        "generic": TEXTS_LIKE - 1,
    },
    "equations.mmi:pointwise_mutual_information": {
        "log_joint": TEXTS_LIKE - 3,
        "log_source": TEXTS_LIKE,
        "log_target": TEXTS_LIKE,
    },
    "equations.ngrams:ngram_counts": {
        "documents": np.array([0, 0, 1]),
        "grams": np.array([5, 5, 2]),
    },
    "equations.ngrams:ngrams": DOCUMENTS,
    "equations.ngrams:two_largest": {
        "owner": np.array([0, 0, 1]),
        "gram": np.array([5, 6, 5]),
        "count": np.array([2, 1, 1]),
    },
    "equations.penalties:ctrl_penalty": {"logits": LOGITS, "seen": SEEN, "theta": 1.2},
    "equations.penalties:presence_penalty": {"logits": LOGITS, "seen": SEEN, "amount": 0.2},
    "equations.penalties:repetition_penalty": {"logits": LOGITS, "seen": SEEN, "theta": 1.2},
    "equations.penalties:seen_tokens": {"tokens": TOKENS, "vocab_size": 5},
    "equations.policy_gradient:discounted_returns": {
        "rewards": normal(2, 3),
        "mask": MASK,
        "discount": 0.9,
    },
    "equations.policy_gradient:optimal_baseline": {
        "logits": LOGITS,
        "rewards": REWARDS,
        "per_component": False,
    },
    "equations.policy_gradient:reward_gradient": {"logits": LOGITS, "rewards": REWARDS},
    "equations.policy_gradient:score_function_moments": {
        "logits": LOGITS,
        "rewards": REWARDS,
        "baseline": 0.5,
    },
    "equations.policy_gradient:score_function_surrogate": {
        "log_probs": normal(3),
        "rewards": normal(3, seed=1),
        "baseline": 0.5,
    },
    "equations.ppo:clip_objective": WORDS,
    "equations.ppo:clip_slope": WORDS,
    "equations.ppo:generalised_advantages": {
        "rewards": normal(2, 3),
        "values": normal(2, 3, seed=1),
        "mask": MASK,
        "discount": 0.9,
        "decay": 0.8,
    },
    "equations.ppo:penalised_rewards": {
        "scores": normal(2),
        "log_ratios": normal(2, 3),
        "mask": MASK,
        "beta": 0.1,
    },
    "equations.ppo:probability_ratios": {
        "log_probs": logs(2, 3),
        "old_log_probs": logs(2, 3, seed=3),
    },
    "equations.precision:at_least_float32": {"x": LOGITS},
    "equations.preferences:expectation": {"log_probs": logs(2, 5), "values": REWARDS},
    "equations.preferences:pairwise_loss": {"chosen": normal(3), "rejected": normal(3, seed=1)},
    "equations.preferences:plackett_luce_log_prob": {"rewards": REWARDS},
    "equations.preferences:tilt": {"log_ref": logs(2, 5), "reward": REWARDS, "beta": 0.5},
    "equations.preferences:tilt_at_kl": {"log_ref": logs(2, 5), "reward": REWARDS, "kl": 0.2},
    "equations.repetition:loop_period": {"tokens": TOKENS, "lengths": LENGTHS, "times": 2},
    "equations.repetition:previous_tokens": {"tokens": TOKENS, "vocab_size": 5},
    "equations.repetition:repeated_ngrams": DOCUMENTS,
    "equations.repetition:times_before": DOCUMENTS,
    "equations.sampling:MinP": {"p": 0.1},
    "equations.sampling:MinP.__call__": transform(MinP(0.1)),
    "equations.sampling:Sampler": {"transforms": (TopK(2), Temperature(0.5))},
    "equations.sampling:Sampler.sample": {
        "self": Sampler((TopK(2),)),
        "logits": LOGITS,
        "generator": chance(),
    },
    "equations.sampling:Sampler.greedy": {},
    "equations.sampling:Sampler.transform": {
        "self": Sampler((TopK(2),)),
        "logits": LOGITS,
        "generator": chance(),
    },
    "equations.sampling:Temperature": {"T": 0.5},
    "equations.sampling:Temperature.__call__": transform(Temperature(0.5)),
    "equations.sampling:TopK": {"k": 2},
    "equations.sampling:TopK.__call__": transform(TopK(2)),
    "equations.sampling:TopP": {"p": 0.9},
    "equations.sampling:TopP.__call__": transform(TopP(0.9)),
    "equations.sampling:Transform": {},
    "equations.sampling:draw": {"scores": LOGITS, "u": torch.tensor([0.2, 0.9]), "name": "x"},
    "equations.sampling_properties:entropy": {"p": P},
    "equations.sampling_properties:entropy_reduced": {"p": P, "q": Q, "tolerance": 1e-6},
    "equations.sampling_properties:order_preserved": {"p": P, "q": Q, "tolerance": 1e-6},
    "equations.sampling_properties:slope_preserved": {"p": P, "q": Q, "tolerance": 1e-6},
    "equations.sampling_variants:MaxEntropy": {"E": 1.0},
    "equations.sampling_variants:MaxEntropy.__call__": transform(MaxEntropy(1.0)),
    "equations.sampling_variants:NoisedTopK": {"k": 2, "weight": 0.1},
    "equations.sampling_variants:NoisedTopK.__call__": transform(
        NoisedTopK(2, 0.1), chance_too=True
    ),
    "equations.sampling_variants:RandomMask": {"rate": 0.5, "keep_top": True},
    "equations.sampling_variants:RandomMask.__call__": transform(RandomMask(0.5), chance_too=True),
    "equations.sampling_variants:RandomTopK": {"max_k": 3},
    "equations.sampling_variants:RandomTopK.__call__": transform(RandomTopK(3), chance_too=True),
    "equations.sampling_variants:TargetEntropy": {"E": 1.0},
    "equations.sampling_variants:TargetEntropy.__call__": transform(TargetEntropy(1.0)),
    "equations.sampling_variants:TemperedTopK": {"k": 2, "T": 0.5},
    "equations.sampling_variants:TemperedTopK.__call__": transform(TemperedTopK(2, 0.5)),
    "equations.sampling_variants:temper_to_entropy": {
        "logits": LOGITS,
        "E": 1.0,
        "upwards": True,
    },
    "equations.sparsity:layer_cost": {
        "width": 4,
        "hidden": 8,
        "experts": 4,
        "k": 2,
        "shared": 1,
    },
    "equations.sparsity:segmented": {
        "hidden": 8,
        "experts": 4,
        "k": 2,
        "parts": 2,
        "shared": 1,
    },
    "equations.unlikelihood:log_complement": {"logits": LOGITS},
    "equations.unlikelihood:negative_training_loss": {
        "positive": shares(3),
        "negative": shares(2),
        "weight": 0.5,
    },
    "equations.unlikelihood:repetition_loss": {
        "logits": normal(2, 6, 5),
        "tokens": TOKENS,
        "lengths": LENGTHS,
        "n": 2,
    },
    "equations.unlikelihood:unlikelihood": {"logits": LOGITS, "candidates": SEEN},
    "equations.unlikelihood:unlikelihood_loss": {
        "logits": LOGITS,
        "targets": torch.tensor([1, 2]),
        "candidates": SEEN,
        "alpha": 0.5,
    },
    "equations.urn:urn_log_prior": {
        "labels": torch.tensor([[0, 1, 1], [1, 1, 0]]),
        "kinds": 2,
        "burst": 0.5,
        "decay": 0.9,
    },
}
