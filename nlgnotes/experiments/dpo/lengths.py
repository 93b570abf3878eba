"""Summed against averaged log-probabilities, where answers have two lengths.

A world of its own: the words 1 to 4, answers of two or of six of them, then the end 0. Gold reads
the first two words alone, so that length is worth nothing. Taught in: book/dpo.ipynb.
"""

import copy
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.equations.preferences import tilt, tilt_at_kl
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.dpo import reference_pairs, sequence_log_probs, train_dpo
from nlgnotes.training.loop import fit

__all__ = [
    "EXPERIMENT",
    "WORDS",
    "all_answers",
    "averaged_optimum",
    "gold_of",
    "length_run",
    "measure",
    "writer",
]

WORDS = 4
VALUES = (1.0, 0.5, -0.5, -1.0)
"""Gold's value of each word, as one of the first two."""


def all_answers() -> tuple[Int[Tensor, "answers seven"], Int[Tensor, " answers"]]:
    """Every answer with its end, padded with 0, and how many tokens it has: 3 or 7."""
    word = torch.arange(1, WORDS + 1)
    short = F.pad(torch.cartesian_prod(word, word), (0, 5))
    long = F.pad(torch.cartesian_prod(*[word] * 6), (0, 1))
    lengths = torch.cat((torch.full((len(short),), 3), torch.full((len(long),), 7)))
    return torch.cat((short, long)), lengths


def gold_of(answers: Int[Tensor, "answers seven"]) -> Float64[Tensor, " answers"]:
    """The gold reward: the values of the first two words."""
    values = torch.tensor((0.0, *VALUES), dtype=torch.float64)
    return values[answers[:, :2]].sum(1)


def _batch(answers: Tensor, lengths: Tensor) -> Batch:
    mask = torch.arange(answers.shape[1]) < lengths[:, None]
    return Batch(F.pad(answers[:, :-1], (1, 0)), answers, mask)


def writer() -> Float64[Tensor, " answers"]:
    """The law of the texts: half of them short, words not equally common, independent."""
    answers, _ = all_answers()
    word = torch.tensor((-torch.inf, 0.0, 0.5, 0.5, 0.0), dtype=torch.float64).log_softmax(0)
    # The words of all answers of one length sum to 1, so each length gets one half.
    return torch.where(answers > 0, word[answers], 0.0).sum(1) - math.log(2)


def averaged_optimum(
    log_ref: Float64[Tensor, " answers"],
    reward: Float64[Tensor, " answers"],
    lengths: Int[Tensor, " answers"],
    beta: float,
) -> Float64[Tensor, " answers"]:
    r"""Where averaged log-probabilities lead: an implicit reward of :math:`\beta h(y) / |y|`.

    It equals the reward up to a constant c if
    :math:`\pi(y) = \pi_{ref}(y)\, e^{|y| (r(y) + c) / \beta}`, and c is what makes the sum 1.
    """
    low, high = -50.0, 50.0
    for _ in range(60):
        c = (low + high) / 2
        total = float((log_ref + lengths * (reward + c) / beta).logsumexp(0))
        low, high = (c, high) if total < 0 else (low, c)
    return log_ref + lengths * (reward + c) / beta


def length_run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train on the same pairs with summed and with averaged log-probabilities, and judge exactly.

    Args:
        settings: ``width``, ``layers``, ``heads``, ``hidden``; ``batch``, ``pairs``, ``beta``;
            ``tuning`` and ``training`` with ``steps`` and ``learning_rate``.
        seed: of weights, pairs and batches.

    Returns:
        For ``reference``, ``summed``, ``averaged`` and their optima: ``gold``; ``kl``; ``short``,
        the share of short answers; ``gap``, by how much gold is higher among long answers than
        among short ones; and ``missing``, how much less gold it has than the optimum of its KL.
    """
    s = settings
    answers, lengths = all_answers()
    gold, every = gold_of(answers), _batch(answers, lengths)
    sizes = {name: s[name] for name in ("width", "layers", "heads", "hidden")}
    model = Decoder(DecoderConfig(WORDS + 1, 7, **sizes), generator(seed, "lengths", "weights"))
    texts, stream = writer().exp(), generator(seed, "lengths", "texts")

    def draw(chance: torch.Generator) -> Batch:
        rows = torch.multinomial(texts, s["batch"], replacement=True, generator=chance)
        return _batch(answers[rows], lengths[rows])

    fit(model, draw, **s["tuning"], generator=stream, progress=False)

    def law_of(policy: Decoder) -> Tensor:
        with torch.no_grad():  # the little that goes to other texts is left out
            return sequence_log_probs(policy, every).double().log_softmax(0)

    ref = law_of(model)
    drawn = torch.multinomial(ref.exp(), 2 * s["pairs"], replacement=True, generator=stream)
    first, second = drawn.chunk(2)
    wins = torch.rand(s["pairs"], generator=stream) < (gold[first] - gold[second]).sigmoid()
    chosen, rejected = torch.where(wins, first, second), torch.where(wins, second, first)
    mean = float((ref.exp() * lengths).sum())
    laws = {"reference": ref}
    for name, average in (("summed", False), ("averaged", True)):
        # An average is shorter by about the mean length; this beta makes the two alike in size.
        beta = s["beta"] * (mean if average else 1)
        policy = copy.deepcopy(model)
        sides = (_batch(answers[i], lengths[i]) for i in (chosen, rejected))
        train_dpo(
            policy,
            reference_pairs(model, *sides, average=average),
            beta=beta,
            average=average,
            batch_size=s["batch"],
            generator=generator(seed, "lengths", "batches"),
            **s["training"],
        )
        laws[name] = law_of(policy)
        laws[f"{name}, optimum"] = (
            averaged_optimum(ref, gold, lengths, beta) if average else tilt(ref, gold, beta)
        )
    found = {name: _judged(law, ref, gold, lengths) for name, law in laws.items()}
    return {name: {k: round(v, 5) for k, v in row.items()} for name, row in found.items()}


def _judged(law: Tensor, ref: Tensor, gold: Tensor, lengths: Tensor) -> dict[str, float]:
    p = law.exp()
    kl, reached = float((p * (law - ref)).sum()), float((p * gold).sum())
    best = reached
    if kl > 1e-6:
        best = float((tilt_at_kl(ref[None], gold[None], kl)[0][0].exp() * gold).sum())
    brief = lengths == 3
    of_short, of_long = (float((p * gold)[i].sum() / p[i].sum()) for i in (brief, ~brief))
    return {
        "gold": reached,
        "kl": kl,
        "short": float(p[brief].sum()),
        "gap": of_long - of_short,
        "missing": best - reached,
    }


def measure(
    settings: Mapping[str, Any],
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """:func:`length_run` over training seeds.

    Args:
        settings: ``runs``, how many training seeds, and those of :func:`length_run`.
        seed: the first training seed; weights, texts and pairs are drawn anew for each.
        progress: not used; a run takes seconds.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``, by seed.
    """
    seeds = range(seed, seed + settings["runs"])
    return {"runs": {str(s): keep(f"seed-{s}", partial(length_run, settings, s)) for s in seeds}}


EXPERIMENT = Experiment(
    name="dpo-lengths",
    summary="summed against averaged log-probabilities, five training seeds (a minute)",
    measure=measure,
    seed=0,
    settings={
        "width": 32,
        "layers": 2,
        "heads": 2,
        "hidden": 64,
        "batch": 64,
        "pairs": 10_000,
        "beta": 1.0,
        "tuning": {"steps": 400, "learning_rate": 5e-3},
        "training": {"steps": 300, "learning_rate": 2e-3},
        "runs": 5,
    },
    headline=lambda data: (
        sum(run["averaged"]["gap"] for run in data["runs"].values()) / len(data["runs"])
    ),
    tolerance=0.2,
)
