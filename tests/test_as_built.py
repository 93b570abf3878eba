"""nbval judges what the build executed; what comes after a lecture's own cells is not shown."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import execute
import nbformat
import pages
import pytest
import solutions
import yaml
from jupyter_cache import get_cache

CONFIG = yaml.safe_load((solutions.ROOT / "_config.yml").read_text(encoding="utf-8"))
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
FIRST = """import os
import ipywidgets
seed = 0
def drawing(name):
    return f"{name} on the site: {'NLGNOTES_SITE' in os.environ}"
ipywidgets.IntSlider(3)"""
SOLUTION = "assert seed == 0\nipywidgets.IntSlider(4)"
# The verdict that is stored, the code of the solution, and which cells are red.
SMALL = {
    "as-stored": ("a  holds", SOLUTION, []),
    "verdict-changed": ("a  fails", SOLUTION, ["Cell 2"]),
    "solution-broken": ("a  holds", "assert seed == 1", ["Cell 3"]),
    "edited-since": ("a  holds", SOLUTION, ["Cell 3"]),
}
# In the folder of the notebooks: where the build kept what it executed; and who starts a kernel.
CONFTEST = """
import sys
from pathlib import Path
sys.path[:0] = {folders!r}
import as_built, build
import nbval.plugin
build.ROOT, build.WORK = Path({root!r}), Path({root!r}) / "work"

class Kernel(nbval.plugin.RunningKernel):
    def __init__(self, *args, **kwargs):
        with open("kernels", "a") as file:
            file.write("one\\n")
        super().__init__(*args, **kwargs)

nbval.plugin.RunningKernel = Kernel

def pytest_collection_modifyitems(items):
    for notebook in {{item.parent for item in items}}:
        as_built.serve(notebook)
"""


def small(name: str, stored: str, solution: str) -> nbformat.NotebookNode:
    """A lecture: its parameter, a picture that the page draws, the verdict, one solution."""
    new = nbformat.v4
    verdict = new.new_code_cell("print('a  holds' if seed == 0 else 'a  fails')", execution_count=2)
    verdict.metadata["tags"] = ["nbval-check-output"]
    verdict.outputs = [new.new_output("stream", name="stdout", text=f"{stored}\n")]
    answer = new.new_markdown_cell(f"````{{solution}} ex-a\n```python\n{solution}\n```\n````")
    cells = [
        new.new_code_cell(f"# {name}\n{FIRST}"),
        answer,
        new.new_code_cell('drawing("it")'),
        verdict,
    ]
    return new.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A book of small lectures that the build has executed."""
    root = tmp_path_factory.mktemp("book")
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(solutions.ROOT / name, root)
    (root / "nlgnotes").symlink_to(solutions.ROOT / "nlgnotes")
    (root / "book").mkdir()
    for name, (stored, solution, _) in SMALL.items():
        nbformat.write(small(name, stored, solution), root / "book" / f"{name}.ipynb")
    (root / "work" / "_build").mkdir(parents=True)
    execute.fill(root / "work/_build/.jupyter_cache", root, [f"book/{name}" for name in SMALL])
    return root


@pytest.fixture(scope="module")
def by_nbval(root) -> tuple[str, int]:
    """What nbval says of them, as `make test` calls it, and how many kernels were started."""
    folder = root / "nbval"
    folder.mkdir()
    for name, (stored, solution, _) in SMALL.items():
        code = "assert seed == 2" if name == "edited-since" else solution
        notebook = solutions.with_solutions(small(name, stored, code))
        nbformat.write(notebook, folder / f"{name}.ipynb")
    folders = [str(solutions.ROOT / "tests"), str(solutions.ROOT / "book/_ext")]
    (folder / "conftest.py").write_text(CONFTEST.format(folders=folders, root=str(root)))
    command = [sys.executable, "-m", "pytest", "-rf", "-p", "no:cacheprovider", "--nbval-lax", "."]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST")
    }
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout, (folder / "kernels").read_text().count("one")


@pytest.mark.parametrize("name", SMALL)
def test_nbval_goes_red_when_a_verdict_changes_or_a_solution_breaks(by_nbval, name):
    red = re.findall(rf"^FAILED {name}\.ipynb::(Cell \d+)", by_nbval[0], re.MULTILINE)
    assert red == SMALL[name][2], by_nbval[0]


def test_only_a_notebook_that_the_build_did_not_execute_gets_a_kernel(by_nbval):
    assert by_nbval[1] == 1
    assert "AssertionError" in by_nbval[0], "what a broken solution said"


@pytest.mark.parametrize("name", ["as-stored", "solution-broken"])
def test_what_comes_after_the_cells_of_a_page_is_kept_and_not_on_it(root, name):
    folder = root / "work/_build/.jupyter_cache"
    [page] = pages.with_code([f"book/{name}"], root, CONFIG)
    _, shown = get_cache(folder).merge_match_into_notebook(page.notebook)
    assert [cell.source for cell in shown.cells if cell.cell_type == "code"] == page.code()
    assert shown.cells[2].outputs[0].data["text/plain"] == "'it on the site: True'"
    values = [
        state["state"]["value"]
        for state in shown.metadata.widgets["application/vnd.jupyter.widget-state+json"][
            "state"
        ].values()
        if state["model_name"] == "IntSliderModel"
    ]
    assert values == [3], "a slider of its own, and none of the solution's"

    *own, (_, solved), (_, drawn) = execute.outputs(folder, root, f"book/{name}")
    assert [source for source, _ in own] == page.code()
    kind = "error" if name == "solution-broken" else "execute_result"
    assert [output.output_type for output in solved] == [kind]
    assert drawn[0].data["text/plain"] == "'it on the site: False'"


def test_a_solution_that_changes_is_executed_again(root):
    before = execute.outputs(root / "work/_build/.jupyter_cache", root, "book/as-stored")
    changed = small("as-stored", "a  holds", "assert seed < 1")
    file = root / "book" / "as-stored.ipynb"
    whole = file.read_text(encoding="utf-8")
    try:
        nbformat.write(changed, file)
        assert execute.outputs(root / "work/_build/.jupyter_cache", root, "book/as-stored") is None
    finally:
        file.write_text(whole, encoding="utf-8")
    assert before
