"""Taking sets of heads out: in full, and with all attention patterns as they were.

Taught in: book/induction-heads.ipynb.
"""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from nlgnotes.experiments.induction_heads.watching import copying
from nlgnotes.networks.attention_only import AttentionOnly
from nlgnotes.tasks.repeated_texts import TextsDrawn
from nlgnotes.validation import check_count

__all__ = ["ablate", "head_sets"]

Head = tuple[int, int]


def head_sets(
    scores: Mapping[str, Float[Tensor, "layers heads"]], size: int
) -> dict[str, list[Head]]:
    """Three sets of heads of one size, by their scores.

    Args:
        scores: ``prefix`` and ``previous``, of every head.
        size: heads in each set.

    Returns:
        ``induction``: the heads with the highest prefix-matching scores; ``previous``: of the
        rest, those with the highest previous-token scores; ``others``: of the rest, those whose
        larger score is lowest.

    Raises:
        ValueError: ``size`` below 1, or fewer heads than three sets need.
    """
    check_count("size", size)
    prefix, previous = scores["prefix"], scores["previous"]
    layers, heads = prefix.shape
    check_count("heads of the network", layers * heads, 3 * size)
    left = [(layer, head) for layer in range(layers) for head in range(heads)]

    def take(value) -> list[Head]:
        chosen = sorted(left, key=value, reverse=True)[:size]
        for head in chosen:
            left.remove(head)
        return sorted(chosen)

    return {
        "induction": take(lambda head: float(prefix[head])),
        "previous": take(lambda head: float(previous[head])),
        "others": take(lambda head: -max(float(prefix[head]), float(previous[head]))),
    }


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
        ValueError: as ``AttentionOnly.run`` and ``training.copying``.
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
