"""Experiments: kept part by part and compared; the shipped ones are those of the code."""

import dataclasses
import json

import pytest

from nlgnotes import checkpoints, measurements
from nlgnotes.experiments import experiment as module
from nlgnotes.experiments.experiment import Experiment, run_experiment
from nlgnotes.recipes.catalogue import EXPERIMENTS


def squares(settings, seed, *, progress, keep):
    return {str(i): keep(f"square-{i}", lambda i=i: i * i + seed) for i in range(settings["n"])}


def experiment(seed=0, tolerance=0.5, measure=squares, **settings):
    settings = {"n": 3, **settings}
    return Experiment(
        "squares",
        "squares of small numbers",
        measure,
        seed,
        settings,
        lambda data: sum(data.values()),
        tolerance,
    )


def test_a_measurement_says_how_it_was_made(tmp_path):
    assert run_experiment(experiment(seed=2), progress=False, folder=tmp_path)
    made = measurements.load(tmp_path / "squares.json")
    assert made.data == {"0": 2, "1": 3, "2": 6}
    assert (made.recipe["seed"], made.recipe["settings"]["n"]) == (2, 3) and made.recipe[
        "seconds"
    ] >= 0
    assert [p.name for p in tmp_path.iterdir()] == ["squares.json"], "work folders are cleared away"


def test_an_interrupted_one_goes_on_with_the_part_it_was_at(tmp_path):
    done = []

    def interrupted(settings, seed, *, progress, keep):
        def compute(i):
            if i == 2 and done.count(2) == 0:
                done.append(2)
                raise KeyboardInterrupt
            done.append(i)
            return i * i

        return {str(i): keep(f"square-{i}", lambda i=i: compute(i)) for i in range(3)}

    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment(measure=interrupted), progress=False, folder=tmp_path)
    assert measurements.available(tmp_path) == ()
    run_experiment(experiment(measure=interrupted), progress=False, folder=tmp_path)
    assert done == [0, 1, 2, 2] and measurements.load(tmp_path / "squares.json").data == {
        "0": 0,
        "1": 1,
        "2": 4,
    }


def test_what_does_not_agree_replaces_only_by_force(tmp_path, capsys):
    run_experiment(experiment(), folder=tmp_path)
    assert (
        run_experiment(experiment(), folder=tmp_path)
        and "agrees within 0.5" in capsys.readouterr().out
    )
    assert not run_experiment(experiment(n=5), folder=tmp_path)
    said = capsys.readouterr().out
    assert (
        "30, shipped 5: does not agree within 0.5 (not the same settings)" in said
        and "the shipped one stays" in said
    )
    assert len(measurements.load(tmp_path / "squares.json").data) == 3
    assert not run_experiment(experiment(n=5), force=True, folder=tmp_path)
    assert len(measurements.load(tmp_path / "squares.json").data) == 5


def test_everything_is_shipped():
    assert set(measurements.available()) == set(EXPERIMENTS) and all(
        name == e.name for name, e in EXPERIMENTS.items()
    )


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_shipped_measurements_are_those_of_the_code_and_of_the_shipped_models(name):
    shipped, made_by = measurements.load(name), EXPERIMENTS[name]
    assert shipped.recipe["settings"] == json.loads(json.dumps(dict(made_by.settings)))
    assert (shipped.recipe["name"], shipped.recipe["seed"]) == (name, made_by.seed)
    now = {model: checkpoints.load(model).digest for model in made_by.models}
    assert shipped.recipe["models"] == now, "a model has changed since: make the measurement again"
    assert isinstance(made_by.headline(shipped.data), float)
    assert (measurements.FOLDER / f"{name}.json").stat().st_size < 1e6


WITH_MORE = '{"value": 7, "seconds": 1.0, "more": 0}'
PARTS = [
    "",
    "{",
    "null",
    "[]",
    "5",
    '{"value": 1}',
    '{"value": 1, "seconds": "x"}',
    "\udcff",
    WITH_MORE,
    "[" * 100_000,
    '{"value": 7, "seconds": null}',
]


@pytest.mark.parametrize("content", PARTS, ids=lambda text: text[:24])
def test_a_part_that_is_damaged_is_computed_again(tmp_path, content):
    calls = []

    def spoiled(settings, seed, *, progress, keep):
        keep("first", lambda: calls.append("first") or 1)
        if len(calls) == 1:
            (part,) = (tmp_path / "squares.partial").iterdir()
            part.write_bytes(content.encode("utf-8", "surrogateescape"))
            raise KeyboardInterrupt
        return {"1": keep("second", lambda: 2)}

    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment(measure=spoiled), progress=False, folder=tmp_path)
    run_experiment(experiment(measure=spoiled), progress=False, folder=tmp_path)
    assert calls == ["first", "first"]


def one_part(calls, stop=False):
    """A measurement in one part, which can be interrupted after it."""

    def measure(settings, seed, *, progress, keep):
        value = keep("part", lambda: calls.append(seed) or seed)
        if stop:
            raise KeyboardInterrupt
        return {"1": value}

    return measure


def test_a_part_of_another_run_is_not_taken(tmp_path, monkeypatch):
    for other in (experiment(seed=3), experiment(n=4), "code"):
        calls = []
        with pytest.raises(KeyboardInterrupt):
            run_experiment(
                experiment(measure=one_part(calls, stop=True)), progress=False, folder=tmp_path
            )
        with monkeypatch.context() as patch:
            if other == "code":
                patch.setattr(module, "_code_digest", lambda measure: "changed")
                other = experiment()
            again = dataclasses.replace(other, measure=one_part(calls))
            run_experiment(again, progress=False, folder=tmp_path, force=True)
        assert calls == [0, again.seed], "it was computed again"
        (tmp_path / "squares.json").unlink()


@pytest.mark.parametrize("names", [("a", "a"), ("a", "b", "a"), ("a/b",), ("/a",), ("../a",)])
def test_a_part_has_a_name_of_its_own(tmp_path, names):
    def twice(settings, seed, *, progress, keep):
        return {str(i): keep(name, lambda i=i: i) for i, name in enumerate(names)}

    with pytest.raises(ValueError, match="part must be a file's name that no other part has"):
        run_experiment(experiment(measure=twice), progress=False, folder=tmp_path)


def test_a_part_that_json_cannot_hold_is_named(tmp_path):
    def measure(settings, seed, *, progress, keep):
        return {"1": keep("strange", lambda: {1, 2})}

    with pytest.raises(ValueError, match="part 'strange' must be JSON"):
        run_experiment(experiment(measure=measure), progress=False, folder=tmp_path)
