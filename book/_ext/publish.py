"""One static folder with all that the book has, for any static host or a stick: ``make site``.

The pages; beside them, where they can be made, the decks, the PDF, the handouts and the plain
notebooks. The page *Downloads* links what is there.
"""

import html
import importlib.util
import re
import shutil
import sys
import zipfile
from pathlib import Path

import build
import notebooks
import pdf
import pdf_document

FOLDER = build.ROOT / "_build" / "site"
HANDOUTS = build.ROOT / "_build" / "handouts"
_PLACE = re.compile(r'<div id="to-take-away">.*?</div>', re.DOTALL)
_KINDS = {"slides": "slides", "handouts": "handout", "pdf": "PDF", "notebooks": "notebook"}
_ENDINGS = ("html", "pdf", "ipynb")


def assemble(site: Path, folder: Path, book: Path | None, handouts: Path | None) -> Path:
    """Copy all into one folder and link it; returns the first page.

    Args:
        site: the folder of the built site.
        folder: made anew; the one in place stays until the new one is whole.
        book: the PDF of the book; those of lectures lie beside it.
        handouts: the folder of the handouts.
    """
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(site, fresh, ignore=shutil.ignore_patterns(".sources"))
    _notebooks(fresh)
    if book and book.is_file():
        shutil.copy2(book, fresh / "book.pdf")
        for lecture in sorted(book.parent.glob("*.pdf")):
            if lecture.name != book.name:
                (fresh / "pdf").mkdir(exist_ok=True)
                shutil.copy2(lecture, fresh / "pdf")
    if handouts and handouts.is_dir():
        shutil.copytree(handouts, fresh / "handouts", ignore=shutil.ignore_patterns(".*"))
    if slides := _made_by("slides"):
        # They are written for this folder: each deck leads back to its page, and the page to it.
        slides.write(fresh / "slides", fresh)
        slides.link(fresh, fresh / "slides")
    page = fresh / "book" / "downloads.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(_PLACE.sub(lambda _: downloads(fresh), text), encoding="utf-8")
    (fresh / ".nojekyll").touch()  # GitHub Pages leaves out folders with a leading underscore
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder / "index.html"


def downloads(folder: Path) -> str:
    """What the folder has to take away, as HTML for its page *Downloads*."""
    whole = []
    if (book := folder / "book.pdf").is_file():
        whole.append(("book.pdf", f"The whole book as PDF ({_size(book)})"))
    if (archive := folder / "notebooks.zip").is_file():
        whole.append(("notebooks.zip", f"All plain notebooks ({_size(archive)})"))
    for place, said in (("slides", "All slides"), ("handouts", "All handouts")):
        if (folder / place / "index.html").is_file():
            whole.append((f"{place}/index.html", said))
    items = "".join(f'<li><a href="../{to}">{said}</a></li>' for to, said in whole)
    rows = "".join(_row(folder, page) for page in sorted_lectures(folder))
    table = (
        '<div class="pst-scrollable-table-container"><table class="table"><thead><tr>'
        '<th scope="col">Lecture</th><th scope="col">To take away</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return f'<section id="to-take-away"><ul>{items}</ul>{table if rows else ""}</section>'


def sorted_lectures(folder: Path) -> list[str]:
    """The lectures by name, in the order of the book: what has a plain notebook."""
    known = [page for part in pdf_document.parts(build.ROOT / "_toc.yml") for page in part.pages]
    names = {file.stem for file in (folder / "notebooks").glob("*.ipynb")}
    order = [name for page in known if (name := page.rpartition("/")[2]) in names]
    return [*order, *sorted(names - set(order))]


def _row(folder: Path, name: str) -> str:
    links = []
    for place, said in _KINDS.items():
        for ending in _ENDINGS:
            if (folder / place / f"{name}.{ending}").is_file():
                saved = " download" if ending == "ipynb" else ""
                links.append(f'<a href="../{place}/{name}.{ending}"{saved}>{said}</a>')
                break
    title = html.escape(_title(folder / "book" / f"{name}.html"))
    return f'<tr><td><a href="{name}.html">{title}</a></td><td>{" · ".join(links)}</td></tr>'


def _title(page: Path) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.read_text(encoding="utf-8"), re.DOTALL)
    words = re.sub(r'<a class="headerlink".*?</a>|<[^>]+>', "", found[1], flags=re.DOTALL)
    return html.unescape(words).strip()


def _size(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"


def _notebooks(folder: Path) -> None:
    """The plain notebooks under a plain name, and all of them in one archive."""
    place = folder / "notebooks"
    place.mkdir()
    with zipfile.ZipFile(folder / "notebooks.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / notebooks.FOLDER).glob("*.ipynb")):
            shutil.copy2(file, place)
            entry = zipfile.ZipInfo(f"notebooks/{file.name}")  # the same bytes for the same files
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _made_by(name: str):
    """The module of book/_ext that makes something; None where the book has none."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def main() -> None:
    if not build.is_current():
        build.build()
    if not pdf.is_current():
        pdf.write()
    if (made := _made_by("handouts")) and not _newer(HANDOUTS):
        made.main()
    print(f"the site is whole: open {assemble(build.SITE, FOLDER, pdf.PDF / 'book.pdf', HANDOUTS)}")


def _newer(folder: Path) -> bool:
    """Whether a folder was made after the site was built."""
    return folder.is_dir() and folder.stat().st_mtime > (build.SITE / ".sources").stat().st_mtime


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(f"interrupted: what was built before stays in {FOLDER}")
