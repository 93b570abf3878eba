"""Meta-learning: the arms start equal, the excess is exact, and the measurement runs through."""

import json
import math

import pytest
import torch

from nlgnotes import measurements
from nlgnotes.experiments.in_context_learning import meta_learning
from nlgnotes.experiments.in_context_learning.meta_learning import (
    ARMS,
    errors_by_step,
    excess_before,
    initialisation,
    measure,
    new_tasks,
    shipped_weights,
)
from nlgnotes.tasks.sinusoids import Points, Sinusoids
from nlgnotes.training.maml import adapt, task_errors

SMALL = {
    "hidden": [8],
    "tasks": 6,
    "shots": 4,
    "steps": 20,
    "learning_rate": 1e-2,
    "step_size": 0.01,
    "small": 0.001,
    "inner": 2,
    "step_sizes": [0.001, 0.01, 100.0],
    "tested": 12,
    "points": 10,
    "runs": 2,
}


def test_arms_start_from_the_same_weights_and_see_the_same_points():
    one = {arm: initialisation(arm, {**SMALL, "steps": 1}, 7) for arm in ARMS}
    start = one["random"][0].weights
    assert one["random"][1] is None
    # The first loss is before the first update: at the same weights, on the same points.
    assert one["second order"][1].losses == one["first order"][1].losses
    assert one["second order"][1].losses != one["small step"][1].losses
    for arm in ARMS[:-1]:
        moved = max(
            float((a - b).detach().abs().max())
            for a, b in zip(one[arm][0].weights, start, strict=True)
        )
        assert 0 < moved < 0.1
    with pytest.raises(ValueError, match="arm must be one of second order"):
        initialisation("third order", SMALL, 0)


def test_errors_by_step_are_those_of_adapting_at_once():
    shown, asked = new_tasks(SMALL, 3, "x")
    assert shown.x.shape == (12, 4, 1) and asked.x.shape == (12, 10, 1)
    weights = [w.detach() for w in initialisation("random", SMALL, 3)[0].weights]
    found = errors_by_step(weights, shown, asked, 0.02, 3)
    for step in range(4):
        own = adapt(weights, shown, 0.02, step)
        assert float(found[step]) == pytest.approx(float(task_errors(own, asked).mean().detach()))


def test_what_diverges_is_infinite_from_there_on():
    shown, asked = new_tasks(SMALL, 3, "x")
    weights = [w.detach() for w in initialisation("random", SMALL, 3)[0].weights]
    found = errors_by_step(weights, shown, asked, 1e6, 12)
    assert math.isfinite(found[0]) and math.isinf(found[-1]) and not found.isnan().any()


def test_the_excess_of_a_known_prediction():
    """Zero everywhere: the excess is the mean of the squared mean function."""
    weights = [torch.zeros(1, 1), torch.zeros(1, 1)]
    family = Sinusoids()
    square = (family.low**2 + family.low * family.high + family.high**2) / 6
    assert excess_before(weights) == pytest.approx(square - family.error_of_mean(), abs=1e-4)


def test_the_measurement_runs_through_in_parts():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL, 3, progress=False, keep=keep)
    assert parts == ["seed-3", "seed-4"] and list(data["runs"]) == ["3", "4"]
    assert data["least"] == pytest.approx(3.00567, abs=1e-5)
    for run in data["runs"].values():
        assert set(run) == {"exact", *ARMS}
        exact = run["exact"]
        assert exact["0"] > exact["1"] > exact["2"] and exact["4"] < 1e-3
        for arm in ARMS:
            found = run[arm]
            assert len(found["best"]) == len(found["step_sizes"]) == 3
            assert all(a in SMALL["step_sizes"] for a in found["step_sizes"])
            assert [len(row) for row in found["chosen_from"]] == [3, 3, 3]
            assert ("trained" in found) == (arm not in ("pretraining", "random"))
            for k, a in enumerate(found["step_sizes"]):
                row = [r[k] for r in found["chosen_from"]]
                assert row[SMALL["step_sizes"].index(a)] == min(v for v in row if v is not None)
        # Before any step the step size does not matter.
        second = run["second order"]
        assert second["best"][0] == second["trained"][0] == second["other_task"][0]
        assert second["other_task"][1] != second["trained"][1]
    model, _ = initialisation("first order", SMALL, 3)
    for w, kept in zip(model.weights, shipped_weights(data, "first order"), strict=True):
        assert kept == pytest.approx(w.detach(), rel=1e-4)
    with pytest.raises(ValueError, match="arm must be one of"):
        shipped_weights(data, "none")
    with pytest.raises(ValueError, match="runs must be an integer of at least 1; got 0"):
        measure({**SMALL, "runs": 0}, 0)


def test_the_shipped_weights_make_the_shipped_errors():
    found = measurements.load("meta-learning")
    settings, seed = meta_learning.EXPERIMENT.settings, meta_learning.EXPERIMENT.seed
    shown, asked = new_tasks(settings, seed, "test")
    run = found.data["runs"][str(seed)]
    for arm in ("second order", "first order"):
        weights = shipped_weights(found.data, arm)
        errors = errors_by_step(weights, shown, asked, settings["step_size"], 1)
        assert errors.tolist() == pytest.approx(run[arm]["trained"][:2], rel=0.02)
    other = Points(*(v.roll(1, 0) for v in shown))
    errors = errors_by_step(
        shipped_weights(found.data, "second order"), other, asked, settings["step_size"], 1
    )
    assert errors.tolist() == pytest.approx(run["second order"]["other_task"][:2], rel=0.02)
