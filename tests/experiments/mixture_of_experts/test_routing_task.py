"""The routing task runs through, starts alike in every arm, and learns."""

import json

import torch

from nlgnotes.experiments.mixture_of_experts.balance import ARMS
from nlgnotes.experiments.mixture_of_experts.routing_task import (
    EXPERIMENT,
    ExpertClassifier,
    measure,
    one_run,
    task_of,
    trained_classifier,
)
from nlgnotes.randomness import generator

SMALL = {
    **EXPERIMENT.settings,
    "clusters": 4,
    "width": 8,
    "classes": 3,
    "hidden": 8,
    "experts": 4,
    "batch": 64,
    "steps": 60,
    "looks": [0, 30, 60],
    "test": 512,
    "seeds": 2,
    "panels": {"centred": {"common": 0.0}, "common mean": {"common": 9.0, "k": 1, "gates": "all"}},
}


def test_arms_start_from_the_same_weights_and_points():
    seen = {}

    def look(step, model):
        if step == 0:
            seen.setdefault("start", []).append(
                torch.cat([p.detach().flatten() for p in model.parameters()])
            )

    task = task_of(SMALL, 1, 0.0)
    for arm in ("none", "both"):
        trained_classifier(task, ARMS[arm], {**SMALL, "steps": 1}, 1, look)
    assert torch.equal(*seen["start"])


def test_a_run_learns_and_its_numbers_belong_together():
    found = one_run(0.0, ARMS["Switch 0.1"], SMALL, 3)
    untrained = one_run(0.0, ARMS["none"], {**SMALL, "steps": 1}, 3)
    assert found["loss"] < untrained["loss"] - 0.05 and found["accuracy"] > untrained["accuracy"]
    assert sum(found["counts"]) == 2 * 512
    shares = [c / 1024 for c in found["counts"]]
    assert max(abs(a - b) for a, b in zip(shares, found["loads"][-1], strict=True)) < 1e-3
    assert len(found["loads"]) == 3


def test_the_measurement_runs_through_and_can_be_repeated():
    parts = {}

    def keep(part, compute):
        assert part not in parts
        parts[part] = compute()
        return parts[part]

    data = measure({**SMALL, "steps": 2}, 5, progress=False, keep=keep)
    assert json.loads(json.dumps(data)) == data
    assert list(data["runs"]["centred"]) == list(ARMS)
    assert len(parts) == 2 * len(ARMS) * 2
    again = one_run(0.0, ARMS["both"], {**SMALL, "steps": 2}, 6)
    assert data["runs"]["centred"]["both"][1] == again


def test_the_classifier_reads_the_answers_of_its_experts():
    model = ExpertClassifier(SMALL, generator(0))
    x = torch.randn(6, 8, generator=generator(1))
    logits, routing = model(x)
    assert torch.allclose(logits, model.moe.answer_densely(x, routing) @ model.read, atol=1e-5)
