"""Maximum likelihood with early stopping: the start of the adversarial phase and of its control.

Taught in: book/language-gans.ipynb.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch

from nlgnotes import randomness
from nlgnotes.batches import Batch, document_batch
from nlgnotes.documents import Documents
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.training.likelihood import token_nll
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = ["batches_of", "train_likelihood_model"]


def batches_of(documents: Documents, batch: int) -> Callable[[torch.Generator], Batch]:
    """Batches of documents, drawn with replacement, for ``training.fit``.

    Raises:
        ValueError: ``batch`` below 1.
    """
    check_count("batch", batch)

    def draw(generator: torch.Generator) -> Batch:
        rows = torch.randint(len(documents), (batch,), generator=generator)
        return document_batch(documents.select(rows))

    return draw


def train_likelihood_model(
    train: Documents,
    valid: Documents,
    config: LSTMConfig,
    settings: Mapping[str, Any],
    seed: int,
    progress: bool = False,
) -> tuple[LSTMModel, list[tuple[int, float]]]:
    """An LSTM trained by maximum likelihood, with the weights that were best on held-out texts.

    Args:
        train, valid: texts to learn from, and fresh ones that say which weights were best.
        config: its sizes.
        settings: ``mle_steps``, ``mle_batch``, ``mle_learning_rate``, ``mle_check`` (steps between
            two looks at ``valid``).
        seed: of weights and batches.
        progress: show a bar.

    Returns:
        The model, and (step, nats per token on ``valid``) at each look.
    """
    model = LSTMModel(config, randomness.generator(seed, "language-gans", "weights"))
    looks: list[tuple[int, float]] = []
    best = copy.deepcopy(model.state_dict())

    def look(step: int, _: float) -> None:
        nonlocal best
        if step % settings["mle_check"] and step != settings["mle_steps"]:
            return
        nats = float(token_nll(model, valid, 1000).double().sum() / valid.total)
        if not looks or nats < min(n for _, n in looks):
            best = copy.deepcopy(model.state_dict())
        looks.append((step, nats))

    fit(
        model,
        batches_of(train, settings["mle_batch"]),
        steps=settings["mle_steps"],
        learning_rate=settings["mle_learning_rate"],
        generator=randomness.generator(seed, "language-gans", "batches"),
        progress=progress,
        callback=look,
    )
    model.load_state_dict(best)
    return model, looks
