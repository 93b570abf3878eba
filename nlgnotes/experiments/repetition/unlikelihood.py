"""Repetition before and after fine-tuning: unlikelihood, with plain likelihood as its control.

Every text that a model wrote stands beside the one that a person wrote after the same prompt.
Taught in: book/repetition.ipynb.
"""

import copy
import functools
import math
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
from nlgnotes.training.text import document_nats, openings, windows
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
    "alone": functools.partial(sequence_unlikelihood, share=1),
}
"""Sequence-level unlikelihood; as many steps of likelihood, its control; token level; and
unlikelihood alone, without the likelihood of text beside it."""


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
    """How much a shipped model repeats itself after fine-tuning in four ways, by training seed.

    Trainings and prompts are crossed: every run draws its own batches and starts from the same
    weights, and all runs are asked the same prompts and read the same documents. So both can be
    resampled (``intervals.two_way_interval``). Every prompt is followed by a person's text,
    greedily by the model's.

    Args:
        settings: ``model``; ``runs``; ``steps``, ``batch``, ``learning_rate``, ``rows`` of the
            training; ``prefix``, ``new``, ``prompts`` and ``documents`` (for bits per byte) of the
            looking; ``look_every``.
        seed: of the first run; the others follow. The first also draws prompts and documents.
        progress: show bars.
        keep: as ``experiment.Experiment`` says.

    Returns:
        ``text``, the person's; ``before``, the model's; ``bytes`` of each document; ``runs``, per
        training seed the arms. Each has :func:`repetition_statistics`, and ``by_prompt`` with
        seq-rep-4 and the period of the loop that a text ends in. The models also have bits per
        byte, ``bits`` of each document, and ``rep``, the share of next-token predictions that
        stand among the ``WINDOW`` tokens before.
    """
    start = checkpoints.load(settings["model"])
    tokenizer, prefix, new = start.tokenizer, settings["prefix"], settings["new"]
    train = [d.text for d in corpus.documents("train")]
    held_out = [d.text for d in corpus.documents("held-out")]
    rows = openings(tokenizer, held_out, prefix + new)

    def some(many: int, few: int, name: str) -> Tensor:
        return torch.randperm(many, generator=generator(seed, "unlikelihood", name))[:few]

    chosen = rows[some(len(rows), settings["prompts"], "prompts")]
    documents = some(len(held_out), settings["documents"], "documents").tolist()
    read = [held_out[i] for i in documents]
    look = functools.partial(_everything, tokenizer=tokenizer, rows=chosen, new=new, read=read)
    texts, person = corpus.corpus_digest()[:12], chosen[:, -new:]
    of_text = {"rep": repeated_share(chosen, person, WINDOW), "by_prompt": _by_prompt(person)}
    return {
        "text": _round(repetition_statistics(person) | of_text),
        "bytes": [len(text.encode()) for text in read],
        # The text comes with the installed packages: what is kept is kept for this very text.
        "before": keep(f"before-{texts}", functools.partial(look, start.model)),
        "runs": [
            keep(
                f"run-{s}-{texts}",
                functools.partial(
                    _one_run, settings, s, progress, start.model, tokenizer, train, look
                ),
            )
            for s in range(seed, seed + settings["runs"])
        ],
    }


def _by_prompt(tokens: Tensor) -> dict[str, list]:
    lengths = torch.full((len(tokens),), tokens.shape[1])
    found = seq_rep_n_per_document(tokens, lengths, 4)
    return {"seq_rep_4": found.tolist(), "periods": loop_period(tokens, lengths).tolist()}


def _everything(
    model: Any,
    *,
    tokenizer: ByteBPE,
    rows: Tensor,
    new: int,
    read: list[str],
    brief: bool = False,
) -> dict[str, Any]:
    tokens = continue_greedily(model, rows[:, :-new], new).tokens
    if brief:
        return _round(repetition_statistics(tokens))
    bits = document_nats(model, tokenizer, read)[0] / math.log(2)
    return _round(
        repetition_statistics(tokens)
        | {"rep": repeated_share(rows, predictions(model, rows, new), WINDOW)}
        | {"bits_per_byte": float(bits.sum()) / sum(len(text.encode()) for text in read)}
        | {"by_prompt": _by_prompt(tokens), "bits": bits.tolist()}
    )


def _one_run(
    settings: Mapping[str, Any],
    seed: int,
    progress: bool,
    model: Any,
    tokenizer: ByteBPE,
    train: list[str],
    look: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """One training seed: the arms, each from the weights of ``model``."""
    steps, found = settings["steps"], {"seed": seed}
    order = generator(seed, "unlikelihood", "order")
    draw = windows(tokenizer, train, model.config.context, settings["batch"], order)
    for arm, learn in ARMS.items():
        tuned, path = copy.deepcopy(model), []

        def callback(step: int, loss: float, tuned: Any = tuned, path: list = path) -> None:
            if step % settings["look_every"] == 0 and step < steps:
                path.append({"step": step, **look(tuned.eval(), brief=True)})
                tuned.train()

        options = {} if arm == "token" else {k: settings[k] for k in ("prefix", "new", "rows")}
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
        after = look(tuned.eval())
        found[arm] = after | {"path": path, "seconds": round(history.seconds, 1)}
    return found


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _round(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_round(v) for v in value]
    return round(value, 5) if isinstance(value, float) else value


EXPERIMENT = Experiment(
    name="unlikelihood",
    summary="fine-tuning against repetition, and its controls: five training seeds (15 minutes)",
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
        "prompts": 120,
        "documents": 100,
        "look_every": 20,
    },
    headline=lambda data: (
        sum(run["unlikelihood"]["seq_rep_4"] for run in data["runs"]) / len(data["runs"])
    ),
    tolerance=0.05,
    models=("python-docs-lm",),
)
