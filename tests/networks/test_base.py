"""Sizes go to JSON and back, and nothing else comes back."""

import json
from dataclasses import dataclass

import pytest

from nlgnotes.networks.base import Config


@dataclass(frozen=True)
class Sizes(Config):
    width: int
    base: float = 0.5


def test_there_and_back_through_json():
    assert Sizes.from_dict(json.loads(json.dumps(Sizes(8).to_dict()))) == Sizes(8)


@pytest.mark.parametrize("values", [{"width": 8}, {"width": 8, "base": 0.5, "depth": 1}])
def test_a_missing_or_unknown_key_is_named(values):
    message = r"config must hold the keys \['base', 'width'\]; got unknown .*, missing "
    with pytest.raises(ValueError, match=message):
        Sizes.from_dict(values)


def test_sizes_of_numpy_become_pythons(plain):
    setup = """
import json, numpy as np
from nlgnotes.networks.encoder_decoder import EncoderDecoderConfig
from nlgnotes.networks.lstm import LSTMConfig
from nlgnotes.networks.transformer import DecoderConfig
n = np.int64(8)
"""
    cases = {
        "decoder": "json.dumps(DecoderConfig(n, n, n, n, np.int64(2), n).to_dict())",
        "pair": "json.dumps(EncoderDecoderConfig(n, n, n, n, n, np.int8(2), n).to_dict())",
        "lstm": "json.dumps(LSTMConfig(n, n, n).to_dict())",
        "half": "LSTMConfig(np.float64(8.0), 8)",
        "true": "LSTMConfig(np.bool_(True), 8)",
    }
    answers = plain(setup, cases)
    for name in ("decoder", "pair", "lstm"):
        assert answers[name][0] == "value", answers[name]
    for name in ("half", "true"):
        assert answers[name][0] == "ValueError" and "vocab_size must be" in answers[name][1]
