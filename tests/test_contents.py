"""The title page, the README and the glossary say what the table of contents holds."""

import re

import pytest
import solutions
import yaml

ROOT = solutions.ROOT
CONTENTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PARTS = {
    part["caption"].partition(" ·")[0]: [
        chapter["file"].removeprefix("book/") for chapter in part["chapters"]
    ]
    for part in CONTENTS["parts"]
}
LECTURES = {name: pages for name, pages in PARTS.items() if name.startswith("Part ")}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_the_title_page_lists_the_lectures_in_their_order():
    rows = re.findall(r"^\| *([IVX]*) *\| \{doc\}`([\w-]+)` \|", read("book/index.md"), re.M)
    listed: dict[str, list[str]] = {}
    part = ""
    for number, page in rows:
        part = f"Part {number}" if number else part
        listed.setdefault(part, []).append(page)
    assert listed == LECTURES


@pytest.mark.parametrize("part", PARTS)
def test_the_readme_lists_the_pages_in_their_order(part):
    lines = [line.split("  ") for line in read("README.md").splitlines()]
    words = [[each.strip() for each in line if each.strip()] for line in lines]
    found = {line[-1]: re.split(r",? and |, ", line[0]) for line in words if len(line) == 2}
    assert found.get(part) == PARTS[part]


def test_every_lecture_uses_terms_of_the_glossary():
    glossary = read("book/glossary.md")
    terms = set(re.findall(r"^(\S.*)$", glossary.partition("{glossary}\n")[2], re.M)) - {"```"}
    assert len(terms) > 100  # in two languages
    unused = []
    for file in solutions.lectures():
        used = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", file.read_text(encoding="utf-8"))
        assert set(used) <= terms
        unused += [] if used else [file.stem]
    assert unused == []
