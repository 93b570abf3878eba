"""Votes over sampled derivations against their exact prediction, by temperature and samples.

One decoder learns sums in any order, from derivations of which a share counts every 7 as an 8. So
its most frequent answer is right for questions without a 7, and wrong for those with one. Its
training ends at a given skill, so that single answers leave room for a vote, or when its steps are
over: of the four shipped trainings one ends so, below that skill.
Taught in: book/reasoning.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.batches import Batch
from nlgnotes.decoding.generation import generate
from nlgnotes.decoding.self_consistency import answer_counts, majority_vote
from nlgnotes.equations.sampling import Sampler, Temperature, TopK
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.tasks.derivations import MISREAD, SumDerivations
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = [
    "EXPERIMENT",
    "KINDS",
    "distinct_paths",
    "draw_batch",
    "draw_questions",
    "measure",
    "sampled_derivations",
    "train_until",
]

KINDS = {"without a 7": 0, "with one 7": 1}
"""The two kinds of questions, and how many times the misread digit is in them."""

Settings = Mapping[str, Any]


def draw_batch(sums: SumDerivations, settings: Settings, generator: torch.Generator) -> Batch:
    """Fresh questions, each with a derivation in a random order, mistaken or not.

    Args:
        sums: the task.
        settings: ``batch``, and ``mistaken``, the share of rows in which a 7 is counted as an 8.
        generator: where all is drawn from.
    """
    inputs = sums.draw(settings["batch"], generator)
    orders = torch.rand(inputs.shape, generator=generator).argsort(1)
    mistaken = torch.rand(len(inputs), generator=generator) < settings["mistaken"]
    return sums.batch(sums.rows(inputs, orders, mistaken))


def draw_questions(
    sums: SumDerivations, n: int, sevens: int, generator: torch.Generator
) -> Int64[Tensor, "n digits"]:
    """Random questions with a given number of misread digits.

    Args:
        sums: the task.
        n: how many questions.
        sevens: how often the digit ``tasks.derivations.MISREAD`` stands in each.
        generator: where they are drawn from.

    Raises:
        ValueError: ``n`` below 1, or more such digits than a question has.
    """
    n, sevens = check_count("n", n), check_count("sevens", sevens, 0, sums.digits)
    other = torch.randint(9, (n, sums.digits), generator=generator)
    other += other >= MISREAD
    places = torch.rand(other.shape, generator=generator).argsort(1)
    return other.masked_fill(places < sevens, MISREAD)


def sampled_derivations(
    model: Any,
    sums: SumDerivations,
    inputs: Int64[Tensor, "questions digits"],
    samples: int,
    temperature: float | int,
    generator: torch.Generator,
) -> tuple[Int64[Tensor, "questions samples new"], Int64[Tensor, "questions samples"]]:
    """Derivations that the model writes for each question, and their answers.

    Args:
        model: see ``generation.Generates``.
        sums, inputs: the task and its questions.
        samples: of each question, independent.
        temperature: 0 is greedy.
        generator: where they are drawn from.

    Returns:
        The tokens after the prompt, and the answers, -1 where there is none.
    """
    prompts = sums.prompts(inputs).repeat_interleave(samples, 0)
    transform = Temperature(temperature) if temperature else TopK(1)
    options = {"sampler": Sampler((transform,)), "generator": generator}
    written = generate(model, prompts, max_new_tokens=2 * sums.digits + 2, **options).tokens
    answers = sums.read_answers(written).view(len(inputs), samples)
    return written.view(len(inputs), samples, -1), answers


def train_until(
    model: Decoder, sums: SumDerivations, settings: Settings, seed: int, progress: bool = False
) -> int:
    """Train until the greedy path is right for a given share of questions without a 7.

    So a training seed ends at one skill, however long it took, unless ``steps`` are over before.

    Args:
        model: changed in place.
        sums: the task.
        settings: as :func:`draw_batch`, and ``steps`` (of the whole cycle, and at most),
            ``learning_rate``, ``look_every`` (steps between two looks), ``look_at`` (questions of
            a look, the same at all of them) and ``enough``, the share.
        seed: of the batches and of these questions.
        progress: show a bar.

    Returns:
        How many steps it took.
    """
    stream = randomness.generator(seed, "self-consistency", "looks")
    inputs = draw_questions(sums, settings["look_at"], 0, stream)
    right = inputs.sum(1) % 10

    def is_enough(done: int, _: float) -> bool:
        if done % settings["look_every"]:
            return False
        answers = sampled_derivations(model, sums, inputs, 1, 0, stream)[1][:, 0]
        return float((answers == right).double().mean()) >= settings["enough"]

    history = fit(
        model,
        partial(draw_batch, sums, settings),
        steps=settings["steps"],
        learning_rate=settings["learning_rate"],
        generator=randomness.generator(seed, "self-consistency", "batches"),
        progress=progress,
        callback=is_enough,
    )
    return history.steps


def distinct_paths(written: Int64[Tensor, "questions samples new"]) -> list[int]:
    """How many different derivations there are among the samples of each question.

    >>> distinct_paths(torch.tensor([[[1, 2], [1, 2], [2, 1]]]))
    [2]
    """
    return [len({tuple(row) for row in rows}) for rows in written.tolist()]


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """Counts of answers, and accuracies of votes over other samples, for every training seed.

    Args:
        settings: as in the functions above, and ``digits``, ``size`` (of the decoder),
            ``questions`` (of each kind), ``temperatures``, ``counted`` (samples of each question
            whose answers are counted), ``voting`` (other samples, which vote), ``votes`` (how many
            vote together), ``paths`` (samples among which different derivations are counted) and
            ``runs``, how many training seeds.
        seed: the first training seed. All of them are asked the same questions.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``questions``: the digits, by kind. ``runs``: by seed, ``steps``, and by kind ``greedy``
        (right or not, by question) and, by temperature, ``counts`` (questions × 10), ``voted`` (by
        number of votes, the accuracy for each question) and ``paths`` (by question).
    """
    check_count("runs", settings["runs"])
    sums = SumDerivations(settings["digits"])
    stream = randomness.generator(seed, "self-consistency", "questions")
    asked = {
        kind: draw_questions(sums, settings["questions"], sevens, stream)
        for kind, sevens in KINDS.items()
    }
    runs = {}
    for s in range(seed, seed + settings["runs"]):
        run = partial(_one_run, settings, sums, asked, s, progress)
        runs[str(s)] = keep(f"seed-{s}", run)
    return {"questions": {kind: rows.tolist() for kind, rows in asked.items()}, "runs": runs}


def _one_run(
    settings: Settings, sums: SumDerivations, asked: dict[str, Tensor], seed: int, progress: bool
) -> dict[str, Any]:
    config = DecoderConfig(sums.vocab_size, sums.longest, **settings["size"])
    model = Decoder(config, randomness.generator(seed, "self-consistency", "weights"))
    steps = train_until(model, sums, settings, seed, progress)
    chance = randomness.generator(seed, "self-consistency", "samples")
    found: dict[str, Any] = {"steps": steps}
    for kind, inputs in asked.items():
        right = inputs.sum(1) % 10
        greedy = sampled_derivations(model, sums, inputs, 1, 0, chance)[1][:, 0]
        found[kind] = {"greedy": (greedy == right).int().tolist(), "by temperature": {}}
        for temperature in settings["temperatures"]:
            samples = settings["counted"] + settings["voting"]
            parts = model, sums, inputs, samples, temperature, chance
            written, answers = sampled_derivations(*parts)
            counted, voting = answers.split((settings["counted"], settings["voting"]), 1)
            found[kind]["by temperature"][str(temperature)] = {
                "counts": answer_counts(counted, 10).tolist(),
                "voted": {str(n): _voted(voting, right, n) for n in settings["votes"]},
                "paths": distinct_paths(written[:, : settings["paths"]]),
            }
    return found


def _voted(answers: Tensor, right: Tensor, votes: int) -> list[float]:
    """The accuracy of votes of disjoint groups of samples, for each question."""
    groups = answers.shape[1] // votes
    grouped = answers[:, : groups * votes].reshape(-1, votes)
    shares = majority_vote(answer_counts(grouped, 10)).view(len(answers), groups, 10)
    own = shares.gather(2, right[:, None, None].expand(-1, groups, 1))[..., 0]
    return [round(float(x), 4) for x in own.mean(1)]


def _headline(data: Mapping[str, Any]) -> float:
    """The accuracy of 20 votes at temperature 0.5 on questions whose mode is right."""
    found = [
        sum(run["without a 7"]["by temperature"]["0.5"]["voted"]["20"])
        / len(run["without a 7"]["greedy"])
        for run in data["runs"].values()
    ]
    return sum(found) / len(found)


EXPERIMENT = Experiment(
    name="self-consistency",
    summary="votes over sampled derivations of sums: four training seeds (about 8 minutes)",
    measure=measure,
    seed=5,
    settings={
        "digits": 6,
        "size": {"width": 64, "layers": 2, "heads": 4, "hidden": 256},
        "batch": 64,
        "steps": 700,
        "learning_rate": 3e-3,
        "look_every": 10,
        "look_at": 100,
        "enough": 0.65,
        "mistaken": 0.7,
        "questions": 40,
        "temperatures": [0.3, 0.5, 0.7, 1.0, 1.5],
        "counted": 100,
        "voting": 60,
        "votes": [1, 2, 3, 5, 10, 20],
        "paths": 20,
        "runs": 4,
    },
    headline=_headline,
    tolerance=0.1,
)
