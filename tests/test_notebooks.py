"""The plain notebooks: each says what its page says, and needs nothing but the package."""

import ast
import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import build
import nbformat
import notebooks
import notebooks_cells as cells
import pytest
import small_lectures
import solutions
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

LECTURES = [file.stem for file in solutions.lectures()]
# A role or directive of MyST that was left as it is written.
RAW = re.compile(r"\{[a-z][a-z:-]*\}`|^\s*(?:>\s*)*(?::::|`{3,}\{|~{3,}\{)", re.MULTILINE)
# What only the page has: code, and lines that lead about the site.
UNSEEN = ".cell, .claim-links, .notebook-link, .api-used, script"
MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)


@pytest.fixture(scope="module")
def first(small_lectures_built) -> nbformat.NotebookNode:
    return nbformat.read(small_lectures_built[0] / notebooks.FOLDER / "first.ipynb", as_version=4)


@pytest.fixture(scope="module")
def site() -> Path:
    """The site; built here if missing or stale."""
    if not build.is_current():
        build.build()
    return build.SITE


def prose(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def exported(site: Path, lecture: str) -> nbformat.NotebookNode:
    return nbformat.read(site / notebooks.FOLDER / f"{lecture}.ipynb", as_version=4)


def page(site: Path, lecture: str) -> BeautifulSoup:
    text = (site / "book" / f"{lecture}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser").select_one("article")


# A small book.


def test_the_small_book_builds_without_a_warning(small_lectures_built):
    assert small_lectures_built[1] == ""


@pytest.mark.parametrize(
    "text",
    [
        "See [A second lecture](second.ipynb), Notation, Fig. 1, (1), Exercise 1 and token;",
        r"Old \[1999\] said so \[New, 2001\]. It costs \$5 and *gives* a_b\_ \[x\] **bold**",
        r"3.14 or a \*word\*.",
        "\\end{aligned}\n\\tag{1}\n$$",
        "> Which of $x$ and $y$?\n>\n> **A.** the first, $x_1 * y_1$\n>\n> **B.** the second",
        r"**Fig. 1** A line, a \*word\*.",
        "<details>\n<summary><b>Answer</b></summary>\n\n**B.** Because 3.1 is more, by (1).\n\n"
        "<details>\n<summary><b>Deeper: more about $x &lt; y$</b></summary>\n\nNested:\n\n"
        "$$x^2 + y^2 \\tag{2}$$\n\n* one\n* two, with a [link](https://example.org/a_b)\n\n"
        "</details>\n\n</details>",
        "> **Note**\n>\n> A quotation with $x + y$ and `code` inside.",
        "| what | *how* |\n| --- | --- |\n| $P(x \\vert  y)$ | a \\*word\\* |\n| `a\\|b` | 2 |",
        r"1986\. is a year.",
        "**term**: its meaning",
        "### Exercise 1 (By hand (★))\n\nShow (1).\n\n<details>",
        "<details>\n<summary><b>Solution to Exercise 1 (By hand (★))</b></summary>",
        "By Fig. 1.\n\n```python\nassert 1 + 1 == 2\n```\n\n</details>",
        "* Bo New. New things. 2001.\n* Ann Old. On \\_old\\_ \\*things\\*. 1999.",
    ],
)
def test_every_part_of_a_page_becomes_plain_markdown(first, text):
    assert text in "\n----\n".join(prose(first))


def test_what_is_not_needed_to_run_is_gone_and_the_rest_of_it_collapsed(first):
    told = {cell.source: cell.metadata for cell in first.cells}
    whole = "\n".join(code(first))
    assert small_lectures.GLUE_IMPORT not in whole
    assert 'glue("first-word"' not in whole and "first-more" not in whole
    assert 'value, kept = 3.14159, []\nif value:\n    glue("first-number"' in whole, "an else stays"
    assert cells.STAND_IN in whole, "glue that could not be taken out calls a stand-in"
    (kept,) = [source for source in told if source.startswith("value, kept")]
    assert kept.endswith("\n\nmore = 1"), "cells that show nothing are one"
    assert told[kept]["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
    assert told["more"]["jupyter"] == {"source_hidden": True}
    assert told["more"]["cellView"] == "form"
    assert told["seed = 0"] == {"tags": ["parameters"]}


def test_an_explorer_stands_alone_above_the_caption(first):
    sources = [cell.source for cell in first.cells]
    assert not any('HTML(draw("one"))' in source for source in sources)
    at = sources.index(small_lectures.EXPLORER)
    assert sources[at - 1].endswith('return f"<b>drawn for {k}</b>"')
    assert sources[at + 1].startswith("**Fig. 2** Move it.")


def test_a_drawing_takes_the_place_of_its_twin_as_an_explorer_does():
    for name in ("explorer", "drawing"):
        assert cells.explored(f"stops = {{}}\n{name}(show, stops, alt='')") == "show"
    assert cells.explored("other(show, stops)") is None


def test_code_without_glue_keeps_every_other_line():
    kept = "a = 1  # one\nfor i in b:\n    c(i)\n"
    assert cells.without_glue(kept) == kept
    assert cells.without_glue("from myst_nb import glue") == ""
    assert (
        cells.without_glue(
            'a = 1\nfor i in a:\n    if i:\n        glue(\n            "x", i\n        )\nb = 2'
        )
        == "a = 1\nb = 2"
    )
    other = 'if a:\n    glue("x", a)\nelse:\n    b = 2'
    assert compile(cells.without_glue(other), "", "exec") and "b = 2" in cells.without_glue(other)


def test_the_first_cell_says_what_is_missing(monkeypatch, capsys):
    check = cells.assembled("x", []).cells[0].source
    versions = {line.split("==")[0]: line.split("==")[1] for line in declared()}
    versions["nlgnotes"] = "0.1.0"

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    def requires(name):
        version(name)
        return [*declared(), 'transformers==1; extra == "pretrained"']

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", requires)
    exec(check, {})
    assert capsys.readouterr().out == "nlgnotes 0.1.0 is installed\n"
    versions["torch"] = "2.0.0+cpu"
    exec(check, {})
    assert "torch is 2.0.0; the book has" in capsys.readouterr().out
    versions["ipywidgets"] = "8.0.7"
    with pytest.raises(ImportError, match=r"must be 8\.1 or newer; found 8\.0\.7"):
        exec(check, {})
    for name in ("ipywidgets", "nlgnotes"):
        del versions[name]
        with pytest.raises(ImportError, match=f"{name} is not installed"):
            exec(check, {})


def test_a_notebook_somebody_changed_is_kept(tmp_path, capsys):
    made, folder = tmp_path / "site" / notebooks.FOLDER, tmp_path / "out"
    made.mkdir(parents=True)
    (made / "a.ipynb").write_text("1")
    notebooks.copy_out(made.parent, folder)
    (folder / "a.ipynb").write_text("mine")
    notebooks.copy_out(made.parent, folder)
    assert (folder / "a.ipynb").read_text() == "mine", "its lecture is the same"
    (made / "a.ipynb").write_text("2")
    notebooks.copy_out(made.parent, folder)
    assert (folder / "a.ipynb").read_text() == "2"
    assert (folder / "a-changed-1.ipynb").read_text() == "mine"
    assert "kept as a-changed-1.ipynb" in capsys.readouterr().out
    (made / "a.ipynb").write_text("3")
    notebooks.copy_out(made.parent, folder)
    assert sorted(file.name for file in folder.glob("*.ipynb")) == ["a-changed-1.ipynb", "a.ipynb"]


# The lectures.


def declared() -> list[str]:
    text = (solutions.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["dependencies"]


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_lecture_is_a_valid_notebook_without_raw_markup(site, lecture):
    notebook = exported(site, lecture)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [RAW.findall(text) for text in prose(notebook) if RAW.search(text)] == []
    assert not any(
        cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code"
    )
    text = (site / notebooks.FOLDER / f"{lecture}.ipynb").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_lecture_imports_only_what_the_package_brings(site, lecture):
    allowed = {line.split("==")[0] for line in declared()} | {"nlgnotes", "IPython", "PIL"}
    for source in code(exported(site, lecture)):
        for node in ast.walk(ast.parse(source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed | sys.stdlib_module_names


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_lecture_has_the_words_and_numbers_of_its_page(site, lecture):
    article, notebook = page(site, lecture), exported(site, lecture)
    numbers = [each.text.strip("()¶# ") for each in article.select(".eqno")]
    whole = "\n\n".join(prose(notebook))
    assert re.findall(r"\\tag\{(.*?)\}", whole) == numbers
    captions = [each.text.strip() for each in article.select("figcaption .caption-number")]
    assert sorted(re.findall(r"^\*\*(Fig\. \d+)\*\*", whole, re.MULTILINE)) == sorted(captions)
    here = words(BeautifulSoup(MARKDOWN.render(whole), "html.parser"))
    assert captions and numbers
    for unseen in article.select(UNSEEN):
        if not unseen.select("figcaption"):
            unseen.decompose()
    paragraphs = article.select(
        "p:not(.cell_output p, .admonition-title), figcaption .caption-text"
    )
    missing = [text for each in paragraphs if (text := words(each)) not in here]
    assert len(paragraphs) > 50 and missing == []


def words(element) -> str:
    """What an element says, without formulas and white space."""
    for formula in element.select(".math, .headerlink, svg"):
        formula.decompose()
    return re.sub(r"\s+", "", element.text)


@pytest.mark.parametrize("lecture", LECTURES)
def test_solutions_are_folded(site, lecture):
    whole = "\n\n".join(prose(exported(site, lecture)))
    solved = (solutions.ROOT / "book" / f"{lecture}.ipynb").read_text("utf-8").count("{solution}")
    assert whole.count("<summary><b>Solution to Exercise ") == solved > 0
    assert whole.count("<details>") == whole.count("</details>")
    open_text = re.sub(r"<details>(?:(?!<details>).)*?</details>", "", whole, flags=re.DOTALL)
    assert "```python" not in open_text


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_page_offers_its_notebook(site, lecture):
    (link,) = page(site, lecture).select(".notebook-link a")
    assert link.has_attr("download") and link.find_previous("h1")
    file = (site / "book" / link["href"]).resolve()
    assert file == site / notebooks.FOLDER / f"{lecture}.ipynb" and file.is_file()
