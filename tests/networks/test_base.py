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
    with pytest.raises(
        ValueError, match=r"config must hold the keys \['base', 'width'\]; got unknown .*, missing "
    ):
        Sizes.from_dict(values)
