"""Runs of PPO and of what stands beside it, by settings and training seeds, judged exactly.

Taught in: book/ppo.ipynb.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from nlgnotes import randomness
from nlgnotes.equations.sampling import Sampler, Temperature
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.ppo.gradients import exact_gradient, gradient_error
from nlgnotes.experiments.ppo.standing import Bench, bench
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.training.ppo import train_ppo
from nlgnotes.training.ppo_settings import PPOSettings

__all__ = ["ALIKE", "EXPERIMENT", "arms", "measure", "one_run"]

Settings = Mapping[str, Any]

ALIKE = {
    "clip": {},
    "no clip": {"epsilon": math.inf},
    "policy gradient": {"objective": "policy gradient"},
}
"""Three objectives that have the same gradient as long as the policy is the one that wrote."""


def arms(settings: Settings) -> Iterator[tuple[str, dict[str, Any], int]]:
    """The name of each arm, what is its own in the settings of PPO, and its training seeds.

    ``temperature`` is no setting of PPO: the words are then drawn at that temperature.
    """
    s = settings
    for beta in s["betas"]:
        yield f"beta {beta:g}", {"beta": beta}, s["seeds"]
    for name, own in ALIKE.items():
        for epochs in s["epochs"]:
            yield f"{name}, {epochs} epochs", {"epochs": epochs, **own}, s["seeds"]
    yield "REINFORCE", {"epochs": 1, "critic": False, **ALIKE["policy gradient"]}, s["seeds"]
    yield "trust region", {"objective": "trust region"}, s["seeds"]
    for temperature in s["temperatures"]:
        yield f"temperature {temperature:g}", {"temperature": temperature}, s["seeds"]
    for name, values in s["sweeps"].items():
        for value in values:
            yield f"{name} {value:g}", {name: value}, s["sweep_seeds"]


def one_run(
    place: Bench,
    own: Mapping[str, Any],
    seed: int,
    updates: int,
    every: int,
    progress: bool = False,
) -> tuple[dict[str, Any], ActorCritic]:
    """Train from the reference and look at the exact law now and then.

    Args:
        place: of :func:`standing.bench`.
        own: settings of PPO where they are not the usual ones, and ``temperature``.
        seed: of all chance.
        updates: in all.
        every: updates between two looks; ``updates`` is a multiple of it.
        progress: show a bar.

    Returns:
        The run, and the trained policy. ``curve``: rows of updates, reward, gold and KL;
        ``share``: the objective gained at the end, of the most that can be gained; ``kl_mean``,
        ``kl_max``: from one policy to the next, over the updates; ``clipped``: by epoch, a mean
        over the updates; ``explained`` and ``reported``, the mean log-ratio of the drawn answers,
        over the last ten updates; ``seconds`` of processor time of one update.
    """
    own = dict(own)
    temperature = own.pop("temperature", None)
    sampler = None if temperature is None else Sampler((Temperature(temperature),))
    settings, actor, curve = PPOSettings(**own), place.actor(), []

    def look(done: int) -> None:
        if done % every == 0:
            curve.append((done, *place.standing(place.law(actor.policy))))

    rows = train_ppo(
        actor,
        place.reference,
        place.prompts,
        place.score,
        settings,
        updates=updates,
        generator=randomness.generator(seed, "ppo", "run"),
        sampler=sampler,
        callback=look,
        progress=progress,
    )
    late = rows[-10:]
    found = {
        "curve": [[done, *map(_round, standing)] for done, *standing in curve],
        "share": _round(place.share(place.standing(place.law(actor.policy)), settings.beta)),
        "kl_mean": _round(_mean(row["kl"] for row in rows)),
        "kl_max": _round(max(row["kl"] for row in rows)),
        "clipped": [
            _round(_mean(each)) for each in zip(*(row["clipped"] for row in rows), strict=True)
        ],
        "explained": _round(_mean(row["explained"] for row in late)),
        "reported": _round(_mean(row["log_ratio"] for row in late)),
        "seconds": _round(_mean(row["seconds"] for row in rows)),
    }
    return found, actor


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """All arms over their training seeds, and the noise of the gradient on the way.

    Args:
        settings: ``updates``, ``every``; ``usual``, settings of PPO of all arms; and those of
            :func:`arms`; ``noise``: ``updates`` before, and ``batches``.
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: by arm, one run a seed; ``noise``: one row a seed, of ``gradient_error`` on the
        reference (``start``) and after some updates (``trained``).
    """
    place, runs = bench(), {}
    for name, own, seeds in arms(settings):
        runs[name] = [
            keep(f"{name}-{s}", partial(_run, place, own, settings, s, progress))
            for s in range(seed, seed + seeds)
        ]
    noise = [
        keep(f"noise-{s}", partial(_noise, place, settings, s))
        for s in range(seed, seed + settings["seeds"])
    ]
    return {"runs": runs, "noise": noise}


def _run(
    place: Bench, own: Mapping[str, Any], settings: Settings, seed: int, progress: bool
) -> dict[str, Any]:
    both = {**settings["usual"], **own}
    found, _ = one_run(place, both, seed, settings["updates"], settings["every"], progress)
    return found


def _noise(place: Bench, settings: Settings, seed: int) -> dict[str, Any]:
    s, usual = settings["noise"], PPOSettings(**settings["usual"])
    _, trained = one_run(place, settings["usual"], seed, s["updates"], s["updates"])
    found = {}
    for name, actor in (("start", place.actor()), ("trained", trained)):
        exact = exact_gradient(place, actor.policy, usual.beta)
        stream = randomness.generator(seed, "ppo", "noise", name)
        found[name] = gradient_error(place, actor, usual, exact, s["batches"], stream)
    return found


def _mean(numbers: Any) -> float:
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def _round(number: float) -> float:
    return round(float(number), 6)


EXPERIMENT = Experiment(
    name="ppo",
    summary="PPO by its settings, beside policy gradient and TRPO: three training seeds (11 min)",
    measure=measure,
    seed=0,
    settings={
        "updates": 40,
        "every": 20,
        "usual": {"beta": 1.0, "learning_rate": 1e-3},
        "seeds": 3,
        "betas": [2.0, 0.5, 0.3],
        "epochs": [1, 2, 4, 8],
        "temperatures": [3.0],
        "sweep_seeds": 1,
        "sweeps": {
            "learning_rate": [1e-4, 3e-3, 1e-2],
            "epsilon": [0.05, 0.4],
            "decay": [0.0, 1.0],
            "minibatches": [1, 16],
            "batch": [32, 512],
        },
        "noise": {"updates": 20, "batches": 24},
    },
    headline=lambda data: (
        sum(run["share"] for run in data["runs"]["clip, 4 epochs"])
        / len(data["runs"]["clip, 4 epochs"])
    ),
    tolerance=0.1,
    models=("comparisons",),
)
