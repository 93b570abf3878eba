"""What a deck takes from its lecture: pieces of the page as it was built, by their labels.

The page was executed once; its figures, formulas, questions, claims and explorers go into the
slides as they stand there, and each leads back to its place on the page.
"""

import difflib
import json
import re
from collections.abc import Callable
from copy import copy
from functools import cached_property
from pathlib import Path

import numpy as np
from bs4 import BeautifulSoup, Tag
from PIL import Image

_STATE = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-state\+json">\s*(.*?)\s*</script>', re.DOTALL
)
_CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
# Of a claim, what the slide shows and what the speaker has beside it.
ON_SLIDE, BESIDE = ("ours", "margin"), ("control", "the paper")
_MODEL = re.compile(r"IPY_MODEL_(\w+)")


class Lecture:
    """A lecture of the built site.

    Args:
        file: its page.
        back: the address of the page, as seen from the deck.
        take: is handed the file of each picture that a slide shows, and returns its address.
        scratch: a folder for halves of pictures.
    """

    def __init__(
        self, file: Path, back: str, take: Callable[[Path], str], scratch: Path | None = None
    ) -> None:
        self.file, self.back, self.take, self.scratch = file, back, take, scratch
        text = file.read_text(encoding="utf-8")
        self._state = found[1] if (found := _STATE.search(text)) else "{}"
        # Most of a page is widgets' states and coloured code; neither is searched here.
        text = _CODE.sub("", _STATE.sub("", text))
        self.article = BeautifulSoup(text, "html.parser").find("article")
        self.shown: set[str] = set()  # the widgets that a slide shows

    @property
    def title(self) -> str:
        """The lecture's title, without its number."""
        heading = copy(self.article.find("h1"))
        for part in heading.select(".headerlink, .section-number"):
            part.decompose()
        return heading.get_text().strip()

    def page(self, what: str) -> str:
        """Of the opening: the ``question``, the ``goals``, or the list of ``exercises``."""
        if what == "question":
            asked = self._own(self._paragraph("The question."))
            asked.strong.decompose()
            return f'<p class="question">{asked.decode_contents().strip()}</p>'
        if what == "goals":
            opening = self._paragraph("After this lecture you can")
            return f"{self._own(opening)}{self._own(opening.find_next_sibling('ul'))}"
        if what == "exercises":
            names = [
                title.get_text() for title in self.article.select(".exercise > .admonition-title")
            ]
            return f'<ul class="exercises">{"".join(f"<li>{name}</li>" for name in names)}</ul>'
        raise self._unknown("page", what, ["question", "goals", "exercises"])

    def figure(self, label: str) -> str:
        """The picture of a numbered figure, and its number; ``label, upper`` has one half of it."""
        label, _, half = label.partition(", ")
        image = copy(self._figure(label).find("img"))
        picture = (self.file.parent / image["src"]).resolve()
        if half:
            picture = self._half(picture, half, label)
        image["src"] = self.take(picture)
        return self._framed(label, str(image))

    def _half(self, picture: Path, half: str, label: str) -> Path:
        """The upper or the lower panels of a picture, cut where a row is white, near its middle."""
        if half not in ("upper", "lower"):
            raise ValueError(f"the half of {label} must be upper or lower; got {half!r}")
        image = Image.open(picture).convert("RGB")
        width, height = image.size
        ink = 255 - np.asarray(image.convert("L"), dtype=int)
        rows = [row for row in range(height // 3, 2 * height // 3) if not ink[row].any()]
        if not rows:
            raise ValueError(f"{label} must have a white row near its middle to be cut")
        cut = min(rows, key=lambda row: abs(row - height // 2))
        box = (0, 0, width, cut) if half == "upper" else (0, cut, width, height)
        place = self.scratch / f"{picture.stem}-{half}.png"
        image.crop(box).save(place, optimize=True)
        return place

    def explorer(self, label: str) -> str:
        """The explorer or the drawing that shares the place of a figure; paper shows the figure."""
        place = self._figure(label).select_one(".explorer-place, .drawing-place")
        if place is None:
            places = self.article.select(".explorer-place, .drawing-place")
            raise self._unknown(
                "explorer", label, [each.find_parent("figure")["id"] for each in places]
            )
        for view in place.select('script[type*="widget-view"]'):
            self.shown.add(json.loads(view.string)["model_id"])
        return self._framed(label, str(self._own(place)))

    def caption(self, label: str) -> str:
        """What the page says under a figure."""
        label = label.partition(", ")[0]
        return self._own(self._figure(label).select_one(".caption-text")).decode_contents()

    def pictures(self, label: str) -> list[str]:
        """The names of a figure's drawn pictures."""
        return [box["data-picture"] for box in self._figure(label).select(".drawing")]

    def equation(self, label: str) -> str:
        """A numbered formula."""
        formula = self._own(self._one("equation", label, self._equations))
        number = formula.select_one(".eqno").extract().get_text().strip()
        link = f'<a class="number" href="{self.back}#equation-{label}">{number}</a>'
        return f'<div class="equation">{formula}{link}</div>'

    def predict(self, label: str) -> str:
        """A question, with its answers to choose from."""
        box = self._own(self._asked(label)[0])
        box.select_one(".admonition-title").decompose()
        return f'<div class="predict">{box.decode_contents()}</div>'

    def answer(self, label: str) -> str:
        """The answer to it."""
        fold = self._own(self._asked(label)[1])
        fold.summary.decompose()
        return f'<div class="answer">{fold.decode_contents()}</div>'

    def claim(self, name: str) -> str:
        """A row of the table of claims: the sentence, ours, the margin, the verdict of this run."""
        row = self._one("claim", name, self._claims)
        sentence = self._own(row.th)
        sentence.small.decompose()
        said = {cell["data-head"]: cell.decode_contents() for cell in row.find_all("td")}
        verdict = said["this run"]
        cells = "".join(f"<div><dt>{head}</dt><dd>{said[head]}</dd></div>" for head in ON_SLIDE)
        link = f'<a href="{self.back}#row-{name}">{verdict}</a>'
        kind = "claim fails" if "fails" in row.get("class", []) else "claim"
        words = sentence.decode_contents().removesuffix("<br/>")
        return f'<div class="{kind}"><p>{words} <strong>{link}</strong></p><dl>{cells}</dl></div>'

    def aside(self, name: str) -> str:
        """What the speaker may be asked of a claim: its control, and the paper's figure."""
        cells = self._one("claim", name, self._claims).find_all("td")
        said = {cell["data-head"]: cell.decode_contents() for cell in cells}
        kept = {head: said[head] for head in BESIDE if said.get(head, "—") != "—"}
        return "; ".join([name, *(f"{head}: {words}" for head, words in kept.items())])

    def exercise(self, label: str) -> str:
        """An exercise, for the class to do; its solution stays on the page."""
        found = self._own(self._one("exercise", label, self._exercises))
        return f'<div class="exercise">{found.decode_contents()}</div>'

    def state(self) -> str | None:
        """The widgets' state, of those that a slide shows, as the page has it."""
        if not self.shown:
            return None
        kept = json.loads(self._state)
        state, wanted, waiting = kept["state"], set(), list(self.shown)
        links = {name: each for name, each in state.items() if "Link" in each["model_name"]}
        while waiting:
            name = waiting.pop()
            if name in wanted:
                continue
            wanted.add(name)
            waiting += _MODEL.findall(json.dumps(state[name]["state"]))
            if not waiting:  # a link has its ends; they do not know of it
                ends = {
                    link: set(_MODEL.findall(json.dumps(each["state"])))
                    for link, each in links.items()
                }
                waiting += [link for link in ends if link not in wanted and ends[link] & wanted]
        kept["state"] = {name: state[name] for name in state if name in wanted}
        return json.dumps(kept).replace("</", "<\\/")

    # ---- finding

    def _by_id(self, selector: str, prefix: str = "") -> dict[str, Tag]:
        return {each["id"].removeprefix(prefix): each for each in self.article.select(selector)}

    @cached_property
    def _figures(self) -> dict[str, Tag]:
        return self._by_id("figure[id]")

    @cached_property
    def _equations(self) -> dict[str, Tag]:
        return self._by_id("div.math[id]", "equation-")

    @cached_property
    def _claims(self) -> dict[str, Tag]:
        return self._by_id("table.claims tr[id]", "row-")

    @cached_property
    def _exercises(self) -> dict[str, Tag]:
        return self._by_id(".exercise[id]")

    def _one(self, kind: str, label: str, known: dict):
        if label not in known:
            raise self._unknown(kind, label, known)
        return known[label]

    def _figure(self, label: str) -> Tag:
        return self._one("figure", label, self._figures)

    def _asked(self, label: str) -> tuple[Tag, Tag]:
        return self._one("predict", label, self._questions)

    @cached_property
    def _questions(self) -> dict[str, tuple[Tag, Tag]]:
        """Questions and answers, by the figure between them, or by their section where none is."""
        found, box, label = {}, None, None
        for each in self.article.select(".admonition.predict, figure[id], details.answer"):
            if each.name == "details":
                label = label or box.find_parent("section")["id"]
                while label in found:  # a second one of its section
                    label += "-next"
                found[label] = (box, each)
            elif each.name == "figure":
                label = label or each["id"]
            else:
                box, label = each, None
        return found

    def _paragraph(self, opening: str) -> Tag:
        for paragraph in self.article.find_all("p"):
            if paragraph.get_text().startswith(opening):
                return paragraph
        raise self._unknown("paragraph", opening, [])

    def _unknown(self, kind: str, label: str, known) -> ValueError:
        near = difflib.get_close_matches(label, known, 3, 0.4) or sorted(known)
        return ValueError(
            f"{kind} must be one of the lecture {self.file.stem}, such as {', '.join(near)};"
            f" got {label!r}"
        )

    # ---- taking

    def _framed(self, label: str, inner: str) -> str:
        number = self._figure(label).select_one(".caption-number").get_text().strip()
        link = f'<figcaption><a href="{self.back}#{label}">{number}</a></figcaption>'
        return f'<figure data-label="{label}">{inner}{link}</figure>'

    def _own(self, part: Tag) -> Tag:
        """A copy for a slide: no ids; links lead to the page, pictures are the deck's."""
        own = copy(part)
        for link in own.select(".headerlink"):
            link.decompose()
        for each in [own, *own.find_all(True)]:
            del each["id"]
            if each.name == "section":  # to reveal.js a slide
                each.name = "div"
            if each.name == "img" and not each["src"].startswith("data:"):
                each["src"] = self.take((self.file.parent / each["src"]).resolve())
            if each.name == "a" and "://" not in each.get("href", "://"):
                page, _, place = each["href"].partition("#")
                folder = self.back.rpartition("/")[0]
                each["href"] = (f"{folder}/{page}" if page else self.back) + (
                    f"#{place}" if place else ""
                )
        return own
