"""The plain notebooks where people use them: with the wheel alone, and in a real JupyterLab."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import build
import nbformat
import notebooks
import notebooks_lab
import pytest
import solutions
from offline import loopback

QUICKEST = "gumbel-softmax"  # of the lectures, to run
TOKEN = "only-for-this-test"
EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
nbformat.write(notebook, sys.argv[2])
"""
WHERE = "import nlgnotes, sys\nassert nlgnotes.__file__.startswith(sys.prefix), nlgnotes.__file__"
# Draw all cells of a notebook, not only those in sight.
ALL_CELLS = {"windowingMode": "none"}
# What the reader sees: of the Markdown of the notebook, and of its pictures.
TEXTS = """() => [...document.querySelectorAll('.jp-Notebook .jp-RenderedMarkdown')]
    .map(each => { const copy = each.cloneNode(true);
        copy.querySelectorAll('mjx-container, pre, code').forEach(part => part.remove());
        return copy.textContent; })"""
PICTURE = """() => [...document.querySelectorAll('.explorer-picture .widget-html-content')]
    .filter(each => each.getClientRects().length)
    .map(each => each.textContent).join('|')"""
IDLE = """() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel
    ?.status === 'idle'"""


@pytest.fixture(scope="module")
def site() -> Path:
    """The site; built here if missing or stale."""
    if not build.is_current():
        build.build()
    return build.SITE


def test_a_lecture_runs_outside_the_checkout_with_the_wheel(site, installed, tmp_path):
    python = str(installed / "bin" / "python")
    notebook = nbformat.read(site / notebooks.FOLDER / f"{QUICKEST}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    nbformat.write(notebook, folder / "lecture.ipynb")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MPLBACKEND"))}
    clean |= {
        "PYTHONPATH": loopback.FOLDER,
        "OMP_NUM_THREADS": "1",
        "JUPYTER_PATH": "",
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
    }
    command = [python, "-c", EXECUTE, "lecture.ipynb", "done.ipynb"]
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = nbformat.read(folder / "done.ipynb", as_version=4).cells
    printed = "".join(o.get("text", "") for c in cells if c.cell_type == "code" for o in c.outputs)
    assert "nlgnotes 0.1.0 is installed\n" in printed
    lecture = nbformat.read(solutions.ROOT / "book" / f"{QUICKEST}.ipynb", as_version=4)
    stored = [o.text for c in lecture.cells if c.cell_type == "code" for o in c.outputs]
    assert len(stored) == 1 and stored[0] in printed, "the verdicts are those of the lecture"


@pytest.fixture(scope="module")
def lab(site, small_lectures_built, tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab on a folder with a small notebook and a lecture's."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    small = small_lectures_built[0] / notebooks.FOLDER
    for file in (small / "first.ipynb", site / notebooks.FOLDER / f"{QUICKEST}.ipynb"):
        shutil.copy(file, folder)
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(ALL_CELLS))
    names = "CONFIG DATA RUNTIME".split()
    places = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in names}
    places |= {
        f"JUPYTERLAB_{name}_DIR": str(home / name.lower()) for name in ("SETTINGS", "WORKSPACES")
    }
    more = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.port=0",
        f"--IdentityProvider.token={TOKEN}",
    ]
    command = notebooks_lab.command(folder, *more, "--expose-app-in-browser")
    with (home / "log").open("w+") as log:
        places |= {"IPYTHONDIR": str(home / "ipython")}
        environment = {**notebooks_lab.environment(), **places}
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
        try:
            yield _address(server, home)
        finally:
            server.terminate()
            server.wait(timeout=60)


def _address(server: subprocess.Popen, home: Path) -> str:
    """Where the server says that it answers, once it does."""
    for _ in range(600):
        if server.poll() is not None:
            break
        for file in (home / "runtime").glob("jpserver-*.json"):
            try:
                address = json.loads(file.read_text())["url"]
                urllib.request.urlopen(f"{address}api?token={TOKEN}", timeout=10).read()
                return address
            except (ValueError, OSError):  # not yet whole, or not yet there
                pass
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start: {(home / 'log').read_text()[-2000:]}")


@pytest.fixture(scope="module")
def opened(lab, browser):
    """Opens a notebook of the folder in Chromium, with every other host blocked."""
    context, outside = browser.new_context(viewport={"width": 1280, "height": 900}), []

    def gate(route) -> None:
        if route.request.url.startswith((lab, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", gate)

    def open_one(name: str):
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(f"{lab}lab/tree/{name}?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-RenderedMarkdown h1")
        return page, outside

    yield open_one
    context.close()


@pytest.fixture(scope="module")
def first(opened):
    """The small notebook, open for the tests that only read and the one that runs it."""
    page, outside = opened("first.ipynb")
    yield page, outside
    page.close()


@pytest.mark.parametrize("how", ["http", "file"])
def test_a_page_hands_out_its_notebook(browser, site, how):
    folder = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served = f"http://127.0.0.1:{server.server_port}"
        page = browser.new_page()
        page.goto(f"{served if how == 'http' else site.as_uri()}/book/{QUICKEST}.html")
        with page.expect_download(timeout=60_000) as started:
            page.click(".notebook-link a")
        page.wait_for_timeout(500)
        assert started.value.suggested_filename == f"{QUICKEST}.ipynb"
        saved = Path(started.value.path()).read_bytes()
        assert saved == (site / notebooks.FOLDER / f"{QUICKEST}.ipynb").read_bytes()
        assert page.title() and page.url.endswith(f"/book/{QUICKEST}.html")
        page.close()
        server.shutdown()


def _drawn(page, cells: int) -> None:
    """Wait until all Markdown of a notebook is drawn and its formulas are typeset."""
    page.wait_for_function(
        "n => document.querySelectorAll('.jp-Notebook .jp-RenderedMarkdown').length >= n", arg=cells
    )
    page.wait_for_function(
        f"() => !({TEXTS})().some(text => /\\$[^$]+\\$|\\\\tag/.test(text))"
        " && document.querySelectorAll('mjx-container').length > 0"
    )


def test_jupyterlab_shows_a_lecture_without_raw_markup(opened, site):
    page, outside = opened(f"{QUICKEST}.ipynb")
    notebook = nbformat.read(site / notebooks.FOLDER / f"{QUICKEST}.ipynb", as_version=4)
    _drawn(page, sum(cell.cell_type == "markdown" for cell in notebook.cells))
    seen = "\n".join(page.evaluate(TEXTS))
    for raw in ("{glue", "{numref", "{eq}", "{cite", "{doc}", "{ref}", "{term}", ":::", "```"):
        assert raw not in seen
    assert "Exercise 1" in seen and "Fig. 1" in seen and "**" not in seen
    assert page.query_selector_all("mjx-merror, [data-mml-node=merror]") == []
    folds = page.query_selector_all(".jp-RenderedMarkdown details")
    assert folds and not any(fold.get_attribute("open") is not None for fold in folds)
    assert not any(code.is_visible() for code in page.query_selector_all("details pre"))
    hidden = [c for c in notebook.cells if c.metadata.get("jupyter", {}).get("source_hidden")]
    bars = page.query_selector_all(".jp-InputArea-placeholder, .jp-Placeholder.jp-InputPlaceholder")
    assert len(hidden) > 5 and len(bars) >= len(hidden)
    assert outside == []
    page.close()


def test_jupyterlab_asks_for_no_news_and_no_newer_version(first):
    page, outside = first
    page.wait_for_timeout(3000)
    assert page.get_by_text("official Jupyter news").count() == 0
    config = json.loads(page.locator("#jupyter-config-data").inner_text())
    assert config["news"] == {"disabled": True}
    answers = "async path => (await fetch(path)).json()"
    assert page.evaluate(answers, "/lab/api/update") == {"notification": None}
    assert page.evaluate(answers, "/lab/api/news") == {"news": []}
    assert outside == []


def test_jupyterlab_runs_a_notebook_and_its_widget_moves(first):
    page, outside = first
    page.wait_for_function(IDLE)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".explorer-control")
    page.wait_for_function(f"() => ({PICTURE})() === 'drawn for one'")
    control = page.locator(".explorer-control")
    if control.locator("button").count():
        control.locator("button").nth(1).click()
    elif control.locator("select").count():
        control.locator("select").select_option(label="two")
    else:
        control.locator(".noUi-handle").press("ArrowRight")
    page.wait_for_function(f"() => ({PICTURE})() === 'drawn for two'")
    assert page.query_selector_all(".jp-RenderedText[data-mime-type*=stderr]") == []
    assert outside == []
