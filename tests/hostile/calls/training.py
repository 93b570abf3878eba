"""Valid calls of the training loop and of the objectives, at the smallest sizes."""

import torch

from hostile.calls.values import LENGTHS, TOKENS, Fixed, Work, chance, normal
from nlgnotes.batches import Batch, document_batch
from nlgnotes.documents import Documents
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.mlp import MLP
from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.sinusoids import Points
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.adamw import AdamW
from nlgnotes.training.adversarial import Game
from nlgnotes.training.dpo import PairBatch
from nlgnotes.training.history import History
from nlgnotes.training.negative import FrequentReplies
from nlgnotes.training.ppo_settings import PPOSettings

SIZES = {"context": 8, "width": 8, "layers": 1, "heads": 2, "hidden": 8}
CONFIG = DecoderConfig(5, **SIZES)
MODEL = Decoder(CONFIG, chance()).eval()
READER = Decoder(DecoderConfig(257, **SIZES), chance()).eval()
TEXTS = Documents(TOKENS, LENGTHS)
BATCH = document_batch(TEXTS)
OTHERS = Batch(BATCH.inputs, BATCH.targets.flip(1).clone(), BATCH.mask)
PAIRS = PairBatch(BATCH, OTHERS, torch.tensor([-9.0, -8.0]), torch.tensor([-9.0, -7.0]))
HISTORY = History(2, (3.0, 2.5), 10, 0.5)
NET = MLP((1, 3, 1), chance())
WEIGHTS = [w.detach().clone() for w in NET.weights]
POINTS = Points(normal(2, 3, 1), normal(2, 3, 1, seed=1))
BOTH = (POINTS, Points(normal(2, 3, 1, seed=2), normal(2, 3, 1, seed=3)))
SETTINGS = PPOSettings(words=2, batch=2, epochs=1, minibatches=1)
PROMPTS = torch.tensor([[0, 1], [0, 2]])
STRINGS = ["to be", "or not to be"]
LOOP = {"steps": Work(2), "learning_rate": 0.01, "generator": chance()}
QUIET = {"progress": Fixed(False)}


# Any function from ids to logits will do, and a network is one. A network that reads something else
# raises torch's own error, so where ``fit`` takes it no other is tried: ``Fixed``.
def logits(tokens: torch.Tensor) -> torch.Tensor:
    """What the model says."""
    return MODEL(tokens)


def draw(generator: torch.Generator) -> Batch:
    """The same batch again."""
    return BATCH


def draw_points(generator: torch.Generator) -> tuple[Points, Points]:
    """The same tasks again."""
    return BOTH


def ask(generator: torch.Generator) -> Documents:
    """The same queries again."""
    return Documents(torch.tensor([[1, 2]]), torch.tensor([2]))


def is_bad(replies: Documents) -> torch.Tensor:
    """All replies are bad."""
    return torch.ones(len(replies), dtype=torch.bool)


def score(rows: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """How many words are 1."""
    return (answers == 1).float().sum(1)


def multiply(v: torch.Tensor) -> torch.Tensor:
    """By a matrix that is positive definite."""
    return 2 * v


CALLS = {
    "training.adamw:AdamW": {
        "groups": [([normal(2, 3)], 0.1)],
        "learning_rate": 0.1,
        "betas": (0.9, 0.95),
    },
    "training.adamw:AdamW.clear": {"self": AdamW([([normal(2)], 0.0)], 0.1, (0.9, 0.9))},
    "training.adamw:AdamW.step": {"self": AdamW([([normal(2)], 0.0)], 0.1, (0.9, 0.9))},
    "training.adversarial:Game.to_dict": {"self": Game((0.5,), (1.0,), (0.0,), 1.0)},
    "training.adversarial:adversarial_training": {
        "model": Fixed(MODEL),
        "discriminator": Discriminator(5, chance(), width=4),
        "documents": TEXTS,
        "steps": Work(1),
        "generator": chance(),
        "batch": Work(2),
        "warmup": Work(1),
        "discriminator_steps": Work(1),
        "learning_rate": 0.01,
        "discriminator_learning_rate": 0.01,
        "weight_decay": 0.1,
        "discount": 0.5,
        "memory": 0.9,
        **QUIET,
    },
    "training.digest:batch_digest": {"value": (TOKENS, {"a": [1.0]})},
    "training.dpo:PairBatch.select": {"self": PAIRS, "rows": torch.tensor([1, 0])},
    "training.dpo:pair_loss": {
        "model": logits,
        "pairs": PAIRS,
        "beta": 0.1,
        "objective": "dpo",
        "smoothing": 0.1,
        "average": False,
    },
    "training.dpo:reference_pairs": {
        "reference": logits,
        "chosen": BATCH,
        "rejected": OTHERS,
        "average": False,
        "batch_size": 1,
    },
    "training.dpo:sequence_log_probs": {"model": logits, "batch": BATCH, "average": False},
    "training.dpo:train_dpo": {
        **LOOP,
        **QUIET,
        "model": Fixed(MODEL),
        "pairs": PAIRS,
        "beta": 0.1,
        "batch_size": Work(2),
        "objective": "dpo",
        "smoothing": 0.1,
        "average": False,
    },
    "training.history:History.from_json": {"text": HISTORY.to_json()},
    "training.history:History.summary": {"self": HISTORY, "digits": 3},
    "training.history:History.to_json": {"self": HISTORY},
    "training.instruction:answer_batch": {
        "prompts": [[1, 2], [3]],
        "answers": [[4], [1, 1]],
        "loss_on": "answer",
    },
    "training.instruction:correct_answers": {
        "model": logits,
        "prompts": [[1, 2], [3]],
        "answers": [[4], [1, 1]],
        "rows": 1,
    },
    "training.likelihood:next_token_loss": {
        "logits": normal(2, 3, 5),
        "targets": TOKENS[:, :3],
        "mask": torch.tensor([[True, True, True], [True, False, False]]),
    },
    "training.likelihood:target_log_probs": {
        "logits": normal(2, 3, 5),
        "targets": TOKENS[:, :3],
    },
    "training.likelihood:token_nll": {"model": logits, "documents": TEXTS, "batch_size": 1},
    "training.loop:fit": {
        **LOOP,
        **QUIET,
        "model": MODEL,
        "draw": draw,
        "weight_decay": 0.1,
        "warmup": 0.1,
        "clip": 1.0,
        "checkpoint_every": 1,
    },
    "training.loop:learning_rate_at": {"step": 1, "steps": 5, "peak": 0.1, "warmup": 0.4},
    "training.maml:adapt": {
        "weights": WEIGHTS,
        "shown": POINTS,
        "step_size": 0.1,
        "steps": Work(1),
        "second_order": False,
    },
    "training.maml:maml_loss": {
        "model": NET,
        "batch": BOTH,
        "step_size": 0.1,
        "second_order": True,
        "steps": Work(1),
    },
    "training.maml:pooled_loss": {"model": NET, "batch": BOTH},
    "training.maml:task_errors": {"weights": WEIGHTS, "points": POINTS},
    "training.maml:train_initialisation": {
        **LOOP,
        **QUIET,
        "model": NET,
        "draw": draw_points,
        "kind": "second order",
        "step_size": 0.1,
        "clip": 1.0,
    },
    "training.negative:FrequentReplies": {"window": 4, "threshold": 0.4},
    "training.negative:FrequentReplies.__call__": {
        "self": FrequentReplies(4, 0.4),
        "replies": TEXTS,
    },
    "training.negative:bad_replies": {
        "model": MODEL,
        "ask": ask,
        "is_bad": is_bad,
        "max_new_tokens": 2,
        "stop_token": 0,
    },
    "training.negative:negative_training": {
        **LOOP,
        **QUIET,
        "model": Fixed(MODEL),
        "negatives": draw,
        "positives": draw,
        "weight": 0.5,
    },
    "training.ppo:collect": {
        "actor": ActorCritic(MODEL),
        "reference": logits,
        "prompts": PROMPTS,
        "score": score,
        "settings": SETTINGS,
        "generator": chance(),
    },
    "training.ppo:policy_loss": {
        "log_probs": normal(2, 3),
        "old_log_probs": normal(2, 3, seed=1),
        "advantages": normal(2, 3, seed=2),
        "settings": SETTINGS,
    },
    "training.ppo:train_ppo": {
        "actor": ActorCritic(MODEL),
        "reference": logits,
        "prompts": PROMPTS,
        "score": score,
        "settings": SETTINGS,
        "updates": Work(1),
        "generator": chance(),
        **QUIET,
    },
    "training.ppo_settings:PPOSettings": {
        "words": 2,
        "batch": 4,
        "epochs": 2,
        "minibatches": 2,
        "learning_rate": 0.1,
        "value_rate": 0.1,
        "epsilon": 0.2,
        "beta": 0.1,
        "discount": 0.9,
        "decay": 0.9,
        "critic": True,
        "longest": 1.0,
        "objective": "clip",
        "radius": 0.1,
    },
    "training.ppo_settings:PPOSettings.to_dict": {"self": SETTINGS},
    "training.reward_model:fit_reward_model": {
        "model": Fixed(RewardModel(CONFIG, chance())),
        "chosen": BATCH.targets,
        "rejected": BATCH.inputs,
        "epochs": Work(1),
        "batch": 2,
        "learning_rate": 0.01,
        "generator": chance(),
        "weight_decay": 0.1,
        "rankings": torch.tensor([0, 0]),
        **QUIET,
    },
    "training.reward_model:shuffled_order": {
        "pairs": Work(3),
        "epochs": Work(2),
        "generator": chance(),
        "rankings": torch.tensor([0, 0, 1]),
    },
    "training.text:document_nats": {
        "model": Fixed(READER),
        "tokenizer": ByteBPE(),
        "texts": STRINGS,
    },
    "training.text:openings": {"tokenizer": ByteBPE(), "texts": STRINGS, "length": 3},
    "training.text:text_metrics": {
        "model": Fixed(READER),
        "tokenizer": ByteBPE(),
        "texts": STRINGS,
    },
    "training.text:windows": {
        "tokenizer": ByteBPE(),
        "texts": STRINGS,
        "context": Work(4),
        "batch": Work(2),
        "generator": chance(),
    },
    "training.trust_region:conjugate_gradient": {
        "multiply": multiply,
        "b": normal(3),
        "iterations": Work(2),
    },
    "training.unlikelihood:continue_greedily": {
        "model": MODEL,
        "prefixes": PROMPTS,
        "new": 2,
        "stop_token": 0,
    },
    "training.unlikelihood:sequence_unlikelihood": {
        **LOOP,
        **QUIET,
        "model": Fixed(MODEL),
        "draw": draw,
        "prefix": 2,
        "new": 3,
        "n": 2,
        "share": 0.5,
        "rows": 1,
        "stop_token": 0,
    },
    "training.unlikelihood:token_unlikelihood": {
        **LOOP,
        **QUIET,
        "model": Fixed(MODEL),
        "draw": draw,
        "alpha": 0.5,
    },
}
