"""The page of this package: no warning, every public name, and the lectures both ways."""

import re
import subprocess

import build
import nbformat
import pytest
import solutions
from api_lectures import unknown, uses
from api_source import TAUGHT, Package
from bs4 import BeautifulSoup

ROOT = solutions.ROOT
_ARTICLE = re.compile(r"<article.*?</article>", re.S)
_FOLD = re.compile(r"<details[^>]*\bapi-used\b.*?</details>", re.S)
LECTURES = solutions.lectures()
every_lecture = pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def pages() -> dict[str, BeautifulSoup]:
    """The page of the package and, of each lecture, the fold with what it uses, as they are built.

    The site is built here if missing or stale.
    """
    if not build.is_current():
        build.build()
    names = ["api", *(lecture.stem for lecture in LECTURES)]
    texts = {name: (build.SITE / "book" / f"{name}.html").read_text("utf-8") for name in names}
    wanted = {name: _FOLD if name != "api" else _ARTICLE for name in names}
    parts = {name: "".join(wanted[name].findall(text)) for name, text in texts.items()}
    return {name: BeautifulSoup(part, "html.parser") for name, part in parts.items()}


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(ROOT / "nlgnotes")


def test_the_package_gives_no_warning(pages, monkeypatch, tmp_path):
    """The site is built with a warning as an error, also for a reference that leads nowhere."""
    commands = []
    done = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(build.subprocess, "run", lambda args, **_: commands.append(args) or done)
    with pytest.raises(SystemExit, match="the book was not built"):
        build.write(tmp_path / "work", tmp_path / "site", "sources")
    (command,) = commands
    assert {"-W", "-n", "--all"} <= set(command)
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert "nitpick_ignore" not in config and "suppress_warnings" not in config
    assert build.is_current(), "the pages are of these sources"


def test_every_public_name_is_on_the_page(pages, package):
    there = {each["id"] for each in pages["api"].select("[id]")}
    missing = {
        f"{module.name}.{name}"
        for module in package.modules.values()
        for name in module.listed
        if package.canonical(f"{module.name}.{name}") not in there
    }
    assert missing == set()
    assert set(package.entries) <= there
    assert {f"module-{each.name}" for each in package.within("nlgnotes")} <= there


def test_every_reference_in_a_docstring_means_one_name(package):
    broken = [(entry.name, role, meant) for entry, role, meant in package.broken()]
    assert broken == []


def test_the_sections_stand_in_the_order_of_imports():
    layout = (ROOT / "tests" / "test_layout.py").read_text(encoding="utf-8")
    order = re.search(r'^ORDER = """(.*?)"""', layout, re.M | re.S)[1].split()
    page = (ROOT / "book" / "api.rst").read_text(encoding="utf-8")
    places = re.findall(r"nlgnotes\.(\w+)", " ".join(re.findall(r"\.\. api::((?: .*\n)+)", page)))
    assert places == order


def test_both_directions_agree(pages, package, linked):
    there, back = linked(pages)
    cells = {(path.stem, name) for path in LECTURES for name in uses(path, package)}
    taught = {(page[5:], name) for name, each in package.entries.items() for page in each.taught}
    assert there == back == cells | taught


@every_lecture
def test_a_lecture_imports_only_public_names(lecture, package):
    assert unknown(lecture, package) == []


@every_lecture
def test_a_lecture_reaches_what_says_that_it_is_taught_there(lecture, package):
    code = [c.source for c in nbformat.read(lecture, 4).cells if c.cell_type == "code"]
    loaded = re.findall(r'measurements\.load\(\s*"([\w-]+)"', "\n".join(code))
    made = [
        module.name
        for module in package.modules.values()
        if "EXPERIMENT" in module.listed
        and any(f'name="{name}"' in module.path.read_text("utf-8") for name in loaded)
    ]
    reached, waiting = set(), [package.entries[n].module for n in uses(lecture, package)] + made
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            meant = map(package.canonical, package.modules[name].names.values())
            waiting += [
                package.entries[n].module if n in package.entries else n for n in meant if n
            ]
    says = [*package.modules.values(), *package.entries.values()]
    here = [each for each in says if f"book/{lecture.stem}" in each.taught]
    assert [each.name for each in here if each.module not in reached] == []


def test_every_page_that_a_docstring_names_is_a_lecture(package):
    says = [*package.modules.values(), *package.entries.values()]
    pages = {page for each in says for page in each.taught}
    odd = [each.name for each in says if "Taught in" in TAUGHT.sub("", each.docstring)]
    assert odd == [], "Taught in: book/NAME.ipynb, book/NAME.ipynb."
    assert pages and pages <= {f"book/{lecture.stem}" for lecture in LECTURES}
