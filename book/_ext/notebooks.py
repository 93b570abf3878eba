"""Each lecture as a plain notebook: a Sphinx extension that writes them beside the site's pages.

A plain notebook needs no extension of the front end: the numbers of the build, of its figures,
equations and exercises, citations and references are written out (``notebooks_markdown``), and
the book's house-keeping is collapsed or left out (``notebooks_cells``). Each page offers its own.

``python book/_ext/notebooks.py`` copies them out of the built site; ``make notebooks`` calls it.
"""

import hashlib
import json
import posixpath
import sys
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import build
from notebooks_cells import Cell, assembled, prepared
from notebooks_markdown import EXERCISES, Writer

FOLDER = "_notebooks"  # in the site
NOTEBOOKS = build.ROOT / "_build" / "notebooks"  # where people work on them
_CELL = 10_000  # myst-nb counts the lines of a notebook's cells from multiples of this


def lectures(env: BuildEnvironment) -> list[str]:
    """The pages that are notebooks."""
    return [page for page in env.found_docs if env.doc2path(page).endswith(".ipynb")]


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Keep a notebook as it is parsed, after every other extension has had its hand in it."""
    if app.env.doc2path(page).endswith(".ipynb"):
        _kept(app.env)[page] = source[0]


def forget(app: Sphinx, env: BuildEnvironment, page: str) -> None:
    _kept(env).pop(page, None)


def merge(app: Sphinx, env: BuildEnvironment, pages, other: BuildEnvironment) -> None:
    _kept(env).update(_kept(other))


def _kept(env: BuildEnvironment) -> dict[str, str]:
    if not hasattr(env, "notebooks_read"):
        env.notebooks_read = {}
    return env.notebooks_read


def export(app: Sphinx, document: nodes.document, page: str) -> None:
    """Write the notebook of a page when the page is written, and link it at the page's top."""
    if app.builder.name != "html" or page not in _kept(app.env):
        return
    notebook = nbformat.reads(_kept(app.env)[page], as_version=4)
    name = posixpath.basename(page)
    file = Path(app.outdir, FOLDER, f"{name}.ipynb")
    file.parent.mkdir(exist_ok=True)
    text = written(plain(app, document, page, notebook))
    file.write_text(text, encoding="utf-8")
    handed = f"saveNotebook({json.dumps(file.name)}, {json.dumps(text, ensure_ascii=False)});\n"
    file.with_suffix(".js").write_text(handed, encoding="utf-8")  # for who reads from a folder
    title = next(document.findall(nodes.title), None)
    if title is not None:
        address = f"{'../' * page.count('/')}{FOLDER}/{file.name}"
        said = "Download this lecture as a notebook"
        link = f'<p class="notebook-link"><a href="{address}" download>{said}</a></p>'
        title.parent.insert(title.parent.index(title) + 1, nodes.raw("", link, format="html"))


def written(notebook: nbformat.NotebookNode) -> str:
    """The bytes of a notebook: the same for the same notebook."""
    nbformat.validate(notebook)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def plain(
    app: Sphinx, document: nodes.document, page: str, notebook: nbformat.NotebookNode
) -> nbformat.NotebookNode:
    """The plain notebook of a page: from its resolved document, and the notebook as it was read."""
    writer, cells, moved = Writer(app, page, lectures(app.env)), *prepared(notebook)
    found: list[Cell] = []
    captions: dict[int, str] = {}
    at = -1  # the place of the last cell of the lecture that was begun

    def advance(place: int) -> None:
        """Add the code cells up to one place, each with the caption that stands below it."""
        nonlocal at
        while at < place:
            at += 1
            if at in cells:
                found.append(cells[at])
            if at in captions:
                found.append(Cell("markdown", captions[at]))

    def add(text: str, begins: bool) -> None:
        if not text:
            return
        if begins or not found or found[-1].kind != "markdown":
            found.append(Cell("markdown", text))
        else:
            found[-1].source += f"\n\n{text}"

    def walk(section: nodes.Element, depth: int) -> None:
        for node in section.children:
            if isinstance(node, nodes.container) and node.get("nb_element") == "cell_code":
                place = node["cell_index"]
                for figure in node.findall(nodes.figure):
                    captions[moved.get(place, place)] = writer.caption(figure)
                advance(place)
                continue
            place = _place(node)
            begins = place > at or isinstance(node, EXERCISES)
            advance(place)
            if isinstance(node, nodes.section):
                walk(node, depth + 1)
            elif isinstance(node, nodes.title):
                add(f"{'#' * min(depth, 6)} {writer.inline(node)}", begins=True)
            else:
                add(writer.block(node, depth), begins)

    walk(document, 0)
    advance(len(notebook.cells))
    if sources := writer.sources():
        found.append(Cell("markdown", f"### Cited in this notebook\n\n{sources}"))
    return assembled(posixpath.basename(page), found)


def _place(node: nodes.Node) -> int:
    """Which cell of the lecture a block comes from; -1 where its line does not say so."""
    lines = (each.line for each in node.findall() if getattr(each, "line", None))
    return next(lines, 0) // _CELL - 1


def copy_out(site: Path = build.SITE, folder: Path = NOTEBOOKS) -> list[Path]:
    """Copy the notebooks out of the site, to work on them.

    One that was changed since (an answer, an output) is left alone while its lecture is the same.
    When the lecture is another, the changed one stays beside the new one, under a name of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / ".exported"
    exported = json.loads(stamp.read_text("utf-8")) if stamp.is_file() else {}
    copied = []
    for source in sorted((site / FOLDER).glob("*.ipynb")):
        target, fresh = folder / source.name, hashlib.sha256(source.read_bytes()).hexdigest()
        known = exported.get(source.name)
        if target.is_file() and known != fresh:
            if known != hashlib.sha256(target.read_bytes()).hexdigest():
                target.rename(_free(folder, source.stem))
        if not target.is_file() or known != fresh:
            target.write_bytes(source.read_bytes())
        exported[source.name] = fresh
        copied.append(target)
    stamp.write_text(json.dumps(exported, indent=1, sort_keys=True), encoding="utf-8")
    return copied


def _free(folder: Path, name: str) -> Path:
    """A name for a notebook that somebody changed."""
    number = 1
    while (place := folder / f"{name}-changed-{number}.ipynb").exists():
        number += 1
    print(f"{name}.ipynb was changed by hand: kept as {place.name}", flush=True)
    return place


def setup(app: Sphinx) -> dict:
    app.connect("source-read", read, priority=900)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", export, priority=100)  # before what is made for the page alone
    app.add_css_file("notebooks.css")
    app.add_js_file("notebooks.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    if found := copy_out():
        print(f"{len(found)} notebooks: {NOTEBOOKS}")
    else:
        sys.exit(f"no notebooks in {build.SITE}: build the book first (make book)")
