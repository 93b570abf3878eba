"""Held-out clusters: the base stays as it is, the cluster is never seen, and it runs through."""

import json
from pathlib import Path
from statistics import fmean

import pytest
import torch
from scipy import stats

from nlgnotes import measurements
from nlgnotes.experiments.instruction_tuning import held_out_clusters
from nlgnotes.experiments.instruction_tuning.documents import untrained_base
from nlgnotes.experiments.instruction_tuning.held_out_clusters import (
    EXPERIMENT,
    measure,
    templates_of,
    three_bars,
    tuned,
)
from nlgnotes.tasks.row_tasks import CLUSTERS, TASKS

SIZES = {"width": 8, "layers": 1, "heads": 2, "hidden": 16, "initial_scale": 2.0}
SMALL = {
    "pretraining": {**SIZES, "headed": 0.2, "lengths": [20], "tokens": 40},
    "bases": ["one", "two"],
    "runs": 2,
    "rehearsed_runs": 1,
    "rehearsed_tokens": 20,
    "steps": 2,
    "batch": 4,
    "learning_rate": 1e-2,
    "rows": 2,
    "shots": [1, 4],
    "sweep": "sorting",
    "templates": [1, 10],
    "clusters": [1],
    "sizes": {"8": "three"},
    "size_clusters": ["copying"],
}


def test_tuning_leaves_the_base_as_it_is():
    base = untrained_base(SIZES, 0)
    before = base.embedding.clone()
    training, _ = templates_of(0)
    model, history = tuned(base, TASKS[:3], training, SMALL, 0)
    assert torch.equal(base.embedding, before) and not torch.equal(model.embedding, before)
    assert history.steps == 2


def test_the_kept_templates_are_the_same_however_many_are_trained_on():
    seven, new = templates_of(4)
    two, same = templates_of(4, 2)
    ten, _ = templates_of(4, 10)
    assert new == same and all(two[t] == seven[t][:2] for t in two)
    assert all({*ten[t]} == {*seven[t], *new[t]} for t in ten) and templates_of(5)[0] != seven


def test_three_bars_are_of_the_tasks_that_they_say():
    found = three_bars(untrained_base(SIZES, 0), "sorting", SMALL, 0)
    kept = {task.name for task in TASKS if task.cluster == "sorting"}
    assert found["new cluster"].keys() == kept
    for bar in ("new inputs", "new templates"):
        assert found[bar].keys() == {task.name for task in TASKS} - kept
    with pytest.raises(ValueError, match="held_out must be one of copying, .*; got 'cooking'"):
        three_bars(untrained_base(SIZES, 0), "cooking", SMALL, 0)


def test_the_measurement_runs_through_in_parts_and_tunes_on_no_held_out_task(monkeypatch):
    bases = {name: untrained_base(SIZES, i) for i, name in enumerate(("one", "two", "three"))}
    monkeypatch.setattr(held_out_clusters, "_base", bases.__getitem__)
    seen, real = [], held_out_clusters.tune

    def watched(model, tasks, templates, **options):
        seen.append(({task.cluster for task in tasks}, {len(t) for t in templates.values()}))
        return real(model, tasks, templates, **options)

    monkeypatch.setattr(held_out_clusters, "tune", watched)
    parts = {}

    def keep(part, compute):
        parts[part] = json.loads(json.dumps(compute()))
        return parts[part]

    found = measure(SMALL, 3, progress=False, keep=keep)
    assert json.loads(json.dumps(found)) == found
    assert found["base"].keys() == found["tuned"].keys() == {"3", "4"}
    assert found["rehearsed"].keys() == {"3"}
    for run in (*found["tuned"].values(), *found["rehearsed"].values()):
        assert tuple(run) == CLUSTERS
    once = [({*CLUSTERS} - {cluster}, {7}) for cluster in CLUSTERS]
    assert seen[:16] == once + once and seen[16:24] == once
    no_sorting = {*CLUSTERS} - {"sorting"}
    assert seen[24:27] == [(no_sorting, {1}), (no_sorting, {10}), ({"copying"}, {7})]
    assert seen[27:] == [({*CLUSTERS} - {"copying"}, {7}), (no_sorting, {7}), (no_sorting, {7})]
    assert len(parts) == 2 + 24 + 2 + 1 + 2 + 2
    shares = found["tuned"]["3"]["sorting"]
    assert {*shares["new cluster"]} == {"ascending", "descending", "even first"}
    assert all(0 <= share <= 1 for share in shares["new inputs"].values())


def test_the_shipped_measurement_is_of_these_settings():
    shipped = measurements.load(EXPERIMENT.name)
    assert shipped.recipe["settings"] == json.loads(json.dumps(dict(EXPERIMENT.settings)))
    assert {*shipped.recipe["models"]} == {*EXPERIMENT.models}
    assert 0.5 < EXPERIMENT.headline(shipped.data) < 1


def test_the_lectures_intervals_about_trained_tasks_are_over_the_trainings():
    """Two held-out clusters leave out nearly the same trained tasks: no sample of tasks."""
    data = measurements.load("instruction-tuning").data
    file = Path(__file__).parents[3] / "book/ledger/instruction-tuning.json"
    book = json.loads(file.read_text(encoding="utf-8"))
    shown = {
        claim["id"]: row["ours"][:3]
        for claim, row in zip(book["claims"], book["runs"][0]["rows"], strict=True)
        if "ours" in row
    }

    def of_seed(seed, bar):
        """Over the tasks, each over the seven clusters that were held out beside its own."""
        by_task = {}
        for run in data["tuned"][seed].values():
            for task, share in run[bar].items():
                by_task.setdefault(task, []).append(share)
        assert all(len(shares) == 7 for shares in by_task.values()) and len(by_task) == 24
        return fmean(map(fmean, by_task.values()))

    def of_base(seed, *path):
        shares = data["base"][seed]
        for key in path:
            shares = shares[key]
        return fmean(shares.values())

    new, other = "new inputs", "new templates"
    expected = {
        "new-inputs": [of_seed(s, new) - of_base(s, new) for s in data["tuned"]],
        "new-templates": [of_seed(s, other) - of_base(s, other) for s in data["tuned"]],
        "templates-cost": [of_seed(s, new) - of_seed(s, other) for s in data["tuned"]],
        "zero-shot-beats-few-shot": [
            of_seed(s, new) - of_base(s, "shots", "8") for s in data["tuned"]
        ],
    }
    for name, values in expected.items():
        error = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
        middle = fmean(values)
        assert shown[name] == pytest.approx([middle, middle - error, middle + error], abs=1e-5)
