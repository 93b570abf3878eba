"""The built book as one PDF, or one lecture of it: ``make pdf``, ``make pdf NAME=sampling``.

Chromium prints one document of all pages (``pdf_document``), so that links, the outline and the
numbers of the sheets are its own. The numbers in the contents are known only then: a second,
short print of the contents is laid over the first.
"""

import argparse
import contextlib
import ctypes
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

import build
import pdf_document
from pdf_document import Part

PDF = build.ROOT / "_build" / "pdf"
SLOWEST = 600_000  # milliseconds that typesetting may take
# Links to files; and the package from A to Z, as long as several lectures and only of use as links.
LEFT_OUT = {"downloads", "api"}
SHEET = {"width": 658, "height": 960}  # A4 within the margins of pdf.css, 96 dots to the inch
_LOADED = """async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await document.fonts.ready;
    await Promise.all([...document.images].map(each => {
        each.loading = 'eager';
        return each.decode().catch(() => {});  // what is missing is reported as a request
    }));
}"""
# An equation that is wider than the sheet is set smaller, as folds.js does it on the site's pages;
# a table that is long may be parted, and a picture that is taller than wide may fill a sheet.
_FIT = """() => {
    for (const table of document.querySelectorAll('table'))
        table.classList.toggle('pdf-long', table.offsetHeight > innerHeight / 2);
    for (const each of document.querySelectorAll('figure img'))
        each.classList.toggle('pdf-tall', each.naturalHeight > 1.25 * each.naturalWidth);
    const wide = [...document.querySelectorAll('div.math > mjx-container')]
        .map(box => [box, box.clientWidth, box.scrollWidth])
        .filter(([, room, all]) => all > room + 1);
    for (const [box, room, all] of wide)
        box.style.fontSize = `${0.98 * parseFloat(box.style.fontSize || '100') * room / all}%`;
}"""
# Whether two characters look the same: what no font has is drawn as the same empty box.
_SAME = """([one, other]) => {
    const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
    const drawn = character => {
        pen.clearRect(0, 0, 60, 60);
        pen.font = '40px sans-serif';
        pen.fillText(character, 5, 45);
        return pen.getImageData(0, 0, 60, 60).data.join();
    };
    return drawn(one) === drawn(other);
}"""
NO_CHINESE = (
    "no font of this machine has Chinese characters: the PDF shows boxes in their place"
    " (on Debian and Ubuntu: apt-get install fonts-noto-cjk)"
)
_NUMBERS = """numbers => {
    document.querySelectorAll('.pdf-chapter').forEach(each => each.remove());
    document.body.classList.add('pdf-numbers');
    document.head.append(Object.assign(document.createElement('style'),
        {textContent: '@page { @bottom-center { content: none; } }'}));
    for (const each of document.querySelectorAll('.pdf-number'))
        each.textContent = numbers[each.dataset.at] ?? '';
}"""


class PrintError(RuntimeError):
    """The document could not be printed as it should be."""


@contextlib.contextmanager
def browser() -> Iterator:
    """A headless Chromium: that of the tests."""
    sys.path.append(str(build.ROOT / "tests"))
    import chromium
    from playwright.sync_api import sync_playwright

    if not (path := chromium.find()):
        raise PrintError(chromium.MISSING)
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


def printed(browser, site: Path, document: str) -> bytes:
    """A document of ``pdf_document`` as PDF.

    Args:
        browser: playwright's.
        site: the folder of the built site; nothing else is read.
        document: its HTML.

    Raises:
        PrintError: when something was asked of another host, or was missing.
    """
    page = browser.new_page()
    address, root = f"{site.as_uri()}/book/printed.html", site.as_uri() + "/"
    wrong: list[str] = []

    def gate(route) -> None:
        asked = route.request.url
        if asked == address:
            route.fulfill(body=document, content_type="text/html; charset=utf-8")
        elif asked.startswith((root, "data:")):
            route.continue_()
        else:
            wrong.append(f"another host was asked: {asked}")
            route.abort()

    page.route("**/*", gate)
    page.on("requestfailed", lambda request: wrong.append(f"missing: {request.url}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_viewport_size(SHEET)
    page.emulate_media(media="print", color_scheme="light")
    page.set_default_timeout(SLOWEST)
    page.goto(address, wait_until="load")
    page.evaluate(_LOADED)
    page.evaluate(_FIT)
    if page.evaluate(_SAME, ["破", "晓"]):
        print(NO_CHINESE, flush=True)
    # Only a tagged PDF has an outline; it can also be read aloud.
    whole = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    if wrong:
        raise PrintError("; ".join(dict.fromkeys(wrong)))
    if 'class="pdf-contents"' in document:
        page.evaluate(_NUMBERS, places(whole))
        whole = laid_over(whole, page.pdf(prefer_css_page_size=True))
    page.close()
    return whole


def places(pdf: bytes) -> dict[str, int]:
    """The sheet of each anchor that a link of a PDF leads to, counted from 1."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    found = {}
    with pypdfium2.PdfDocument(pdf) as document:
        for i in range(pdfium.FPDF_CountNamedDests(document)):
            size = ctypes.c_long(0)
            pdfium.FPDF_GetNamedDest(document, i, None, size)
            name = ctypes.create_string_buffer(size.value)
            place = pdfium.FPDF_GetNamedDest(document, i, name, size)
            said = name.raw.decode("utf-16-le").rstrip("\0")
            found[said] = pdfium.FPDFDest_GetDestPageIndex(document, place) + 1
    return found


def laid_over(pdf: bytes, above: bytes) -> bytes:
    """The first sheets of a PDF with those of another one over them."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document, pypdfium2.PdfDocument(above) as numbers:
        for i in range(len(numbers)):
            sheet = document[i]
            sheet.insert_obj(numbers.page_as_xobject(i, document).as_pageobject())
            sheet.gen_content()
        document.save(whole := io.BytesIO())
    return whole.getvalue()


def write(name: str | None = None) -> Path:
    """Print the built site's book, or one lecture of it; returns the file.

    Raises:
        PrintError: there is no such lecture, no Chromium, or something was missing on the way.
    """
    parts = pdf_document.parts(build.ROOT / "_toc.yml")
    chosen = [Part(part.caption, [p for p in part.pages if wanted(p, name)]) for part in parts]
    if not (chosen := [part for part in chosen if part.pages]):
        known = ", ".join(p.rpartition("/")[2] for part in parts for p in part.pages)
        raise PrintError(f"NAME must be one of {known}; got {name}")
    title = yaml.safe_load((build.ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    cited = yaml.safe_load((build.ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    about = [
        "Executable lectures in which the truth is known",
        ", ".join(author["name"] for author in cited["authors"]),
        f"Version {cited['version']} of {cited['date-released']}",
        "Code: MIT. Prose and figures: CC BY 4.0.",
    ]
    document = pdf_document.document(build.SITE, chosen, title, about)
    with browser() as chromium:
        whole = printed(chromium, build.SITE, document)
    PDF.mkdir(parents=True, exist_ok=True)
    file = PDF / f"{name or 'book'}.pdf"
    partial = file.with_suffix(".partial")
    partial.write_bytes(whole)
    return partial.replace(file)


def wanted(page: str, name: str | None) -> bool:
    """Whether a page is printed: the one of that name, or all that are not left out."""
    own = page.rpartition("/")[2]
    return own == name if name else own not in LEFT_OUT


def is_current() -> bool:
    """Whether the PDF of the book is younger than the site."""
    book, site = PDF / "book.pdf", build.SITE / ".sources"
    return book.is_file() and site.is_file() and book.stat().st_mtime > site.stat().st_mtime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", help="a lecture, as sampling; without it, the book")
    try:
        file = write(parser.parse_args().name)
    except PrintError as error:
        sys.exit(f"not printed: {error}")
    print(f"printed, {file.stat().st_size / 1e6:.1f} MB: open {file}")


if __name__ == "__main__":
    main()
