"""Five methods on the same comparisons: prompting, best-of-N, tuning on good samples, PPO, DPO.

Taught in: book/dpo.ipynb.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.equations.best_of_n import best_of_n_law
from nlgnotes.equations.preferences import tilt
from nlgnotes.experiments.dpo.policies import draw_pairs, run_dpo
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.ppo.standing import Bench
from nlgnotes.experiments.rlhf.methods import gold_and_kl, hinted_laws, prompted, tuned_on_best
from nlgnotes.experiments.rlhf.proxies import network_reward
from nlgnotes.experiments.rlhf.reference import Reference, load_reference
from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import Pairs
from nlgnotes.training.ppo import train_ppo
from nlgnotes.training.ppo_settings import PPOSettings

__all__ = ["EXPERIMENT", "measure"]

Settings = Mapping[str, Any]


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """What each method makes of the same comparisons, over training seeds.

    One reward model is fitted to the pairs; prompting (the hint that it likes best), best-of-N,
    tuning on the best of ``best``, and PPO go by it. DPO goes by the pairs.

    Args:
        settings: ``runs``, how many training seeds; ``pairs``; ``reward``, of
            ``rlhf.proxies.network_reward``; ``best``, the n of the table, and ``numbers``, those of
            the curve; ``tuning``, of ``rlhf.methods.tuned_on_best``; ``ppo`` with ``updates`` and
            fields of ``PPOSettings``; ``dpo``, of ``policies.run_dpo``; ``betas``, of both.
        seed: the first training seed: of pairs, weights and samples.
        progress: not used.
        keep: see ``experiment.Experiment``.

    Returns:
        ``runs``: for each seed and method ``gold``, ``kl`` and ``seconds`` of this machine's one
        thread, those of the reward model left out; for ``"reward model"`` the ``seconds``, and
        ``gold`` and ``kl`` of the policy that is optimal for it; for ``"best-of-N"`` a row a
        number; for ``"PPO"`` and ``"DPO"`` a row a beta.
    """
    reference, runs = load_reference(), {}
    for s in range(seed, seed + settings["runs"]):
        pairs = draw_pairs(
            reference.log_probs,
            reference.world.gold,
            settings["pairs"],
            generator(s, "dpo", "methods", "pairs"),
        )
        part = partial(_with_reward_model, reference, pairs, settings, s)
        found = keep(f"seed-{s}-reward", part)
        found["DPO"] = keep(f"seed-{s}-dpo", partial(_dpo, reference, pairs, settings, s))
        runs[str(s)] = found
    return {"runs": runs}


def _timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    return compute(), round(time.process_time() - began, 2)


def _with_reward_model(
    reference: Reference, pairs: Pairs, settings: Settings, seed: int
) -> dict[str, Any]:
    s, world, law = settings, reference.world, reference.log_probs

    def row(policy: Tensor, seconds: float = 0.0) -> dict[str, float]:
        return {**gold_and_kl(policy, law, world.gold), "seconds": seconds}

    reward, fitting = _timed(
        lambda: network_reward("pretrained", reference.model, world, pairs, s["reward"], seed)
    )
    tuned, tuning = _timed(
        lambda: tuned_on_best(reference.model, world, law, reward, s["best"], s["tuning"], seed)
    )
    hint, _ = prompted(hinted_laws(reference.model, world), reward)
    return {
        "reward model": row(tilt(law, reward, s["betas"][0]), fitting),
        "prompting": row(hint),
        "best-of-N": {str(n): row(best_of_n_law(law, reward, n)) for n in s["numbers"]},
        "tuned on the best": row(tuned, tuning),
        "PPO": {
            str(beta): row(*_timed(partial(_ppo, reference, reward, s["ppo"], beta, seed)))
            for beta in s["betas"]
        },
    }


def _ppo(
    reference: Reference, reward: Tensor, settings: Settings, beta: float, seed: int
) -> Tensor:
    place = Bench(*reference, reward)
    own = {k: v for k, v in settings.items() if k != "updates"} | {"beta": beta}
    actor = place.actor()
    train_ppo(
        actor,
        place.reference,
        place.prompts,
        place.score,
        PPOSettings(words=place.world.length, **own),
        updates=settings["updates"],
        generator=generator(seed, "dpo", "methods", "ppo"),
    )
    return place.law(actor.policy)


def _dpo(reference: Reference, pairs: Pairs, settings: Settings, seed: int) -> dict[str, Any]:
    found, world = {}, reference.world
    for beta in settings["betas"]:
        own = {**settings["dpo"], "beta": beta, "stops": []}
        stream = generator(seed, "dpo", "methods", "dpo")
        trained, seconds = _timed(partial(run_dpo, reference, pairs, pairs, own, stream))
        law = answer_log_probs(trained[0], world.prompt_tokens, world.length)
        found[str(beta)] = {**gold_and_kl(law, reference.log_probs, world.gold), "seconds": seconds}
    return found


EXPERIMENT = Experiment(
    name="dpo-methods",
    summary="five methods on the same 5,000 comparisons, three training seeds (seven minutes)",
    measure=measure,
    seed=0,
    settings={
        "pairs": 5000,
        "reward": {"epochs": 4, "batch": 32, "learning_rate": 2e-3},
        "best": 16,
        "numbers": [4, 16, 64, 256],
        "tuning": {"texts": 3000, "passes": 3, "batch": 64, "learning_rate": 1e-3},
        "ppo": {"updates": 60, "learning_rate": 1e-3},
        "dpo": {"steps": 300, "learning_rate": 1e-3, "batch": 128},
        "betas": [1.0, 0.5],
        "runs": 3,
    },
    headline=lambda data: (
        sum(run["DPO"]["1.0"]["gold"] for run in data["runs"].values()) / len(data["runs"])
    ),
    tolerance=0.2,
    models=("comparisons",),
)
