"""Written steps against direct answers, by task, depth and length, with three controls.

Every decoder of a task has about as many parameters. The controls write as many tokens as the
scratchpad, or the very same ones, too late. Taught in: book/reasoning.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.arithmetic import running_sum
from nlgnotes.tasks.automata import draw_inputs
from nlgnotes.tasks.permutations import permutations_by_swaps
from nlgnotes.tasks.scratchpad import ScratchpadTask
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = [
    "AUTOMATA",
    "EXPERIMENT",
    "measure",
    "right_answers",
    "scores_by_length",
    "train_on_questions",
    "untrained_decoder",
]

AUTOMATA = {"permutations": permutations_by_swaps, "sums": running_sum}
"""The two tasks: without a known shortcut, and with one."""

Settings = Mapping[str, Any]


def untrained_decoder(
    task: ScratchpadTask, size: Mapping[str, int], generator: torch.Generator
) -> Decoder:
    """A decoder whose context holds a question with its steps and answer.

    Args:
        task: its words and its longest row.
        size: ``width``, ``layers``, ``heads``, ``hidden``.
        generator: where the weights are drawn from.

    Raises:
        ValueError: as ``DecoderConfig``.
    """
    return Decoder(DecoderConfig(task.vocab_size, task.longest, **size), generator)


def train_on_questions(
    model: Decoder,
    task: ScratchpadTask,
    form: str,
    settings: Settings,
    seed: int,
    *,
    steps: int,
    progress: bool = False,
    callback: Callable[[int, float], object] | None = None,
) -> History:
    """Train on fresh questions in one form, all lengths from 1 to the slots equally often.

    Args:
        model: changed in place.
        task: what is asked.
        form: what is written after a question, one of ``tasks.scratchpad.FORMS``.
        settings: ``batch``, ``learning_rate``.
        seed: of the questions: the same ones in every form.
        steps: updates.
        progress: show a bar.
        callback: as ``fit`` takes it.

    Raises:
        ValueError: another form, or as ``training.fit``.
    """

    def draw(generator: torch.Generator) -> Batch:
        lengths = torch.randint(1, task.slots + 1, (settings["batch"],), generator=generator)
        inputs = draw_inputs(task.automaton, lengths, task.slots, generator)
        return task.batch(task.rows(inputs, form))

    return fit(
        model,
        draw,
        steps=steps,
        learning_rate=settings["learning_rate"],
        generator=randomness.generator(seed, "scratchpad", "questions"),
        progress=progress,
        callback=callback,
    )


def right_answers(
    model: Any, task: ScratchpadTask, form: str, inputs: Tensor
) -> Bool[Tensor, " rows"]:
    """Whether the model's likeliest answer is right.

    A scratchpad is written by the model, greedily, mark and answer with it. What the other forms
    write before the answer is no result, and is given.

    Args:
        model: see ``generation.Generates``; it is also called on rows of tokens.
        task: what is asked.
        form: one of ``tasks.scratchpad.FORMS``.
        inputs: of the questions, ``[rows, slots]``.

    Raises:
        ValueError: as ``ScratchpadTask.rows``.
    """
    rows, place = task.rows(inputs, form), task.answer_place(form)
    if form != "scratchpad":
        with torch.no_grad():
            return model(rows[:, :place])[:, -1].argmax(-1) == rows[:, place]
    prompt = rows[:, : task.slots + 2]  # the question, and the mark that steps follow
    unused = torch.Generator()
    new, greedy = place + 1 - prompt.shape[1], Sampler((TopK(1),))
    written = generate(model, prompt, max_new_tokens=new, sampler=greedy, generator=unused)
    return (written.tokens[:, -2:] == rows[:, place - 1 : place + 1]).all(1)


def scores_by_length(
    model: Any, task: ScratchpadTask, form: str, settings: Settings, seed: int
) -> list[float]:
    """The share of right answers to fresh questions of each asked length.

    Args:
        model, task, form: as in :func:`right_answers`.
        settings: ``asked`` (the lengths), ``rows`` (questions of each).
        seed: of the questions: the same ones in every form.
    """
    found = []
    for length in settings["asked"]:
        stream = randomness.generator(seed, "scratchpad", "asked", length)
        lengths = torch.full((settings["rows"],), length)
        inputs = draw_inputs(task.automaton, lengths, task.slots, stream)
        found.append(_round(right_answers(model, task, form, inputs).double().mean()))
    return found


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """The scores by length of every task, size and form, over training seeds.

    Args:
        settings: as in the functions above, and ``slots``; ``sizes``, by name; ``arms``, a list of
            task, size and form, and ``once``, those of the first seed only; ``steps`` of each form;
            ``looks``, how often all but the scratchpad are scored in training; ``runs``, how many
            training seeds (``seed``, ``seed + 1``, …); ``longer``, arms that are trained for
            ``longer_steps`` at the first seed.
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``asked``; ``runs`` and ``longer``, lists of ``task``, ``size``, ``form``, ``seed``,
        ``parameters``, ``scores`` by length, ``through`` (scores at each look; none of a
        scratchpad), ``loss`` (the mean of each twentieth, over all that is written) and
        ``seconds``.
    """
    check_count("runs", settings["runs"])
    found: dict[str, list] = {"runs": [], "longer": []}
    for s in range(seed, seed + settings["runs"]):
        for arm in [*settings["arms"], *(settings["once"] if s == seed else ())]:
            run = partial(_one_run, settings, *arm, s, settings["steps"][arm[2]], progress)
            found["runs"].append(keep("-".join([*arm, str(s)]), run))
    for arm in settings["longer"]:
        run = partial(_one_run, settings, *arm, seed, settings["longer_steps"], progress)
        found["longer"].append(keep("-".join([*arm, "longer"]), run))
    return {"asked": list(settings["asked"]), **found}


def _one_run(
    settings: Settings, task: str, size: str, form: str, seed: int, steps: int, progress: bool
) -> dict[str, Any]:
    asked = ScratchpadTask(AUTOMATA[task](), settings["slots"])
    weights = randomness.generator(seed, "scratchpad", "weights")
    model = untrained_decoder(asked, settings["sizes"][size], weights)
    through, every = [], max(1, steps // settings["looks"])

    def look(done: int, _: float) -> None:
        if form != "scratchpad" and done % every == 0:
            through.append(scores_by_length(model, asked, form, settings, seed))

    options = {"steps": steps, "progress": progress, "callback": look}
    history = train_on_questions(model, asked, form, settings, seed, **options)
    return {
        "task": task,
        "size": size,
        "form": form,
        "seed": seed,
        "parameters": model.parameter_count,
        "scores": scores_by_length(model, asked, form, settings, seed),
        "through": through,
        **history.summary(4),
    }


def _round(number: Any) -> float:
    return round(float(number), 4)


_SIZES = {
    "1 layer": {"layers": 1, "width": 88, "heads": 4, "hidden": 364},
    "2 layers": {"layers": 2, "width": 64, "heads": 4, "hidden": 256},
    "4 layers": {"layers": 4, "width": 48, "heads": 4, "hidden": 166},
}

EXPERIMENT = Experiment(
    name="scratchpad",
    summary="written steps against direct answers: two tasks, three depths (about two hours)",
    measure=measure,
    seed=0,
    settings={
        "slots": 12,
        "asked": [1, 2, 3, 4, 5, 6, 8, 10, 12],
        "rows": 300,
        "sizes": _SIZES,
        "arms": [
            *(["permutations", s, f] for s in _SIZES for f in ("direct", "scratchpad")),
            *(["sums", "2 layers", form] for form in ("direct", "scratchpad")),
            *(["permutations", "2 layers", form] for form in ("filler", "copied", "after")),
        ],
        "once": [
            ["sums", size, form]
            for size in ("1 layer", "4 layers")
            for form in ("direct", "scratchpad")
        ],
        "batch": 64,
        "learning_rate": 3e-3,
        # A direct answer's rows are half as long, so twice the steps cost as much.
        "steps": {
            "direct": 1600,
            "scratchpad": 800,
            "filler": 800,
            "copied": 800,
            "after": 800,
        },
        "looks": 10,
        "runs": 3,
        "longer": [[task, "2 layers", "direct"] for task in AUTOMATA],
        "longer_steps": 5000,
    },
    headline=lambda data: (
        sum(run["scores"][-1] for run in data["runs"] if run["form"] == "scratchpad")
        / sum(run["form"] == "scratchpad" for run in data["runs"])
    ),
    tolerance=0.15,
)
