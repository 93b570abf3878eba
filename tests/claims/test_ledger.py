"""The ledger: what it accepts, what it prints, what it writes, and the verdict over seeds."""

import json
import re

import numpy as np
import pytest
import torch

from nlgnotes.claims import Ledger, above, below, within
from nlgnotes.intervals import Interval


def ledger(seed=0, ours=0.5):
    book = Ledger("sampling", seed)
    book.record("order", "identity", "Order <stays>.", holds=True, ours=0.0)
    book.record(
        "frontier",
        "finding",
        "One frontier.",
        ours=Interval(ours, 0.4, 0.6, 30),
        margin=within(0.35, 0.65),
        control=("shuffled", Interval(0.9, 0.8, 1.0, 30)),
        replicated="fresh data",
        paper="Fig. 1",
        source="[V2] a survey",
        unit="nats",
    )
    return book


def failing():
    book = Ledger("sampling", 0)
    book.record("order", "identity", "Order <stays>.", holds=True, ours=0.0)
    finding(book, ours=0.5, margin=above(0.6))
    return book


def finding(book, id="frontier", **change):
    row = {
        "ours": 1.0,
        "margin": above(0.5),
        "control": ("shuffled", 0.2),
        "replicated": "fixed",
    } | change
    book.record(id, "finding", "One frontier.", **row)
    return book.claims[-1]


def test_prints_verdicts_and_nothing_else(capsys, monkeypatch):
    monkeypatch.delenv("NLGNOTES_LEDGER", raising=False)
    assert failing().verdicts() is None
    assert capsys.readouterr().out == "sampling.order  holds\nsampling.frontier  fails\n"


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
        "0.35 to 0.65",
    )
    assert row["control"]["what"] == "shuffled" and row["control"]["passes"] is False
    assert run["rows"][0]["value"] == 0 and run["rows"][0]["low"] is None


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = ledger().save(tmp_path)
    before = path.read_text()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        failing().save(tmp_path)
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_numbers_that_json_lacks_are_written_as_words(tmp_path):
    book = Ledger("a", 0)
    book.record("x", "identity", "s", holds=False, ours=float("nan"))
    assert (
        json.loads(book.save(tmp_path).read_text(), parse_constant=pytest.fail)["rows"][0]["value"]
        == "nan"
    )


def test_table_is_accessible_and_says_everything_in_words():
    page = ledger().table()._repr_html_()
    assert "<caption>Findings of the lecture sampling, seed 0</caption>" in page
    assert page.count('scope="row"') == 2
    # An identity has no control, and this one no paper's figure: no empty columns.
    heads = [re.findall(r'scope="col">([^<]*)<', part) for part in page.split("<details")]
    assert heads[0] == ["claim", "this run", "ours", "control", "margin", "the paper"]
    assert heads[1] == ["claim", "this run", "ours", "margin"]
    assert "Order &lt;stays&gt;." in page and "seen in a secondary source a survey" in page
    text = repr(ledger().table())
    assert "0.50 [0.40, 0.60] nats" in text
    assert "shuffled:  0.90 [0.80, 1.00] nats  outside the margin" in text
    assert "frontier · fresh data under every seed" in text


def test_a_row_leads_to_its_proof_and_can_be_led_to():
    page = failing().table()._repr_html_()
    assert '<tr id="row-frontier" class="fails">' in page and '<tr id="row-order">' in page
    assert '<a href="#claim-frontier">frontier</a> · one fixed model' in page
    assert '<a href="#claim-order">order</a></small>' in page


def test_a_cell_has_one_number_to_a_line_and_names_its_column():
    book = Ledger("a", 0)
    parts, against = {"TV": 1.25, "KL": 3.0}, {"TV": 1.0, "KL": 9.0}
    finding(book, ours=parts, margin=above(1.1), control=("data", against), unit="nats")
    page = book.table()._repr_html_()
    assert '<td data-head="ours" style="text-align: left">TV: 1.25<br>KL: 3<br>nats</td>' in page
    assert '<td data-head="margin" style="text-align: left">above 1.1</td>' in page
    margin = {"TV": above(1.1), "KL": within(2, 4)}
    finding(book, id="b", ours=parts, margin=margin, control=("data", against))
    assert "TV: above 1.1<br>KL: 2 to 4</td>" in book.table()._repr_html_()


def test_findings_come_first_failures_are_marked_and_the_rest_is_folded():
    page = failing().table()._repr_html_()
    assert page.index("frontier") < page.index("<details") < page.index("order")
    assert (
        "seed 0: 1 of 1 fail" in page
        and '<td data-head="this run" style="text-align: left">✗ fails</td>' in page
    )
    assert "<summary>1 identity and 0 checks</summary>" in page


def test_what_the_control_passes_too_does_not_hold():
    assert finding(Ledger("a", 0)).holds
    assert not finding(Ledger("a", 0), control=("shuffled", 0.6)).holds
    assert finding(Ledger("a", 0), control=("shuffled", 0.6)).control.passes


def test_every_part_must_lie_in_its_margin():
    parts = {"TV": 1.2, "KL": 3.0}
    margin = {"TV": below(1.5), "KL": above(1.5)}
    control = ("data", {"TV": 1.0, "KL": 1.0})
    assert finding(Ledger("a", 0), ours=parts, margin=margin, control=control).holds
    worse = parts | {"KL": Interval(3.0, 1.4, 4.0, 9)}
    row = finding(Ledger("a", 0), ours=worse, margin=margin, control=control)
    assert not row.holds and row.margin == "TV: below 1.5; KL: above 1.5"


def test_an_interval_has_two_digits_of_its_error():
    book = Ledger("a", 0)
    finding(book, ours=Interval(0.123456, 0.0734, 0.1735, 9), margin=above(0))
    assert "0.123 [0.073, 0.173]" in repr(book.table())


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
        ({"id": "sampling.new"}, "must not repeat its lecture"),
        ({"kind": "finding", "margin": "above .1"}, "holds follows from the margin"),
        ({"kind": "finding", "holds": None, "margin": above(0)}, "replicated must be one of"),
        ({"kind": "finding", "holds": None, "replicated": "fixed"}, "margin must be stated"),
        ({"control": ("none", 0.0)}, "belong to findings"),
        ({"replicated": "fixed"}, "belong to findings"),
        (
            {"kind": "finding", "holds": None, "replicated": "fixed", "margin": above(0)},
            "control must be",
        ),
        (
            {
                "kind": "finding",
                "holds": None,
                "replicated": "fresh data",
                "margin": above(0),
                "control": ("none", 0.0),
            },
            "must be an Interval where data are fresh",
        ),
        ({"paper": "Table 1"}, "source must be stated"),
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


def test_parts_are_found_by_their_names():
    book, two = ledger(), {1: 0.9, "b": 0.9}
    asked, control = {"b": above(0.8), "1": above(0.4)}, ("none", {"b": 0.1, 1: 0.1})
    assert finding(book, "parts", ours=two, margin=asked, control=control).holds
    with pytest.raises(ValueError, match="one name for each part"):
        finding(book, "twice", ours={1: 0.9, "1": 0.8}, margin=above(0))
    with pytest.raises(ValueError, match="ours must be"):
        finding(book, "huge", ours=10**400)
