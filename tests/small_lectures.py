"""A book of two small lectures that hold all a lecture's page may hold, built."""

import io
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

SETTINGS = {
    "extensions": "myst_nb sphinx_design sphinx_exercise sphinxcontrib.bibtex notebooks".split(),
    "myst_enable_extensions": ["amsmath", "colon_fence", "deflist", "dollarmath"],
    "nb_execution_mode": "force",
    "nb_execution_raise_on_error": True,
    "bibtex_bibfiles": ["references.bib"],
    "bibtex_reference_style": "author_year",
    "numfig": True,
    "math_numfig": True,
    "math_eqref_format": "({number})",
    "html_theme": "basic",
}
TEXT = (
    r"""
(first)=
# A first lecture

See {doc}`second`, {doc}`notation`, {numref}`fig-first-line`, {eq}`eq-first`, {ref}`ex-first` and
{term}`token`; {cite:t}`old1999` said so {cite}`new2001`. It costs $5 and *gives* a_b_ [x] **bold**
{glue:text}`first-number:.2f` or {glue:text}`first-word`.

$$
\begin{aligned}
a &= b, \\
c &= d .
\end{aligned}
$$ (eq-first)

:::{admonition} Predict, then look
:class: predict
Which of $x$ and $y$?

1. the first, $x_1 * y_1$
2. the second
:::
""",
    r"""
::::{dropdown} Answer
:class-container: answer
**B.** Because {glue:text}`first-number:.1f` is more, by {eq}`eq-first`.

:::{dropdown} Deeper: more about $x < y$
Nested:

$$
x^2 +
y^2
$$ (eq-deep)

* one
* two, with a [link](https://example.org/a_b)
:::
::::

:::{note}
A quotation with $x + y$ and `code` inside.
:::

| what | *how* |
|---|---|
| $P(x \| y)$ | {glue:text}`first-word` |
| `a\|b` | 2 |

1986\. is a year.

term
: its meaning

## Exercises

```{exercise} By hand (★)
:label: ex-first
Show {eq}`eq-first`.
```

````{solution} ex-first
:label: so-first
:class: dropdown
By {numref}`fig-first-line`.

```python
assert 1 + 1 == 2
```
````
""",
)
GLUE_IMPORT = "from myst_nb import glue"
NUMBERS = """value, kept = 3.14159, []
for key in ("first-word", "first-other"):
    glue(key, "a *word*", display=False)
if value:
    glue("first-number", value, display=False)
else:
    kept.append(0)
kept.append(value)
assert kept"""
EXPLORER = """from nlgnotes.widgets import explorer

explorer(draw, {"k": ["one", "two", "three"]}, alt=draw, start="one")"""
TWIN = """from IPython.display import HTML


def draw(k):
    return f"<b>drawn for {k}</b>"


HTML(draw("one"))"""
LINE = """import matplotlib.pyplot as plt

_ = plt.subplots(figsize=(2, 1))[1].plot([1, 2])"""
SOURCES = """@misc{old1999, title={On {_old_} *things*}, author={Ann Old}, year={1999}}
@misc{new2001, title={New things}, author={Bo New}, year={2001}}
@misc{not2002, title={Never cited}, author={Cy Not}, year={2002}}
"""


def figure(name: str, caption: str) -> dict:
    return {"figure": {"name": name, "caption": caption}}


def lecture() -> nbformat.NotebookNode:
    """The first lecture as its author writes it."""
    before, after = TEXT
    return new_notebook(
        cells=[
            new_markdown_cell(before.strip()),
            new_code_cell("seed = 0", metadata={"tags": ["parameters"]}),
            new_code_cell(GLUE_IMPORT, metadata={"tags": ["hide-input"]}),
            new_code_cell(NUMBERS, metadata={"tags": ["remove-cell"]}),
            new_code_cell("more = 1", metadata={"tags": ["remove-cell"]}),
            new_code_cell(
                'glue("first-more", more, display=False)', metadata={"tags": ["remove-cell"]}
            ),
            new_code_cell(
                LINE,
                metadata={"mystnb": figure("fig-first-line", "A line, {glue:text}`first-word`.")},
            ),
            new_code_cell(
                TWIN,
                metadata={"tags": ["hide-input"], "mystnb": figure("fig-first-twin", "Move it.")},
            ),
            new_code_cell(EXPLORER),
            new_markdown_cell(after.strip()),
            new_code_cell("more", metadata={"tags": ["hide-input"]}),
        ],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )


def _write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """A notebook as its author saved it, its cells numbered: new ones are named by chance."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    nbformat.write(notebook, path)


def built(folder: Path) -> tuple[Path, str]:
    """The book, built in a folder: where its site is, and what Sphinx warned of."""
    source, out, warnings = folder / "source", folder / "site", io.StringIO()
    source.mkdir()
    _write(lecture(), source / "first.ipynb")
    second = new_notebook(cells=[new_markdown_cell("# A second lecture\n\nBack to {doc}`first`.")])
    second.metadata = lecture().metadata
    _write(second, source / "second.ipynb")
    texts = {
        "index.md": "# Book\n\n```{toctree}\nfirst\nsecond\nnotation\nreferences\n```\n",
        "notation.md": "# Notation\n\n:::{glossary}\ntoken\n: a word\n:::\n",
        "references.md": "# References\n\n```{bibliography}\n```\n",
        "references.bib": SOURCES,
    }
    for name, text in texts.items():
        (source / name).write_text(text, encoding="utf-8")
    with docutils_namespace():
        Sphinx(source, None, out, folder / "trees", "html", SETTINGS, None, warnings).build()
    return out, warnings.getvalue()
