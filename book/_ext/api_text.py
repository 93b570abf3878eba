"""Docstrings as reStructuredText: what the page of the package is parsed from, entry by entry.

Every line carries its docstring as its source, so that a warning about it names the docstring.
"""

from docutils.statemachine import StringList
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util import logging

from api_source import ROLE, TAUGHT, Entry, Module, Package

LOGGER = logging.getLogger(__name__)
NAPOLEON = Config(napoleon_use_rtype=False)


def docstring(entry: Entry, package: Package) -> StringList:
    """A docstring with its sections as fields, and references by their whole names.

    A reference that means nothing, or several things, is a warning.
    """
    where = f"{entry.path.relative_to(package.root.parent)}:docstring of {entry.name}"
    owner = entry.name if entry.kind == "class" else entry.owner

    def whole(match) -> str:
        role, text, target = match.groups()
        meant = package.resolve(role, target, entry.module, owner)
        if len(meant) != 1:
            rule = "must mean one public name of the package"
            got = f"it may mean {', '.join(meant)}" if meant else "it means none"
            LOGGER.warning("%s %s; %s", match[0], rule, got, location=f"{where}:{entry.line}")
            return f"``{target}``"
        shown = target.lstrip("~.")
        shown = shown.rpartition(".")[2] if target.startswith("~") else shown
        return f":py:obj:`{text or shown} <{meant[0]}>`"

    text = ROLE.sub(whole, TAUGHT.sub("", entry.docstring)).strip()
    lines = str(GoogleDocstring(text, NAPOLEON)).strip().splitlines()
    return StringList(lines, items=[(where, entry.line - 1)] * len(lines))


def module_lines(module: Module, package: Package) -> StringList:
    """A module's docstring and its entries."""
    lines = docstring(module, package)
    _add(lines, "", f".. api-lectures:: {module.name}", "")
    for entry in module.members:
        lines.extend(entry_lines(entry, package))
    return lines


def entry_lines(entry: Entry, package: Package) -> StringList:
    """One entry: its signature, its docstring, the place of its links to lectures, its methods."""
    lines = StringList()
    _add(lines, "", *_head(entry), "")
    _indent(lines, docstring(entry, package))
    if entry.taught or not entry.owner:
        _add(lines, "", f"   .. api-lectures:: {entry.name}", "")
    for member in entry.members:
        _indent(lines, entry_lines(member, package))
    _add(lines, "")
    return lines


def _head(entry: Entry) -> list[str]:
    """The directive of an entry with its options."""
    name = entry.name.rpartition(".")[2]
    if entry.kind not in ("data", "property"):
        head = f".. py:{entry.kind}:: {name}{entry.signature}"
        return [head, *(f"   :{flag}:" for flag in entry.flags)]
    options = {"type": entry.signature, "value": entry.value}
    shown = [f"   :{option}: {text}" for option, text in options.items() if text]
    return [f".. py:{entry.kind}:: {name}", *shown]


def _add(lines: StringList, *texts: str) -> None:
    for text in texts:
        lines.append(text, "api", 0)


def _indent(lines: StringList, more: StringList) -> None:
    for text, (source, offset) in zip(more, more.items, strict=True):
        lines.append(f"   {text}" if text else "", source, offset)
