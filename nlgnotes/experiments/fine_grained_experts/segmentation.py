"""Coarse, cut and shared experts at equal parameters and FLOPs but for the gate, which grows.

On a language with a known floor.

The arms of one training seed read the same documents in the same order. A dense decoder with as
many active parameters stands beside them. Taught in: book/fine-grained-experts.ipynb.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.batches import Batch, document_batch
from nlgnotes.equations.load_balancing import max_over_mean, switch_loss
from nlgnotes.equations.sparsity import segmented
from nlgnotes.languages import Newswire
from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.training.history import History
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.training.loop import fit

__all__ = [
    "ARMS",
    "SWITCHES",
    "mean_loss",
    "measure_arm",
    "switched_off",
    "train_arm",
    "untrained_arm",
]

ARMS = ("dense", "coarse", "fine", "shared")
SWITCHES = ("shared", "busiest", "weakest")

Settings = Mapping[str, Any]


def untrained_arm(arm: str, settings: Settings, vocab_size: int, seed: int) -> Decoder:
    """An untrained decoder of one arm.

    ``"coarse"`` has the ``experts`` of hidden width ``hidden`` of the settings, ``k`` of them for a
    token. ``"fine"`` cuts each into ``parts``; ``"shared"`` takes ``shared`` of the pieces out of
    the gate. ``"dense"`` has one network of ``k * hidden``.

    Args:
        arm: one of :data:`ARMS`.
        settings: also ``width``, ``layers``, ``heads``, ``length``.
        vocab_size: of the language.
        seed: of the weights.

    Raises:
        ValueError: another arm, or sizes that do not fit.
    """
    s = settings
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {', '.join(ARMS)}; got {arm!r}")
    generator = randomness.generator(seed, "segmentation", "weights", arm)
    sizes = {name: s[name] for name in ("width", "layers", "heads")}
    if arm == "dense":
        dense = DecoderConfig(vocab_size, s["length"], hidden=s["k"] * s["hidden"], **sizes)
        return Decoder(dense, generator)
    parts, shared = {"coarse": (1, 0), "fine": (s["parts"], 0)}.get(arm, (s["parts"], s["shared"]))
    hidden, experts, k, shared = segmented(s["hidden"], s["experts"], s["k"], parts, shared)
    choice = {"experts": experts, "k": k, "shared": shared, "gates": "all"}
    sparse = MoEDecoderConfig(vocab_size, s["length"], hidden=hidden, **sizes, **choice)
    return MoEDecoder(sparse, generator)


def train_arm(
    model: Decoder, settings: Settings, language: Newswire, seed: int, progress: bool = False
) -> History:
    """Train on documents of the language, with a balancing loss in each layer of experts.

    Args:
        model: changed in place.
        settings: ``batch``, ``steps``, ``learning_rate``, ``length``, and ``alpha``, the weight of
            the Switch Transformer's loss.
        language: where the documents come from.
        seed: of the documents: the same ones for every arm.
        progress: show a bar.
    """
    s = settings

    def loss(model: Decoder, batch: Batch) -> Tensor:
        if not isinstance(model, MoEDecoder):
            return next_token_loss(model(batch.inputs), batch.targets, batch.mask)
        logits, routings = model.routed(batch.inputs, mask=batch.mask)
        balance = sum(switch_loss(each.probabilities, each.chosen) for each in routings)
        return next_token_loss(logits, batch.targets, batch.mask) + s["alpha"] * balance

    return fit(
        model,
        lambda generator: document_batch(language.sample(s["batch"], generator, s["length"])),
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "segmentation", "training"),
        progress=progress,
        loss=loss,
    )


def switched_off(model: MoEDecoder, switch: str, busiest: Sequence[int]) -> MoEDecoder:
    """A copy of a decoder that has to do without some experts, in every layer.

    Args:
        model: stays as it is.
        switch: ``"shared"``: the shared experts are off, and a token uses as many more of the
            others; ``"busiest"``: the busiest expert is never chosen, and the next in line takes
            its place; ``"weakest"``: a token uses one expert less, the one it gave least weight.
        busiest: the busiest expert of each layer.

    Raises:
        ValueError: another switch, or shared experts asked for where there are none.
    """
    if switch not in SWITCHES or (switch == "shared" and not model.config.shared):
        known = SWITCHES if model.config.shared else SWITCHES[1:]
        raise ValueError(f"switch must be one of {', '.join(known)}; got {switch!r}")
    changed = copy.deepcopy(model)
    for block, expert in zip(changed.blocks, busiest, strict=True):
        moe = block.moe
        if switch == "shared":
            moe.k, moe.shared_up, moe.shared_down = moe.k + moe.shared, None, None
        elif switch == "busiest":
            moe.bias[expert] = -1e9
        else:
            moe.k -= 1
    return changed


@torch.no_grad()
def mean_loss(model: Decoder, batch: Batch) -> float:
    """The mean loss in nats per token, of all tokens of a batch."""
    return float(next_token_loss(model(batch.inputs), batch.targets, batch.mask))


def measure_arm(arm: str, settings: Settings, seed: int, progress: bool = False) -> dict[str, Any]:
    """One arm, trained from one seed and looked at on documents that it has not seen.

    Args:
        arm: one of :data:`ARMS`.
        settings: those of :func:`untrained_arm` and :func:`train_arm`, and ``documents``, how many
            fresh ones.
        seed: of all chance; the fresh documents are the same for every arm.
        progress: show a bar.

    Returns:
        ``gap``, the mean loss minus the mean surprisal of the language itself on the same tokens,
        in nats per token; ``total`` and ``active`` parameters; with experts also ``load``, the
        largest load over the mean by layer, and ``off``, what each of :data:`SWITCHES` adds to the
        loss; and the training's ``loss`` and ``seconds``.
    """
    language, s = Newswire.standard(), settings
    model = untrained_arm(arm, s, language.vocab_size, seed)
    history = train_arm(model, s, language, seed, progress)
    chance = randomness.generator(seed, "segmentation", "fresh")
    documents = language.sample(s["documents"], chance, s["length"])
    batch = document_batch(documents)
    exact = -language.token_log_probs(documents)[:, : batch.mask.shape[1]][batch.mask].mean()
    loss = mean_loss(model, batch)
    total = model.parameter_count
    found = {"gap": loss - float(exact), "total": total, "active": total, "off": {}}
    if isinstance(model, MoEDecoder):
        with torch.no_grad():
            counts = [each.counts for each in model.routed(batch.inputs, mask=batch.mask)[1]]
        # The matrix of the noise is there, and of no use without noise.
        unused = sum(block.moe.noise.numel() for block in model.blocks)
        found["total"], found["active"] = total - unused, model.active_parameter_count - unused
        found["load"] = [round(max_over_mean(each), 4) for each in counts]
        busiest = [int(each.argmax()) for each in counts]
        for switch in SWITCHES if model.config.shared else SWITCHES[1:]:
            found["off"][switch] = mean_loss(switched_off(model, switch, busiest), batch) - loss
    return found | history.summary()
