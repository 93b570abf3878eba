"""How the book is built: what a lecture depends on, how lectures are executed, and `make`."""

import ast
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import build
import execute
import imports
import nbformat
import pages
import psutil
import pytest
import solutions
import yaml
from jupyter_cache import get_cache
from offline import loopback

PACKAGE = solutions.ROOT / "nlgnotes"
CONFIG = yaml.safe_load((solutions.ROOT / "_config.yml").read_text(encoding="utf-8"))


def write(folder: Path, files: dict[str, str]) -> Path:
    """Files in a folder, which is returned."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def toy(tmp_path) -> Path:
    """A package of two floors: `loss` imports `numbers`, `plots` re-exports `plots.bars`."""
    return write(
        tmp_path / "toy",
        {
            "__init__.py": '"""Nothing."""',
            "numbers.py": "ONE = 1",
            "loss.py": "from toy.numbers import ONE\n\ndef slow():\n    import toy.deep.late\n",
            "alone.py": "import math",
            "deep/__init__.py": "",
            "deep/late.py": "from . import sibling\nfrom ..numbers import ONE",
            "deep/sibling.py": "TWO = 2",
            "plots/__init__.py": "from toy.plots.bars import bars",
            "plots/bars.py": "def bars():\n    from toy.palette import RED\n    return RED",
            "plots/maps.py": "from toy import alone",
            "palette.py": "RED = 'red'",
            "named.py": "import importlib\n\ndef load(name):\n    importlib.import_module(name)",
            "shipped/weights.bin": "1 2 3",
            "shipped/.half.partial": "1",
            "shipped/new.partial/weights.bin": "1",
            "__pycache__/numbers.cpython-311.pyc": "",
        },
    )


def reached(package: Path, *sources: str) -> set[str]:
    """The names of the files that the sources run, without `.py`."""
    files = imports.Package(package).reached(sources)
    return {file.relative_to(package).with_suffix("").as_posix() for file in files}


@pytest.mark.parametrize(
    "source, expected",
    [
        ("import math", ""),
        ("import toy", "__init__"),
        ("import toy.numbers as n", "__init__ numbers"),
        ("from toy import numbers, alone", "__init__ numbers alone"),
        ("from toy.numbers import ONE", "__init__ numbers"),
        ("def f():\n    import toy.palette", "__init__ palette"),
        ("if False:\n    from toy import palette", "__init__ palette"),
        ("import toy.loss", "__init__ loss numbers deep/__init__ deep/late deep/sibling"),
        ("from toy import plots", "__init__ plots/__init__ plots/bars palette"),
        (
            "from toy.plots import maps",
            "__init__ plots/__init__ plots/bars palette plots/maps alone",
        ),
        ("from toy.deep import *", "__init__ deep/__init__ deep/late deep/sibling numbers"),
    ],
)
def test_imports_are_followed(toy, source, expected):
    assert reached(toy, source) == set(expected.split())
    assert reached(toy, "import math", source) == set(expected.split()), "every cell counts"


@pytest.mark.parametrize(
    "source",
    [
        "import toy.named",
        "%matplotlib inline",
        "!python -m toy.alone",
        "get_ipython().run_line_magic('run', 'x.py')",
        "__import__('toy.alone')",
        "exec('import toy.alone')",
        "import builtins\nbuiltins.eval('1')",
        "from importlib import import_module",
        "import importlib as i\ni.reload(x)",
        "getattr(i, 'import_module')('toy.alone')",
        "import importlib\nimportlib.machinery.SourceFileLoader",
        "import runpy",
        "import subprocess as s",
        "from subprocess import run",
        "import os\nos.system('python -m toy.alone')",
        "from os import popen",
        "import pickle",
    ],
)
def test_code_that_loads_by_name_counts_every_file(toy, source):
    assert (
        reached(toy, source)
        == reached(toy, "!")
        == {file.relative_to(toy).with_suffix("").as_posix() for file in toy.rglob("*.py")}
    )


@pytest.mark.parametrize(
    "source",
    [
        "import importlib.util\nimportlib.util.find_spec('torch')",
        "from importlib import metadata, resources",
        "model.eval()\nre.compile('x')\ntorch.compile(f)\nplatform.system()",
        "import os\nos.environ['A'] = os.sep",
        "getattr(x, 'shape')",
    ],
)
def test_code_that_loads_nothing_counts_no_file(toy, source):
    assert reached(toy, source) == set()


def test_data_is_what_is_whole_and_not_python(toy):
    assert imports.Package(toy).data == [toy / "shipped" / "weights.bin"]


def test_a_folder_that_is_no_package_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="folder must be a package"):
        imports.Package(tmp_path)


def test_no_lecture_depends_on_the_whole_package():
    """Where code loads by name all of it counts, and every change executes the lecture again."""
    package = imports.Package(PACKAGE)
    for page in pages.with_code(solutions.pages(), solutions.ROOT, CONFIG):
        assert len(pages.reached(page, package)) < len(package.modules), page.name


# A book of three pages that import the toy package.


def notebook(*cells: str) -> str:
    new = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    new.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return nbformat.writes(new)


WIDGET = "import ipywidgets\nipywidgets.IntSlider(3)"
TEXT = """---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

# A text with code

:::{note}
```{code-cell} python3
this is not run
```
:::

```{code-cell} python3
---
tags: [hide-input]
---
from toy import numbers
print("text", numbers.ONE)
```
"""


@pytest.fixture
def book(tmp_path, toy, monkeypatch) -> Path:
    """A book whose page `alone` imports one file and whose page `text`, in Markdown, another."""
    monkeypatch.setenv("PYTHONPATH", loopback.python_path(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    alone = notebook(
        "import os, toy.alone", "print(os.environ['OMP_NUM_THREADS'], os.getcwd())", WIDGET
    )
    return write(
        tmp_path, {"book/alone.ipynb": alone, "book/text.md": TEXT, "book/prose.md": "# Prose\n"}
    )


def found(book: Path, *names: str) -> list[pages.Page]:
    names = names or ("alone", "text", "prose")
    return pages.with_code([f"book/{name}" for name in names], book, CONFIG)


def run(book: Path, *names: str, at_once: int = 2, timeout: int = 60) -> None:
    execute.execute(found(book, *names), book / "cache", book / "toy", [], timeout, at_once)


def executed(capsys) -> list[str]:
    """The pages that the last call executed, as it said."""
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    return sorted(
        words[1].removeprefix("book/") for words in lines if words[:1] and words[0][0] == "["
    )


def outputs(book: Path, name: str) -> str:
    """All that the cache has as text outputs of a page."""
    [page] = found(book, name)
    _, merged = get_cache(book / "cache").merge_match_into_notebook(page.notebook)
    return "".join(o.get("text", "") for c in merged.cells for o in c.get("outputs", []))


def test_a_page_reaches_this_machine_only(book):
    """Its kernel has the block of the tests: 192.0.2.1 is kept for documentation."""
    asks = ["import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 1)"]
    asks[0] += "\nexcept OSError as error:\n    print(error)"
    write(book, {"book/asks.ipynb": notebook(*asks)})
    run(book, "asks")
    assert "connect to this machine only; asked for '192.0.2.1'" in outputs(book, "asks")


def test_a_page_is_executed_again_only_when_its_own_sources_change(book, capsys):
    run(book)
    assert executed(capsys) == ["alone", "text"]
    assert outputs(book, "alone") == f"1 {book / 'book'}\n" and outputs(book, "text") == "text 1\n"
    run(book)
    assert executed(capsys) == [], "nothing has changed"

    write(book, {"toy/palette.py": "RED = 1", "book/text.md": TEXT + "\nMore prose.\n"})
    run(book)
    assert executed(capsys) == [], "neither page imports `palette`, and prose is not code"

    write(book, {"toy/numbers.py": "ONE = 11"})
    run(book)
    assert executed(capsys) == ["text"] and outputs(book, "text") == "text 11\n"

    write(book, {"book/text.md": TEXT.replace("numbers.ONE", "numbers.ONE + 1")})
    run(book)
    assert executed(capsys) == ["text"] and outputs(book, "text") == "text 12\n"
    records = get_cache(book / "cache").list_cache_records()
    assert len(records) == 2, "what is out of date is removed"

    record = get_cache(book / "cache").match_cache_notebook(found(book, "alone")[0].notebook)
    file = book / "cache" / "executed" / record.hashkey / "base.ipynb"
    file.write_text(file.read_text()[:-20])
    run(book)
    assert executed(capsys) == ["alone"], "a file that is not whole"


def test_shipped_data_pins_and_python_count_for_every_page(book, monkeypatch):
    others = [book / "requirements.txt"]
    write(book, {"requirements.txt": "torch==1"})

    def keys() -> list[str]:
        return [pages.checksum(page, imports.Package(book / "toy"), others) for page in found(book)]

    seen = [keys()]
    for files in (
        {"toy/shipped/weights.bin": "4"},
        {"requirements.txt": "torch==2"},
        {"book/own.py": ""},
    ):
        write(book, files)
        seen.append(keys())
    monkeypatch.setattr(pages.platform, "python_version", lambda: "3.99.0")
    seen.append(keys())
    for before, after in itertools.pairwise(seen):
        assert all(a != b for a, b in zip(before, after, strict=True))
    write(book, {"toy/shipped/.x.partial": "5"})
    assert keys() == seen[-1]


def test_a_file_of_numbers_beside_a_page_counts_for_that_page_alone(book):
    def keys() -> list[str]:
        return [pages.checksum(page, imports.Package(book / "toy"), []) for page in found(book)]

    alone, text = keys()
    write(book, {"book/text.json": "1"})
    first = keys()
    write(book, {"book/text.json": "2"})
    assert first[0] == keys()[0] == alone and len({text, first[1], keys()[1]}) == 3


def test_sphinx_takes_what_was_executed_and_starts_no_kernel(book):
    """Also a text with code, and the widgets' state: what myst-nb looks for is what was kept."""
    run(book)
    extensions = CONFIG["parse"]["myst_enable_extensions"]
    conf = f"extensions = ['myst_nb']\nmyst_enable_extensions = {extensions}\n"
    conf += f"nb_execution_mode = 'cache'\nnb_execution_cache_path = {str(book / 'cache')!r}\n"
    write(book / "book", {"conf.py": conf, "index.md": "```{toctree}\nalone\ntext\n```\n"})
    script = (
        "import sys, nbclient\n"
        "nbclient.NotebookClient.async_execute = nbclient.NotebookClient.execute = None\n"
        "from sphinx.cmd.build import main\n"
        "sys.exit(main(['-q', *sys.argv[1:]]))"
    )
    (book / "book" / "prose.md").unlink()
    command = [sys.executable, "-c", script, str(book / "book"), str(book / "site")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "Error" not in done.stderr, done.stderr
    page = (book / "site" / "alone.html").read_text(encoding="utf-8")
    assert '"_model_name": "IntSliderModel"' in page and "widget-view+json" in page
    assert "text 1" in (book / "site" / "text.html").read_text(encoding="utf-8")


def test_a_failing_cell_names_page_cell_and_error_and_the_others_are_kept(book, capsys):
    bad = notebook("x = 0", "print('seen before')\n1 / x", "print('never')")
    write(book, {"book/bad.ipynb": bad})
    with pytest.raises(execute.ExecutionError, match=r"failed: book/bad \(1 others executed"):
        run(book, "bad", "text")
    said = capsys.readouterr().out
    for each in ("book/bad", "FAILED", "cell 2 of 3 in bad.ipynb", "1 / x", "ZeroDivisionError"):
        assert each in said
    assert "seen before" in said and "\x1b" not in said and "never" not in said
    with pytest.raises(execute.ExecutionError):
        run(book, "bad", "text")
    assert executed(capsys) == ["bad"]


def test_a_dead_kernel_a_slow_cell_and_a_hidden_import_fail(book, capsys):
    hidden = "import sys\nsys.modules['toy.palette'] = sys"
    write(
        book,
        {
            "book/dead.ipynb": notebook(
                "import os", "os.write(2, b'bye')\nos.kill(os.getpid(), 9)"
            ),
            "book/slow.ipynb": notebook("import time\ntime.sleep(60)"),
            "book/hidden.ipynb": notebook("import toy.alone", hidden),
        },
    )
    with pytest.raises(execute.ExecutionError, match=r"\(0 others"):
        run(book, "dead", "slow", "hidden", timeout=2, at_once=3)
    said = capsys.readouterr().out
    assert "Kernel died; its last words:\nbye" in said and "timed out" in said
    assert "it imported palette.py in a way that no import statement shows" in said


def test_sources_that_change_during_the_execution_are_not_kept(book, capsys):
    change = f"open({str(book / 'toy' / 'alone.py')!r}, 'a').write('# more')"
    write(book, {"book/moving.ipynb": notebook("import toy.alone", change)})
    with pytest.raises(execute.ExecutionError, match="failed: book/moving"):
        run(book, "moving")
    assert "changed while it was executed" in capsys.readouterr().out


def test_no_thread_beside_the_main_one_parses(book, monkeypatch):
    """Python 3.11 counts the depth of a tree once for all its threads."""
    parse, threads = ast.parse, set()

    def noted(*args, **options):
        threads.add(threading.current_thread())
        return parse(*args, **options)

    monkeypatch.setattr(ast, "parse", noted)
    run(book, "alone")
    assert threads == {threading.main_thread()}


def test_the_longest_is_first(book):
    small, large, longer = "1", "1" * 2000, "1" * 3000
    write(
        book,
        {
            f"book/{n}.ipynb": notebook(c)
            for n, c in zip("abc", (small, large, longer), strict=True)
        },
    )
    three = found(book, "a", "b", "c")

    def order(seconds: dict[str, float]) -> str:
        return "".join(page.name[-1] for page in execute.longest_first(three, seconds))

    assert order({}) == "cba", "by size"
    assert order({"book/a": 9.0, "book/b": 5.0, "book/c": 7.0}) == "acb", "as measured"
    assert order({"book/b": 90.0}) == "cba", "one without a measurement counts by its size"
    assert order({"book/a": 1.0, "book/b": 90.0, "book/c": 2.0}) == "bca"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_ends_every_kernel_and_keeps_what_is_done(book, how, capsys):
    """Ctrl-C, or a kill, while one page is done, one runs, and one waits."""
    running = (
        f"import os, pathlib\npathlib.Path({str(book / 'pid')!r}).write_text(str(os.getpid()))"
    )
    write(
        book,
        {
            "book/done.ipynb": notebook(f"1 # {'x' * 3000}"),
            "book/running.ipynb": notebook(running, f"import time # {'x' * 2000}\ntime.sleep(600)"),
            "book/waiting.ipynb": notebook("2"),
        },
    )
    script = write(
        book,
        {
            "main.py": f"import sys\nsys.path[:0] = {[str(Path(execute.__file__).parent)]!r}\n"
            "import execute, pages, signal\nfrom pathlib import Path\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"book, config = Path({str(book)!r}), {CONFIG!r}\n"
            "found = pages.with_code(['book/done', 'book/running', 'book/waiting'], book, config)\n"
            "execute.execute(found, book / 'cache', book / 'toy', [], 700, 1)\n"
        },
    )
    program = subprocess.Popen([sys.executable, "main.py"], cwd=script, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    try:
        while not (book / "pid").is_file() or not (book / "pid").read_text():
            assert program.poll() is None and time.monotonic() < deadline, "no kernel started"
            time.sleep(0.05)
        program.send_signal(how)
        said = program.communicate(timeout=20)[1]
        assert how == signal.SIGKILL or b"KeyboardInterrupt" in said
    finally:
        program.kill()
    kernel = psutil.Process(int((book / "pid").read_text())) if how == signal.SIGKILL else None
    if kernel is not None:  # it looks once a second whether its parent is still there
        psutil.wait_procs([kernel], timeout=30)
    with pytest.raises(ProcessLookupError):
        os.kill(int((book / "pid").read_text()), 0)
    cache = get_cache(book / "cache")
    kept = [
        Path(record.uri).stem for record in cache.list_cache_records() if "sources" in record.data
    ]
    assert kept == ["done"]
    write(book, {"book/running.ipynb": notebook("3")})
    run(book, "done", "running", "waiting")
    assert executed(capsys) == ["running", "waiting"], "it goes on where it was"


def test_a_cache_that_cannot_be_read_is_made_anew(book, capsys):
    write(book, {"cache/global.db": "this is no database"})
    run(book, "text")
    assert "starting anew" in capsys.readouterr().out and outputs(book, "text") == "text 1\n"


def test_a_package_found_elsewhere_and_another_mode_are_errors(tmp_path):
    config = "execute: {execute_notebooks: cache, timeout: 9}"
    root = write(tmp_path, {"_config.yml": config, "nlgnotes/__init__.py": ""})
    with pytest.raises(execute.ExecutionError, match="the notebooks must import nlgnotes from"):
        execute.fill(tmp_path / "cache", root, [])
    write(root, {"_config.yml": config.replace("cache", "force")})
    with pytest.raises(ValueError, match="must be 'cache'; got 'force'"):
        execute.fill(tmp_path / "cache", root, [])


def test_a_build_that_fails_leaves_the_last_good_site_and_what_was_executed(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "WORK", tmp_path / "work")
    monkeypatch.setattr(build, "SITE", tmp_path / "html")
    monkeypatch.setattr(build.fetch_assets, "main", lambda: None)
    made, kept = tmp_path / "work" / "_build", tmp_path / "work" / "_build" / ".jupyter_cache" / "x"

    def fill(*_) -> None:
        write(kept.parent, {"x": "executed"})

    def program(status: int, page: str):
        def run(*_, **__):
            assert not (made / "html").exists(), "no page of an earlier build is left"
            write(made / "html", {"index.html": page})
            return subprocess.CompletedProcess([], status)

        return run

    def failing(*_) -> None:
        raise execute.ExecutionError("failed: book/decoder")

    monkeypatch.setattr(build.execute, "fill", fill)
    monkeypatch.setattr(build.subprocess, "run", program(0, "good"))
    assert build.build().read_text() == "good" and build.is_current()
    monkeypatch.setattr(build.subprocess, "run", program(1, "bad"))
    with pytest.raises(SystemExit, match="warnings and errors above; the last good site stays"):
        build.build()
    monkeypatch.setattr(build.execute, "fill", failing)
    with pytest.raises(SystemExit, match="failed: book/decoder; the last good site stays"):
        build.build()
    assert (tmp_path / "html" / "index.html").read_text() == "good" and kept.is_file()


# The Makefile, and the browser of the tests.


def stub(folder: Path, name: str, script: str) -> None:
    """A program of the given name in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def makefile(tmp_path) -> Path:
    """A folder with our Makefile and a `python3` that only writes down how it is called."""
    shutil.copy(solutions.ROOT / "Makefile", tmp_path)
    write(tmp_path, {"requirements.txt": "torch==2.13.0\n", "pyproject.toml": ""})
    for folder in ("bin", ".venv/bin"):
        stub(tmp_path / folder, "python3", f'echo "$@" >> {tmp_path}/calls')
        stub(tmp_path / folder, "python", f'echo "$@" >> {tmp_path}/calls')
        stub(tmp_path / folder, "ruff", f'echo ruff "$@" >> {tmp_path}/calls')
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


AWKS = ["awk", "mawk", "gawk", "original-awk", "busybox awk"]  # the fourth is that of BSD and macOS


@pytest.mark.parametrize("awk", AWKS)
def test_make_help_lists_every_target_with_any_awk_and_no_sed(makefile, awk):
    if not shutil.which(awk.split()[0]):
        pytest.skip(f"no {awk} on this machine")
    program, *rest = awk.split()
    stub(makefile / "bin", "awk", " ".join(["exec", shutil.which(program), *rest, '"$@"']))
    stub(makefile / "bin", "sed", "exit 1")
    stub(makefile / "bin", "expand", "exit 1")
    done = make(makefile, "help")
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    text = (makefile / "Makefile").read_text()
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:"))
    assert done.returncode == 0 and set(listed) == set(phony.split()[1:]), done.stderr
    starts = {
        len(line) - len(line[12:].lstrip()) for line in done.stdout.splitlines() if line[:2] == "  "
    }
    assert starts == {12}, "the descriptions stand below each other"


def test_torch_alone_comes_from_its_index(makefile):
    index = "https://example.org/cpu"
    assert make(makefile, f"TORCH_INDEX={index}", "book").returncode == 0
    installs = [call for call in calls(makefile) if "pip install" in call]
    assert (
        "--no-deps" in installs[0]
        and f"--index-url {index} -c requirements.txt torch" in installs[0]
    )
    assert not any(index in call for call in installs[1:]) and "-r requirements.txt" in installs[1]
    assert calls(makefile)[-1] == "book/_ext/build.py"


def test_without_an_index_everything_comes_from_the_usual_one(makefile):
    assert make(makefile, "book").returncode == 0
    installs = [call for call in calls(makefile) if "pip install" in call]
    assert not any("index" in call for call in installs) and "-r requirements.txt" in installs[0]


def test_an_index_that_has_no_torch_stops_and_says_so(makefile):
    stub(makefile / ".venv/bin", "python", 'case "$*" in *index-url*) exit 1;; esac')
    done = make(makefile, "TORCH_INDEX=nowhere", "book")
    assert (
        done.returncode != 0
        and "torch could not be installed from TORCH_INDEX=nowhere" in done.stdout
    )
    assert not (makefile / ".venv" / ".installed").exists()


def test_make_test_stops_at_the_first_check_that_fails(makefile):
    assert make(makefile, "test").returncode == 0
    checks = [call for call in calls(makefile) if "pip" not in call and "-c" not in call.split()]
    assert checks[0].startswith("ruff check") and checks[1].startswith("ruff format --check")
    assert checks[2] == "tests/chromium.py" and "-n auto" in checks[-1]
    stub(makefile / ".venv/bin", "ruff", "exit 1")
    (makefile / "calls").unlink()
    assert make(makefile, "test").returncode != 0 and not (makefile / "calls").exists()


def test_make_bench_installs_the_peers_and_hands_over_its_arguments(makefile):
    assert make(makefile, "bench").returncode == 0
    assert calls(makefile)[-1] == "-m bench"
    assert any(call.endswith("-e .[peers]") for call in calls(makefile))
    (makefile / "calls").unlink()
    assert make(makefile, "bench", "GROUP=decoding", "REPEATS=3").returncode == 0
    assert calls(makefile) == ["-m bench --group decoding --repeats 3"], "installed once"
    (makefile / ".venv" / ".installed-peers").unlink()
    stub(makefile / ".venv/bin", "python", 'case "$*" in *peers*) exit 1;; esac')
    done = make(makefile, "bench")
    assert done.returncode != 0 and "the peers of the bench could not be installed" in done.stdout


# `playwright install` as it would be, and what it leaves.
PLAYWRIGHT = """
import os, sys
from pathlib import Path
browser = Path({browser!r})
if "install" in sys.argv and {works}:
    browser.write_text("#!/bin/sh\\nexit {status}\\n")
    browser.chmod(0o755)
"""
SYNC_API = """
from contextlib import contextmanager
from types import SimpleNamespace

@contextmanager
def sync_playwright():
    yield SimpleNamespace(chromium=SimpleNamespace(executable_path={browser!r}))
"""


@pytest.mark.parametrize(
    "works, status, code, said",
    [
        (True, 0, 0, "playwright downloads its own"),
        (True, 127, 1, "does not start"),
        (False, 0, 1, "apt-get install chromium"),
    ],
    ids=["downloaded", "a library is missing", "no network"],
)
def test_a_chromium_is_downloaded_where_there_is_none(tmp_path, works, status, code, said):
    browser = str(tmp_path / "chrome")
    files = {
        "playwright/__init__.py": "",
        "playwright/__main__.py": PLAYWRIGHT.format(browser=browser, works=works, status=status),
        "playwright/sync_api.py": SYNC_API.format(browser=browser),
    }
    write(tmp_path / "fake", files)
    environment = {
        n: v for n, v in os.environ.items() if n != "CHROMIUM" and not n.startswith("PYTEST")
    }
    environment |= {"PATH": str(tmp_path), "PYTHONPATH": loopback.python_path(tmp_path / "fake")}
    script = [sys.executable, str(solutions.ROOT / "tests" / "chromium.py")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == code and said in done.stdout + done.stderr


def test_a_chromium_that_is_named_and_not_there_is_an_error_and_nothing_is_downloaded(tmp_path):
    environment = {**os.environ, "CHROMIUM": "/nowhere/chromium"}
    script = [sys.executable, str(solutions.ROOT / "tests" / "chromium.py")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "CHROMIUM=/nowhere/chromium" in done.stderr
    assert "downloads" not in done.stdout
