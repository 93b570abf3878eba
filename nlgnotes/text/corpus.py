"""Real English from the installation: reference topics and docstrings of the installed packages.

They are parsed from the source files; nothing is imported. The text is whatever this machine has
installed, so it changes with versions: a result that depends on it states :func:`corpus_digest`,
and :func:`read_corpus` says what was read and what was missing.
"""

import ast
import functools
import hashlib
import importlib.util
import io
import os
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nlgnotes.reading import read_bytes
from nlgnotes.text.prose import clean
from nlgnotes.validation import check_kind

__all__ = ["Corpus", "Document", "corpus_digest", "documents", "read_corpus", "split_of"]

# What a plain installation of the book brings, part by part: a package, or folders of it where the
# rest is thin.
SOURCES = {
    "python topics": ("pydoc_data",),
    "standard library": ("",),
    "numpy": ("numpy",),
    "torch": ("torch/nn", "torch/optim", "torch/distributions", "torch/utils/data"),
    "scipy": ("scipy/stats", "scipy/optimize", "scipy/signal", "scipy/spatial"),
    "matplotlib": ("matplotlib",),
    "networkx": ("networkx",),
    "sphinx": ("sphinx/ext", "sphinx/util"),
    "docutils": ("docutils",),
    "jinja2": ("jinja2",),
}
HELD_OUT_SHARE = 0.1  # of the names
SKIPPED = {"test", "tests", "testing", "idlelib", "lib2to3", "encodings", "turtledemo"}
SKIPPED |= {"_vendor", "__pycache__", "site-packages", "dist-packages"}
THINNEST = 0.2  # the share of a file in triple quotes below which it is not read
LEAST, MOST = 120, 6000  # characters of a document
LARGEST_FILE = 2**23  # bytes; the reference topics, the largest that there is, have 0.7 MB


@dataclass(frozen=True)
class Document:
    """One docstring or topic after cleaning.

    Args:
        name: qualified, as ``os.path.join``.
        text: the prose.
        source: the part of the installation that it is from, a key of ``SOURCES``.
    """

    name: str
    text: str
    source: str


@dataclass(frozen=True)
class Corpus:
    """All documents of an installation.

    Args:
        documents: in the order of their names.
        counts: how many each source gave; 0 where it is not installed.
    """

    documents: tuple[Document, ...]
    counts: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes of UTF-8 over all documents."""
        return sum(len(d.text.encode()) for d in self.documents)

    @property
    def missing(self) -> tuple[str, ...]:
        """The sources that gave nothing."""
        return tuple(name for name, count in self.counts.items() if not count)

    def __str__(self) -> str:
        used = ", ".join(f"{name} {count}" for name, count in self.counts.items() if count)
        lost = f"; not found: {', '.join(self.missing)}" if self.missing else ""
        return f"{len(self.documents)} documents, {self.size / 1e6:.2f} MB ({used}{lost})"


def read_corpus() -> Corpus:
    """Read, clean and de-duplicate the text of this installation: seconds, once per process."""
    return _read(tuple(SOURCES))


@functools.cache
def _read(sources: tuple[str, ...]) -> Corpus:
    found: dict[str, tuple[str, str]] = {}
    for source in sources:
        for name, raw in _raw(source):
            found.setdefault(name, (source, raw))
    seen: set[str] = set()
    kept, counts = [], dict.fromkeys(sources, 0)
    for name in sorted(found):
        source, raw = found[name]
        text = "\n\n".join(p for p in clean(raw) if _new(p, seen))
        if LEAST <= len(text) <= MOST:
            kept.append(Document(name, text, source))
            counts[source] += 1
    return Corpus(tuple(kept), counts)


def documents(split: str = "train", *, sources: tuple[str, ...] | None = None) -> list[Document]:
    """The documents of one split, in the order of their names.

    Args:
        split: ``"train"`` or ``"held-out"``; see :func:`split_of`.
        sources: read only these keys of ``SOURCES``, which is quicker (and keeps what they share
            with the others); all when None.

    Raises:
        ValueError: another split or source, or an installation that gives no text for it.
    """
    if split not in ("train", "held-out"):
        raise ValueError(f"split must be 'train' or 'held-out'; got {split!r}")
    if isinstance(sources, str):
        raise ValueError(f"sources must be several strings, not one; got {sources!r}")
    if sources is not None:
        check_kind("sources", sources, Iterable)
        sources = tuple(sources)
        for source in sources:
            check_kind("sources", source, str)
    if unknown := set(sources or ()) - set(SOURCES):
        raise ValueError(
            f"sources must be among {', '.join(SOURCES)}; "
            f"got {', '.join(sorted(map(str, unknown)))}"
        )
    read = read_corpus() if sources is None else _read(tuple(s for s in SOURCES if s in sources))
    chosen = [d for d in read.documents if split_of(d.name) == split]
    if not chosen:
        raise ValueError(
            f"split must hold text; this installation gives none for {split!r} ({read})"
        )
    return chosen


def corpus_digest() -> str:
    """SHA-256 over every name and text: with the same digest, models train on the same corpus."""
    digest = hashlib.sha256()
    for d in read_corpus().documents:
        for part in (d.name, d.text):
            digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def split_of(name: str) -> str:
    """``"held-out"`` for a tenth of all names, else ``"train"``.

    A function of the name alone, on any Python: what is held out here is held out everywhere.

    >>> split_of("os.path.join")
    'train'
    """
    check_kind("name", name, str)
    # A lone surrogate, which has no UTF-8, is hashed as the three bytes that it would have.
    data = name.encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
    return "held-out" if number < HELD_OUT_SHARE * 2**64 else "train"


def _new(paragraph: str, seen: set[str]) -> bool:
    """Whether at most 30 % of a paragraph's runs of eight words were read before.

    Docstrings are copied and adapted; with the copies, held-out text would stand in the training
    text. What is read becomes part of ``seen``.
    """
    words = re.findall(r"[a-z]+", paragraph.lower())
    runs = [" ".join(words[i : i + 8]) for i in range(max(1, len(words) - 7))]
    old = sum(run in seen for run in runs)
    seen.update(runs)
    return old <= 0.3 * len(runs)


def _raw(source: str) -> Iterator[tuple[str, str]]:
    """Qualified names and uncleaned texts of one source; nothing where it is not installed."""
    for folder in SOURCES[source]:
        for top in _folders(folder):
            for path in _files(top):
                parts = path.relative_to(top).with_suffix("").parts
                names = [*folder.split("/"), *parts]
                module = ".".join(name for name in names if name not in ("", "__init__"))
                yield from (_topics if folder == "pydoc_data" else _docstrings)(module, path)


def _folders(folder: str) -> list[Path]:
    """Where a folder of a package lies, found without importing the package.

    For ``""`` that is the standard library.
    """
    if not folder or folder == "pydoc_data":
        return [Path(sysconfig.get_path("stdlib"), folder)]
    package, *inside = folder.split("/")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = spec.submodule_search_locations if spec else None
    return [Path(place, *inside) for place in list(places or ())[:1]]


def _files(top: Path) -> list[Path]:
    found = []
    for folder, inner, files in os.walk(top):
        # A name that is not printable may have no UTF-8: its documents could not be hashed.
        inner[:] = sorted(
            d for d in inner if d not in SKIPPED and not d.startswith("config-") and d.isprintable()
        )
        sources = (f for f in sorted(files) if f.endswith(".py") and f.isprintable())
        found += [Path(folder, f) for f in sources if not f.startswith("test_")]
    return found


def _parse(path: Path) -> ast.Module | None:
    try:
        # Line ends as Python's own reader has them: documents must not depend on the system.
        text = io.TextIOWrapper(io.BytesIO(read_bytes(path, LARGEST_FILE)), "utf-8").read()
        # Parsing is the cost of reading a corpus: not where a file is nearly all code.
        if sum(map(len, text.split('"""')[1::2])) < THINNEST * len(text):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the file's own business
            return ast.parse(text)
    # The parser says MemoryError, too, where code is nested too deeply.
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _topics(module: str, path: Path) -> Iterator[tuple[str, str]]:
    """CPython's reference: the string values of the one dictionary in ``pydoc_data/topics.py``."""
    tree = _parse(path)
    assigned = [node.value for node in tree.body if isinstance(node, ast.Assign)] if tree else []
    tables = [value for value in assigned if isinstance(value, ast.Dict)]
    for table in tables:
        for key, value in zip(table.keys, table.values, strict=True):
            if all(isinstance(x, ast.Constant) and isinstance(x.value, str) for x in (key, value)):
                for number, section in enumerate(_sections(value.value)):
                    yield f"{module}.{key.value}.{number}", section


def _sections(topic: str) -> Iterator[str]:
    """A topic in runs of whole blocks of some 2,500 characters: a long one is several documents."""
    run: list[str] = []
    size = 0
    for block in topic.split("\n\n"):
        run.append(block)
        size += len(block)
        if size > 2500:
            yield "\n\n".join(run)
            run, size = [], 0
    if run:
        yield "\n\n".join(run)


def _docstrings(module: str, path: Path) -> Iterator[tuple[str, str]]:
    """Every docstring of a module, its classes and their methods, by qualified name."""
    tree = _parse(path)
    if tree is None or module.startswith("pydoc_data"):
        return
    waiting: list[tuple[str, ast.AST]] = [(module, tree)]
    while waiting:
        name, node = waiting.pop()
        if text := ast.get_docstring(node, clean=False) or "":
            if len(text) >= LEAST:
                yield name, text
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            children = (child for child in node.body if isinstance(child, inner))
            waiting += [(f"{name}.{child.name}", child) for child in children]
