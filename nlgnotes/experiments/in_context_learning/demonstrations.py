"""Beliefs of a decoder after each demonstration, beside those of the exact posterior.

Taught in: book/in-context-learning.ipynb.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.equations.divergences import kl_divergence, total_variation
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.in_context import LabelledExamples
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_generator

__all__ = [
    "ARMS",
    "Beliefs",
    "beliefs",
    "by_shots",
    "family_of",
    "random_labels",
    "train_on_documents",
    "untrained_reader",
]

ARMS = ("per document", "fixed", "bursty")
"""What the documents of training are like: the mapping, and whether labels come in bursts."""

Settings = Mapping[str, Any]


class Beliefs(NamedTuple):
    """What a model and the exact posterior believe before each label.

    Args:
        model, posterior: log-probabilities, float64 ``[n, examples, kinds]``. At place e the reader
            has seen e demonstrations and the words of the next example.
    """

    model: Tensor
    posterior: Tensor

    def right(self, labels: Int[Tensor, "n examples"]) -> dict[str, Bool[Tensor, "n examples"]]:
        """Whether the likeliest label of each is the true one."""
        return {name: part.argmax(-1) == labels for name, part in self._asdict().items()}

    def nats(self, labels: Int[Tensor, "n examples"]) -> dict[str, Float[Tensor, "n examples"]]:
        """The surprise of each at the true label."""
        at = labels[..., None]
        return {name: -part.gather(-1, at)[..., 0] for name, part in self._asdict().items()}

    def distances(self) -> dict[str, Float[Tensor, "n examples"]]:
        """KL(posterior ‖ model) in nats, and their total variation distance."""
        pair = self.posterior, self.model
        return {"kl": kl_divergence(*pair), "total variation": total_variation(*pair)}


def family_of(settings: Settings, arm: str) -> LabelledExamples:
    """The documents of an arm.

    Args:
        settings: ``family``, what all arms share; ``arms``: for each of :data:`ARMS` its ``family``
            (what is its own).
        arm: one of :data:`ARMS`.

    Raises:
        ValueError: another arm, or as ``tasks.in_context.LabelledExamples``.
    """
    _check_arm(arm)
    return LabelledExamples(**settings["family"], **settings["arms"][arm]["family"])


def untrained_reader(vocab_size: int, context: int, settings: Settings, seed: int) -> Decoder:
    """An untrained decoder whose initial weights suit a narrow one.

    GPT-2's standard deviation of 0.02 suits a width of 768. At a width of 64 it makes all queries
    and keys so small that attention is uniform, and a decoder that has to match two places in
    its context stays at chance for long. So every matrix is multiplied by ``initial_scale``.

    Args:
        vocab_size, context: of the documents to read.
        settings: ``width``, ``layers``, ``heads``, ``hidden``, ``initial_scale``.
        seed: of the weights.
    """
    sizes = {name: settings[name] for name in ("width", "layers", "heads", "hidden")}
    config = DecoderConfig(vocab_size, context, **sizes)
    model = Decoder(config, randomness.generator(seed, "in-context", "weights"))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(settings["initial_scale"])
    return model


def train_on_documents(
    arm: str, settings: Settings, seed: int, progress: bool = False, work: Path | None = None
) -> tuple[Decoder, History]:
    """A decoder, trained to predict the labels in documents of one arm.

    For one seed the decoders of all arms start from the same weights.

    Args:
        arm: one of :data:`ARMS`.
        settings: as in :func:`family_of` and :func:`untrained_reader`; ``examples`` (of a
            document), ``batch``, ``learning_rate``; and of the arm ``steps``.
        seed: of weights and documents.
        progress: show a bar.
        work: a folder to resume from and to save to.

    Raises:
        ValueError: as :func:`family_of` and ``training.fit``.
    """
    family, s = family_of(settings, arm), settings
    model = untrained_reader(family.vocab_size, family.length(s["examples"]), s, seed)
    history = fit(
        model,
        lambda generator: family.batch(family.sample(s["batch"], s["examples"], generator)),
        steps=s["arms"][arm]["steps"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "in-context", "documents", arm),
        checkpoint=None if work is None else work / f"{arm.replace(' ', '-')}.training",
        progress=progress,
    )
    return model, history


@torch.no_grad()
def beliefs(
    model: Callable[[Tensor], Tensor],
    family: LabelledExamples,
    words: Int[Tensor, "n examples words"],
    shown: Int[Tensor, "n examples"],
) -> Beliefs:
    """Read documents with a frozen model, and exactly.

    Args:
        model: tokens to logits.
        family: what the exact posterior takes the documents to be: those of the model's training.
        words: of the examples.
        shown: the labels that stand in the document, right or wrong.

    Raises:
        ValueError: as the family's ``tokens``.
    """
    tokens = family.tokens(words, shown)
    inputs = torch.nn.functional.pad(tokens[:, :-1], (1, 0))
    logits = torch.cat([family.label_log_probs(model(part).double()) for part in inputs.split(500)])
    return Beliefs(logits, family.log_posterior(words, shown))


def random_labels(
    labels: Int[Tensor, "n examples"], kinds: int, generator: torch.Generator
) -> Int[Tensor, "n examples"]:
    """Labels that say nothing of the words: uniform and independent, as in Min et al. 2022.

    (Their random labels are drawn uniformly from the label set too; arXiv:2202.12837.)

    Args:
        labels: the true ones; only their shape is used.
        kinds: how many labels there are.
        generator: where they are drawn from.

    Raises:
        ValueError: no generator.
    """
    check_generator(generator)
    return torch.randint(kinds, labels.shape, generator=generator)


def by_shots(found: Beliefs, labels: Int[Tensor, "n examples"]) -> dict[str, list[float]]:
    """Means over documents at each number of demonstrations, from 0 on.

    Returns:
        ``right``, ``posterior right`` (shares), ``nats``, ``posterior nats`` (of surprise at the
        label), ``kl``, ``total variation``: one number a place.
    """
    right, nats = found.right(labels), found.nats(labels)
    rows = {
        "right": right["model"],
        "posterior right": right["posterior"],
        "nats": nats["model"],
        "posterior nats": nats["posterior"],
        **found.distances(),
    }
    return {
        name: [round(float(x), 6) for x in part.double().mean(0)] for name, part in rows.items()
    }


def _check_arm(arm: str) -> None:
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {', '.join(ARMS)}; got {arm!r}")
