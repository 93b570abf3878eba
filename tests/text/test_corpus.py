"""The text of the installation: a made-up one on disk, and laws of the real one."""

import contextlib
import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jaxtyping import TypeCheckError

from nlgnotes.text import corpus, prose

PROSE = (
    "The items of the list are added to each other from left to right, and the total is returned "
    "to the caller."
)
OTHER = (
    "This class keeps the names of all the files that have been opened, so that they can be closed "
    "at the end."
)


def test_split_is_a_function_of_the_name():
    # An independent computation of the rule: the first 8 bytes of BLAKE2b below a tenth of 2**64.
    for name in ("os.path.join", "numpy.linalg.norm", *map(str, range(200))):
        number = int(hashlib.blake2b(name.encode(), digest_size=8).hexdigest(), 16)
        assert corpus.split_of(name) == ("held-out" if number / 2**64 < 0.1 else "train")


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A package of our own as the only source, beside one that is missing."""
    package = tmp_path / "pretend"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").write_text(
        f'"""{PROSE}\n\n{OTHER}\n"""\nraise RuntimeError("imported")\n'
    )
    (package / "copied.py").write_text(f'def g():\n    """{PROSE}\n\n    {OTHER}\n    """\n')
    own = (
        "Every one of these words is in a docstring of a method, which is in a class, and that is "
        "at the third level of the tree."
    )
    inner = f'        def inner():\n            """{PROSE}"""\n'
    (package / "deep.py").write_text(
        f'class A:\n    async def m(self):\n        """{own}"""\n{inner}'
    )
    (package / "broken.py").write_text(f'"""{OTHER}"""\ndef (:\n')
    (package / "latin.py").write_bytes(b'"""' + "é".encode("latin-1") * 200 + b'"""')
    (package / "tests" / "test_x.py").write_text(f'"""{OTHER} {PROSE}"""')
    monkeypatch.syspath_prepend(str(tmp_path))
    absent = ("no_such_package_here", "no_such_package_here/sub")
    monkeypatch.setattr(corpus, "SOURCES", {"pretend": ("pretend",), "absent": absent})
    corpus._read.cache_clear()
    yield own
    corpus._read.cache_clear()


def test_a_made_up_installation(installation):
    read = corpus.read_corpus()
    # In the order of the names the package's own docstring is first, and the copy of it adds
    # nothing; nothing was imported or run.
    assert [(d.name, d.text, d.source) for d in read.documents] == [
        ("pretend", f"{PROSE}\n\n{OTHER}", "pretend"),
        ("pretend.deep.A.m", installation, "pretend"),
    ]
    assert read.size == sum(len(d.text) for d in read.documents) and read.missing == ("absent",)
    assert "2 documents" in str(read) and "not found: absent" in str(read)
    found = hashlib.sha256()
    for d in read.documents:
        found.update(f"{d.name}\0{d.text}\0".encode())
    assert corpus.corpus_digest() == found.hexdigest()


def test_arguments(installation, monkeypatch):
    with pytest.raises(ValueError, match="split must be 'train' or 'held-out'; got 'test'"):
        corpus.documents("test")
    monkeypatch.setattr(corpus, "SOURCES", {"absent": ("no_such_package_here",)})
    with pytest.raises(ValueError, match="this installation gives none"):
        corpus.documents("train")


def test_a_broken_package_is_skipped(monkeypatch):
    def fail(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib.util, "find_spec", fail)
    assert corpus._folders("numpy") == []


REAL = """
import gc, sys
gc.disable()  # what is parsed is no garbage, and to seek some takes a quarter of the time
from nlgnotes.text import corpus as text
corpus, train, held_out = text.read_corpus(), text.documents("train"), text.documents("held-out")
assert text.documents() == train and len(train) + len(held_out) == len(corpus.documents)
assert corpus.size > 1_000_000, corpus
# A tenth of the names by hash: a binomial share, six standard deviations wide (false alarm < 1e-8).
n = len(corpus.documents)
assert abs(len(held_out) - 0.1 * n) < 6 * (n * 0.1 * 0.9) ** 0.5
names = [d.name for d in corpus.documents]
assert names == sorted(set(names))
assert all(text.LEAST <= len(d.text) <= text.MOST for d in corpus.documents)
everything = "".join(d.text for d in corpus.documents)
assert sum(c.isascii() for c in everything) > 0.999 * len(everything)
assert ">>>" not in everything
assert corpus.counts["python topics"] > 50 and corpus.counts["standard library"] > 500
seen = {p for d in train for p in d.text.split("\\n\\n")}
assert not any(p in seen for d in held_out for p in d.text.split("\\n\\n")), "text in both"
assert text.corpus_digest() == text.corpus_digest() and len(text.corpus_digest()) == 64
unwanted = ("numpy.ma", "jinja2", "networkx", "matplotlib", "pydoc_data")
loaded = [m for m in unwanted if m in sys.modules]
assert not loaded, loaded
"""


def test_the_real_installation_and_that_reading_it_imports_nothing():
    # In a process of its own: without the tests' type checks, which would take most of the time,
    # and with nothing imported yet.
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_some_sources_only():
    topics = corpus.documents("held-out", sources=("python topics",))
    assert topics and {d.source for d in topics} == {"python topics"}
    assert all(corpus.split_of(d.name) == "held-out" for d in topics)
    both = corpus.documents("held-out", sources=("jinja2", "python topics"))
    assert {d.source for d in both} <= {"jinja2", "python topics"} and len(both) >= len(topics)
    with pytest.raises(ValueError, match="sources must be among .*; got python topic"):
        corpus.documents("train", sources=("python topic",))
    for sources in ("numpy", (3,)):
        with pytest.raises((ValueError, TypeCheckError), match="sources"):
            corpus.documents("train", sources=sources)


def test_hostile_files_are_passed_over(installation, tmp_path):
    """What cannot be read, or only without end, is not read: the rest is as it was."""
    before, package = corpus.read_corpus().documents, tmp_path / "pretend"
    # A fifth of a file must be text, or it is not even parsed.
    text = f'"""{OTHER * 300}"""\nx = '
    (package / "nested.py").write_text(f"{text}{'(' * 50_000}")
    (package / "signs.py").write_text(f"{text}{'-' * 50_000}1")
    (package / "calls.py").write_text(f"{text}f{'()' * 20_000}")
    (package / "binary.py").write_bytes(b'"""' + bytes(range(256)) * 99 + b'"""')
    (package / "zero.py").write_bytes(b'"""' + OTHER.encode() + b'\0"""')
    (package / "large.py").write_text(f'"""{OTHER}"""' + " " * corpus.LARGEST_FILE)
    (package / "loop.py").symlink_to(package / "loop.py")
    (package / "gone.py").symlink_to(package / "nothing.py")
    os.mkfifo(package / "pipe.py")
    (package / "folder.py").mkdir()
    with contextlib.suppress(OSError):  # some file systems refuse such a name themselves
        Path(os.fsdecode(bytes(package) + b"/\xff.py")).write_text(f'"""{OTHER} {PROSE}"""')
    corpus._read.cache_clear()
    assert corpus.read_corpus().documents == before and len(corpus.corpus_digest()) == 64


@pytest.mark.parametrize("unit", ["=", " ", "*a ", "`a", "x [", "\n\n", "- \n", ".. "])
def test_long_docstrings_take_no_longer_than_they_are(unit):
    """Patterns that start anew at every character would take hours for these."""
    started = time.process_time()
    for text in (f"The {unit * 50_000} end.", f"{unit * 50_000}x", f"x\n{unit * 50_000}x"):
        prose.clean(text)
    list(corpus._sections(unit * 50_000))
    assert time.process_time() - started < 3
