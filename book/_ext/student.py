"""The edition for students: the site and the plain notebooks, without any solution.

``python book/_ext/student.py`` writes both into ``_build/student``; ``make student`` calls it. The
notebooks that the book was built from are not executed again. Solutions are taken out before a
page is read, so that nothing that is made of the page can hold one: this file is also the Sphinx
extension that does it, which only the configuration of this edition names.
"""

import re
import shutil
from pathlib import Path

import nbformat
import yaml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import build
import notebooks

EDITION = build.ROOT / "_build" / "student"
WORK, SITE, NOTEBOOKS = EDITION / "work", EDITION / "site", EDITION / "notebooks"
_SOLUTION = re.compile(r"^(`{3,}|:{3,})\{solution\}.*?^\1[ ]*$\n*", re.M | re.S)
_LEFT = re.compile(r"\{solution")


def without_solutions(markdown: str) -> str:
    """The text without its ``{solution}`` directives.

    Raises ``ValueError`` when one is left, as one that is written in another form would be.
    """
    text = _SOLUTION.sub("", markdown)
    if left := _LEFT.search(text):
        raise ValueError(f"a solution must begin a line: got {text[left.start() :][:60]!r}")
    return text


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Take the solutions out of a page before it is parsed, and before any other extension."""
    try:
        if app.env.doc2path(page).endswith(".ipynb"):
            notebook = nbformat.reads(source[0], as_version=4)
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    cell.source = without_solutions(cell.source)
            source[0] = nbformat.writes(notebook)
        else:
            source[0] = without_solutions(source[0])
    except ValueError as error:
        raise ExtensionError(f"{page}: {error}") from None


def configuration() -> dict:
    """The book's configuration with this extension, for a file that lies elsewhere."""
    config = yaml.safe_load((build.ROOT / "_config.yml").read_text(encoding="utf-8"))
    sphinx = config["sphinx"]
    local = {**sphinx["local_extensions"], Path(__file__).stem: "book/_ext"}
    sphinx["local_extensions"] = {name: str(build.ROOT / path) for name, path in local.items()}
    sphinx["config"]["extensions"].append(Path(__file__).stem)
    config["execute"]["cache"] = str(build.WORK / "_build" / build.EXECUTED)
    return config


def write() -> Path:
    """Write the edition from the executed notebooks of the book; returns its first page."""
    if not build.is_current():
        build.build()
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / "config.yml"
    file.write_text(yaml.safe_dump(configuration(), allow_unicode=True), encoding="utf-8")
    page = build.write(WORK, SITE, build.digest_of_sources(), file)
    shutil.rmtree(WORK)  # what is handed out is the site and the notebooks
    notebooks.copy_out(SITE, NOTEBOOKS)
    return page


def setup(app: Sphinx) -> dict:
    app.connect("source-read", read, priority=1)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    print(f"the edition without solutions: open {write()}; notebooks: {NOTEBOOKS}")
