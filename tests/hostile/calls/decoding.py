"""Valid calls of what writes from a model: sampling, beams, prompts, votes and trees."""

from functools import partial

import torch

from hostile.calls.values import Work, chance, normal, shares
from nlgnotes.documents import Documents
from nlgnotes.equations.penalties import repetition_penalty
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig

CONFIG = DecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8)
MODEL = Decoder(CONFIG, chance()).eval()
REWARD = RewardModel(CONFIG, chance()).eval()
PROMPT = torch.tensor([[0, 1], [0, 2]])
PREFIXES = Documents(torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1]))
SAMPLER = Sampler((TopK(3),))
COUNTS = torch.tensor([[3, 1, 0], [1, 1, 1]])
RIGHT = torch.tensor([0, 2])


def propose(states: list, k: int) -> list:
    """Each state with one of the first k letters behind it."""
    return [[f"{state}{letter}" for letter in "abc"[:k]] for state in states]


def value(states: list) -> list:
    """How often each state says b."""
    return [state.count("b") for state in states]


def first(state: str) -> str:
    """A state itself: two that differ are two."""
    return state


CALLS = {
    "decoding.beam:beam_search": {
        "model": MODEL,
        "prompt": PROMPT,
        "beams": Work(2),
        "max_new_tokens": 2,
        "stop_token": 0,
    },
    "decoding.beam:span_log_probs": {
        "model": MODEL,
        "tokens": torch.tensor([[0, 1, 2, 3], [0, 4, 0, 0]]),
        "starts": torch.tensor([1, 1]),
        "ends": torch.tensor([4, 2]),
        "batch_size": 1,
    },
    "decoding.documents:generate_documents": {
        "model": MODEL,
        "prefixes": PREFIXES,
        "max_new_tokens": 2,
        "generator": chance(),
        "sampler": SAMPLER,
        "stop_token": 0,
    },
    "decoding.documents:prompts_by_length": {"prefixes": PREFIXES},
    "decoding.enumeration:answer_log_probs": {
        "model": MODEL,
        "prompts": PROMPT,
        "length": 2,
        "gradient": False,
    },
    "decoding.enumeration:answer_scores": {"model": REWARD, "prompts": PROMPT, "length": 2},
    "decoding.generation:generate": {
        "model": MODEL,
        "prompt": PROMPT,
        "max_new_tokens": 2,
        "sampler": SAMPLER,
        "generator": chance(),
        "stop_token": 0,
        "penalty": partial(repetition_penalty, theta=1.2),
        "penalise_prompt": True,
    },
    "decoding.generation:model_sizes": {"model": MODEL},
    "decoding.generation:log_probabilities": {"logits": normal(2, 5)},
    "decoding.prompting:few_shot_prompt": {
        "demonstrations": [torch.tensor([[3, 3], [4, 4]])],
        "questions": PROMPT,
    },
    "decoding.prompting:two_stage_answers": {
        "model": MODEL,
        "questions": PROMPT,
        "reason": [1],
        "conclude": [2],
        "stop_tokens": [0],
        "max_reasons": 2,
        "sampler": SAMPLER,
        "generator": chance(),
    },
    "decoding.self_consistency:answer_counts": {
        "answers": torch.tensor([[2, 0, 2, -1], [1, 1, 0, 0]]),
        "choices": 3,
    },
    "decoding.self_consistency:majority_vote": {"counts": COUNTS},
    "decoding.self_consistency:subset_vote_accuracy": {
        "counts": COUNTS,
        "right": RIGHT,
        "samples": Work(2),
        "drawn": Work(4),
    },
    "decoding.self_consistency:vote_accuracy": {
        "probs": shares(2, 3).double(),
        "right": RIGHT,
        "samples": Work(3),
    },
    "decoding.tree_of_thoughts:chains": {
        "inputs": ["a", "b"],
        "propose": propose,
        "n": Work(2),
        "T": Work(2),
    },
    "decoding.tree_of_thoughts:tree_of_thoughts": {
        "inputs": ["a", "b"],
        "propose": propose,
        "value": value,
        "k": 2,
        "T": Work(2),
        "b": 1,
        "key": first,
    },
}
