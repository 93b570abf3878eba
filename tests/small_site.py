"""A small site, written by hand, with what the pages of the built one have."""

# ruff: noqa: E501

import shutil
from pathlib import Path

import pdf_document

STATIC = Path(pdf_document.__file__).parent.parent / "_static"
PAGE = """<!doctype html><html lang="en"><head><title>{title}</title>
<link rel="stylesheet" href="../_static/paper.css"><script src="../_static/search.js"></script></head>
<body><nav>Sidebar</nav><article class="bd-article"><section id="{name}">
<h1><span class="section-number">{number}. </span>{title}<a class="headerlink" href="#{name}">#</a></h1>
{body}
</section></article></body></html>"""
LONG = "The page second, whose title is so long that it needs more than one line of the sheet"
LECTURE = """
<p class="notebook-link"><a href="../_notebooks/{name}.ipynb">Download this lecture</a></p>
<section id="goals"><h2>Goals of {name}<a class="headerlink" href="#goals">#</a></h2>
<p>See <a href="#fig">the figure</a>, <a href="{other}.html#fig">the other's</a>, <a href="{other}.html">all of it</a>,
<a href="downloads.html#x">what is not printed</a> and <a href="https://example.org/a_b">another host</a>.</p>
<figure id="fig"><div class="explorer-place" style="min-height: 900px"><div class="twin-picture">
<img src="../_images/{name}.svg" alt="A line" width="400" height="300"></div>
<div class="explorer">Move the slider</div></div><figcaption>Caption of {name}</figcaption></figure>
<div class="cell"><details class="hide above-input"><summary>Show code</summary><pre>hidden = 1</pre></details></div>
<details class="sd-dropdown"><summary class="sd-summary-title">Deeper: why</summary>
<div class="sd-summary-content"><p>Deep words of {name}.</p></div></details></section>
<section id="long"><h2>Long</h2>{text}</section>
<section id="exercises"><h2>Exercises</h2><p>Exercise of {name}</p>
<details class="admonition solution" id="so"><summary class="admonition-title">Solution of {name}</summary>
<p>Because of <a href="#goals">the goals</a>.</p></details><p>Words after it.</p></section>
<script type="application/vnd.jupyter.widget-state+json">{{"state": "of {name}"}}</script>"""
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><path d="M0 300L400 0" stroke="#000"/></svg>'
TOC = """format: jb-book
root: book/index
parts:
  - caption: Part I · Beginnings
    chapters: [{file: book/first}, {file: book/second}]
  - caption: Reference
    chapters: [{file: book/words}]
"""


def write(folder: Path) -> Path:
    """The site and its table of contents (``_toc.yml`` beside it); returns the site's folder."""
    site = folder / "html"
    for place in ("book", "_images", "_static", "_notebooks"):
        (site / place).mkdir(parents=True)
    for sheet in ("paper.css", "pdf.css", "search.js"):
        shutil.copy(STATIC / sheet, site / "_static")
    text = "".join(f"<p>{'Words of a paragraph. ' * 20}</p>" for _ in range(8))
    bodies = {
        "index": "<p>What the book is about: <a href='first.html'>begin</a>.</p>",
        "first": LECTURE.format(name="first", other="second", text=text),
        "second": LECTURE.format(name="second", other="first", text=text),
        "words": "<dl><dt id='term-a'>A word</dt><dd>and its meaning</dd></dl>",
        "downloads": '<div id="to-take-away"><p>Nothing yet.</p></div>',
    }
    for number, (name, body) in enumerate(bodies.items()):
        page = PAGE.format(
            title=LONG if name == "second" else f"The page {name}",
            name=name,
            number=number,
            body=body,
        )
        (site / "book" / f"{name}.html").write_text(page, encoding="utf-8")
        (site / "_images" / f"{name}.svg").write_text(PICTURE, encoding="utf-8")
    for name in ("first", "second"):
        (site / "_notebooks" / f"{name}.ipynb").write_text("{}", encoding="utf-8")
    (site / "index.html").write_text('<a href="book/index.html">The book</a>', encoding="utf-8")
    (folder / "_toc.yml").write_text(TOC, encoding="utf-8")
    return site
