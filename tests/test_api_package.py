"""The page of this package: no warning, every public name, and the lectures both ways."""

import re
import shutil

import nbformat
import pytest
import solutions
from api_lectures import unknown, uses
from api_source import TAUGHT, Package

ROOT = solutions.ROOT
LECTURES = solutions.lectures()
every_lecture = pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def real(small_book, tmp_path_factory):
    """The page of ``nlgnotes`` with its lectures, of which only headings and code are kept."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "book").mkdir()
    shutil.copy(ROOT / "book" / "api.rst", folder / "book")
    (folder / "nlgnotes").symlink_to(ROOT / "nlgnotes")
    for lecture in LECTURES:
        notebook = nbformat.read(lecture, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                heads = re.findall(r"^#+ .*", cell.source, re.MULTILINE)
                cell.source = re.sub(r"\{\w+\}|\$", "", "\n\n".join(heads))
        nbformat.write(notebook, folder / "book" / lecture.name)
    return small_book(folder, "nlgnotes")


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(ROOT / "nlgnotes")


def test_the_package_gives_no_warning(real):
    assert real[1] == ""


def test_every_public_name_is_on_the_page(real, package):
    there = {each["id"] for each in real[0]["api"].select("[id]")}
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


def test_both_directions_agree(real, package, linked):
    there, back = linked(real[0])
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
