"""Hostile inputs for every public function: a right answer or a clear error, without the checks
of types that only the tests have. See ``hostile``; ``NLGNOTES_EXAMPLES=10000`` draws more.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hostile import coverage
from offline import loopback

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = os.environ.get("NLGNOTES_EXAMPLES", "150")
# Inputs that are tried on the small floors.
LEAST = {"decoding": 1500, "experiments": 500, "text": 250, "widgets": 500}


@pytest.fixture(scope="module")
def found() -> dict:
    """What was tried on each floor, in a process of its own, and what was wrong."""
    return run("hostile", "--json", "--examples", EXAMPLES)


def run(*module: str) -> dict:
    """What a module prints as JSON, run as a user would run it."""
    with tempfile.TemporaryDirectory() as here:  # some of the paths that are tried are written
        done = subprocess.run(
            [sys.executable, "-m", *module],
            cwd=here,
            env={**os.environ, "PYTHONPATH": loopback.python_path(ROOT / "tests", ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("floor", coverage.FLOORS)
def test_every_answer_is_right_or_a_clear_error(found, floor):
    print(floor, found[floor]["inputs"], "+", found[floor]["drawn"], "inputs")
    assert found[floor]["faults"] == []
    assert (
        found[floor]["inputs"] > LEAST.get(floor, 2500)
        and found[floor]["drawn"] >= int(EXAMPLES) / 2
    )


@pytest.mark.parametrize("floor", coverage.FLOORS)
def test_every_public_name_has_a_valid_call(found, floor):
    assert found[floor]["missing"] == []


def test_a_changed_file_is_read_or_refused_with_a_clear_error():
    done = run("hostile.mutated_files", "--json")
    assert done["faults"] == [] and done["files"] > 1000


def test_every_part_of_the_package_is_on_a_floor_or_known_to_be_on_none():
    assert coverage.uncovered() == []
