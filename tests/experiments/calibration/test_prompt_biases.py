"""Pretrainings: what each arm's exact reader is, and the measurement runs through and learns."""

import json

import pytest
import torch

from nlgnotes.experiments.calibration.prompt_biases import (
    ARMS,
    SETTINGS,
    calibrated,
    exact_reader,
    family_of,
    look,
    measure,
    null_beliefs,
    pretrain,
    untrained,
)
from nlgnotes.experiments.calibration.prompts import all_orders, beliefs, draw_questions
from nlgnotes.randomness import generator

SMALL = {
    **SETTINGS,
    "family": SETTINGS["family"] | {"words": 4, "words_per_example": 2, "tilt": 1.5},
    "examples": 4,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "hidden": 32,
    "batch": 32,
    "steps": dict.fromkeys(ARMS, 60),
    "learning_rate": 1e-2,
    "rows": 20,
    "shots": [0, 2],
    "runs": 1,
}


def test_calibrating_the_exact_reader_by_a_null_that_tells_nothing_takes_out_the_prompt():
    """For bursty labels the unseen null's exact belief is the urn's: what is left is even."""
    family = family_of("bursty", SMALL)
    questions = draw_questions(all_orders(2), 20, family, generator(100, "exact"))
    exact = exact_reader("bursty", SMALL).log_posterior
    corrected = calibrated(
        beliefs(exact, family, questions), null_beliefs(exact, family, questions)
    )
    even = beliefs(exact_reader("iid", SMALL).log_posterior, family, questions)
    torch.testing.assert_close(corrected["unseen"], even)
    assert float((corrected["null 1"] - even).abs().max()) > 0.05
    nulls = null_beliefs(exact, family, questions)
    assert list(nulls) == ["null 1", "null 2", "null 3", "average", "unseen"]
    seen = [nulls[f"null {j}"] for j in (1, 2, 3)]
    torch.testing.assert_close(nulls["average"], sum(seen) / 3)


def test_arms_differ_in_their_labels_alone():
    assert family_of("bursty").burst == 4 and family_of("bursty").decay == 0.6
    assert family_of("iid") == family_of("other text") == exact_reader("other text").family
    assert torch.equal(untrained(SMALL, 3).embedding, untrained(SMALL, 3).embedding)
    with pytest.raises(ValueError, match="arm must be one of bursty, iid, other text; got 'x'"):
        family_of("x")


def test_training_brings_a_model_to_its_posterior():
    model = untrained(SMALL, 0)
    before = look(model, "bursty", 2, SMALL, 0)["distance"]["bursty"]
    history = pretrain(model, "bursty", SMALL, 0)
    assert history.steps == 60
    assert look(model, "bursty", 2, SMALL, 0)["distance"]["bursty"] < 0.6 * before


def test_the_measurement_runs_through():
    data = json.loads(json.dumps(measure(SMALL, 0, progress=False)))
    assert data["arms"] == list(ARMS) and list(data["runs"]) == ["0"]
    for arm in ARMS:
        run = data["runs"]["0"][arm]
        assert list(run["shots"]) == ["0", "2"] and len(run["loss"]) == 20
        found = run["shots"]["2"]
        assert len(found["said"]["model"]) == 4 and len(found["said"]["model"][0]) == 2
        assert {"model", "posterior", "even", "average", "unseen", "softmax"} < set(found["said"])
        assert found["said"]["softmax"] == found["said"]["average"]
        # The exact readers do not depend on the model: the posterior of labels that do not
        # follow each other is the even one.
        if arm == "iid":
            assert found["said"]["posterior"] == found["said"]["even"]
        assert found["nats"]["softmax"] != found["nats"]["average"]
    with pytest.raises(ValueError, match="runs must be an integer of at least 1; got 0"):
        measure({**SMALL, "runs": 0}, 0)
