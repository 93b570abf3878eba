"""The text of the installation: cleaning by hand, a made-up installation on disk, and laws of the real one."""

import hashlib
import importlib.util
import subprocess
import sys

import pytest

from nlgnotes.text import corpus, prose

PROSE = "The items of the list are added to each other from left to right, and the total is returned to the caller."
OTHER = "This class keeps the names of all the files that have been opened, so that they can be closed at the end."


def test_prose_stays_and_the_rest_goes():
    raw = f"""Return the sum.

    {PROSE}

    >>> f([1])
    1

    .. note:: This directive is about nothing that a reader of the text would ever want to see in it.

       {OTHER}

    ====== =====
    column other
    ====== =====

    items : list
        The items to add to each other, in the order in which they are to be added.

    An example of the function in the use for which it was made::

        {OTHER}

    {OTHER}
    """
    assert prose.clean(f"Notes\n-----\n{OTHER}") == [OTHER]
    assert prose.clean(raw) == [
        PROSE,
        "The items to add to each other, in the order in which they are to be added.",
        OTHER,
    ]


@pytest.mark.parametrize(
    "marked, plain",
    [
        ("Call :func:`~os.path.join` on all of the parts.", "Call join on all of the parts."),
        (
            "Call :py:meth:`the method <A.m>` of all of the parts.",
            "Call the method of all of the parts.",
        ),
        ("Use ``x`` and *y* as the names of the axes.", "Use x and y as the names of the axes."),
        (
            "See the `manual <there.html>`_ for all that is to be said.",
            "See the manual for all that is to be said.",
        ),
        (
            "It is \u201cas if\u201d the file had been read \u2013 and it is not.",
            'It is "as if" the file had been read - and it is not.',
        ),
        (
            "This was found by the authors [1]_ in the year of the report.",
            "This was found by the authors in the year of the report.",
        ),
        (
            "Create a `.Line2D` with the data that is in a sequence.",
            "Create a Line2D with the data that is in a sequence.",
        ),
    ],
)
def test_marks_are_taken_off(marked, plain):
    # Behind each stands a sentence that makes it long enough for prose.
    assert prose.clean(f"{marked} {OTHER}") == [f"{plain} {OTHER}"]


def test_wrapped_lines_are_joined_and_bullets_are_texts():
    one, two = (
        "The first of the two is\n  on two lines of the list.",
        "The second of the two is on a line by itself.",
    )
    assert prose.clean(f"* {one}\n* {two}") == [" ".join(one.split()), two]


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "Short.",
        "the first letter of this one is small, and it is of no use to us.",
        "This one has no full stop at the end of it and is cut off in the middle of the",
        "Для этого абзаца нужен другой корпус, и он не должен быть в нашем.",
        "The value is x_1 = 3*y + [4, 5, 6] - {7: 8} / 9 ** 10 of the 11, 12, 13.",
        "The energy is :math:`E = m c^2` in all of the units that are in use here.",
        "Windows numpy matplotlib scipy torch networkx sphinx docutils jinja.",
        "The call is in the middle of the text. >>> f([1]) and the rest of it is the output of the call.",
    ],
)
def test_what_is_not_prose(raw):
    assert prose.clean(raw) == []


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
    own = "Every one of these words is in a docstring of a method, which is in a class, and that is at the third level of the tree."
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
    return own


def test_a_made_up_installation(installation):
    read = corpus.read_corpus()
    # In the order of the names the package's own docstring is first; the copy of it adds nothing; nothing was imported or run.
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
import sys
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
assert sum(c.isascii() for c in everything) > 0.999 * len(everything) and ">>>" not in everything
assert corpus.counts["python topics"] > 50 and corpus.counts["standard library"] > 500
seen = {p for d in train for p in d.text.split("\\n\\n")}
assert not any(p in seen for d in held_out for p in d.text.split("\\n\\n")), "held-out text in the training text"
assert text.corpus_digest() == text.corpus_digest() and len(text.corpus_digest()) == 64
loaded = [m for m in ("numpy.ma", "jinja2", "networkx", "matplotlib", "pydoc_data") if m in sys.modules]
assert not loaded, loaded
"""


def test_the_real_installation_and_that_reading_it_imports_nothing():
    # In a process of its own: without the tests' type checks, which would take most of the time, and with nothing imported yet.
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_some_sources_only():
    topics = corpus.documents("held-out", sources=("python topics",))
    assert (
        topics
        and {d.source for d in topics} == {"python topics"}
        and all(corpus.split_of(d.name) == "held-out" for d in topics)
    )
    both = corpus.documents("held-out", sources=("jinja2", "python topics"))
    assert {d.source for d in both} <= {"jinja2", "python topics"} and len(both) >= len(topics)
    with pytest.raises(ValueError, match="sources must be among .*; got python topic"):
        corpus.documents("train", sources=("python topic",))
