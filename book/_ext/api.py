"""The page of the package: every public name with its docstring, linked with the lectures.

``.. api:: nlgnotes.equations`` documents the modules of a folder, from their source. At the end of
each lecture stands a fold with the names that it uses; each name says which lectures use it.
"""

import re
from collections import defaultdict
from functools import cached_property

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, switch_source_input
from sphinx.util.nodes import make_refnode

from api_lectures import uses
from api_source import Module, Package
from api_text import docstring, module_lines

QUOTED = re.compile(r"'([^'\"]*)'")
_WORD = re.compile(r'<span class="pre">([^<]*)</span>')
LOGGER = logging.getLogger(__name__)
MATH = (nodes.math, nodes.math_block)
CELL = 10_000  # the lines of a notebook, for MyST-NB: the cell's number, from 1 on, times this


class Api:
    """The package and what each lecture uses of it, read once a build."""

    def __init__(self, app: Sphinx):
        self.env = app.env
        self.package = Package(app.srcdir / app.config.api_package)

    @cached_property
    def lectures(self) -> dict[str, dict[str, int]]:
        """For each notebook of the book: the names that it uses, with the cell of the first use.

        A name whose docstring says that it is taught there belongs to them; its cell may be -1.
        """
        found = {}
        for page in sorted(self.env.found_docs):
            if (path := str(self.env.doc2path(page))).endswith(".ipynb"):
                entries = self.package.entries.values()
                taught = [entry.name for entry in entries if page in entry.taught]
                found[page] = dict.fromkeys(taught, -1) | uses(path, self.package)
        return found


class Fold(nodes.General, nodes.Element):
    """A part of the page that opens on a click: ``details`` in HTML, its content elsewhere."""


class LectureLinks(nodes.General, nodes.Element):
    """Where an entry's links to the lectures go, once all pages are read."""


class LecturesDirective(SphinxDirective):
    """``.. api-lectures:: name`` links a name to the lectures that teach and use it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [LectureLinks(name=self.arguments[0])]


class ApiDirective(SphinxDirective):
    """``.. api:: folder`` makes a section for each module of the folders or files named."""

    required_arguments, final_argument_whitespace = 1, True

    def run(self) -> list[nodes.Node]:
        package, found = self.env.app.api.package, []
        for lecture in self.env.app.api.lectures:  # the links to it change with its cells
            self.env.note_dependency(str(self.env.doc2path(lecture)))
        for place in self.arguments[0].split():
            if not (modules := package.within(place)):
                raise self.error(f"api: there is no public module in {place}")
            if (folder := package.modules[place]).is_folder:
                found += [self._named(nodes.target(), folder)]
                found += self._parsed(docstring(folder, package))
            found += [self._section(module, place) for module in modules]
        return found

    def _section(self, module: Module, place: str) -> nodes.Element:
        self.env.note_dependency(str(module.path))
        above = place if module.name != place else place.rpartition(".")[0]
        section = self._named(nodes.section(), module)
        section += nodes.title("", module.name.removeprefix(f"{above}."))
        section += nodes.paragraph("", "", nodes.literal("", module.name), classes=["api-path"])
        self.env.ref_context["py:module"] = module.name
        section += self._parsed(module_lines(module, self.env.app.api.package))
        del self.env.ref_context["py:module"]
        for signature in section.findall(addnodes.desc_signature):
            _resolve_annotations(signature, module, self.env.app.api.package)
        for content in list(section.findall(addnodes.desc_content)):
            _fold(content)
        return section

    def _named(self, node: nodes.Element, module: Module) -> nodes.Element:
        """Make a node the target of references to a module."""
        node["ids"] = [f"module-{module.name}"]
        domain = self.env.get_domain("py")
        domain.note_module(module.name, node["ids"][0], "", "", False)
        domain.note_object(module.name, "module", node["ids"][0], location=node)
        return node

    def _parsed(self, lines: StringList) -> list[nodes.Node]:
        node = nodes.Element()
        with switch_source_input(self.state, lines):  # warnings name the docstring
            self.state.nested_parse(lines, 0, node)
        return node.children


def _resolve_annotations(signature: nodes.Element, module: Module, package: Package) -> None:
    """Names in a signature are links where the package defines them, and plain text elsewhere."""
    for name in list(signature.findall(addnodes.pending_xref)):
        first, dot, rest = name["reftarget"].partition(".")
        meant = package.canonical(f"{module.names.get(first, first)}{dot}{rest}")
        if meant in package.entries:
            name["reftype"], name["reftarget"] = "obj", meant
        else:
            name.replace_self(name.children)
    for text in list(signature.findall(nodes.Text)):
        # As the source has it: Float[Tensor, "*batch vocab"].
        text.parent.replace(text, nodes.Text(QUOTED.sub(r'"\1"', text)))


def _fold(content: nodes.Element) -> None:
    """Leave an entry's first paragraph and its lectures in sight, and fold the rest."""
    links = [node for node in content if isinstance(node, LectureLinks)]
    first, *rest = [node for node in content if node not in links] or [nodes.paragraph()]
    fold = Fold(label=_label(rest))
    fold += rest
    content.children = []
    content += [first, *links, *([fold] if rest else [])]


def _label(rest: list[nodes.Node]) -> str:
    """What a fold holds, in a few words."""
    fields = [name for node in rest for name in node.findall(nodes.field_name)]
    named = {name.astext() for name in fields}
    parts = {
        "formula": any(next(node.findall(kind), None) for node in rest for kind in MATH),
        "parameters": "Parameters" in named,
        "result": "Returns" in named,
        "errors": "Raises" in named,
        "example": any(isinstance(node, nodes.doctest_block) for node in rest),
        "methods": any(isinstance(node, addnodes.desc) for node in rest),
    }
    return ", ".join(part for part, there in parts.items() if there).capitalize() or "More"


class LectureBlock(SphinxTransform):
    """The names that a lecture uses, linked at its end."""

    default_priority = 400

    def apply(self, **_) -> None:
        api = self.env.app.api
        folders = defaultdict(list)
        for name in sorted(api.lectures.get(self.env.docname, ())):
            first, *rest = name.removeprefix(f"{api.package.root.name}.").split(".")
            folders[first].append((name, rest[-1]))
        if not folders:
            return
        fold = Fold(label="Functions of the package in this lecture", classes=["api-used"])
        for folder, names in folders.items():
            line = nodes.paragraph("", "", nodes.strong("", folder))
            for name, shown in names:
                target = {"refdomain": "py", "reftype": "obj", "reftarget": name}
                text = nodes.literal("", shown)
                link = addnodes.pending_xref("", text, refexplicit=True, refwarn=True, **target)
                line += [nodes.Text(" "), link]
            fold += line
        # The section of the title, before which a label may stand.
        next(self.document.findall(nodes.section), self.document).append(fold)


class LinkLectures(SphinxPostTransform):
    """Puts the links to the lectures where a directive has left a place for them."""

    default_priority = 5

    def run(self, **_) -> None:
        package = self.env.app.api.package
        self.sections: dict[str, list[tuple[int, str, str]]] = {}
        for place in list(self.document.findall(LectureLinks)):
            name = place["name"]
            entry = package.entries.get(name) or package.modules[name]
            used = [page for page, names in self.env.app.api.lectures.items() if name in names]
            also = [page for page in used if page not in entry.taught]
            for page in {*entry.taught} - {*self.env.found_docs}:
                where = f"{entry.path}:{entry.line}"
                LOGGER.warning("%s: there is no lecture %s", name, page, location=where)
            line = nodes.paragraph(classes=["api-lectures"])
            for label, pages in ("Taught in", entry.taught), ("Used in", also):
                known = [page for page in pages if page in self.env.found_docs]
                line += self._list(label, known, name) if known else []
            place.replace_self([line] if line.children else [])

    def _list(self, label: str, pages: list[str], name: str) -> list[nodes.Node]:
        found = [nodes.inline("", f"{label} ")]
        for page in pages:
            anchor, title = self._section(page, name)
            text = nodes.Text(page.rpartition("/")[2])
            link = make_refnode(self.app.builder, self.env.docname, page, anchor, text, title)
            found += [nodes.Text(", ") if len(found) > 1 else nodes.Text(""), link]
        return [*found, nodes.Text(" ")]

    def _section(self, page: str, name: str) -> tuple[str | None, str]:
        """The anchor and the title of the section in which a lecture first uses a name."""
        anchor, title = None, self.env.titles[page].astext()
        cell = self.env.app.api.lectures.get(page, {}).get(name, -1)
        if page not in self.sections:
            # The solution of an exercise is a section too, without a line and a title of its own.
            found = self.env.get_doctree(page).findall(nodes.section)
            self.sections[page] = [
                (each.line // CELL - 1, each["ids"][0], each[0].astext())
                for each in found
                if each.line
            ]
        for start, *this in self.sections[page]:
            if start <= cell:
                anchor, title = this
        return anchor, title


def read_package(app: Sphinx) -> None:
    """Read the package before the pages."""
    app.api = Api(app)


def add_script(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Pages with folds get the script that opens them for a link and for paper."""
    if doctree is not None and next(doctree.findall(Fold), None):
        app.add_js_file("api.js", loading_method="defer")
        # Sphinx puts an element around every word of code: a fifth of the page, for nothing here.
        context["body"] = _WORD.sub(r"\1", context["body"])


def setup(app: Sphinx) -> dict:
    def open_fold(writer, node: Fold) -> None:
        classes = " ".join(["api-fold", *node["classes"]])
        writer.body.append(f'<details class="{classes}"><summary>{node["label"]}</summary>\n')

    def close_fold(writer, node: Fold) -> None:
        writer.body.append("</details>\n")

    def nothing(writer, node: Fold) -> None:
        pass

    app.add_config_value("api_package", "nlgnotes", "env")
    plain = dict.fromkeys(("latex", "text", "man", "texinfo"), (nothing, nothing))
    app.add_node(Fold, html=(open_fold, close_fold), **plain)
    app.add_directive("api", ApiDirective)
    app.add_directive("api-lectures", LecturesDirective)
    app.add_transform(LectureBlock)
    app.add_post_transform(LinkLectures)
    app.connect("builder-inited", read_package)
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
