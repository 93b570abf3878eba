"""Two builds of one book give the same text, byte for byte, in other folders and other orders.

One thing differs: ipywidgets names each model by 32 digits of chance. They count by their order.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from offline import loopback

ROOT = Path(__file__).resolve().parent.parent
BUILD = "import pathlib, sys, small_lectures; small_lectures.built(pathlib.Path(sys.argv[1]))"
MODEL = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
KINDS = {".html", ".ipynb", ".json", ".js", ".css"}


def text(file: Path) -> bytes:
    """The bytes of a file, its models named by their order."""
    names: dict[bytes, bytes] = {}
    return MODEL.sub(
        lambda found: names.setdefault(found[0], b"model %d" % len(names)), file.read_bytes()
    )


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> list[dict[str, bytes]]:
    """The files of two sites by name: Python's sets and hashes have another order in each."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "another")]
    path = {"PYTHONPATH": loopback.python_path(ROOT / "tests", ROOT / "book" / "_ext")}

    def build(seed: int, folder: Path) -> dict[str, bytes]:
        command = [sys.executable, "-c", BUILD, str(folder)]
        seeded = {**os.environ, **path, "PYTHONHASHSEED": str(seed)}
        subprocess.run(command, env=seeded, check=True, capture_output=True)
        site = folder / "site"
        files = (file for file in site.rglob("*") if file.suffix in KINDS)
        return {file.relative_to(site).as_posix(): text(file) for file in files}

    with ThreadPoolExecutor(2) as both:
        return list(both.map(build, (1, 2), folders))


def test_two_builds_have_the_same_files(twice):
    one, another = twice
    assert one.keys() == another.keys() and {"first.html", "searchindex.js"} <= one.keys()


def test_two_builds_have_the_same_bytes(twice):
    one, another = twice
    assert [name for name in sorted(one) if one[name] != another[name]] == []
