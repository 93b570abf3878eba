"""Taking sets of heads out: in full, and with all attention patterns as they were.

Taught in: book/induction-heads.ipynb.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from nlgnotes.experiments.induction_heads.watching import copying
from nlgnotes.networks.attention_only import AttentionOnly
from nlgnotes.tasks.repeated_texts import TextsDrawn
from nlgnotes.validation import check_generator

__all__ = ["ablate", "head_sets"]

Head = tuple[int, int]


def head_sets(
    scores: Mapping[str, Float[Tensor, "layers heads"]],
    generator: torch.Generator,
    *,
    prefix: float = 0.3,
    previous: float = 0.5,
) -> dict[str, list[Head]]:
    """Induction heads, previous-token heads before them, and for each as many others.

    Args:
        scores: ``prefix`` and ``previous``, of every head.
        generator: where the others are drawn from.
        prefix, previous: the scores from which on a head belongs to a set.

    Returns:
        ``induction`` and ``previous``, the best first; and ``like induction`` and
        ``like previous``, as many of the heads that are neither. Where there are fewer others than
        heads of a set, the set keeps its best heads only, so that the two are equally many.

    Raises:
        ValueError: no head in a set, or no other head.
    """
    check_generator(generator)
    layers, heads = scores["prefix"].shape
    every = [(layer, head) for layer in range(layers) for head in range(heads)]

    def above(name: str, least: float, among: list[Head]) -> list[Head]:
        found = [head for head in among if float(scores[name][head]) >= least]
        if not found:
            raise ValueError(f"scores must have a head with {name} of at least {least}; got none")
        return sorted(found, key=lambda head: -float(scores[name][head]))

    induction = above("prefix", prefix, every)
    earlier = [head for head in every if head[0] < max(layer for layer, _ in induction)]
    feeding = above("previous", previous, [head for head in earlier if head not in induction])
    others = [head for head in every if head not in induction + feeding]
    if not others:
        raise ValueError("scores must have a head that is in neither set; got none")
    found: dict[str, list[Head]] = {}
    for name, chosen in (("induction", induction), ("previous", feeding)):
        size = min(len(chosen), len(others))
        order = torch.randperm(len(others), generator=generator)[:size].tolist()
        found |= {name: chosen[:size], f"like {name}": sorted(others[i] for i in order)}
    return found


def ablate(
    model: AttentionOnly, drawn: TextsDrawn, sets: Mapping[str, Sequence[Head]]
) -> dict[str, dict[str, Float[Tensor, " texts"]]]:
    """Copying in each text with a set of heads taken out, in full and with frozen patterns.

    Args:
        model: the network.
        drawn: texts that all repeat.
        sets: the heads to take out, by name.

    Returns:
        ``"none"`` and, for each name, ``"full"`` and ``"frozen"``, both of shape [texts]; for
        ``"none"`` the two are the same run.

    Raises:
        ValueError: as ``AttentionOnly.run`` and ``watching.copying``.
    """
    tokens = drawn.batch.inputs
    whole = model.run(tokens)
    right = copying(whole.logits, drawn)
    found = {"none": {"full": right, "frozen": right}}
    for name, heads in sets.items():
        found[name] = {
            how: copying(model.run(tokens, heads, patterns).logits, drawn)
            for how, patterns in (("full", None), ("frozen", whole.patterns))
        }
    return found
