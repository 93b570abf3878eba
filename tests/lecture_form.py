"""How a lecture's page must read, as far as its source can tell."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

NOTES = (
    "**The notes** are 瑾瑜當年, «破晓之刻:Transformer的诞生与自然语言处理前沿», "
    "12 December 2025; here, "
)
FOLDS_IN_A_ROW = 2
NUMBERS_IN_A_PARAGRAPH = 3
LETTERS = 13  # points, of the house style: a slide then shows them with 24 pixels

PREDICT = "Predict, then look"
_QUESTION = re.compile(
    r"^(:{3,})\{admonition\} ([^\n]*)\n:class: predict\n(.*?)^\1\s*$", re.M | re.S
)
_ANSWER = re.compile(
    r"^(:{3,})\{dropdown\} Answer\n:class-container: answer\n(.*?)^\1\s*$", re.M | re.S
)
_SOLUTION = re.compile(r"^(`{3,}|:{3,})\{(?:solution|exercise)\}.*?^\1\s*$", re.M | re.S)
_LETTERS = re.compile(r"(?:font|label|title)\.?size['\"]?\s*[=:(]\s*['\"]?([\d.]+|[a-z-]*small\w*)")
_FENCE = re.compile(r"^(`{3,}).*?^\1\s*$", re.M | re.S)


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def faults(notebook: NotebookNode) -> list[str]:
    """What is wrong, each fault with the text that has it."""
    cells = notebook.cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return [
        *_opening(cells[0].source),
        *_board(cells),
        *_predictions(cells, prose),
        *_boxes(prose),
        *_exercises(prose),
        *_folds(cells),
        *_numbers(prose),
        *_computed(cells),
        *_letters(cells),
    ]


def _opening(first: str) -> Iterator[str]:
    if NOTES not in first:
        yield "the first cell does not say in one line which notes the notes are"
    for word in ("The question.", "After this lecture you can", "You need", "Time"):
        if f"**{word}**" not in first:
            yield f"the first cell lacks **{word}**"


def _board(cells: list[NotebookNode]) -> Iterator[str]:
    names = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "") for cell in cells]
    if sum(name.endswith("-board") for name in names) != 1:
        yield "there must be one schematic, the figure fig-...-board"


def _predictions(cells: list[NotebookNode], prose: str) -> Iterator[str]:
    waiting = drawn = False
    for cell in cells:
        if cell.cell_type == "code":
            drawn = True
            continue
        found = [(m.start(), "question", m) for m in _QUESTION.finditer(cell.source)]
        found += [(m.start(), "answer", m) for m in _ANSWER.finditer(cell.source)]
        for _, kind, match in sorted(found, key=lambda each: each[0]):
            if kind == "question":
                answers = re.findall(r"^\d+\. ", match[3], re.M)
                if match[2] != PREDICT or not 2 <= len(answers) <= 4:
                    yield f"a prediction must offer 2 to 4 answers: {match[0][:80]!r}"
                if waiting:
                    yield f"two predictions without an answer between them: {match[3][:60]!r}"
                waiting, drawn = True, False
            else:
                if not waiting or not drawn:
                    yield f"an answer must follow its question's figure: {match[2][:60]!r}"
                if not re.match(r"\s*\*\*[A-D](?:, [A-D])*(?: and [A-D])?[.,:]", match[2]):
                    yield f"an answer must begin with its letter, as **B.**: {match[2][:60]!r}"
                waiting = False
    if waiting:
        yield "the last prediction has no answer"
    if len(_QUESTION.findall(prose)) != len(re.findall(r"(?i)predict, then look", prose)):
        yield "a prediction is not in its box"
    if not _QUESTION.search(prose):
        yield "nothing is predicted"


def _boxes(prose: str) -> Iterator[str]:
    for title in re.findall(r"^:{3,}\{dropdown\}(.*)$", prose, re.M):
        if not re.match(r" (?:Answer$|Hint$|Deeper: \S)", title):
            yield f"a folded box must be an Answer, a Hint or Deeper: {title.strip()!r}"


def _exercises(prose: str) -> Iterator[str]:
    for said in re.findall(r"(?i)\bexercises? (?:\d+|\{(?:ref|numref)\})", prose):
        yield f"an exercise must be named by {{ref}} alone: {said!r}"


def _folds(cells: list[NotebookNode]) -> Iterator[str]:
    """Bars that unfold code, with nothing shown between them."""
    bars: list[str] = []
    for cell in cells:
        if "remove-cell" in tags(cell):
            continue
        shows = "mystnb" in cell.metadata or "remove-input" in tags(cell)
        if cell.cell_type == "code" and "hide-input" in tags(cell) and not shows:
            bars.append(cell.source.splitlines()[0])
            if len(bars) == FOLDS_IN_A_ROW + 1:
                yield f"{FOLDS_IN_A_ROW + 1} fold bars in a row: {bars}"
        else:
            bars = []


def _numbers(prose: str) -> Iterator[str]:
    """Numbers in a paragraph; tables, formulas and exercises are something else."""
    prose = re.sub(r"^\*\*(?:Time|The notes)\*\* .*$", "", prose, flags=re.M)
    text = re.sub(r"\$\$.*?\$\$", "", _FENCE.sub("", _SOLUTION.sub("", prose)), flags=re.S)
    for paragraph in re.split(r"\n\s*\n|\n(?=[*-] |\d+\. )", text):
        if paragraph.lstrip().startswith(("|", "#")):
            continue
        glued = len(re.findall(r"\{glue:text\}", paragraph))
        plain = re.sub(
            r"\{[\w:]+\}`[^`]*`|`[^`]*`|\$[^$]*\$|^\s*\d+\. |GPT-?\d|distinct-\d|BLEU-\d",
            "",
            paragraph,
        )
        typed = re.findall(r"(?<![\w.])\d[\d,.]*", plain)
        if glued + len(typed) > NUMBERS_IN_A_PARAGRAPH:
            yield f"{glued + len(typed)} numbers in a paragraph: {paragraph.strip()[:90]!r}"


def _computed(cells: list[NotebookNode]) -> Iterator[str]:
    for cell in cells:
        if cell.cell_type == "code" and re.search(r"\bMarkdown\(\s*f?[\"']", cell.source):
            yield f"sentences stand in Markdown cells, with glue: {cell.source[:60]!r}"


def _letters(cells: list[NotebookNode]) -> Iterator[str]:
    """Sizes of a figure's letters below those of the house style; solutions draw figures too."""
    for cell in cells:
        for found in _LETTERS.finditer(cell.source):
            if "small" in found[1] or float(found[1]) < LETTERS:
                yield f"letters must have at least {LETTERS} points; got {found[0]!r}"
