"""A measurement is whole, says how it was made, and damage is named."""

import json
import math

import pytest

from nlgnotes import measurements


def test_what_is_saved_is_what_is_loaded(tmp_path):
    place = measurements.save(
        tmp_path / "walk.json", recipe={"seed": 3}, data={"steps": [1, 2.5], "é": {"a": None}}
    )
    assert measurements.load(place) == measurements.Measurement(
        "walk", {"seed": 3}, {"steps": [1, 2.5], "é": {"a": None}}
    )
    assert measurements.available(tmp_path) == ("walk",)


def test_what_json_cannot_say_leaves_the_old_one(tmp_path):
    place = measurements.save(tmp_path / "walk.json", recipe={}, data={"x": 1})
    for bad in (math.nan, math.inf, {1, 2}):
        with pytest.raises(ValueError, match="recipe and data must be JSON"):
            measurements.save(place, recipe={}, data={"x": bad})
    assert measurements.load(place).data == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["walk.json"]


def test_damage_is_named(tmp_path):
    place = measurements.save(tmp_path / "walk.json", recipe={}, data={"x": 1})
    row = json.loads(place.read_text())
    for text, message in [
        (place.read_text()[:20], "is not JSON"),
        (json.dumps({**row, "more": 1}), "must hold the keys .* got unknown .*more.*, missing"),
        (json.dumps({**row, "format": 9}), "format must be 1; got 9"),
        ("[]", "must hold a JSON object; got list"),
        (json.dumps({**row, "format": True}), "format must be 1; got True"),
        (json.dumps({**row, "name": 5}), "name must be a str; got 5"),
        (json.dumps({**row, "recipe": None}), "recipe must be a dict; got None"),
        (json.dumps({**row, "data": [1]}), "data must be a dict; got .1."),
        (json.dumps({**row, "data": {"x": math.nan}}), "is not JSON; numbers must be finite"),
        (json.dumps({**row, "data": {"x": 10**30}}), "is not JSON; integers must have at most 64"),
        ("[" * 200_000, "nested too deeply"),
        ("\udc80", "is not JSON"),
    ]:
        place.write_text(text, errors="surrogateescape")
        with pytest.raises(ValueError, match=message) as caught:
            measurements.load(place)
        assert caught.type is ValueError and str(place) in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no measurement 'run' in .*; available: walk"):
        measurements.load(tmp_path / "run.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match="must be a file"):
        measurements.load(tmp_path / "folder.json")
    for name in ("", ".", "a\0b"):
        with pytest.raises(ValueError, match="name must"):
            measurements.load(name)
