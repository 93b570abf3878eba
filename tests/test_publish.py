"""The folder that `make site` makes: what is there is linked, what is not there is not."""

import re
import types
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import publish
import pytest
import small_site
import yaml
from bs4 import BeautifulSoup

ROOT = Path(publish.__file__).parent.parent.parent


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A small built site, as if this book could make nothing else."""
    monkeypatch.setattr(publish, "_made_by", lambda name: None)
    return small_site.write(tmp_path)


def links(folder):
    """Every link to a file, of every page: the page, and where it leads."""
    for page in folder.rglob("*.html"):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for each in soup.select("[href], [src]"):
            address = urlsplit(each.get("href") or each.get("src"))
            if address.path and not address.scheme:
                yield page, page.parent / unquote(address.path)


def offered(folder):
    soup = BeautifulSoup((folder / "book" / "downloads.html").read_text("utf-8"), "html.parser")
    return [each["href"] for each in soup.select("#to-take-away a")]


def test_alone_the_pages_offer_their_notebooks(site, tmp_path):
    first = publish.assemble(site, tmp_path / "site", None, None)
    folder = first.parent
    assert first.is_file() and not (tmp_path / "site.partial").exists()
    names = ["first", "second"]
    assert offered(folder) == [
        "../notebooks.zip",
        *(to for name in names for to in (f"{name}.html", f"../notebooks/{name}.ipynb")),
    ]
    with zipfile.ZipFile(folder / "notebooks.zip") as archive:
        assert archive.namelist() == [f"notebooks/{name}.ipynb" for name in names]
    lost = [(page.name, to) for page, to in links(folder) if not to.exists()]
    assert lost == []


def test_with_all_that_the_book_can_make(site, tmp_path, monkeypatch):
    def write(folder, site):
        assert site == tmp_path / "site.partial"
        folder.mkdir()
        for name in ("index", "first"):
            (folder / f"{name}.html").write_text("<a href='../book/first.html'>back</a>")

    def link(site, folder):
        page = site / "book" / "first.html"
        page.write_text(page.read_text().replace("<nav>", "<nav><a href='../slides/first.html'>"))

    slides = types.SimpleNamespace(write=write, link=link)
    monkeypatch.setattr(publish, "_made_by", {"slides": slides}.get)
    (tmp_path / "pdf").mkdir()
    (tmp_path / "handouts").mkdir()
    for file in ("pdf/book.pdf", "pdf/second.pdf", "handouts/first.pdf"):
        (tmp_path / file).write_bytes(b"%PDF-1.4")
    book, handouts = tmp_path / "pdf" / "book.pdf", tmp_path / "handouts"
    folder = publish.assemble(site, tmp_path / "site", book, handouts).parent
    assert offered(folder) == [
        "../book.pdf",
        "../notebooks.zip",
        "../slides/index.html",
        "first.html",
        "../slides/first.html",
        "../handouts/first.pdf",
        "../notebooks/first.ipynb",
        "second.html",
        "../pdf/second.pdf",
        "../notebooks/second.ipynb",
    ]
    assert [(page.name, to) for page, to in links(folder) if not to.exists()] == []
    assert not list(folder.rglob(".sources"))


def test_the_old_folder_goes_and_stays_until_the_new_one_is_whole(site, tmp_path):
    folder = publish.assemble(site, tmp_path / "site", None, None).parent
    (folder / "old.html").write_text("old")
    (site / "book" / "downloads.html").rename(tmp_path / "kept.html")
    with pytest.raises(FileNotFoundError):
        publish.assemble(site, folder, None, None)
    assert (folder / "old.html").is_file()
    (tmp_path / "kept.html").rename(site / "book" / "downloads.html")
    assert not (publish.assemble(site, folder, None, None).parent / "old.html").exists()


def test_the_page_of_the_downloads_has_the_place_that_is_filled():
    text = (ROOT / "book" / "downloads.md").read_text(encoding="utf-8")
    assert len(publish._PLACE.findall(text)) == 1


def test_the_workflow_runs_what_everybody_runs_with_actions_of_one_major_version():
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["publish"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", each) for each in used)
    ran = [step["run"] for step in steps if "run" in step]
    assert ran[0] == ".ci/run" and ran[-2] == "make site" and "gh-pages" in ran[-1]
    import repository

    assert f" {repository.BRANCH}\n" in text and "_build/site" in text
