"""Many seeds: runs that survive a failure, a kill and a cluster, and what is published."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ledger_data
import ledger_run
import ledger_runs
import nbformat
import pytest
from offline import loopback

from nlgnotes.claims.gathering import gather

CELLS = """
from nlgnotes.claims import Ledger, above
from nlgnotes.intervals import Interval

ledger = Ledger("NAME", seed)
""".strip()
RECORD = """
ledger.record("equal", "identity", "Both are equal.", holds=True, ours="equal", margin="exact")
ours = Interval(1.0 + seed / 7, 0.9, 3.0 + seed, 9)
ledger.record("large", "finding", "It is large.", ours=ours, margin=above(0.5), unit="nats",
              control=("none", 0.0), replicated="fresh data", paper="2.0", source="[V] table 1")
pair = {"short": 1.0, "long": 2.0 + seed}
ledger.record("grows", "finding", "It grows.", ours=pair, margin=above(0.5),
              replicated="fresh training", control=("none", {"short": 0.0, "long": 0.1}))
ledger.verdicts()
""".strip()


def lecture(folder: Path, name: str, *cells: str) -> Path:
    """A lecture with a cell for its seed, a ledger, and these cells."""
    new = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python"}}
    )
    seed = nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
    code = [nbformat.v4.new_code_cell(cell) for cell in (CELLS.replace("NAME", name), *cells)]
    new.cells = [nbformat.v4.new_markdown_cell("Prose."), seed, *code]
    nbformat.write(new, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def run_here(task, clients=None):
    """A task without a kernel, which takes seconds to start."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLGNOTES_LEDGER", folder)
        names = {}
        for cell in task.cells:
            exec(cell, names)
        (saved,) = Path(folder).iterdir()
        about = {"key": task.key, "seconds": 0.1, "date": "2026-01-02", "machine": {"torch": "2"}}
        return json.loads(saved.read_text()) | about


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(ledger_runs.ledger_task, "run", run_here)
    monkeypatch.setattr(ledger_run, "workers", lambda: 1)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of the lectures `a` and `b` that uses the real package, and where its ledger goes."""
    files = [lecture(tmp_path, name, RECORD) for name in ("a", "b")]
    (tmp_path / "_config.yml").write_text("execute: {timeout: 60}")
    (tmp_path / "requirements.txt").write_text("torch\n")
    (tmp_path / "nlgnotes").symlink_to(ledger_run.ROOT / "nlgnotes")
    for name, value in (
        ("ROOT", tmp_path),
        ("RUNS", tmp_path / "runs"),
        ("PUBLISHED", tmp_path / "published"),
    ):
        monkeypatch.setattr(ledger_run, name, value)
    monkeypatch.setattr(ledger_run.solutions, "lectures", lambda: files)
    return tmp_path


def test_every_lecture_runs_under_every_seed_and_nothing_runs_twice(book, quick, capsys):
    assert ledger_run.measure(2) == []
    said = capsys.readouterr().out
    assert "4 runs asked for, 0 are there already" in said and "[4/4]" in said and "left" in said
    packed = ledger_data.read(book / "published")
    assert list(packed) == ["a", "b"]
    equal, large, grows = gather(ledger_data.unpack(packed["a"]))
    assert (equal["held"], large["held"], grows["verdict"]) == (2, 2, "holds")
    assert large["ours"][""].value == pytest.approx(1 + 0.5 / 7, rel=1e-5)
    assert (large["paper"], large["source"], large["unit"]) == (
        "2.0",
        "seen at the source table 1",
        "nats",
    )
    assert grows["ours"]["short"] == 1.0 and grows["ours"]["long"].value == 2.5
    ledger_run.measure(2)
    assert "4 are there already" in capsys.readouterr().out
    # What is published is enough, as in another clone; and one seed does not replace two.
    for file in (book / "runs").iterdir():
        file.unlink()
    ledger_run.measure(1, "b")
    assert "1 runs asked for, 1 are there already" in capsys.readouterr().out
    assert len(ledger_data.read(book / "published")["b"]["runs"]) == 2


def test_a_lecture_that_changed_is_run_again_and_no_other(book, quick, capsys):
    ledger_run.measure(1)
    lecture(book, "b", RECORD.replace("1.0 + seed", "1.5 + seed"))
    ledger_run.measure(1)
    assert "2 runs asked for, 1 are there already" in capsys.readouterr().out
    large = gather(ledger_data.unpack(ledger_data.read(book / "published")["b"]))[1]
    assert large["ours"][""] == 1.5


def test_a_lecture_that_fails_stops_no_other_and_is_not_published(book, quick, capsys):
    lecture(book, "a", RECORD, "assert seed < 1, 'this seed is too large'")
    assert ledger_run.measure(2) == ["a-1"]
    said = capsys.readouterr().out
    assert "a, seed 1  FAILED" in said and "this seed is too large" in said
    assert "a is not published: 1 of 2 seeds are missing" in said
    assert list(ledger_data.read(book / "published")) == ["b"]


def test_a_claim_that_depends_on_its_seed_is_not_published(book, quick, capsys):
    lecture(book, "a", RECORD.replace('"It is large."', 'f"It is larger than {seed}."'))
    ledger_run.measure(2)
    assert (
        "a is not published: sentence of a.large must not depend on the seed"
        in capsys.readouterr().out
    )


def test_a_kernel_has_one_thread_and_a_cell_that_fails_is_shown(book):
    threads = "import torch\nassert torch.get_num_threads() == 1\nassert seed < 1, 'too large'"
    lecture(book, "a", threads, RECORD)
    one, two = ledger_runs.tasks([book / "a.ipynb"], [0, 1], book / "nlgnotes", [], 60)
    run = ledger_runs.ledger_task.run(one)
    assert (run["lecture"], run["seed"], len(run["rows"])) == ("a", 0, 3)
    assert run["machine"]["torch"] and run["seconds"] > 0
    with pytest.raises(RuntimeError, match="(?s)seed < 1.*too large"):
        ledger_runs.ledger_task.run(two)
    silent = dataclasses.replace(one, cells=("1",))
    with pytest.raises(RuntimeError, match="it saved no ledger"):
        ledger_runs.ledger_task.run(silent)


def test_bad_arguments_are_named(book):
    with pytest.raises(ValueError, match="seeds must"):
        ledger_run.measure(0)
    with pytest.raises(ValueError, match="one of the lectures; got 'c'"):
        ledger_run.measure(1, "c")
    no_seed = nbformat.read(book / "a.ipynb", as_version=4)
    del no_seed.cells[1]
    nbformat.write(no_seed, book / "a.ipynb")
    with pytest.raises(
        ValueError, match=r"a\.ipynb must have one cell with the tag parameters; got 0"
    ):
        ledger_run.measure(1)


def test_another_version_of_the_package_is_refused(book):
    (task,) = ledger_runs.tasks([book / "a.ipynb"], [0], book / "nlgnotes", [], 60)
    (name, _), *_ = task.sources.items()
    task.sources[name] = "0" * 64
    with pytest.raises(RuntimeError, match=f"another version of nlgnotes: {name}"):
        ledger_runs.ledger_task.run(task)


def test_damaged_files_are_left_out_or_named(book, quick, capsys):
    ledger_run.measure(1, "a")
    (run,) = (book / "runs").iterdir()
    whole = run.read_text()
    for damaged in (whole[:-40], "[]", '{"lecture": "a"}', "[" * 100_000):
        run.write_text(damaged)
        assert ledger_runs.read(book / "runs") == {}
        assert "left out: a-0.json is no run" in capsys.readouterr().out
    shipped = book / "published" / "a.json"
    text = shipped.read_text()
    for damaged in (
        text[:-40],
        "[]",
        text.replace('"holds":', '"held":'),
        text.replace('"machine": 0', '"machine": 7'),
    ):
        shipped.write_text(damaged)
        with pytest.raises(ValueError, match=r"a\.json holds no runs of a lecture"):
            ledger_data.read(book / "published")


SCRIPT = """
import sys
from pathlib import Path
import ledger_run
book = Path(sys.argv[1])
ledger_run.ROOT, ledger_run.RUNS, ledger_run.PUBLISHED = book, book / "runs", book / "published"
ledger_run.solutions.lectures = lambda: [book / "a.ipynb"]
sys.argv[1:] = ["--seeds", "2"]
ledger_run.workers = lambda: 1
ledger_run.main()
"""


def begin(book: Path) -> subprocess.Popen:
    """`make ledger` in a process of its own."""
    here = Path(ledger_run.__file__)
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(book)],
        env={**os.environ, "PYTHONPATH": loopback.python_path(here.parent, here.parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_point_it_goes_on_with_nothing_lost(book, how):
    process = begin(book)
    deadline = time.monotonic() + 300
    while not (kept := list((book / "runs").glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, how)
    said = process.communicate(timeout=300)[0]
    if how == signal.SIGINT:
        assert "interrupted: the finished runs are kept" in said and process.returncode == 1
    before = {file: file.read_text() for file in kept}
    assert before and all(json.loads(text)["rows"] for text in before.values())
    process = begin(book)
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    assert "2 runs asked for, 0 are there" not in said
    assert {file: file.read_text() for file in kept} == before
    assert [len(p["runs"]) for p in ledger_data.read(book / "published").values()] == [2]


def test_two_worker_processes_of_a_cluster_run_the_lectures(book, capsys):
    distributed = pytest.importorskip("distributed")
    quiet = {"dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(2, processes=True, threads_per_worker=1, **quiet) as found:
        assert ledger_run.measure(2, "a", found.scheduler_address) == []
    assert "[2/2]" in capsys.readouterr().out
    assert [len(p["runs"]) for p in ledger_data.read(book / "published").values()] == [2]


def test_a_cluster_that_is_not_there_is_named(book, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(ledger_runs, "PATIENCE", 1)
    with pytest.raises(RuntimeError, match="no scheduler answers at tcp://127.0.0.1:1"):
        with ledger_runs.cluster("tcp://127.0.0.1:1"):
            pass
