"""Every test runs with the package's shapes enforced, with one thread per worker, and leaves no
figure open.
"""

import gc
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

# Until all tests are collected: importing and rewriting make many objects and no garbage.
gc.disable()

import typed  # noqa: E402

typed.check("nlgnotes")

import pytest  # noqa: E402
import torch  # noqa: E402
from offline import loopback  # noqa: E402

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parent.parent

# What `test_hostile` runs in a process of its own, without the hook: no doctests to collect.
collect_ignore_glob = ["hostile/*"]

# Nothing asks the network at run time: neither here, nor in any Python that a test starts.
loopback.block()
os.environ["PYTHONPATH"] = loopback.python_path()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker of `-n auto` more than cores: a test in the browser waits half of its time."""
    import execute  # of book/_ext

    return execute.workers() + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a page or a module stay together, the longest first."""
    import schedule  # beside this file

    return schedule.Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items):
    """The order in which tests start; and nbval's notebooks take what the build executed."""
    import schedule

    items.sort(key=lambda item: schedule.start(item.nodeid))
    notebooks = {item.parent for item in items if item.path.suffix == ".ipynb"}
    if notebooks:
        import as_built

        for notebook in notebooks:
            as_built.serve(notebook)


def pytest_collection_finish():
    """What was imported stays, and is not searched for garbage again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def no_figure_left():
    """Close what a test drew: a later test may count the open figures."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


# Reads [setup, {name: expression}] and answers {name: [kind, words]}: of an error its type and what
# it says, of a value "value" and how it prints.
PLAIN = """
import json, sys
setup, cases = json.load(sys.stdin)
names = {}
exec(setup, names)
answers = {}
for name, case in cases.items():
    try:
        answers[name] = ["value", repr(eval(case, names))]
    except Exception as error:
        answers[name] = [type(error).__name__, str(error)]
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="session")
def plain():
    """Evaluate expressions as a user would: in a process without the tests' checks of types."""

    def evaluate(setup, cases):
        done = subprocess.run(
            [sys.executable, "-c", PLAIN],
            input=json.dumps([setup, cases]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate


@pytest.fixture(scope="session")
def small_book():
    """Builds ``book/`` of a folder with the page of its package: the pages, and the warnings."""
    import io
    import re

    from bs4 import BeautifulSoup
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    settings = {
        "extensions": ["myst_nb", "api"],
        "nb_execution_mode": "off",
        "nitpicky": True,
        "html_theme": "basic",
        "exclude_patterns": ["out"],
        "add_module_names": False,
        "toc_object_entries": False,
    }

    def build(folder, package):
        contents = "Book\n====\n\n.. toctree::\n   :glob:\n\n   book/*\n"
        (folder / "index.rst").write_text(contents)
        out, warnings = folder / "out", io.StringIO()
        asked = {**settings, "api_package": package}
        with docutils_namespace():
            Sphinx(folder, None, out, out / "trees", "html", asked, None, warnings).build()
        texts = {page.stem: page.read_text("utf-8") for page in (out / "book").glob("*.html")}
        pages = {name: BeautifulSoup(text, "html.parser") for name, text in texts.items()}
        return pages, re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue())

    return build


@pytest.fixture(scope="session")
def linked():
    """Pairs of a lecture and a name: as the page of the package links them, and as lectures do."""

    def pairs(pages):
        there, back = set(), set()
        for line in pages["api"].select("dl.py p.api-lectures"):
            name = line.find_parent("dl").find("dt")["id"]
            there |= {(link.text, name) for link in line.find_all("a")}
        for lecture in pages.keys() - {"api"}:
            links = pages[lecture].select("details.api-used a")
            back |= {(lecture, link["href"].removeprefix("api.html#")) for link in links}
        return there, back

    return pairs


BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    # No other host is there, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class Chromium:
    """One headless Chromium, open from the first test that uses it to the last in a row.

    Playwright allows a process one driver, and runs a loop meanwhile that other tests must not see.
    """

    manager = browser = None

    def open(self):
        if self.browser is None:
            import chromium  # beside this file, as `execute` is in book/_ext

            sync_api = pytest.importorskip("playwright.sync_api", reason="make test installs it")
            path = chromium.find()
            if not path:
                pytest.fail(chromium.MISSING)
            self.manager = sync_api.sync_playwright()
            # Without scrollbars, as it is headless, nobody sees where they stand.
            self.browser = self.manager.start().chromium.launch(
                executable_path=path, args=BROWSER, ignore_default_args=["--hide-scrollbars"]
            )
        return self.browser

    def close(self):
        if self.browser is not None:
            self.browser.close()
            self.manager.__exit__()
        self.browser = None


CHROMIUM = Chromium()


@pytest.fixture(scope="module")
def browser():
    """One headless Chromium."""
    return CHROMIUM.open()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Close Chromium before a test of another module that does not use it.

    Within a module its pages may still be open.
    """
    goes_on = nextitem is not None and nextitem.path == item.path
    if not goes_on and "browser" not in getattr(nextitem, "fixturenames", ()):
        CHROMIUM.close()


# What several modules share that are run by one worker: see ``schedule``.


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of what git would ship: nothing that lies about can slip in."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    command = ["git", "ls-files", "-co", "--exclude-standard", "nlgnotes", "*.toml", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in [*listed.stdout.splitlines(), "LICENSE"]:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(copy)]
    subprocess.run(build, check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel. A .pth shows it the other packages, unfetched."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(environment, with_pip=False)
    place = {"base": str(environment), "platbase": str(environment)}
    beside = Path(sysconfig.get_path("purelib", vars=place))
    (beside / "pinned.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    return environment


@pytest.fixture(scope="session")
def small_lectures_built(tmp_path_factory) -> tuple[Path, str]:
    """The book of two small lectures: its folder, and the warnings."""
    import small_lectures

    return small_lectures.built(tmp_path_factory.mktemp("small"))
