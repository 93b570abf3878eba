"""The bench: its statistics on a clock that we turn, its file, and the page that draws it."""

import json
import re
import sys
from types import SimpleNamespace

import bench.__main__ as program
import numpy as np
import pages
import pytest
import solutions
import torch
import yaml
from bench import decoding, gpt2, results, scaling, timing
from bench.timing import Comparison, Curve

TORCH = torch.get_num_threads()


class Clock:
    """Seconds that pass only when something is called that takes them."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def __call__(self):
        return self.now

    def takes(self, name, seconds, result=None):
        """A call that takes the given seconds, one after the other, the last for ever."""
        left = list(seconds)

        def call():
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]
            return result

        return call


def compared(clock, ours, theirs, **more):
    given = {"name": "row", "unit": "tokens", "work": 10, "agree": lambda a, b: None, **more}
    return Comparison(
        ours=clock.takes("ours", ours, "x"),
        peer=clock.takes("peer", theirs, "x"),
        peer_name="theirs",
        **given,
    )


def test_the_ratio_is_the_median_over_pairs_with_their_quartiles():
    clock = Clock()
    # A warm-up and a count of the calls come first. The machine is ten times slower in the middle.
    warm = [9.0, 1.0]
    ours = [*warm, 1.0, 1.0, 10.0, 10.0, 2.0]
    theirs = [*warm, 2.0, 3.0, 40.0, 50.0, 2.0]
    row = timing.measure(compared(clock, ours, theirs), 5, clock)
    assert row["seconds"] == {"ours": [1, 1, 10, 10, 2], "peer": [2, 3, 40, 50, 2]}
    assert row["ratio"] == [2, 3, 4]  # of 1, 2, 3, 4, 5
    assert row["rate"] == 10 / 2 and np.isclose(row["peer_rate"], 10 / 3, atol=1e-4)
    first = clock.calls[4::2]  # of each pair
    assert first == ["ours", "peer", "ours", "peer", "ours"] and len(clock.calls) == 14


def test_what_is_fast_is_called_often_enough_to_be_timed():
    clock = Clock()
    row = timing.measure(compared(clock, [0.001], [0.015]), 3, clock)
    assert np.allclose(row["seconds"]["ours"], 0.001) and np.allclose(row["ratio"], 15)
    assert clock.calls.count("ours") == 2 + 3 * 20 and clock.calls.count("peer") == 2 + 3 * 2


def test_work_of_another_size_is_compared_by_its_rate():
    clock = Clock()
    row = timing.measure(compared(clock, [1.0], [1.0], work=30, peer_work=50), 2, clock)
    assert row["ratio"] == [0.6] * 3 and row["peer_rate"] == 50


def test_without_a_peer_only_the_rate_is_measured():
    clock, seen = Clock(), []
    alone = Comparison("row", "tokens", 4, clock.takes("ours", [2.0]))
    row = timing.measure(alone, 2, clock, lambda: seen.append(1))
    assert (row["rate"], row["ratio"], row["peer_rate"]) == (2, None, None) and len(seen) == 2


def test_what_differs_is_not_timed():
    def agree(ours, theirs):
        raise AssertionError(f"{ours} is not {theirs}")

    clock = Clock()
    with pytest.raises(AssertionError, match="x is not x"):
        timing.measure(compared(clock, [1.0], [1.0], agree=agree), 2, clock)
    assert clock.calls == ["ours", "peer"]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power):
    clock = Clock()
    curve = Curve("c", "size", (1, 2, 4, 8), lambda n: clock.takes(n, [0.03 * n**power]))
    row = timing.measure_curve(curve, 3, clock)
    assert np.allclose(row["exponent"], power, atol=1e-4)
    assert np.allclose(row["last_exponent"], power, atol=1e-4)


def test_a_fixed_part_lowers_the_exponent_less_at_the_end():
    clock = Clock()
    curve = Curve("c", "size", (1, 2, 4, 8, 16), lambda n: clock.takes(n, [10.0 + n]))
    row = timing.measure_curve(curve, 2, clock)
    x, y = np.log([4, 8, 16]), np.log([14, 18, 26])
    assert row["exponent"][1] < row["last_exponent"][1] < 1
    assert np.isclose(row["last_exponent"][1], np.polyfit(x, y, 1)[0], atol=1e-4)


def test_rounds_that_differ_give_the_exponent_an_interval():
    row = {"sizes": [1, 2, 4], "seconds": [[1, 2, 4], [1, 4, 16], [1, 2, 4], [1, 4, 16]]}
    low, value, high = timing.exponents(row)["exponent"]
    # Slopes 1, 2, 1, 2: the mean 1.5, s = .577, Student's t of 3 degrees of freedom 3.182.
    half = 3.1824 * 0.57735 / 2
    assert value == 1.5 and np.allclose([low, high], [1.5 - half, 1.5 + half], atol=1e-4)
    assert timing.exponents({**row, "seconds": [[1, 2, 4]]})["exponent"] == [1, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Comparison("r", "u", 0, print), "work must be"),
        (lambda: Comparison("r", "u", 1, print, print), "peer and peer_name must be given"),
        (lambda: Comparison("r", "u", 1, print, print, "theirs"), "agree must show that theirs"),
        (lambda: Curve("c", "n", (1, 2), print), "three or more, rising"),
        (lambda: Curve("c", "n", (1, 4, 2), print), "three or more, rising"),
        (lambda: timing.measure(Comparison("r", "u", 1, print), 0), "repeats must be"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_number_of_threads_is_given_back():
    with pytest.raises(ZeroDivisionError), timing.threads(TORCH + 1):
        assert torch.get_num_threads() == TORCH + 1
        _ = 1 / 0
    assert torch.get_num_threads() == TORCH


def test_a_missing_peer_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match="compares with transformers.*`make bench` installs"):
        next(iter(decoding.comparisons()))


def test_the_peer_of_decoding_computes_what_ours_does(monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr(decoding, "NEW", 3)
    rows = list(decoding.comparisons())
    batches = ("batch 1", "batch 32", "batch 128")
    assert [row.name for row in rows] == [
        *(f"sampled, {batch}" for batch in batches),
        "greedy, batch 32",
        *(f"its matrix products alone, {batch}" for batch in batches),
    ]
    for row in rows:
        row.agree(row.ours(), row.peer())
        # The products alone are a bound, and aim at nothing.
        assert row.aim == (None if "alone" in row.name else 4) and row.work % 3 == 0
    assert timing.VERSIONS["transformers"]


@pytest.mark.parametrize("fault", ["qkv", "norm1", "down"])
def test_other_weights_do_not_agree(fault):
    pytest.importorskip("transformers")
    ours = gpt2.decoder(context=16)
    theirs = gpt2.same_gpt2(ours)
    gpt2.check_same_logits(ours, theirs)
    with torch.no_grad():
        getattr(ours.blocks[1], fault).mul_(1.5)
    with pytest.raises(AssertionError):
        gpt2.check_same_logits(ours, theirs)


def test_the_other_gelu_does_not_agree():
    activations = pytest.importorskip("transformers.activations")
    ours = gpt2.decoder(context=64)
    theirs = gpt2.same_gpt2(ours)
    for layer in theirs.transformer.h:
        layer.mlp.act = activations.ACT2FN["gelu_new"]  # GPT-2's own, by tanh
    with pytest.raises(AssertionError):
        gpt2.check_same_logits(ours, theirs)


def test_every_curve_writes_what_it_says(monkeypatch):
    for curve in scaling.comparisons():
        assert curve.prepare(curve.sizes[0])() is not None


# The file, and the command.

ROW = {"seconds": {"ours": [1.0, 2.0], "peer": [2.0, 2.0]}, "work": 3, "peer_work": 3}
ROW |= {"threads": 1, "name": "r", "unit": "u", "peer_name": "p", "aim": 4.0, "note": ""}
ROW |= timing.summary(ROW)
ABOUT = {"load": 0.0, "repeats": 2, "peers": {}}


def toy(clock, fails=None):
    def comparisons():
        yield Comparison("first", "tokens", 1, clock.takes("first", [0.01]))
        yield Curve("second", "size", (1, 2, 4), lambda n: clock.takes("second", [0.1 * n]))
        if fails:
            raise fails

    return SimpleNamespace(__name__="bench.toy", comparisons=comparisons)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of timings with the groups `toy` and `other`, and a program that knows these."""
    made = tmp_path / "timings.json"
    results.write(made, {name: results.group([ROW], [], **ABOUT) for name in ("toy", "other")})
    module = toy(Clock())
    monkeypatch.setattr(program, "groups", lambda: {"toy": module, "other": module})
    monkeypatch.setattr(timing, "SHORTEST", 1e-4)
    return made


def run(file, *arguments):
    return program.main(["--repeats", "2", "--threads", "1", "--out", str(file), *arguments])


def test_one_group_is_replaced_and_the_others_stay(file, capsys):
    assert run(file, "--group", "toy") == 0
    found = results.read(file)
    assert found["groups"]["other"]["rows"] == [ROW] and found["machine"] == results.machine()
    row, curve = found["groups"]["toy"]["rows"][0], found["groups"]["toy"]["curves"][0]
    assert row["name"] == "first" and row["threads"] == 1 and len(row["seconds"]["ours"]) == 2
    assert curve["sizes"] == [1, 2, 4] and len(curve["seconds"]) == 1
    assert "toy" in capsys.readouterr().out
    assert run(file) == 0 and results.read(file)["groups"]["other"]["rows"] != [ROW]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ImportError("no peer"), OSError("disk")])
def test_what_is_not_finished_leaves_the_old_file(file, monkeypatch, capsys, error):
    before = file.read_bytes()
    monkeypatch.setattr(program, "groups", lambda: {"toy": toy(Clock(), error)})
    if isinstance(error, OSError):
        with pytest.raises(OSError, match="disk"):
            run(file)
    else:
        assert run(file) == (130 if isinstance(error, KeyboardInterrupt) else 1)
        said = "interrupted: timings.json is as it was"
        assert (said if isinstance(error, KeyboardInterrupt) else "no peer") in (
            capsys.readouterr().err
        )
    assert file.read_bytes() == before and [*file.parent.iterdir()] == [file]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ImportError("no"), AssertionError("they differ")]
)
def test_groups_that_are_whole_are_kept_when_the_next_breaks_off(file, monkeypatch, capsys, error):
    groups = {"first": toy(Clock()), "toy": toy(Clock(), error), "other": toy(Clock())}
    monkeypatch.setattr(program, "groups", lambda: groups)
    if isinstance(error, AssertionError):
        with pytest.raises(AssertionError, match="they differ"):
            run(file)
    else:
        assert run(file) == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert "has the new rows of first" in capsys.readouterr().err
    found = results.read(file)["groups"]
    assert found["first"]["rows"] and found["other"]["rows"] == [ROW]


def test_rows_of_two_machines_never_stand_in_one_file(file, monkeypatch, capsys):
    before, here = file.read_bytes(), results.machine()
    monkeypatch.setattr(results, "machine", lambda: {**here, "processor": "Z80"})
    assert run(file, "--group", "toy") == 1
    said = capsys.readouterr().err
    assert "must come from one machine" in said and "Z80" in said and file.read_bytes() == before
    assert run(file) == 0 and results.read(file)["machine"]["processor"] == "Z80"


def test_a_file_of_another_form_is_refused(file):
    good = json.loads(file.read_text())
    for bad, message in (
        ({**good, "format": 9}, "format must be 1; got 9"),
        ({**good, "more": 1}, "unknown"),
        ({**good, "groups": {"toy": {}}}, "missing"),
        ({**good, "groups": {"toy": {**good["groups"]["toy"], "rows": [{}]}}}, "a row of toy"),
    ):
        file.write_text(json.dumps(bad))
        with pytest.raises(ValueError, match=message):
            results.read(file)


def test_the_program_knows_every_file_of_comparisons():
    assert {"decoding", "scaling"} <= program.groups().keys()
    assert not {"timing", "results", "gpt2"} & program.groups().keys()


# What is committed, and the page.

FOUND = results.read(results.FILE)
PAGE = (results.FILE.parent / "timings.md").read_text(encoding="utf-8")


def test_the_numbers_of_the_file_follow_from_its_seconds():
    for group in FOUND["groups"].values():
        for row in group["rows"]:
            assert {key: row[key] for key in timing.summary(row)} == timing.summary(row)
        for curve in group["curves"]:
            made = timing.exponents(curve)
            assert all(np.allclose(curve[key], made[key], atol=1e-6) for key in made)


def test_the_page_shows_every_row_of_the_file_and_hands_over_every_number(monkeypatch):
    config = yaml.safe_load((solutions.ROOT / "_config.yml").read_text(encoding="utf-8"))
    (page,) = pages.with_code(["book/timings"], solutions.ROOT, config)
    glued, shown = {}, []
    monkeypatch.setattr("myst_nb.glue", lambda name, value: glued.update({name: value}))
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.chdir(results.FILE.parent)
    names: dict = {}
    for source in page.code():
        exec(source, names)
    text = "\n".join(map(str, shown))
    for name, group in FOUND["groups"].items():
        assert all(f"{row['ratio'][1]:.2f}" in text for row in group["rows"] if row["ratio"])
        assert not group["rows"] or names["titles"][name].lower() in text.lower()
    assert set(re.findall(r"\{glue:text\}`([\w-]+)`", PAGE)) == set(glued)
    counts = {row["threads"] for group in FOUND["groups"].values() for row in group["rows"]}
    assert counts == {1, FOUND["machine"]["cores"]}


def test_the_page_says_what_was_timed():
    """The sizes stand in its prose and in its sums as they are written here."""
    page = results.FILE.with_suffix(".md").read_text(encoding="utf-8")
    said = " ".join(page.split())
    layers, width, vocab = (
        gpt2.SHAPE["layers"],
        gpt2.SHAPE["width"],
        gpt2.decoder().config.vocab_size,
    )
    assert (
        f"{layers} layers of width {width}, a vocabulary of {vocab} and {decoding.NEW} new" in said
    )
    assert decoding.PROMPT == 1 and "new tokens after one." in said
    assert {row["aim"] for row in FOUND["groups"]["decoding"]["rows"]} == {4, None}
    assert "of decoding, four times" in said
