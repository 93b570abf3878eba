"""What is measured while a network learns to copy, and when it did.

Taught in: book/induction-heads.ipynb.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from nlgnotes.equations import induction
from nlgnotes.networks.attention_only import AttentionOnly
from nlgnotes.tasks.repeated_texts import RepeatedTexts, TextsDrawn
from nlgnotes.training.likelihood import target_log_probs

__all__ = ["Watch", "copying", "head_scores", "transition", "unlike_before"]


def copying(
    logits: Float[Tensor, "texts time vocab"], drawn: TextsDrawn
) -> Float[Tensor, " texts"]:
    """The share of the tokens to be copied that have the highest logit, in each text that repeats.

    Args:
        logits: after each token but the last.
        drawn: the texts.

    Raises:
        ValueError: a text without a token to be copied.
    """
    copied: Bool[Tensor, "texts time"] = drawn.copied[:, 1:]
    if not bool(copied.any(1).all()):
        raise ValueError("every text must hold a token to be copied; some hold none")
    right = (logits.argmax(-1) == drawn.tokens[:, 1:]) & copied
    return right.sum(1).double() / copied.sum(1)


def unlike_before(
    tokens: Int64[Tensor, "texts time"],
) -> tuple[Bool[Tensor, "texts later"], Bool[Tensor, "texts later"]]:
    """Two kinds of places, in the order of all tokens but the first.

    Returns:
        Where the token before has stood earlier in the text, and what stands here never followed
        it; and where the token before stands for the first time.

    >>> unlike_before(torch.tensor([[1, 2, 1, 3, 1, 2]]))[0]  # 1 is followed by 2, by 3, by 2
    tensor([[False, False,  True, False, False]])
    """
    before, after = tokens[:, :-1], tokens[:, 1:]
    earlier = torch.ones(before.shape[1], before.shape[1], dtype=torch.bool).tril(-1)
    same = (before[:, :, None] == before[:, None]) & earlier
    known = same.any(-1)
    said = (same & (after[:, :, None] == after[:, None])).any(-1)
    return known & ~said, ~known


def head_scores(
    model: AttentionOnly, texts: RepeatedTexts, generator: torch.Generator
) -> dict[str, Float[Tensor, "layers heads"]]:
    """Prefix matching, previous token and copying of every head, by the published evaluators.

    Ten texts for each score. Those for the previous token are drawn from ``texts``.
    """
    blocks = texts.block_texts(10, 25, 4, generator)
    single = texts.block_texts(10, 25, 1, generator)[:, 1:]
    some = texts.draw(10, generator).tokens[:, :-1]
    return {
        "prefix": induction.prefix_matching_score(model.run(blocks).patterns, blocks),
        "previous": induction.previous_token_score(model.run(some).patterns),
        "copying": induction.copying_score(
            model.direct_logits(single), model.run(single).patterns, single
        ),
    }


class Watch:
    """What is measured again and again during a training, always on the same texts.

    ``rows`` gets one row a call: ``step``; ``loss``, of the training since the last call; and, on
    texts that all repeat, ``copied`` (:func:`copying`) and ``icl``, the in-context-learning score.
    With ``heads`` also the scores of :func:`head_scores`, layer after layer; and, on texts that do
    not repeat and are no longer than the longest block, the nats of the two kinds of tokens of
    :func:`unlike_before`, ``unlike`` and ``new``.

    Args:
        model: the one that is trained.
        texts: the task.
        generator: where the texts are drawn from.
        size: how many texts of each sort.
        early, late: the positions of the in-context-learning score.
        heads: see above.
        shown: a text ``[1, time]`` whose attention patterns are kept in ``frames``, one
            ``[layers, heads, time, time]`` a call.
        enough: a call says True, so that the training ends, when ``copied`` has been above this for
            three calls; never when None.
    """

    def __init__(
        self,
        model: AttentionOnly,
        texts: RepeatedTexts,
        generator: torch.Generator,
        *,
        size: int = 64,
        early: int = 10,
        late: int = 120,
        heads: bool = True,
        shown: Int64[Tensor, "1 shown"] | None = None,
        enough: float | None = None,
    ) -> None:
        sizes = (texts.symbols, texts.length, texts.shortest, texts.longest)
        self.model, self.early, self.late = model, early, late
        self.repeating = RepeatedTexts(*sizes)
        self.drawn = self.repeating.draw(size, generator)
        random = RepeatedTexts(*sizes, share=0).draw(4 * size, generator)
        self.random = random.tokens[:, : texts.longest + 1]
        self.kinds = dict(zip(("unlike", "new"), unlike_before(self.random), strict=True))
        self.generator, self.state = generator, generator.get_state()
        self.heads, self.shown, self.enough = heads, shown, enough
        self.rows: list[dict[str, Any]] = []
        self.frames: list[Tensor] = []

    @torch.no_grad()
    def __call__(self, step: int, loss: float) -> bool:
        """Measure once."""
        logits = self.model(self.drawn.batch.inputs)
        nats = -target_log_probs(logits, self.drawn.batch.targets)
        row: dict[str, Any] = {
            "step": step,
            "loss": None if math.isnan(loss) else _round(loss),
            "copied": _round(copying(logits, self.drawn).mean()),
            "icl": _round(induction.in_context_learning_score(nats, self.early, self.late)),
        }
        if self.heads:
            nats = -target_log_probs(self.model(self.random[:, :-1]), self.random[:, 1:])
            row |= {kind: _round(nats[where].mean()) for kind, where in self.kinds.items()}
            self.generator.set_state(self.state)
            found = head_scores(self.model, self.repeating, self.generator)
            row |= {name: [_round(x) for x in score.flatten()] for name, score in found.items()}
        if self.shown is not None:
            self.frames.append(self.model.run(self.shown).patterns[:, 0])
        self.rows.append(row)
        last = [row["copied"] for row in self.rows[-3:]]
        return self.enough is not None and len(last) == 3 and min(last) > self.enough


def transition(steps: Sequence[int], values: Sequence[float], least: float = 0.3) -> float | None:
    """The step at which a curve has made half of its way up, from its first value to its largest.

    Between two measurements it is taken as straight; the first crossing counts.

    Args:
        steps: where it was measured, in order.
        values: what was measured.
        least: a curve whose way is shorter than this has no transition.

    Returns:
        The step; None without a transition.

    Raises:
        ValueError: fewer than two values, or not one for each step.

    >>> transition([0, 20, 40, 60], [0.0, 0.1, 0.7, 0.8])  # 0.4 lies half-way from 0.1 to 0.7
    30.0
    """
    if len(steps) != len(values) or len(steps) < 2:
        raise ValueError(
            f"steps and values must be equally many, at least 2; got {len(steps)}, {len(values)}"
        )
    way = max(values) - values[0]
    if way < least:
        return None
    half = values[0] + way / 2
    after = next(i for i, value in enumerate(values) if value >= half)
    low, high = values[after - 1], values[after]
    share = (half - low) / (high - low)
    return steps[after - 1] + share * (steps[after] - steps[after - 1])


def _round(number: Float[Tensor, ""] | float) -> float:
    return round(float(number), 4)
