"""The verdict of a claim over seeds."""

import pytest

from nlgnotes.claims import Ledger, above, gather


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


def fixed(seed, ours):
    book = Ledger("a", seed)
    book.record(
        "x", "finding", "s", ours=ours, margin=above(0.5), control=("none", 0.0), replicated="fixed"
    )
    return book


def test_a_fixed_row_has_no_interval_over_seeds(tmp_path):
    for seed in range(5):
        fixed(seed, 1.0).save(tmp_path)
    (row,) = gather(tmp_path)
    assert (row["verdict"], row["low"], row["high"]) == ("holds", None, None)
    assert row["control_passed"] == 0
    fixed(5, 2.0).save(tmp_path)
    with pytest.raises(ValueError, match="must not depend on the seed"):
        gather(tmp_path)


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
