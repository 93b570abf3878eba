"""The prose of a docstring: its paragraphs of sentences, without reStructuredText's marks."""

import inspect
import re
from collections.abc import Iterator

from nlgnotes.validation import check_kind

__all__ = ["clean"]


def clean(raw: str) -> list[str]:
    """The paragraphs of a docstring that are prose, each on one line, without its marks.

    The marks are those of reStructuredText. Doctests, tables, directives, literal blocks, parameter
    lists, headings and formulas are dropped: a paragraph stays if it reads like sentences (see
    ``_is_prose``).

    >>> clean("Sum.\\n\\nThe items of the list are added from left to right.\\n\\n>>> f([1])\\n1")
    ['The items of the list are added from left to right.']
    """
    check_kind("raw", raw, str)
    kept, literal = [], None
    for block in re.split(r"\n[ \t]*\n", inspect.cleandoc(raw).expandtabs(4)):
        lines = [line for line in block.split("\n") if line.strip()]
        if len(lines) > 1 and _is_rule(lines[1]):  # a heading: what stands under it counts
            lines = lines[2:]
        if not lines:
            continue
        indent = len(lines[0]) - len(lines[0].lstrip())
        if literal is not None and indent > literal:
            continue
        literal = None
        first = lines[0].lstrip()
        if first.startswith(".. "):  # a directive: its body, too, is indented
            literal = indent
            continue
        if lines[-1].rstrip().endswith("::"):
            literal = indent
        if first.startswith((">>>", "...", "|", "+-", "@", ":")) or any(
            _is_rule(line) for line in lines
        ):
            continue
        for item in _items(lines):
            # Most that is not prose goes here, cheaply. A paragraph has at most 2,000 characters,
            # and the marks in a longer one could keep the patterns below busy for minutes.
            if not 40 <= len(item) <= _LONGEST or item[0].islower() or item[-1] not in _ENDS:
                continue
            text = _plain(item)
            if _is_prose(text):
                kept.append(text)
    return kept


_LONGEST = 4_000
_ENDS = ".?!)"
_RULE = re.compile(r"\s*([-=*~^\"'`#+_.])\1{2,}[\s\-=*~^+]*$")
_BULLET = re.compile(r"(?:[*\-+]|\d+[.)])\s+")
_ROLE = re.compile(r":[\w:+-]+:`(?:~[\w.]*\.(?=\w))?[~!.]?([^`<]*?)(?:\s*<[^`>]*>)?`")
_OTHER = re.compile(r"[^A-Za-z ]+")
_COMMON = frozenset(
    "a an the this that these those it its of to in on at by for from with as is are was be been "
    "has have can may must will should not no and or but if when which whose where than then into "
    "only all any each other such".split()
)
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
_DASHES = {"\u2013": "-", "\u2014": "-", "\u2026": "...", "\u00a0": " "}
_TYPOGRAPHY = str.maketrans({**_QUOTES, **_DASHES})


def _is_rule(line: str) -> bool:
    # No rule is longer, and on a line of a million equal signs the pattern takes hours.
    return len(line) <= 1000 and bool(_RULE.match(line))


def _items(lines: list[str]) -> Iterator[str]:
    """The texts of a block: one for each bullet of a list, or the block as one text.

    Of a list of ``name : type`` with descriptions under them: the descriptions.
    """
    indents = [len(line) - len(line.lstrip()) for line in lines]
    bullets = bool(_BULLET.match(lines[0].lstrip()))
    listed = not bullets and max(indents) > indents[0] + 1
    item: list[str] = []
    for line, indent in zip(lines, indents, strict=True):
        head = indent == indents[0] if listed else _BULLET.match(line.lstrip())
        if head and item:
            yield " ".join(item)
            item = []
        if not (listed and head):
            text = line.strip()
            item.append(text if item or not bullets else _BULLET.sub("", text, count=1))
    if item:
        yield " ".join(item)


def _plain(text: str) -> str:
    """Without the marks of reStructuredText and with straight quotes."""
    text = text.translate(_TYPOGRAPHY)
    if any(mark in text for mark in (":math:", "$", "\\", ">>>", "XXX", "TODO")):
        return ""
    text = _ROLE.sub(r"\1", text)
    text = re.sub(r"`([^`<]+?)\s*<[^`>]*>`_+", r"\1", text)
    text = re.sub(r"\s*\[[\w.]+\]_", "", text)
    text = re.sub(r"``?([^`]+)``?_{0,2}", r"\1", text)
    text = re.sub(r"(?<!\w)\*{1,2}(?=\w)([^*]+)(?<=\w)\*{1,2}(?!\w)", r"\1", text)
    text = re.sub(r"~[\w.]*?(\w+)(?![\w.]*\w)", r"\1", text)
    text = re.sub(r"(?<![\w.])\.(?=[A-Z_a-z]\w*)", "", text)
    return re.sub(r"\s+", " ", text).strip()


def _is_prose(text: str) -> bool:
    """Sentences: a capital, a full stop, mostly ASCII letters, and small words as in English."""
    if not 40 <= len(text) <= 2000 or not text[0].isupper() or text[-1] not in _ENDS:
        return False
    if any(mark in text for mark in ("://", "`", "|")) or not text.isprintable():
        return False
    words = re.findall(r"[A-Za-z']+", text)
    letters = len(_OTHER.sub("", text))
    common = sum(w.lower() in _COMMON for w in words)
    return len(words) >= 7 and letters >= 0.88 * len(text) and common >= 0.2 * len(words)
