"""Repetition before and after fine-tuning: unlikelihood, with plain likelihood as its control.

Every text that a model wrote stands beside the one that a person wrote after the same prompt.
Taught in: book/repetition.ipynb.
"""

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from nlgnotes import checkpoints
from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.repetition import loop_period
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.randomness import generator
from nlgnotes.text import corpus
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.text import openings, text_metrics, windows
from nlgnotes.training.unlikelihood import (
    continue_greedily,
    sequence_unlikelihood,
    token_unlikelihood,
)
from nlgnotes.validation import check_count, check_scores

__all__ = ["EXPERIMENT", "measure", "predictions", "repeated_share", "repetition_statistics"]

ARMS: dict[str, Callable[..., Any]] = {
    "unlikelihood": sequence_unlikelihood,
    "likelihood": functools.partial(sequence_unlikelihood, share=0),
    "token": token_unlikelihood,
}
"""Sequence-level unlikelihood; as many steps of likelihood, its control; token level."""


WINDOW = 32
"""How many tokens back a prediction counts as a repetition (Welleck et al.: 16 to 512)."""


def repetition_statistics(tokens: Int64[Tensor, "batch time"]) -> dict[str, Any]:
    """What repeats in texts of one length.

    Mean seq-rep-n for n = 1, 2, 4, 8 and 16, the share that end in a loop, and the loops' periods.
    Short n-grams recur in any text. Long ones say how far the copying goes: a text that was cured
    of short loops only still repeats by 8 or 16.

    Raises:
        ValueError: no text.

    >>> texts = torch.tensor([[3, 1, 2, 1, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7]])
    >>> repetition_statistics(texts)["periods"]
    [2]
    """
    lengths = torch.full((len(tokens),), tokens.shape[1])
    periods = loop_period(tokens, lengths)
    found: dict[str, Any] = {
        f"seq_rep_{n}": float(seq_rep_n_per_document(tokens, lengths, n).mean())
        for n in (1, 2, 4, 8, 16)
    }
    return found | {
        "loops": float((periods > 0).double().mean()),
        "periods": periods[periods > 0].sort().values.tolist(),
    }


def repeated_share(
    tokens: Int64[Tensor, "batch time"], reference: Int64[Tensor, "batch new"], window: int
) -> float:
    """Which share of ``reference`` stands among the ``window`` tokens before it.

    Args:
        tokens: whole rows.
        reference: what is said at each of their last ``new`` places; the row's own tokens, or what
            a model would say.
        window: how far back to look, at least 1.

    Raises:
        ValueError: ``window`` below 1, or more places than the rows have before them.

    >>> repeated_share(torch.tensor([[5, 6, 5, 7]]), torch.tensor([[5, 7]]), window=2)
    0.5
    """
    check_count("window", window)
    if not reference.numel() or len(reference) != len(tokens):
        shapes = f"{tuple(tokens.shape)} and {tuple(reference.shape)}"
        raise ValueError(f"tokens and reference must hold as many rows, at least 1; got {shapes}")
    new, start = reference.shape[1], tokens.shape[1] - reference.shape[1]
    if start < window:
        raise ValueError(
            f"tokens must hold window = {window} before the first of {new} places; "
            f"got rows of {tokens.shape[1]}"
        )
    before = tokens.unfold(1, window, 1)[:, start - window : start - window + new]
    return float((before == reference[..., None]).any(-1).double().mean())


@torch.no_grad()
def predictions(
    model: Any, rows: Int64[Tensor, "batch time"], new: int
) -> Int64[Tensor, "batch new"]:
    """The most likely token at each of the last ``new`` places of texts, given what stands before.

    Raises:
        ValueError: more places than the rows have, or logits that are no distribution.
    """
    check_count("new", new)
    if new >= rows.shape[1]:
        raise ValueError(f"new must be below the length of the rows, {rows.shape[1]}; got {new}")
    logits = model(rows[:, :-1])[:, -new:]
    check_scores("the model's logits", logits)
    return logits.argmax(-1)


def measure(
    settings: Mapping[str, Any],
    seed: int,
    *,
    progress: bool,
    keep: Callable[[str, Callable[[], Any]], Any],
) -> dict[str, Any]:
    """How much a shipped model repeats itself after fine-tuning in three ways, by training seed.

    A run draws its batches and its held-out prompts from its own seed; all arms of a run start from
    the same weights and see the same batches and prompts. Every prompt is followed by a person's
    text, greedily by the model's.

    Args:
        settings: ``model``; ``runs``; ``steps``, ``batch``, ``learning_rate``, ``rows`` of the
            training; ``prefix``, ``new``, ``prompts`` and ``documents`` (for bits per byte) of the
            looking; ``look_every``.
        seed: of the first run; the others follow.
        progress: show bars.
        keep: as ``experiment.Experiment`` says.

    Returns:
        ``runs``: per training seed ``text``, ``before`` and the arms, each with
        :func:`repetition_statistics`; the models also with bits per byte and ``rep``, the share of
        next-token predictions that stand among the ``WINDOW`` tokens before.
    """
    start = checkpoints.load(settings["model"])
    tokenizer, prefix, new = start.tokenizer, settings["prefix"], settings["new"]
    train = [d.text for d in corpus.documents("train")]
    held_out = [d.text for d in corpus.documents("held-out")]
    rows = openings(tokenizer, held_out, prefix + new)
    texts, read = corpus.corpus_digest()[:12], (start.model, tokenizer, train, held_out, rows)
    return {
        "runs": [
            # The text comes with the installed packages: a run is kept for this very text.
            keep(f"run-{s}-{texts}", functools.partial(_one_run, settings, s, progress, *read))
            for s in range(seed, seed + settings["runs"])
        ]
    }


def _one_run(
    settings: Mapping[str, Any],
    seed: int,
    progress: bool,
    model: Any,
    tokenizer: ByteBPE,
    train: list[str],
    held_out: list[str],
    rows: Tensor,
) -> dict[str, Any]:
    """One training seed: the text, the model before, and the three arms."""
    prefix, new, steps = settings["prefix"], settings["new"], settings["steps"]

    def some(many: int, few: int, name: str) -> Tensor:
        return torch.randperm(many, generator=generator(seed, "unlikelihood", name))[:few]

    chosen = rows[some(len(rows), settings["prompts"], "prompts")]
    documents = some(len(held_out), settings["documents"], "documents")
    read = [held_out[i] for i in documents.tolist()]

    def writing(model: Any) -> dict[str, Any]:
        return repetition_statistics(continue_greedily(model, chosen[:, :prefix], new).tokens)

    def everything(model: Any) -> dict[str, Any]:
        rep = repeated_share(chosen, predictions(model, chosen, new), WINDOW)
        bits = text_metrics(model, tokenizer, read)["bits_per_byte"]["value"]
        return writing(model) | {"rep": rep, "bits_per_byte": bits}

    of_text = {"rep": repeated_share(chosen, chosen[:, -new:], WINDOW)}
    found: dict[str, Any] = {"text": repetition_statistics(chosen[:, -new:]) | of_text}
    found |= {"seed": seed, "before": everything(model)}
    order = generator(seed, "unlikelihood", "order")
    draw = windows(tokenizer, train, model.config.context, settings["batch"], order)
    for arm, learn in ARMS.items():
        tuned, path = copy.deepcopy(model), []

        def callback(step: int, loss: float, tuned: Any = tuned, path: list = path) -> None:
            if step % settings["look_every"] == 0 and step < steps:
                path.append({"step": step, **writing(tuned.eval())})
                tuned.train()

        options = {} if arm == "token" else {"prefix": prefix, "new": new, "rows": settings["rows"]}
        history = learn(
            tuned,
            draw,
            steps=steps,
            learning_rate=settings["learning_rate"],
            progress=progress,
            callback=callback,
            generator=generator(seed, "unlikelihood", "batches"),
            **options,
        )
        after = everything(tuned.eval())
        found[arm] = after | {"path": path, "seconds": round(history.seconds, 1)}
    return _round(found)


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _round(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_round(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value


EXPERIMENT = Experiment(
    name="unlikelihood",
    summary="fine-tuning against repetition, and its control: five training seeds (10 minutes)",
    measure=measure,
    seed=0,
    settings={
        "model": "python-docs-lm",
        "runs": 5,
        "steps": 60,
        "batch": 8,
        "rows": 6,
        "learning_rate": 5e-4,
        "prefix": 50,
        "new": 100,
        "prompts": 80,
        "documents": 100,
        "look_every": 20,
    },
    headline=lambda data: (
        sum(run["unlikelihood"]["seq_rep_4"] for run in data["runs"]) / len(data["runs"])
    ),
    tolerance=0.05,
    models=("python-docs-lm",),
)
