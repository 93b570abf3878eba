"""The measurement: its arms, one run, and that all of it goes through and can be read as JSON."""

import json
import math

import pytest

from nlgnotes.experiments.ppo import runs
from nlgnotes.experiments.ppo.runs import EXPERIMENT, arms, measure, one_run
from nlgnotes.experiments.ppo.standing import Bench, bench

SMALL = {
    "updates": 2,
    "every": 2,
    "usual": {"beta": 1.0, "learning_rate": 1e-3, "batch": 24},
    "seeds": 2,
    "betas": [0.5],
    "epochs": [1],
    "temperatures": [3.0],
    "sweep_seeds": 1,
    "sweeps": {"epsilon": [0.05]},
    "noise": {"updates": 1, "batches": 2},
}


def test_the_arms_have_their_own_settings():
    found = {name: (own, seeds) for name, own, seeds in arms(SMALL)}
    assert found["beta 0.5"] == ({"beta": 0.5}, 2)
    assert found["no clip, 1 epochs"] == ({"epochs": 1, "epsilon": math.inf}, 2)
    assert found["REINFORCE"][0]["critic"] is False
    assert found["temperature 3"] == ({"temperature": 3.0}, 2)
    assert found["epsilon 0.05"] == ({"epsilon": 0.05}, 1)
    every = [name for name, *_ in arms(EXPERIMENT.settings)]
    assert len(every) == len(set(every))


def test_a_run_is_the_same_for_the_same_seed_and_learns():
    place, own = bench(), {"beta": 1.0, "batch": 64, "epochs": 2}
    found, actor = one_run(place, own, 100, 8, 4)
    again, _ = one_run(place, own, 100, 8, 4)
    assert {k: v for k, v in found.items() if k != "seconds"} == {
        k: v for k, v in again.items() if k != "seconds"
    }
    assert [row[0] for row in found["curve"]] == [0, 4, 8]
    at = place.standing(place.law(actor.policy))
    assert abs(found["curve"][-1][1] - at.reward) < 1e-5
    assert found["share"] > 0.2 and found["kl_max"] >= found["kl_mean"] > 0


@pytest.fixture
def sums_once(monkeypatch):
    """Laws and their gradients are sums over all answers: of the same weights none is done again.

    The reference is where every run begins.
    """

    def once(function):
        known = {}

        def look(bench, policy, *beta):
            weights = b"".join(each.detach().numpy().tobytes() for each in policy.parameters())
            if (weights, beta) not in known:
                known[weights, beta] = function(bench, policy, *beta)
            return known[weights, beta]

        return look

    monkeypatch.setattr(Bench, "law", once(Bench.law))
    monkeypatch.setattr(runs, "exact_gradient", once(runs.exact_gradient))


def test_the_measurement_goes_through(sums_once):
    data = measure(SMALL, 100, progress=False)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert len(data["noise"]) == 2 and data["noise"][0].keys() == {"start", "trained"}
    assert {name: len(rows) for name, rows in data["runs"].items()} == {
        name: seeds for name, _, seeds in arms(SMALL)
    }
    hot = data["runs"]["temperature 3"][0]
    # Of words drawn hot, the mean log-ratio is no estimate of the KL, which is never negative.
    assert hot["reported"] < 0 < hot["curve"][-1][3]
