"""Who chooses: equal starts, views that see what they say, and the measurement runs through."""

import json
import math

import pytest
import torch

from nlgnotes.experiments.fine_grained_experts.who_chooses import (
    CHOOSERS,
    NoAttention,
    measure_choice,
    train_on_noise,
    views,
)

SMALL = {
    "symbols": 4,
    "length": 4,
    "width": 16,
    "hidden": 16,
    "experts": 2,
    "factor": 1,
    "gate_std": 0.5,
    "batch": 16,
    "steps": 5,
    "learning_rate": 3e-3,
    "documents": 50,
}


def test_both_choosers_start_from_the_same_weights():
    one, other = (NoAttention(chooser, SMALL, 3).state_dict() for chooser in CHOOSERS)
    assert all(one[name].equal(other[name]) for name in one) and one.keys() == other.keys()
    assert abs(float(one["moe.gate"].std()) - 0.5) < 0.2


def test_only_the_choice_of_experts_lets_a_prediction_see_other_tokens():
    rows = torch.tensor([[0, 1, 2, 3]]).repeat(4, 1)
    rows[:, 3] = torch.arange(4)
    spread = {}
    for chooser in CHOOSERS:
        with torch.no_grad():
            spread[chooser] = float(NoAttention(chooser, SMALL, 0)(rows)[:, :3].std(0).max())
    assert spread["tokens"] < 1e-6 < 1e-3 < spread["experts"]


def test_views_show_the_model_what_they_say():
    """A model that foresees: it puts all its weight on the next token, if it was shown that."""

    def foresees(rows):
        following = torch.cat((rows[:, 1:], torch.zeros_like(rows[:, :1])), 1)
        return 50.0 * torch.nn.functional.one_hot(following, 4).float()

    found = views(foresees, SMALL, 0)
    for name, losses in found.items():
        assert losses.shape == (50, 4), name
    wrong = 50 * 3 / 4  # the mean loss of a certain guess among four
    assert found["whole"][:, :3].max() < 1e-6
    assert abs(float(found["other future"][:, :3].mean()) - wrong) < 12
    assert abs(float(found["prefix"].mean()) - wrong) < 12
    # The last token is in no input, so all views are one.
    assert found["whole"][:, 3].equal(found["prefix"][:, 3])
    assert found["whole"][:, 3].equal(found["other future"][:, 3])


def test_a_model_that_knows_nothing_is_at_the_floor_in_every_view():
    found = views(lambda rows: torch.zeros(*rows.shape, 4), SMALL, 0)
    assert all(torch.allclose(x, torch.tensor(math.log(4))) for x in found.values())


def test_choosing_tokens_learns_below_the_floor():
    settings = SMALL | {"steps": 600, "learning_rate": 1e-2, "documents": 2000, "batch": 64}
    model = NoAttention("experts", settings, 1)
    train_on_noise(model, settings, 1)
    assert views(model, settings, 1)["whole"].mean() < math.log(4) - 0.01


def test_the_measurement_runs_through_and_comes_out_the_same():
    found = measure_choice(SMALL, 0)
    again = measure_choice(SMALL, 0)
    for one in CHOOSERS:
        assert found[one].pop("seconds") >= 0 and again[one].pop("seconds") >= 0
        for view in ("whole", "prefix", "other future"):
            row = found[one][view]
            assert row["low"] < row["mean"] < row["high"] and len(row["places"]) == 4
            assert sum(row["places"]) / 4 == pytest.approx(row["mean"], abs=1e-4)
    assert json.loads(json.dumps(found)) == found == again
    with pytest.raises(ValueError, match="chooser must be one of experts, tokens; got 'gates'"):
        NoAttention("gates", SMALL, 0)
