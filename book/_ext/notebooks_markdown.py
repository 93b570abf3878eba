"""A page's resolved document as plain Markdown, which any notebook front end shows by itself.

Numbers of figures, equations and exercises, citations and cross-references are those of the site,
because this reads the document that the site is written from, after Sphinx has resolved it.
"""

import posixpath
import re
from collections.abc import Callable, Iterable
from html import escape

import sphinx_exercise.nodes as exercise
from docutils import nodes
from pybtex.backends.plaintext import Backend
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Blocks that a notebook has no use for: they show nothing, or lead to pages of the site.
SILENT = (nodes.comment, nodes.target, nodes.substitution_definition, nodes.system_message)
SILENT_NAMES = {"Fold", "index", "meta", "pending", "tabular_col_spec"}
SILENT_CLASSES = {"claim-links"}  # from a cell to the rows of the table, by the page's anchors
# Boxes that open on a click, and their titles; the page's own are known by their names.
FOLDS = {"dropdown_main", "solution_node", "solution_fold"}
TITLES = {"title", "dropdown_title", "solution_summary"}
EXERCISES = (exercise.exercise_node, exercise.exercise_enumerable_node)
_MARKS = re.compile(
    r"([\\`*\[\]<$]|(?<![^\W_])_|_(?![^\W_]))"
)  # an underscore inside a word is one
_OPENING = re.compile(r"^(\s*)(?:([-+#>|~=]|:::)|(\d+)([.)]))", re.ASCII)


class Writer:
    """Writes the blocks of one page.

    Args:
        app: the build, which knows all numbers.
        page: the page's name.
        siblings: the pages that have a notebook of their own; a link to one leads there.
    """

    def __init__(self, app: Sphinx, page: str, siblings: Iterable[str]):
        self.app, self.page, self.siblings = app, page, set(siblings)
        self.cited: set[str] = set()  # the anchors of the sources cited so far
        self._inside = 0  # how many lists, quotations and folds the current block stands in

    # Blocks

    def block(self, node: nodes.Node, depth: int = 1) -> str:
        """One block as Markdown, without a blank line around it; empty when it shows nothing.

        ``depth`` is that of the heading the block stands under.
        """
        if _silent(node):
            return ""
        for kind, write in self._writers().items():
            if isinstance(node, kind):
                return write(node)
        if type(node).__name__ in FOLDS:
            return self._fold(node)
        if isinstance(node, EXERCISES):
            return self._exercise(node, depth)
        if isinstance(node, nodes.Admonition):
            return self._admonition(node)
        if isinstance(node, nodes.container | nodes.compound | nodes.section):
            return self.blocks(node.children, depth)
        logger.warning("no plain Markdown for %s", type(node).__name__, location=node)
        return self.blocks(node.children, depth) if node.children else ""

    def blocks(self, found: Iterable[nodes.Node], depth: int = 1) -> str:
        """Blocks one after the other, with a blank line between them."""
        return "\n\n".join(text for node in found if (text := self.block(node, depth)))

    def _writers(self) -> dict[type, Callable]:
        return {
            nodes.paragraph: lambda node: _at_start(self.inline(node)),
            nodes.rubric: lambda node: f"**{self.inline(node)}**",
            nodes.title: lambda node: f"**{self.inline(node)}**",
            nodes.math_block: self._equation,
            nodes.literal_block: _fence,
            nodes.bullet_list: lambda node: self._list(node, lambda i: "*"),
            nodes.enumerated_list: self._numbered,
            nodes.definition_list: self._definitions,
            nodes.block_quote: lambda node: _quoted(self._nested(node.children)),
            nodes.table: self._table,
            nodes.raw: lambda node: node.astext() if "html" in node.get("format", "") else "",
            nodes.transition: lambda node: "***",
            nodes.line_block: lambda node: "  \n".join(self.inline(line) for line in node),
        }

    def _nested(self, found: Iterable[nodes.Node]) -> str:
        self._inside += 1
        text = self.blocks(found)
        self._inside -= 1
        return text

    def _equation(self, node: nodes.math_block) -> str:
        lines = [line for line in node.astext().strip().splitlines() if line.strip()]
        # In a display, KaTeX and MathJax want the starred and plain environments as `aligned`.
        math = re.sub(r"\\(begin|end)\{(align|gather)\*?\}", r"\\\1{\2ed}", "\n".join(lines))
        if node.get("number"):
            math += f"\n\\tag{{{self.number('displaymath', node) or node['number']}}}"
        # A front end looks for the end of a formula before it takes the marks of a quotation off.
        return f"$${' '.join(math.split())}$$" if self._inside else f"$$\n{math}\n$$"

    def number(self, kind: str, node: nodes.Element) -> str:
        """The number that the site gives to a figure, an equation or an exercise; or nothing."""
        numbers = self.app.env.toc_fignumbers.get(self.page, {}).get(kind, {})
        found = next((numbers[name] for name in node["ids"] if name in numbers), ())
        return ".".join(map(str, found))

    def numbered(self, kind: str, node: nodes.Element) -> str:
        """What the site calls it: "Fig. 3", "Exercise 12"."""
        number = self.number(kind, node)
        return self.app.config.numfig_format[kind] % number if number else ""

    def caption(self, figure: nodes.figure) -> str:
        """The caption of a figure, with its number."""
        said = next((self.inline(each) for each in figure.findall(nodes.caption)), "")
        legend = self.blocks(each for each in figure if isinstance(each, nodes.legend))
        number = self.numbered("figure", figure)
        first = f"**{number}** {said}" if number else said
        return "\n\n".join(part for part in (first.strip(), legend) if part)

    def _list(self, node: nodes.Element, mark: Callable[[int], str]) -> str:
        items = []
        for i, item in enumerate(node):
            opening = f"{mark(i)} "
            text = self._nested(item.children)
            items.append(opening + text.replace("\n", "\n" + " " * len(opening)).strip())
        between = "\n\n" if any("\n\n" in item for item in items) else "\n"
        return "\n".join(re.sub(r"^\s+$", "", line) for line in between.join(items).split("\n"))

    def _numbered(self, node: nodes.enumerated_list) -> str:
        first = node.get("start", 1)
        if "predict" in node.parent["classes"]:  # the page shows letters
            items = (self._nested(item.children) for item in node)
            return "\n\n".join(f"**{chr(65 + i)}.** {item}" for i, item in enumerate(items))
        return self._list(node, lambda i: f"{first + i}.")

    def _definitions(self, node: nodes.definition_list) -> str:
        items = []
        for item in node:
            term = ", ".join(self.inline(each) for each in item if isinstance(each, nodes.term))
            said = [child for each in item.findall(nodes.definition) for child in each]
            items.append(f"**{term}**: {self.blocks(said)}")
        return "\n\n".join(items)

    def _table(self, node: nodes.table) -> str:
        rows = [
            [self._cell(entry) for entry in row.findall(nodes.entry)]
            for row in node.findall(nodes.row)
        ]
        titles = [
            f"**{self.inline(each)}**" for each in node.children if isinstance(each, nodes.title)
        ]
        columns = max(map(len, rows))
        if not any(True for _ in node.findall(nodes.thead)):
            rows.insert(0, [""] * columns)
        rows.insert(1, ["---"] * columns)
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n\n".join([*titles, "\n".join(lines)])

    def _cell(self, entry: nodes.entry) -> str:
        text = self._nested(entry.children).replace("\n\n", "<br>").replace("\n", " ")
        formulas = re.compile(r"(\$[^$]+\$)")
        parts = formulas.split(text)
        for i, part in enumerate(parts):
            if formulas.fullmatch(part):  # a bar would end the cell
                parts[i] = part.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
            else:
                parts[i] = part.replace("|", r"\|")
        return "".join(parts)

    def _admonition(self, node: nodes.Element) -> str:
        if "dropdown" in node["classes"]:
            return self._fold(node)
        title, rest = _parted(node)
        head = self.inline(title) if title is not None else type(node).__name__.capitalize()
        return _quoted(f"**{head}**\n\n{self._nested(rest)}".strip())

    def _exercise(self, node: nodes.Element, depth: int) -> str:
        title, rest = _parted(node)
        named = self.inline(title) if title is not None else ""
        number = self.numbered("exercise", node)
        head = f"{number} {named}".strip()
        return f"{'#' * min(depth + 1, 6)} {head}\n\n{self.blocks(rest, depth)}"

    def _fold(self, node: nodes.Element) -> str:
        title, rest = _parted(node)
        head = _plain(title) if title is not None else type(node).__name__.capitalize()
        body = self._nested(rest)
        return f"<details>\n<summary><b>{head}</b></summary>\n\n{body}\n\n</details>"

    # Inside a paragraph

    def inline(self, node: nodes.Node) -> str:
        """What stands inside a block, as Markdown on one line."""
        return "".join(self._piece(child) for child in node.children).strip()

    def _piece(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return _MARKS.sub(r"\\\1", re.sub(r"\s*\n\s*", " ", node.astext()))
        if isinstance(node, nodes.strong):
            return _around("**", self._pieces(node))
        if isinstance(node, nodes.emphasis | nodes.title_reference):
            return _around("*", self._pieces(node))
        if isinstance(node, nodes.math):
            return f"${' '.join(node.astext().split())}$"
        if isinstance(node, nodes.literal) and "std" not in node["classes"]:
            return _code(" ".join(node.astext().split()))
        if isinstance(node, nodes.reference):
            return self._reference(node)
        if isinstance(node, nodes.superscript | nodes.subscript):
            mark = "sup" if isinstance(node, nodes.superscript) else "sub"
            return f"<{mark}>{self._pieces(node)}</{mark}>"
        if isinstance(node, nodes.raw):
            return node.astext() if "html" in node.get("format", "") else ""
        if _silent(node):
            return ""
        if not isinstance(node, nodes.inline | nodes.literal | nodes.paragraph | nodes.generated):
            logger.warning("no plain Markdown for %s", type(node).__name__, location=node)
        return self._pieces(node)

    def _pieces(self, node: nodes.Node) -> str:
        return "".join(self._piece(child) for child in node.children)

    def _reference(self, node: nodes.reference) -> str:
        """A link to a sibling or to another host. What else the site links is text here."""
        text, address = self._pieces(node), node.get("refuri", "")
        if not node.get("internal"):
            return f"[{text}]({address})" if address and "refid" not in node else text
        page, _, anchor = address.partition("#")
        page = posixpath.normpath(posixpath.join(posixpath.dirname(self.page), page))
        page = page.removesuffix(".html")
        if page in self.siblings - {self.page}:
            return f"[{text}]({posixpath.basename(page)}.ipynb)"
        if anchor:
            self.cited.add(anchor)
        return text

    def sources(self) -> str:
        """The list of what was cited, in the order of the site's list."""
        domain = self.app.env.domaindata.get("cite", {})
        plain = Backend()
        found = [
            _MARKS.sub(r"\\\1", " ".join(each.formatted_entry.text.render(plain).split()))
            for each in domain.get("citations", [])
            if each.citation_id in self.cited
        ]
        return "\n".join(f"* {each}" for each in found)


def _silent(node: nodes.Node) -> bool:
    if isinstance(node, SILENT) or type(node).__name__ in SILENT_NAMES:
        return True
    return isinstance(node, nodes.Element) and bool(SILENT_CLASSES & set(node["classes"]))


def _parted(node: nodes.Element) -> tuple[nodes.Node | None, list[nodes.Node]]:
    """The title of a box, and the rest of it."""
    title = next((each for each in node if type(each).__name__ in TITLES), None)
    return title, [each for each in node if each is not title]


def _plain(node: nodes.Node) -> str:
    """The words of a title inside HTML, where no Markdown is read: formulas stay formulas."""
    if isinstance(node, nodes.Text):
        return escape(node.astext(), quote=False)
    if isinstance(node, nodes.raw):
        return ""
    if isinstance(node, nodes.math):
        return f"${escape(node.astext(), quote=False)}$"
    if isinstance(node, nodes.literal) and "std" not in node["classes"]:
        return f"<code>{escape(node.astext(), quote=False)}</code>"
    return "".join(map(_plain, node.children))


def _around(mark: str, text: str) -> str:
    """Marks of emphasis close to the words, or they would be read as asterisks."""
    words = text.strip()
    return text.replace(words, f"{mark}{words}{mark}", 1) if words else text


def _at_start(text: str) -> str:
    """A paragraph that would be read as a heading, a list or a quotation by its first sign."""
    return _OPENING.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", text)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _fence(node: nodes.literal_block) -> str:
    """Code, in a fence longer than any in it."""
    text, language = node.astext().rstrip(), node.get("language", "")
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    named = {"ipython3": "python", "ipython": "python", "default": "", "none": ""}
    return f"{'`' * (longest + 1)}{named.get(language, language)}\n{text}\n{'`' * (longest + 1)}"


def _code(text: str) -> str:
    """A few words of code, between more back quotes than stand in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    mark = "`" * (longest + 1)
    return f"{mark} {text} {mark}" if longest else f"{mark}{text}{mark}"
