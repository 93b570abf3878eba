"""Length generalisation: trained to copy short strings, asked to copy longer ones.

By the decoder's positions. The three decoders of one training seed have the same sizes, and start
from the same weights but for the learned positions. They read the same draws, but the one without
positions reads twice as many: it is trained for more steps.
Taught in: book/positions.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.copying import copies
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count, check_generator, check_scores

__all__ = [
    "EXPERIMENT",
    "KINDS",
    "correct_copies",
    "measure",
    "scores_by_length",
    "train_to_copy",
    "untrained_decoder",
]

KINDS = ("rotary", "learned", "none")


Settings = Mapping[str, Any]


def untrained_decoder(kind: str, settings: Settings, seed: int) -> Decoder:
    """An untrained decoder whose context holds the longest string that will be asked for.

    Args:
        kind: its positions, one of :data:`KINDS`.
        settings: ``asked`` (the lengths asked for after training), ``symbols``, ``width``,
            ``layers``, ``heads``, ``hidden``.
        seed: of the weights. For one seed they are the same in every kind but for the learned
            positions, which are drawn last.

    Raises:
        ValueError: as ``DecoderConfig``.
    """
    s = settings
    sizes = {name: s[name] for name in ("width", "layers", "heads", "hidden")}
    context = 2 * max(s["asked"]) + 1
    config = DecoderConfig(s["symbols"] + 1, context, positions=kind, **sizes)
    return Decoder(config, randomness.generator(seed, "length-generalisation", "weights"))


def train_to_copy(
    model: Decoder, longest: int, settings: Settings, seed: int, progress: bool = False
) -> History:
    """Train on strings of every length from 1 to ``longest``, equally often.

    Args:
        model: changed in place.
        longest: the longest string.
        settings: ``symbols``, ``batch``, ``steps``, ``learning_rate``.
        seed: of the strings: the same ones for every model.
        progress: show a bar.

    Raises:
        ValueError: as ``tasks.copies`` and ``training.fit``.
    """
    s = settings
    return fit(
        model,
        lambda generator: copies(s["batch"], 1, longest, s["symbols"], generator),
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "length-generalisation", "strings", longest),
        progress=progress,
    )


@torch.no_grad()
def correct_copies(
    model: Callable[[Tensor], Tensor],
    length: int,
    rows: int,
    symbols: int,
    generator: torch.Generator,
) -> Bool[Tensor, "rows places"]:
    """Whether each symbol of the copy is right, and, last, whether it ends in time.

    Right is a likeliest token that is the target, given a copy that is right so far: a row of
    nothing but True is exactly what greedy decoding would write.

    Args:
        model: tokens to logits.
        length: of every string.
        rows, symbols: how many strings, of how many different symbols.
        generator: where they are drawn from.

    Returns:
        ``[rows, length + 1]``.

    Raises:
        ValueError: as ``tasks.copies``, or logits of the model that are no distribution.

    A model that says again what it read two tokens before copies strings of length 2:

    >>> parrot = lambda tokens: torch.nn.functional.one_hot(tokens.roll(2, 1), 3).float()
    >>> correct_copies(parrot, 2, 1, 2, torch.Generator())
    tensor([[True, True, True]])
    """
    check_generator(generator)
    batch = copies(rows, length, length, symbols, generator)
    logits = model(batch.inputs)[:, length:]
    check_scores("the model's logits", logits)
    return logits.argmax(-1) == batch.targets[:, length:]


def scores_by_length(
    model: Callable[[Tensor], Tensor], settings: Settings, seed: int
) -> dict[str, list[float]]:
    """Shares of right symbols and of whole copies, on fresh strings of each asked length.

    Args:
        model: tokens to logits.
        settings: ``asked``, ``symbols``, ``rows`` (strings of each length).
        seed: of the strings; for one seed all models get the same.

    Returns:
        ``symbols`` (of the symbols of the copy, the end left out) and ``exact`` (of the whole
        copies with their end), one number a length.
    """
    found: dict[str, list[float]] = {"symbols": [], "exact": []}
    for length in settings["asked"]:
        stream = randomness.generator(seed, "length-generalisation", "asked", length)
        right = correct_copies(model, length, settings["rows"], settings["symbols"], stream)
        found["symbols"].append(_round(right[:, :-1].double().mean()))
        found["exact"].append(_round(right.all(1).double().mean()))
    return found


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """The scores by length of each kind of positions, and of a control, over training seeds.

    The control is the rotary decoder, trained on with strings of up to twice the length.

    Args:
        settings: as in the functions above, and ``length``, the longest string in training;
            ``runs``, how many training seeds (``seed``, ``seed + 1``, …); ``none``, what is
            different for the decoder without positions; ``further``, what is different when
            training goes on.
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``lengths``; ``chance``, the share that guessing gets; ``runs``: for each seed and each of
        :data:`KINDS` and ``"further"``, the scores by length, ``loss`` (the mean of each twentieth
        of the run) and ``seconds``.
    """
    check_count("runs", settings["runs"])
    runs = {}
    for s in range(seed, seed + settings["runs"]):
        runs[str(s)] = keep(f"seed-{s}", partial(_one_run, settings, s, progress))
    return {
        "lengths": list(settings["asked"]),
        "chance": _round(1 / settings["symbols"]),
        "runs": runs,
    }


def _one_run(settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    found = {}
    for kind in KINDS:
        model = untrained_decoder(kind, settings, seed)
        own = {**settings, **settings.get(kind, {})}
        history = train_to_copy(model, own["length"], own, seed, progress)
        found[kind] = scores_by_length(model, settings, seed) | history.summary()
        if kind == "rotary":
            more = {**settings, **settings["further"]}
            history = train_to_copy(model, more["length"], more, seed, progress)
            found["further"] = scores_by_length(model, settings, seed) | history.summary()
    return found


def _round(number: Float[Tensor, ""] | float) -> float:
    return round(float(number), 6)


EXPERIMENT = Experiment(
    name="length-generalisation",
    summary="copying up to four times the trained length: five training seeds (about 12 minutes)",
    measure=measure,
    seed=0,
    settings={
        "length": 8,
        "asked": list(range(1, 33)),
        "symbols": 16,
        "rows": 200,
        "width": 64,
        "layers": 3,
        "heads": 4,
        "hidden": 256,
        "batch": 64,
        "steps": 800,
        "learning_rate": 8e-3,
        "runs": 5,
        "none": {"steps": 1600},
        "further": {"length": 16, "batch": 32, "learning_rate": 4e-3},
    },
    headline=lambda data: (
        sum(run["rotary"]["symbols"][15] for run in data["runs"].values()) / len(data["runs"])
    ),
    tolerance=0.15,
)
