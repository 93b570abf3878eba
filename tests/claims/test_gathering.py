"""The verdict of a claim over seeds."""

import pytest

from nlgnotes.claims import Ledger, above
from nlgnotes.claims.gathering import gather, read_runs
from nlgnotes.intervals import Interval, mean_interval, wilson_interval


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
    rows = {row["id"]: row for row in gather(read_runs(tmp_path))}
    assert list(rows) == ["always", "nearly", "mostly", "half", "seldom"]
    words = [row["verdict"] for row in rows.values()]
    assert words == ["holds", "holds", "in part", "in part", "not at this scale"]
    half = rows["half"]
    assert half["held"] == 10 and half["seeds"] == list(range(20))
    assert half["share"] == wilson_interval(10, 20)
    assert half["ours"] == {"": mean_interval(range(20))}


def finding(seed, ours, replicated, least=0.5):
    book, margin = Ledger("a", seed), above(least)
    none = dict.fromkeys(ours, 0.0) if isinstance(ours, dict) else 0.0
    book.record(
        "x", "finding", "s", ours=ours, margin=margin, control=("none", none), replicated=replicated
    )
    return book


def test_a_fixed_row_has_no_interval_over_seeds(tmp_path):
    for seed in range(5):
        finding(seed, Interval(1.0, 0.9, 1.2, 8), "fixed").save(tmp_path)
    (row,) = gather(read_runs(tmp_path))
    assert (row["verdict"], row["share"], row["control_passed"]) == ("holds", None, 0)
    assert row["ours"] == {"": Interval(1.0, 0.9, 1.2, 1)}, "the interval of its one run"
    finding(5, Interval(1.0, 0.8, 1.2, 8), "fixed").save(tmp_path)
    with pytest.raises(ValueError, match="must not depend on the seed"):
        gather(read_runs(tmp_path))


def test_each_part_has_its_mean_over_the_seeds(tmp_path):
    for seed in range(3):
        parts = {"short": 1.0, "long": 2.0 + seed, "odd": float("inf")}
        finding(seed, parts, "fresh training").save(tmp_path)
    (row,) = gather(read_runs(tmp_path))
    assert row["ours"] == {"short": 1.0, "long": mean_interval([2.0, 3.0, 4.0]), "odd": None}
    assert row["control"] == "none"


def test_gather_refuses_what_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="at least one ledger"):
        read_runs(tmp_path)
    with pytest.raises(ValueError, match="at least one ledger"):
        gather([])
    Ledger("a", 0).save(tmp_path)
    book = Ledger("a", 1)
    book.record("x", "identity", "s", holds=True, ours=1.0)
    book.save(tmp_path)
    runs = read_runs(tmp_path)
    with pytest.raises(ValueError, match=r"same claims; seeds 0 and 1 differ in \['x'\]"):
        gather(runs)
    with pytest.raises(ValueError, match="a-1 twice"):
        gather([runs[1], runs[1]])


def test_a_claim_is_the_same_under_every_seed(tmp_path):
    for seed in range(2):
        finding(seed, 1.0, "fresh training", least=0.5 - 0.1 * seed).save(tmp_path)
    with pytest.raises(ValueError, match=r"margin of a\.x must not depend on the seed"):
        gather(read_runs(tmp_path))


def test_the_margin_of_an_identity_may_quote_its_run(tmp_path):
    for seed in range(2):
        book = Ledger("a", seed)
        book.record("x", "identity", "s", holds=True, ours=0.0, margin=f"0, where it was {seed}")
        book.save(tmp_path)
    (row,) = gather(read_runs(tmp_path))
    assert (row["margin"], row["held"]) == ("0, where it was 0", 2)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        "[]",
        '{"lecture": "a", "seed": "0", "rows": []}',
        '{"lecture": "a", "seed": 0, "rows": {}}',
        '{"lecture": "a", "seed": 0, "rows": [1]}',
        '{"lecture": "a", "seed": 0, "rows": [{"id": "x"}]}',
    ],
)
def test_a_file_that_is_no_ledger_is_named(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(ValueError, match=r"b\.json is none"):
        read_runs(tmp_path)


def test_a_row_whose_numbers_are_none_is_refused(tmp_path):
    path = finding(0, 1.0, "fixed").save(tmp_path)
    text = path.read_text()
    for old, new in (('"parts": null', '"parts": [1]'), ('"value": 1.0', '"value": [1]')):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match="a-0.json is none"):
            read_runs(tmp_path)
