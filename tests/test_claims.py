"""The ledger: what it accepts, what it prints, what it writes, and the verdict over seeds."""

import json

import numpy as np
import pytest
import torch

from nlgnotes.claims import Ledger, gather
from nlgnotes.intervals import Interval


def ledger(seed=0, holds=True):
    book = Ledger("sampling", seed)
    book.record("order", "identity", "Order <stays>.", holds=True, ours=0.0)
    book.record(
        "frontier",
        "finding",
        "One frontier.",
        holds=holds,
        ours=Interval(0.5, 0.4, 0.6, 30),
        margin="within 0.05 nats",
        paper="Fig. 1",
        source="[V2] a survey",
        unit="nats",
    )
    return book


def test_prints_verdicts_and_nothing_else(capsys, monkeypatch):
    monkeypatch.delenv("NLGNOTES_LEDGER", raising=False)
    assert ledger(holds=False).verdicts() is None
    assert capsys.readouterr().out == "order  holds\nfrontier  fails\n"


def test_saves_whole_where_the_environment_says(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NLGNOTES_LEDGER", str(tmp_path / "new"))
    ledger(seed=3).verdicts()
    (path,) = (tmp_path / "new").iterdir()
    run = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "sampling-3.json" and (run["lecture"], run["seed"]) == ("sampling", 3)
    row = run["rows"][1]
    assert (row["value"], row["low"], row["high"], row["n"]) == (0.5, 0.4, 0.6, 30)
    assert (row["id"], row["kind"], row["holds"], row["margin"]) == (
        "frontier",
        "finding",
        True,
        "within 0.05 nats",
    )
    assert run["rows"][0]["value"] == 0 and run["rows"][0]["low"] is None


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = ledger().save(tmp_path)
    before = path.read_text()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ledger(holds=False).save(tmp_path)
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_numbers_that_json_lacks_are_written_as_words(tmp_path):
    book = Ledger("a", 0)
    book.record("x", "identity", "s", holds=False, ours=float("nan"))
    assert (
        json.loads(book.save(tmp_path).read_text(), parse_constant=pytest.fail)["rows"][0]["value"]
        == "nan"
    )


def test_table_is_accessible_and_says_everything_in_words():
    page = ledger(holds=False).table()._repr_html_()
    assert "<caption>Claims of the lecture sampling, seed 0</caption>" in page
    assert page.count('scope="col"') == 5 and page.count('scope="row"') == 2
    assert (
        "Order &lt;stays&gt;." in page
        and "<td>fails</td>" in page
        and "seen in a secondary source a survey" in page
    )
    assert "<small>order · identity</small>" in page
    text = repr(ledger().table())
    assert "0.5 [0.4, 0.6] nats" in text and "within 0.05 nats" in text and "holds" in text


@pytest.mark.parametrize("true", [True, np.bool_(True), torch.tensor(True)])
def test_one_truth_value_of_any_make(true):
    book = Ledger("a", 0)
    book.record("x", "identity", "s", holds=true, ours=torch.tensor(1.5))
    assert book.claims[0].holds is True and book.claims[0].ours == 1.5


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"id": "order"}, "already recorded"),
        ({"id": "a b"}, "without spaces"),
        ({"kind": "law"}, "kind must be one of"),
        ({"kind": "finding", "margin": " "}, "margin must be stated"),
        ({"sentence": ""}, "sentence"),
        ({"holds": 1}, "one truth value"),
        ({"holds": torch.tensor([True, False])}, "one truth value"),
        ({"ours": None}, "ours must be"),
        ({"source": "[M]"}, "memory"),
    ],
)
def test_malformed_rows_are_refused(change, word):
    row = {
        "id": "new",
        "kind": "identity",
        "sentence": "s",
        "holds": True,
        "ours": 1.0,
        "margin": "",
    } | change
    with pytest.raises(ValueError, match=word):
        ledger().record(row.pop("id"), row.pop("kind"), row.pop("sentence"), **row)


def test_gather_gives_the_verdict_over_seeds(tmp_path):
    for seed in range(20):
        book = Ledger("a", seed)
        for name, held in (
            ("always", 20),
            ("nearly", 19),
            ("mostly", 18),
            ("half", 10),
            ("seldom", 9),
        ):
            book.record(name, "identity", "s", holds=seed < held, ours=float(seed))
        book.save(tmp_path)
    rows = {row["id"]: row for row in gather(tmp_path)}
    assert list(rows) == ["always", "nearly", "mostly", "half", "seldom"]
    words = [row["verdict"] for row in rows.values()]
    assert words == ["holds", "holds", "in part", "in part", "not at this scale"]
    assert (
        rows["half"]["held"] == 10
        and rows["half"]["seeds"] == list(range(20))
        and rows["half"]["values"] == list(range(20))
    )
    assert rows["half"]["low"] < 0.5 < rows["half"]["high"]


def test_gather_refuses_what_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="at least one ledger"):
        gather(tmp_path)
    Ledger("a", 0).save(tmp_path)
    book = Ledger("a", 1)
    book.record("x", "identity", "s", holds=True, ours=1.0)
    book.save(tmp_path)
    with pytest.raises(ValueError, match="must record the same claims"):
        gather(tmp_path)
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ValueError, match="b.json is none"):
        gather(tmp_path)
