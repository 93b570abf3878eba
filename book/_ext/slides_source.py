"""The sources of the decks, ``book/slides/LECTURE.md``: what each slide shows, by its label.

A slide begins with ``## Title``. A line ``name: value`` shows something of the lecture, and nothing
of it is written again: ``figure: fig-sampling-board``. What stands below ``then:`` waits for a key,
and so does an answer that is not the first on its slide. What stands below ``note:`` is the
speaker's. Other lines are Markdown.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "slides"
# What a line may show: a figure's label is also that of its explorer, its question and the answer.
SHOWN = ("page", "figure", "explorer", "equation", "predict", "answer", "claim", "exercise")
_LINE = re.compile(r"^([a-z]+):(?:\s+(.*))?$")


@dataclass(frozen=True)
class Part:
    """A piece of a slide: its kind (one of ``SHOWN``, or text), a label or Markdown."""

    kind: str
    value: str
    later: bool = False  # after a key


@dataclass
class Slide:
    """One slide: its title, the minutes it takes, what it shows, and what the speaker says."""

    title: str
    minutes: float = 0.0
    parts: list[Part] = field(default_factory=list)
    note: str = ""


def sources() -> list[Path]:
    """The decks' sources."""
    return sorted(FOLDER.glob("*.md"))


def read(file: Path) -> list[Slide]:
    """The slides of a deck.

    Raises:
        ValueError: a line that is none of the forms, a slide without minutes, or without a note.
    """
    head, *pieces = re.split(r"^## ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if head.strip():
        raise ValueError(f"{file.name} must begin with a slide, '## Title'; got {head.strip()!r}")
    return [_slide(*piece.split("\n", 1), file.name) for piece in pieces]


def _slide(title: str, body: str, name: str) -> Slide:
    slide, text, later = Slide(title.strip()), [], False

    def close() -> None:
        if written := "\n".join(text).strip():
            slide.parts.append(Part("text", written, later))
        text.clear()

    lines = body.splitlines()
    for i, line in enumerate(lines):
        found = _LINE.match(line)
        if not found:
            text.append(line)
            continue
        kind, value = found[1], (found[2] or "").strip()
        close()
        if kind == "note":
            slide.note = "\n".join([value, *lines[i + 1 :]]).strip()
            break
        if kind == "minutes":
            slide.minutes = _minutes(value, slide, name)
        elif kind == "then":
            later = True
        elif kind in SHOWN:
            after = kind == "answer" and bool(slide.parts)  # the first part is there at once
            slide.parts.append(Part(kind, value, later or after))
        else:
            forms = ", ".join((*SHOWN, "minutes", "then", "note"))
            raise ValueError(
                f"{name}, {slide.title!r}: a line must be one of {forms}; got {line!r}"
            )
    close()
    if not slide.minutes or not slide.note:
        missing = "note" if slide.minutes else "minutes"
        raise ValueError(f"{name}, {slide.title!r}: a slide must have a line '{missing}: …'")
    return slide


def _minutes(value: str, slide: Slide, name: str) -> float:
    try:
        minutes = float(value)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 10:
        raise ValueError(f"{name}, {slide.title!r}: minutes must lie in (0, 10]; got {value!r}")
    return minutes
