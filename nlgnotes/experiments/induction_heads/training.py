"""Training a network of attention alone on texts that repeat.

Taught in: book/induction-heads.ipynb.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from tqdm import tqdm

from nlgnotes import randomness
from nlgnotes.networks.attention_only import AttentionOnly, AttentionOnlyConfig
from nlgnotes.tasks.repeated_texts import RepeatedTexts
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = ["train", "untrained"]

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
) -> History:
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
        The history of the steps that were done.

    Raises:
        ValueError: ``steps`` outside [1, 4,000]; as ``training.loop.fit``.
    """
    steps = check_count("steps", steps, 1, CYCLE // 10)
    every = steps if every is None else check_count("every", every)
    losses: list[float] = []
    if watch is not None and watch(0, float("nan")):
        return History(0, (), 0, 0.0)

    # Not that of `fit`, which would count the whole cycle.
    bar = tqdm(total=steps, disable=not progress, unit="step", dynamic_ncols=False, ascii=True)

    def is_enough(step: int, loss: float) -> bool:
        losses.append(loss)
        bar.update()
        if watch is not None and (step % every == 0 or step == steps):
            since = losses[(step - 1) // every * every :]
            if watch(step, sum(since) / len(since)):
                return True
        return step == steps

    with bar:
        return fit(
            model,
            lambda chance: texts.draw(batch, chance).batch,
            steps=CYCLE,
            learning_rate=learning_rate,
            warmup=RISE / CYCLE,
            generator=generator,
            progress=False,
            callback=is_enough,
        )
