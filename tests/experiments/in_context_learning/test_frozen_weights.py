"""The measurement runs through, is made in parts, and tests what it says."""

import json

import pytest
import torch

from nlgnotes.experiments.in_context_learning import frozen_weights
from nlgnotes.experiments.in_context_learning.demonstrations import ARMS, family_of
from nlgnotes.experiments.in_context_learning.frozen_weights import measure, reading_tests
from tests.experiments.in_context_learning import test_demonstrations

DOCUMENTS = test_demonstrations.SMALL | {"documents": 50, "runs": 2}


def test_the_measurement_runs_through():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(DOCUMENTS, 3, progress=False, keep=keep)
    assert parts == ["seed-3", "seed-4"]
    for run in data["runs"].values():
        assert set(run["training"]) == set(ARMS)
        for test in run["tests"].values():
            assert all(len(curve) == 3 for curve in test.values())
    json.dumps(data, allow_nan=False)


def test_each_reader_is_compared_with_the_posterior_of_its_own_training():
    """A model that knows nothing, in all places: the posteriors of the tests remain."""

    def model(tokens):
        return torch.zeros(*tokens.shape, family_of(DOCUMENTS, "fixed").vocab_size)

    found = reading_tests(dict.fromkeys((*ARMS, "untrained"), model), DOCUMENTS, 3)
    curve = {name: test["posterior right"] for name, test in found.items()}
    fixed = curve["fixed"]
    # A fixed mapping needs no demonstration, and random labels take nothing from it.
    assert curve["fixed, random labels"] == fixed and min(fixed) > 0.7
    assert curve["per document"] == curve["untrained"] != curve["per document, random labels"]
    # Who takes labels for bursty is surer of them before it sees that they are not.
    nats = {name: test["posterior nats"] for name, test in found.items()}
    assert nats["bursty, balanced"][0] == pytest.approx(nats["fixed"][0])
    assert sum(nats["bursty, balanced"]) > sum(nats["fixed"]) > sum(nats["bursty"]) - 1


def test_settings_of_the_shipped_measurement_fit():
    settings = frozen_weights.EXPERIMENT.settings
    assert set(settings["arms"]) == set(ARMS)
    assert all(family_of(settings, arm).kinds == 4 for arm in ARMS)
