"""The long measurement runs through, and is the same again."""

import json
import math

from nlgnotes.experiments.language_gans import adversarial_training

TINY = {
    "language_seed": 0,
    "vocab_size": 8,
    "length": 5,
    "documents": 60,
    "width": 4,
    "mle_steps": 6,
    "mle_batch": 8,
    "mle_learning_rate": 0.03,
    "mle_check": 3,
    "temperatures": [0.5, 0.8, 1.0, 1.3],
    "samples": 40,
    "steps": 3,
    "batch": 8,
    "control_learning_rate": 0.003,
    "discriminator_width": 6,
    "discriminator_dropout": 0.1,
    "discriminator_warmup": 2,
    "discriminator_steps": 1,
    "learning_rate": 0.01,
    "discriminator_learning_rate": 0.005,
    "discount": 0.5,
    "look_every": 2,
    "checkpoints": [2],
    "beam": 5,
    "compared": {"usual": [0.5, 1.0], "warm": [0.8, 1.3]},
    "levels": 2,
    "runs": 2,
}


def test_the_measurement_is_json_repeatable_and_says_what_it_should():
    a, b = (adversarial_training.measure(TINY, 100, False) for _ in range(2))
    json.dumps(a, allow_nan=False)
    assert list(a["runs"]) == ["100", "101"] and a["equal_diversity"] == b["equal_diversity"]
    assert list(a["equal_diversity"]) == ["usual", "warm"]
    assert list(a["equal_diversity"]["usual"]) == ["mle", "control", "mle, at step 2"]
    run = a["runs"]["100"]
    assert [row["step"] for row in run["gan"]["path"]] == [0, 2, 3] and "points" in run["gan"][
        "path"
    ][1]
    assert (
        run["gan"]["path"][0]["kl"]["value"] == 0
        and run["gan"]["kl"]["value"] > 0
        and run["control"]["kl"]["value"] > 0
    )
    assert (
        len(run["gan"]["accuracy"]) == 3
        and [p["temperature"] for p in run["mle"]["points"]] == TINY["temperatures"]
    )
    assert a["one_string"]["oracle"] <= a["one_string"]["greedy"] + 1e-12 and a["one_string"][
        "mixture"
    ]["test"] > math.log(7)


def test_the_headline_is_the_mean_over_levels_and_runs():
    rows = {"usual": {"mle": {"differences": [[1.0, 2.0], [3.0, 6.0]]}}}
    assert adversarial_training.mean_difference({"equal_diversity": rows}) == 3.0
