"""Experts choose tokens, or tokens experts, in a model that cannot look back: words at random.

The tokens are independent and uniform, so no causal model has a mean loss below log V. There is no
attention. What a prediction can know of other tokens comes through the layer's choice alone.
Taught in: book/fine-grained-experts.ipynb.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes import randomness
from nlgnotes.intervals import mean_interval
from nlgnotes.networks.base import normal_matrix
from nlgnotes.networks.expert_choice import expert_choice_answer
from nlgnotes.networks.moe import MoELayer
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_tokens

__all__ = ["CHOOSERS", "NoAttention", "measure_choice", "train_on_noise", "views"]

CHOOSERS = ("experts", "tokens")

Settings = Mapping[str, Any]


class NoAttention(nn.Module):
    """A language model of one layer of experts, without attention.

    A token's state is the sum of its embedding and its place's; the layer reads it normed, and adds
    its answer. Both ways of choosing have the same weights, from the same draws.

    Args:
        chooser: ``"experts"``, each of which takes as many tokens of a document as the capacity
            factor ``factor`` gives it; or ``"tokens"``, each of which takes ``factor`` experts.
        settings: ``symbols``, ``length``, ``width``, ``hidden``, ``experts``, ``factor``, and
            ``gate_std``, the deviation of the gate's initial weights.
        seed: of the weights.

    Raises:
        ValueError: another chooser, or as ``networks.moe.MoELayer``.
    """

    def __init__(self, chooser: str, settings: Settings, seed: int) -> None:
        super().__init__()
        if chooser not in CHOOSERS:
            raise ValueError(f"chooser must be one of {', '.join(CHOOSERS)}; got {chooser!r}")
        s, generator = settings, randomness.generator(seed, "who-chooses", "weights")
        self.chooser, self.factor, width = chooser, s["factor"], s["width"]
        self.embedding = normal_matrix(s["symbols"], width, 1.0, generator)
        self.places = normal_matrix(s["length"], width, 0.3, generator)
        self.head = normal_matrix(s["symbols"], width, 0.1, generator)
        sizes, std = (width, s["hidden"], s["experts"], s["factor"]), s["hidden"] ** -0.5
        self.moe = MoELayer(*sizes, generator, gates="all", out_std=std)
        with torch.no_grad():
            self.moe.gate.mul_(s["gate_std"] / 0.02)
            self.moe.up.mul_(width**-0.5 / 0.02)

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits for the token after each place."""
        check_tokens("tokens", tokens, len(self.embedding))
        x = self.embedding[tokens] + self.places[: tokens.shape[1]]
        normed = F.layer_norm(x, x.shape[-1:])
        if self.chooser == "experts":
            x = x + expert_choice_answer(self.moe, normed, self.factor)
        else:
            x = x + self.moe(normed.flatten(0, 1))[0].view_as(x)
        return F.layer_norm(x, x.shape[-1:]) @ self.head.T


def train_on_noise(
    model: NoAttention, settings: Settings, seed: int, progress: bool = False
) -> History:
    """Train on documents of independent uniform tokens.

    Args:
        model: changed in place.
        settings: ``symbols``, ``length``, ``batch``, ``steps``, ``learning_rate``.
        seed: of the documents: the same ones for both choosers.
        progress: show a bar.
    """
    s = settings
    return fit(
        model,
        lambda generator: _documents(s, s["batch"], generator),
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "who-chooses", "training"),
        weight_decay=0.0,
        progress=progress,
        loss=lambda model, rows: F.cross_entropy(
            model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()
        ),
    )


@torch.no_grad()
def views(
    model: Callable[[Tensor], Tensor], settings: Settings, seed: int
) -> dict[str, Float[Tensor, "documents length"]]:
    """Losses in nats on fresh documents, by what the model reads when it predicts a token.

    Args:
        model: tokens to logits.
        settings: ``symbols``, ``length``, and ``documents``, how many.
        seed: of the documents.

    Returns:
        ``"whole"``: the whole document at once, as in training. ``"prefix"``: only the tokens
        before the predicted one, as in generation. ``"other future"``: a whole document, whose
        tokens from the predicted one on are another document's.
    """
    generator = randomness.generator(seed, "who-chooses", "fresh")
    rows = _documents(settings, settings["documents"], generator)
    others = _documents(settings, settings["documents"], generator)
    found: dict[str, list[Tensor]] = {"whole": [], "prefix": [], "other future": []}
    whole = model(rows[:, :-1])
    for t in range(settings["length"]):
        spliced = torch.cat((rows[:, : t + 1], others[:, t + 1 : -1]), 1)
        seen = {
            "whole": whole[:, t],
            "prefix": model(rows[:, : t + 1])[:, -1],
            "other future": model(spliced)[:, t],
        }
        for name, logits in seen.items():
            found[name].append(F.cross_entropy(logits, rows[:, t + 1], reduction="none"))
    return {name: torch.stack(losses, 1) for name, losses in found.items()}


def measure_choice(settings: Settings, seed: int, progress: bool = False) -> dict[str, Any]:
    """Both choosers, trained from one seed, and their losses on fresh documents.

    Returns:
        For each of :data:`CHOOSERS` and each view of :func:`views`: ``mean``, ``low``, ``high`` (of
        the mean loss, an interval over documents) and ``places``, the mean by place; also
        ``seconds`` of the training.
    """
    found = {}
    for chooser in CHOOSERS:
        model = NoAttention(chooser, settings, seed)
        history = train_on_noise(model, settings, seed, progress)
        found[chooser] = {"seconds": round(history.seconds, 2)}
        for name, losses in views(model, settings, seed).items():
            mean = mean_interval(losses.double().mean(1))
            ends = {"mean": mean.value, "low": mean.low, "high": mean.high}
            row = {end: round(float(x), 6) for end, x in ends.items()}
            row["places"] = [round(x, 5) for x in losses.double().mean(0).tolist()]
            found[chooser][name] = row
    return found


def _documents(settings: Settings, n: int, generator: torch.Generator) -> Tensor:
    shape = (n, settings["length"] + 1)
    return torch.randint(settings["symbols"], shape, generator=generator)
