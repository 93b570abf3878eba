"""The decks: one a lecture, from ``book/slides/LECTURE.md`` and the lecture's own built page.

Everything stands in one folder, and a deck opens from it by itself: reveal.js, MathJax, the
explorers' script and the pictures are its own. ``make slides`` calls this; so can whoever puts the
site together: ``write(folder, site)``, and ``link(site, folder)`` for the way from page to deck.
"""

import argparse
import filecmp
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

import build
import drawings
import fetch_assets
import slides_source
import solutions
from slides_lecture import Lecture

DECKS = build.ROOT / "_build" / "slides"
STATIC = build.ROOT / "book" / "_static"
OWN = ("deck.css", "deck.js")
OF_THE_SITE = ("explorers.css", "explorers.js", "drawings.css", "drawings.js")
# Where the link to the deck goes: after the minutes that the lecture takes.
_TIME = re.compile(r"(<p><strong>Time</strong>.*?)(</p>)", re.DOTALL)
_LINK = '<span class="to-deck"> · <a href="{}">slides</a></span>'
_LINKED = re.compile(r'<span class="to-deck">.*?</span>', re.DOTALL)


def main() -> None:
    """Write every deck, and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=DECKS, help="the folder of the decks")
    parser.add_argument("--site", type=Path, default=build.SITE, help="the folder of the site")
    asked = parser.parse_args()
    print(f"the decks are written: open {write(asked.into, asked.site)}")


def write(folder: Path, site: Path, only: str | None = None) -> Path:
    """Write the decks of a built site into a folder; returns their first page.

    Args:
        folder: it is made anew.
        site: where the pages lie; each deck leads back to its page by a relative address.
        only: the name of the one lecture whose deck is written; all when left out.

    Raises:
        ValueError: a deck names something that its lecture does not have.
    """
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    _assets(fresh / "assets")
    written = []
    for name in _order():
        if only in (None, name):
            written.append(_deck(name, fresh, folder, site))
    back = os.path.relpath(site / "index.html", folder)
    page = _template("index.html").render(decks=written, back=back)
    (fresh / "index.html").write_text(page, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder / "index.html"


def link(site: Path, folder: Path) -> None:
    """Put, into the page of every lecture of a site, a link to its deck in a folder."""
    for name in _order():
        page = site / "book" / f"{name}.html"
        href = os.path.relpath(folder / f"{name}.html", page.parent)
        text = _LINKED.sub("", page.read_text(encoding="utf-8"))
        text = _TIME.sub(lambda found, to=href: found[1] + _LINK.format(to) + found[2], text, 1)
        page.write_text(text, encoding="utf-8")


def _order() -> list[str]:
    """The lectures that have a deck, in the order of the book."""
    known = {file.stem for file in slides_source.sources()}
    return [file.stem for file in solutions.lectures() if file.stem in known]


def _deck(name: str, fresh: Path, folder: Path, site: Path) -> dict:
    """Write one deck; what the list of decks says of it."""
    page = site / "book" / f"{name}.html"
    if not page.is_file():
        sys.exit(f"missing: {page}; run `make book` first")

    def take(picture: Path) -> str:
        place = fresh / "images" / picture.name
        place.parent.mkdir(exist_ok=True)
        if not place.exists() or not filecmp.cmp(picture, place, shallow=False):
            shutil.copyfile(picture, place)
        return f"images/{picture.name}"

    slides = slides_source.read(slides_source.FOLDER / f"{name}.md")
    with tempfile.TemporaryDirectory() as scratch:
        lecture = Lecture(page, os.path.relpath(page, folder), take, Path(scratch))
        try:
            shown = [_slide(slide, lecture) for slide in slides]
        except ValueError as error:
            raise ValueError(f"{name}.md: {error}") from error
    pictures = {
        picture
        for slide in slides
        for part in slide.parts
        if part.kind == "explorer"
        for picture in lecture.pictures(part.value)
    }
    text = _template("deck.html").render(
        title=lecture.title,
        slides=shown,
        state=Markup(lecture.state() or ""),
        drawings=sorted(map(drawings.script, pictures)),
        back=lecture.back,
    )
    (fresh / f"{name}.html").write_text(text, encoding="utf-8")
    for picture in pictures:
        shutil.copyfile(
            STATIC / drawings.script(picture), fresh / "assets" / drawings.script(picture)
        )
    minutes = sum(slide.minutes for slide in slides)
    return {"name": name, "title": lecture.title, "slides": len(slides), "minutes": f"{minutes:g}"}


def _slide(slide: slides_source.Slide, lecture: Lecture) -> dict:
    """A slide as its template wants it; captions and controls go to the speaker."""
    pieces, asides = [], []
    for part in slide.parts:
        if part.kind == "text":
            inner = _markdown(part.value)
        else:
            inner = getattr(lecture, part.kind)(part.value)
        if part.kind in ("figure", "explorer"):
            asides.append(lecture.caption(part.value))
        if part.kind == "claim":
            asides.append(lecture.aside(part.value))
        kind = f"piece {part.kind}-piece{' fragment' if part.later else ''}"
        pieces.append(Markup(f'<div class="{kind}">{inner}</div>'))
    return {
        "title": Markup(_markdown(slide.title, inline=True)),
        "seconds": round(60 * slide.minutes),
        "minutes": f"{slide.minutes:g}",
        "pieces": pieces,
        "kinds": " ".join(sorted({f"has-{part.kind}" for part in slide.parts})),
        "note": Markup(_markdown(slide.note)),
        "asides": list(map(Markup, asides)),
    }


def _markdown(text: str, inline: bool = False) -> str:
    reader = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=_formula)
    return reader.renderInline(text) if inline else reader.render(text)


def _formula(formula: str, options: dict) -> str:
    """A formula as MathJax looks for it."""
    opening, closing = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return f"{opening}{Markup.escape(formula)}{closing}"


def _template(name: str):
    loader = FileSystemLoader(slides_source.FOLDER)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(name)


def _assets(folder: Path) -> None:
    """What every deck loads."""
    for name in ("reveal", "mathjax", "widgets"):
        shutil.copytree(fetch_assets.ASSETS / name, folder / name)
    for name in OWN:
        shutil.copyfile(slides_source.FOLDER / name, folder / name)
    for name in OF_THE_SITE:
        shutil.copyfile(STATIC / name, folder / name)


if __name__ == "__main__":
    main()
