"""Length generalisation: what counts as copied, equal starts, and the measurement runs through."""

import json

import pytest
import torch

from nlgnotes.experiments.positions.length_generalisation import (
    KINDS,
    correct_copies,
    measure,
    scores_by_length,
    train_to_copy,
    untrained_decoder,
)
from nlgnotes.randomness import generator
from nlgnotes.tasks import copies

SMALL = {
    "length": 2,
    "asked": [1, 2, 4],
    "symbols": 3,
    "rows": 40,
    "width": 16,
    "layers": 2,
    "heads": 2,
    "hidden": 32,
    "batch": 32,
    "steps": 60,
    "learning_rate": 2e-2,
    "runs": 2,
    "none": {"steps": 70},
    "further": {"length": 4, "batch": 16},
}


def test_three_kinds_start_from_the_same_weights_and_see_the_same_strings():
    models = {kind: untrained_decoder(kind, SMALL, 7) for kind in KINDS}
    weights = {kind: dict(model.named_parameters()) for kind, model in models.items()}
    assert (
        weights["rotary"].keys() == weights["none"].keys() == weights["learned"].keys() - {"places"}
    )
    assert all(
        torch.equal(p, weights[kind][name])
        for name, p in weights["rotary"].items()
        for kind in KINDS
    )
    assert {model.config.context for model in models.values()} == {9}
    assert not torch.equal(
        untrained_decoder("rotary", SMALL, 8).embedding, models["rotary"].embedding
    )


def test_a_row_of_true_is_what_greedy_decoding_writes():
    """Two roads, on a model that is right about some strings only: reading, and writing freely."""
    model = untrained_decoder("rotary", SMALL, 3)
    history = train_to_copy(model, 2, SMALL, 3)
    assert history.steps == 60
    right = correct_copies(model, 2, 200, 3, generator(5))
    batch = copies(200, 2, 2, 3, generator(5))
    prompt = torch.cat((batch.inputs[:, :2], torch.zeros(200, 1, dtype=torch.long)), 1)
    row = prompt
    for _ in range(3):
        row = torch.cat((row, model(row)[:, -1:].argmax(-1)), 1)
    assert right.all(1).equal((row[:, 3:] == batch.targets[:, 2:]).all(1))
    assert 0.3 < right.double().mean() < 1 or right.all()


def test_scores_by_hand():
    """What says again what stood two places before copies strings of length 2, and no others."""

    def parrot(tokens):
        return torch.nn.functional.one_hot(tokens.roll(2, 1), 4).float()

    assert scores_by_length(parrot, {**SMALL, "asked": [2]}, 0) == {
        "symbols": [1.0],
        "exact": [1.0],
    }
    longer = correct_copies(parrot, 4, 2000, 3, generator(1))
    # After two symbols read the parrot says x[2] for x[0], x[3] for x[1], the separator for x[2]:
    # a third, a third, never.
    assert longer.shape == (2000, 5) and not longer[:, 2].any()
    for place in (0, 1):  # z below 6: false alarm below 1e-8
        assert abs(float(longer[:, place].double().mean()) - 1 / 3) < 6 * (2 / 9 / 2000) ** 0.5


def test_the_measurement_runs_through_in_parts():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL, 3, progress=False, keep=keep)
    assert (
        parts == ["seed-3", "seed-4"]
        and data["lengths"] == [1, 2, 4]
        and data["chance"] == pytest.approx(1 / 3, abs=1e-6)
    )
    for run in data["runs"].values():
        assert set(run) == {*KINDS, "further"}
        assert all(
            len(found["symbols"]) == len(found["exact"]) == 3 and len(found["loss"]) >= 20
            for found in run.values()
        )
        assert all(
            e <= s + 1e-9
            for found in run.values()
            for s, e in zip(found["symbols"], found["exact"], strict=True)
        )
    with pytest.raises(ValueError, match="runs must be an integer of at least 1; got 0"):
        measure({**SMALL, "runs": 0}, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_ill_logits_copy_nothing(value):
    def ill(tokens):
        return torch.full((*tokens.shape, 5), value)

    with pytest.raises(ValueError, match="the model's logits must"):
        correct_copies(ill, 3, 4, 4, generator(0))
