"""Training a network of attention alone on texts that repeat, and watching it.

Taught in: book/induction-heads.ipynb.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.equations import induction
from nlgnotes.networks.attention_only import AttentionOnly, AttentionOnlyConfig
from nlgnotes.tasks.repeated_texts import RepeatedTexts, TextsDrawn
from nlgnotes.training.likelihood import target_log_probs
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = [
    "Watch",
    "copying",
    "head_scores",
    "token_nats",
    "train",
    "transition",
    "untrained",
]

# The learning rate rises for 50 steps and stays: what is run is the beginning of a cycle so long
# that it has hardly begun to fall.
CYCLE, RISE = 40_000, 50


def untrained(settings: Mapping[str, Any], seed: int, **options: Any) -> AttentionOnly:
    """A network before its training.

    Args:
        settings: ``symbols``, ``length``, ``width``, ``heads``.
        seed: of the weights.
        options: ``layers``, ``smeared``, as :class:`AttentionOnlyConfig`.

    Raises:
        ValueError: as ``AttentionOnlyConfig``.
    """
    s = settings
    sizes = {"width": s["width"], "heads": s["heads"], **options}
    config = AttentionOnlyConfig(s["symbols"] + 1, s["length"] + 1, **sizes)
    return AttentionOnly(config, randomness.generator(seed, "induction-heads", "weights"))


def train(
    model: AttentionOnly,
    texts: RepeatedTexts,
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    generator: torch.Generator,
    every: int | None = None,
    watch: Callable[[int, float], bool | None] | None = None,
    progress: bool = False,
) -> int:
    """Train at a constant rate after a short rise, and stop early where ``watch`` says so.

    Args:
        model: changed in place.
        texts: the task.
        steps: at most so many updates.
        batch: texts in a step.
        learning_rate: of AdamW.
        generator: where the texts are drawn from.
        every, watch: ``watch(step, loss)`` is called before the first step (with a loss of NaN) and
            after every ``every`` steps, with the mean loss since; True ends the training.
        progress: show a bar.

    Returns:
        How many steps were done.

    Raises:
        ValueError: ``steps`` outside [1, 4,000]; as ``training.loop.fit``.
    """
    steps = check_count("steps", steps, 1, CYCLE // 10)
    every = steps if every is None else check_count("every", every)
    done, losses = 0, []
    if watch is not None and watch(0, float("nan")):
        return 0

    def after(step: int, loss: float) -> None:
        nonlocal done
        done = step
        losses.append(loss)
        if step % every == 0 or step == steps:
            mean = sum(losses) / len(losses)
            losses.clear()
            if (watch is not None and watch(step, mean)) or step == steps:
                raise _Enough

    try:
        fit(
            model,
            lambda chance: texts.draw(batch, chance).batch,
            steps=CYCLE,
            learning_rate=learning_rate,
            warmup=RISE / CYCLE,
            generator=generator,
            progress=progress,
            callback=after,
        )
    except _Enough:
        pass
    return done


class _Enough(Exception):
    """The training has reached what it was for."""


@torch.no_grad()
def token_nats(model: Any, drawn: TextsDrawn) -> Float[Tensor, "texts time"]:
    """The loss at each token after the start token, in nats."""
    inputs, targets, _ = drawn.batch
    return -target_log_probs(model(inputs), targets)


def copying(logits: Float[Tensor, "texts time vocab"], drawn: TextsDrawn) -> Float[Tensor, "texts"]:
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


def head_scores(
    model: AttentionOnly, texts: RepeatedTexts, generator: torch.Generator
) -> dict[str, Float[Tensor, "layers heads"]]:
    """Prefix matching, previous token and copying of every head, by the published evaluators.

    Ten examples each; the text for the previous token is one of ``texts``, drawn ten times.
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

    Args:
        model: the one that is trained.
        texts: the task; it is measured on texts that all repeat.
        generator: where the texts are drawn from.
        rows: how many texts.
        early, late: the positions of the in-context-learning score.
        enough: ``__call__`` says True, so that the training ends, when copying has been above this
            for ``after`` further calls; never when None.
        heads: also score the heads.
    """

    def __init__(
        self,
        model: AttentionOnly,
        texts: RepeatedTexts,
        generator: torch.Generator,
        *,
        rows: int = 64,
        early: int = 10,
        late: int = 120,
        enough: float | None = None,
        after: int = 0,
        heads: bool = True,
    ) -> None:
        t = texts
        self.model, self.early, self.late = model, early, late
        self.texts = RepeatedTexts(t.symbols, t.length, t.shortest, t.longest)
        self.drawn = self.texts.draw(rows, generator)
        self.state = generator.get_state()
        self.generator, self.heads = generator, heads
        self.enough, self.after = enough, after
        self.rows: list[dict[str, Any]] = []

    def __call__(self, step: int, loss: float) -> bool:
        """Measure once."""
        logits = self.model(self.drawn.batch.inputs).detach()
        nats = -target_log_probs(logits, self.drawn.batch.targets)
        row = {
            "step": step,
            "loss": None if loss != loss else round(loss, 4),
            "copying": _round(copying(logits, self.drawn).mean()),
            "icl": _round(induction.in_context_learning_score(nats, self.early, self.late)),
        }
        if self.heads:
            self.generator.set_state(self.state)
            found = head_scores(self.model, self.texts, self.generator)
            row |= {name: [_round(x) for x in score.flatten()] for name, score in found.items()}
        self.rows.append(row)
        if self.enough is None or len(self.rows) <= self.after:
            return False
        return all(row["copying"] > self.enough for row in self.rows[-1 - self.after :])


def transition(steps: list[int], values: list[float], least: float = 0.3) -> float | None:
    """The step of the steepest rise: the middle of the interval in which a curve gains most.

    Args:
        steps: where it was measured, in order.
        values: what was measured.
        least: a curve that gains less than this in all has no transition.

    Returns:
        The step; None without a transition.

    Raises:
        ValueError: fewer than two values, or not one for each step.

    >>> transition([0, 20, 40, 60], [0.0, 0.1, 0.8, 0.9])
    30.0
    """
    if len(steps) != len(values) or len(steps) < 2:
        raise ValueError(
            f"steps and values must be equally many, at least 2; got {len(steps)}, {len(values)}"
        )
    if max(values) - values[0] < least:
        return None
    rates = [
        (later - value) / (after - step)
        for step, after, value, later in zip(
            steps[:-1], steps[1:], values[:-1], values[1:], strict=True
        )
    ]
    best = rates.index(max(rates))
    return (steps[best] + steps[best + 1]) / 2


def _round(number: Float[Tensor, ""] | float) -> float:
    return round(float(number), 4)
