"""The mark of an optional section: set apart from its title, and no part of its address."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from teaching import OPTIONAL


class OptionalSections(SphinxTransform):
    """``Title (optional)`` keeps the address of ``Title``; its mark has a class of its own."""

    default_priority = 200  # before Sphinx collects titles and labels

    def apply(self, **_) -> None:
        for section in self.document.findall(nodes.section):
            text = section[0].children[-1]
            if not isinstance(text, nodes.Text) or not text.endswith(OPTIONAL):
                continue
            mark = nodes.inline("", OPTIONAL.strip(), classes=["optional"])
            section[0].replace(text, [nodes.Text(f"{text.removesuffix(OPTIONAL)} "), mark])
            for old in list(section["ids"]):
                new = old.removesuffix("-optional")
                if new != old and new not in self.document.ids:
                    _rename(self.document, section, old, new)


def _rename(document: nodes.document, section: nodes.section, old: str, new: str) -> None:
    section["ids"] = [new if each == old else each for each in section["ids"]]
    document.ids[new] = document.ids.pop(old)
    for name, target in document.nameids.items():
        if target == old:
            document.nameids[name] = new


def setup(app: Sphinx) -> dict:
    app.add_transform(OptionalSections)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
