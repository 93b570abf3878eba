"""What cannot be a setting of PPO is refused, with its name."""

import json

import pytest

from nlgnotes.training.ppo_settings import PPOSettings


def test_the_settings_go_to_json_and_back():
    settings = PPOSettings(beta=0.3, objective="trust region")
    assert PPOSettings(**json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"batch": 0}, "batch must"),
        ({"learning_rate": 0.0}, "learning_rate must"),
        ({"beta": -1.0}, "beta must"),
        ({"epsilon": -0.1}, "epsilon must"),
        ({"decay": 1.1}, "decay must"),
        ({"batch": 2, "minibatches": 3}, "minibatches must be at most batch"),
        ({"objective": "trpo"}, "objective must be one of"),
    ],
)
def test_ill_settings_are_refused(own, words):
    with pytest.raises(ValueError, match=words):
        PPOSettings(**own)
