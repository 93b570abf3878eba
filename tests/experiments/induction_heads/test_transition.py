"""The measurement runs through in parts, and holds what the lecture draws."""

import json

import pytest

from nlgnotes.experiments.induction_heads import transition
from nlgnotes.experiments.induction_heads.transition import KINDS, measure, train_kind

SMALL = {
    "symbols": 30,
    "length": 128,
    "shortest": 12,
    "longest": 48,
    "share": 0.5,
    "width": 8,
    "heads": 2,
    "batch": 2,
    "steps": 3,
    "one layer": {"steps": 2},
    "learning_rate": 1e-3,
    "every": 2,
    "size": 3,
    "early": 10,
    "late": 120,
    "fresh": 4,
    "runs": 2,
    "shares": [0, 1],
    "budget": 2,
    "enough": 0.9,
    "loops": {},
}


def test_the_measurement_runs_through_in_parts(monkeypatch):
    monkeypatch.setattr(transition, "measure_loops", lambda settings, seed: {"seed": seed})
    # After three steps no head has a score.
    sets = {"induction": [(1, 0)], "previous": [(0, 1)]}
    monkeypatch.setattr(transition, "head_sets", lambda *of: sets)
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL, 3, progress=False, keep=keep)
    assert len(parts) == len(set(parts)) == 2 * (3 + 2) + 1
    assert list(data["runs"]) == list(data["shares"]) == ["3", "4"]
    assert data["loops"] == {"seed": 3}
    for runs in data["runs"].values():
        assert list(runs) == list(KINDS)
        two = runs["two layers"]
        assert [row["step"] for row in two["rows"]] == [0, 2, 3]
        assert len(two["rows"][0]["prefix"]) == 4 and "patterns" not in two
        assert list(two["ablation"]) == ["none", "induction", "previous"]
        assert all(len(x) == 4 for rows in two["ablation"].values() for x in rows.values())
        assert [row["step"] for row in runs["one layer"]["rows"]] == [0, 2]
    for by_share in data["shares"].values():
        assert list(by_share) == ["0", "1"]
        assert by_share["1"]["steps"] == [0, 2] and len(by_share["1"]["copied"]) == 2
    shown = data["patterns"]
    assert shown["steps"] == [0, 2, 3] and len(shown["tokens"]) == 25
    for name in ("previous", "induction"):
        assert [len(row) for row in shown[name][0]] == list(range(1, 26))
        assert all(abs(sum(row) - 100) <= 13 for row in shown[name][0])


def test_kinds_of_one_seed_see_the_same_texts():
    watches = {kind: train_kind(kind, SMALL, 5, heads=False)[1] for kind in KINDS}
    first, *others = watches.values()
    assert all(first.drawn.tokens.equal(other.drawn.tokens) for other in others)
    assert not train_kind("one layer", SMALL, 6)[1].drawn.tokens.equal(first.drawn.tokens)
    with pytest.raises(ValueError, match="kind must be one of two layers, one layer"):
        train_kind("three layers", SMALL, 0)


def test_what_is_kept_of_the_loops_is_of_one_text(monkeypatch):
    names = []
    for digest in ("a" * 64, "b" * 64):
        monkeypatch.setattr(transition.corpus, "corpus_digest", lambda digest=digest: digest)
        names.append(set(transition.parts(SMALL, 0, progress=False)))
    (old,), (new,) = names[0] - names[1], names[1] - names[0]
    assert old.startswith("loops") and new.startswith("loops")
