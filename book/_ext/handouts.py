"""One A4 sheet for each lecture: its question, schematic, equations, three results, exercises.

``make handouts`` takes them from the built site and prints them with Chromium into
``_build/handouts``. Everything on a
sheet stands on the lecture's page; ``book/handouts.yml`` only says which equations and claims.
"""

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag

import build
import pdf
import solutions
from search_texts import without_colours

HANDOUTS = build.ROOT / "_build" / "handouts"
CHOICE = build.ROOT / "book" / "handouts.yml"
STYLE = Path(__file__).with_suffix(".css")
SMALLEST, LARGEST = 8.5, 11.0  # points of the text
WIDTHS = (100, 90, 80, 70)  # per cent of its own width that the schematic may take
MATH = 'MathJax = {options: {enableMenu: false, processHtmlClass: "math"}, chtml: {scale: 0.9}}'
_TYPESET = "MathJax.startup.promise.then(() => document.fonts.ready)"
_FITS = """([points, width, smallest]) => {
    document.documentElement.style.setProperty("--points", points + "pt");
    document.documentElement.style.setProperty("--schematic", width / 100);
    const sheet = document.querySelector(".sheet"), all = [...sheet.querySelectorAll("*")];
    if (sheet.scrollHeight > sheet.clientHeight) return false;
    const edge = sheet.getBoundingClientRect().right - parseFloat(getComputedStyle(sheet).paddingRight);
    const said = all.filter(each => !each.closest("mjx-container")
        && [...each.childNodes].some(node => node.nodeType == 3 && node.data.trim()));
    return all.every(each => each.closest("mjx-assistive-mml")
            || each.getBoundingClientRect().right <= edge + 1)
        && said.every(each => parseFloat(getComputedStyle(each).fontSize) > smallest / 0.75 - 0.01);
}"""  # noqa: E501


class HandoutError(Exception):
    """A part of a lecture that is not on its page, or a sheet that is too small for its text."""


@dataclass(frozen=True)
class Handout:
    """One printed sheet, and with which size of its text it fitted."""

    lecture: str
    title: str
    file: Path
    points: float


def sheet(lecture: str, page: str, choice: dict[str, list[str]], site: str) -> str:
    """The sheet of a lecture as HTML.

    Args:
        lecture: its name.
        page: the HTML of its page on the site.
        choice: labels of ``equations`` and ids of ``claims``.
        site: the site's address as seen from where the sheet will lie.

    Raises:
        HandoutError: the page lacks what was chosen.
    """
    soup = BeautifulSoup(without_colours(page), "html.parser")
    article = soup.find("article") or soup
    for link in article.find_all(class_="headerlink"):
        link.decompose()

    named = {each["id"]: each for each in article.find_all(id=True)}

    def part(name: str) -> Tag:
        if (found := named.get(name)) is None:
            raise HandoutError(f"{lecture}: its page has no {name} (see {CHOICE.name})")
        return found

    board = part(f"fig-{lecture}-board")
    title = _inner(article.find("h1"))
    prefix = next(
        each["id"].partition("-eq-")[2] for each in article.select("div.math[id^=equation-eq-]")
    )
    # Labels begin with the lecture's name, or with a short one of its own.
    own = lecture if prefix.startswith(f"{lecture}-") else prefix.partition("-")[0]
    equations = [part(f"equation-eq-{own}-{name}") for name in choice["equations"]]
    claims = [part(f"row-{name}") for name in choice["claims"]]
    exercises = article.select("div.exercise")
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(article.find('h1').get_text())}</title>",
            f"<style>{STYLE.read_text(encoding='utf-8')}</style><script>{MATH}</script>",
            f'<script src="{site}/_static/mathjax/tex-mml-chtml.js"></script></head>',
            f'<body><div class="sheet"><h1>{title}</h1>',
            f'<p class="question">{_question(article)}</p>',
            f'<figure>{_picture(board, site)}<p class="caption">{_caption(board)}</p></figure>',
            f'<div class="equations">{"".join(map(_equation, equations))}</div>',
            f'<div class="results">{"".join(map(_result, claims))}</div>',
            f'<div class="exercises">{"".join(map(_exercise, exercises))}</div>',
            "</div></body></html>",
        ]
    )


def _inner(node: Tag) -> str:
    """What stands in an element, with links as their words."""
    for link in node.find_all("a"):
        link.unwrap()
    return node.decode_contents().strip()


def _question(article: Tag) -> str:
    mark = article.find("strong", string="The question.")
    return _inner(mark.parent)


def _picture(board: Tag, site: str) -> str:
    image = board.find("img")
    address = image["src"].replace("..", site, 1)
    return f'<img src="{address}" alt="{escape(image["alt"])}">'


def _caption(board: Tag) -> str:
    return _inner(board.find("figcaption").find("p"))


def _equation(node: Tag) -> str:
    number = node.find(class_="eqno").extract().get_text()
    return (
        f'<p class="equation"><span class="math">{_inner(node)}</span> <small>{number}</small></p>'
    )


def _result(row: Tag) -> str:
    sentence = row.find("th")
    sentence.find("small").decompose()
    cells = {cell["data-head"]: cell for cell in row.find_all("td")}
    for line in sentence.find_all("br"):
        line.decompose()
    ours, verdict = _inner(cells["ours"]), _inner(cells["this run"])
    margin = _inner(cells["margin"])
    return (
        f'<div><p>{_inner(sentence)}</p><p class="ours">{ours}</p>'
        f"<p>{verdict}; margin: {margin}</p></div>"
    )


def _exercise(node: Tag) -> str:
    for hint in node.find_all("details"):
        hint.decompose()
    title = node.find(class_="admonition-title").extract()
    return f"<div><h3>{_inner(title)}</h3>{_inner(node.find('section'))}</div>"


def printed(browser, lectures: list[Path], folder: Path = HANDOUTS) -> list[Handout]:
    """Print the sheets of lectures, each as large as it fits on its page, and a list of them.

    ``browser`` is playwright's.

    Raises:
        HandoutError: a sheet does not fit with the smallest text.
    """
    choices = yaml.safe_load(CHOICE.read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    page, found = browser.new_page(viewport={"width": 794, "height": 1123}), []
    for lecture in lectures:
        text = (build.SITE / "book" / f"{lecture.stem}.html").read_text(encoding="utf-8")
        source = folder / f"{lecture.stem}.html"
        html = sheet(lecture.stem, text, choices[lecture.stem], build.SITE.as_uri())
        source.write_text(html, encoding="utf-8")
        page.goto(source.as_uri(), wait_until="load")
        page.evaluate(_TYPESET)
        size = _fitted(page, lecture.stem)
        file = source.with_suffix(".pdf")
        page.pdf(path=file, prefer_css_page_size=True, print_background=True)
        source.unlink()
        found.append(Handout(lecture.stem, page.title(), file, size))
        print(f"  {lecture.stem}: {size} pt", flush=True)
    page.close()
    _index(found, folder)
    return found


def _fitted(page, lecture: str) -> float:
    """The largest text with which the sheet fits; the schematic gives way before the text does."""
    points = LARGEST
    while points >= SMALLEST:
        # What does not fit beside the smallest schematic fits beside none.
        if page.evaluate(_FITS, [points, min(WIDTHS), SMALLEST]):
            for width in WIDTHS:  # the first that fits is left standing
                if page.evaluate(_FITS, [points, width, SMALLEST]):
                    return points
        points -= 0.25
    raise HandoutError(f"{lecture}: its sheet does not fit on a page with {SMALLEST} pt")


def _index(found: list[Handout], folder: Path) -> None:
    items = "".join(
        f'<li><a href="{each.file.name}">{escape(each.title)}</a></li>\n' for each in found
    )
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Handouts</title></head>'
        f"<body><h1>Handouts</h1>\n<ol>\n{items}</ol></body></html>\n"
    )
    (folder / "index.html").write_text(text, encoding="utf-8")


def main() -> None:
    with pdf.browser() as browser:
        found = printed(browser, solutions.lectures())
    print(f"{len(found)} handouts: {HANDOUTS / 'index.html'}")


if __name__ == "__main__":
    try:
        main()
    except (HandoutError, pdf.PrintError) as error:
        sys.exit(str(error))
